/**
 * A small bare-metal guest for tests: a multiboot kernel in 32-bit mode that says "hello" on COM1 and on the screen,
 * then sends back each byte it receives, but for these: q powers off, t causes a triple fault, r resets, d writes 5 to
 * the debug exit port, h halts with interrupts off.
 */

// biome-ignore format: a listing, as an assembler writes it
const LISTING = [
  '02b0ad1b03000100fb4f51e4', // hdr: dd 0x1BADB002, 0x00010003, -(0x1BADB002+0x00010003)
  '00001000000010009a0010009a00100020001000', // dd hdr, 0x100000, end, end, start
  'bf00800b00', // mov edi, 0xb8000
  'be93001000', // mov esi, msg
  'baf8030000', // mov edx, 0x3f8
  'ac', // next: lodsb
  '84c0', // test al, al
  '7407', // jz wait
  'ee', // out dx, al
  'b41f', // mov ah, 0x1f
  '66ab', // stosw
  'ebf4', // jmp next
  'bafd030000', // wait: mov edx, 0x3fd
  'ec', // in al, dx
  'a801', // test al, 1
  '74f6', // jz wait
  'baf8030000', // mov edx, 0x3f8
  'ec', // in al, dx
  '3c71', // cmp al, 'q'
  '7413', // je off
  '3c74', // cmp al, 't'
  '741d', // je triple
  '3c72', // cmp al, 'r'
  '7422', // je reset
  '3c64', // cmp al, 'd'
  '7428', // je dbg
  '3c68', // cmp al, 'h'
  '742a', // je halt
  'ee', // out dx, al
  'ebd9', // jmp wait
  'ba04b00000', // off: mov edx, 0xb004
  'b800200000', // mov eax, 0x2000
  '66ef', // out dx, ax
  'ebfe', // jmp $
  '0f011d8b001000', // triple: lidt [zero]
  '0f0b', // ud2
  'baf90c0000', // reset: mov edx, 0xcf9
  'b006', // mov al, 6
  'ee', // out dx, al
  'ebfe', // jmp $
  'b005', // dbg: mov al, 5
  'e6f4', // out 0xf4, al
  'ebfe', // jmp $
  'fa', // halt: cli
  'f4', // hlt
  '0000000000000000', // zero: dq 0
  '68656c6c6f0a00', // msg: db "hello", 10, 0
];

export const echoGuest: Uint8Array = Uint8Array.from(Buffer.from(LISTING.join(''), 'hex'));
