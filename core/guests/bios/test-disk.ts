/** A disk for the BIOS's tests: boots, calls services and says on the debug console what they answer. */
import { SYMBOLS } from './layout.ts';
import { Listing } from './listing.ts';

const SECTOR = 512;
const PROGRAM_SECTORS = 9;

/** Each sector behind the program says which it is, in its first word. */
const signature = (sector: number): number => 0x5000 ^ sector;

const MANY = { MANY: 200, MANY_FROM: 9000, SOME: 37, SOME_TO: 300 };
const sum = (sectors: number): string =>
  (Array.from({ length: sectors }, (_, i) => signature(MANY.MANY_FROM + i)).reduce((a, b) => a + b) & 0xffff)
    .toString(16)
    .padStart(4, '0');
/** What the program says of requests over the ends of a drive's blocks. */
export const MANY_SAY = `many say ${sum(MANY.MANY)} ${sum(MANY.SOME)}\n`;

const program = `
  mov [drive], dl
  call say
  db 'drive ', 0
  mov al, dl
  call hex2
  call end_line
  ; the rest of the program, by cylinder, head and sector
  mov ax, 0x0200 + ${PROGRAM_SECTORS - 1}
  mov bx, 0x7e00
  mov cx, 2
  mov dh, 0
  mov dl, [drive]
  int 0x13
  jnc more
  call say
  db 'not read', 10, 0
  cli
  hlt
say:
  pop si
.next:
  lodsb
  test al, al
  jz .end
  call put
  jmp .next
.end:
  jmp si
put:
  push dx
  mov dx, DEBUG_PORT
  out dx, al
  pop dx
  ret
end_line:
  push ax
  mov al, 10
  call put
  pop ax
  ret
hex8:
  push eax
  shr eax, 16
  call hex4
  pop eax
hex4:
  push ax
  mov al, ah
  call hex2
  pop ax
hex2:
  push ax
  shr al, 4
  call .digit
  pop ax
  push ax
  and al, 15
  call .digit
  pop ax
  ret
.digit:
  add al, '0'
  cmp al, '9'
  jbe put
  add al, 39
  jmp put
drive:
  db 0
`;

const rest = `
more:
  ; AH and CF of that read
  setc al
  push ax
  call say
  db 'chs ', 0
  pop ax
  mov al, ah
  xor ah, ah
  call hex4
  call end_line
  ; sector 5 of the disk is the program's; its copy of a sector's number is at its end
  mov ax, [0x7c00+5*512+510]
  push ax
  call say
  db 'sector 5 says ', 0
  pop ax
  call hex4
  call end_line

  call say
  db 'edd ', 0
  mov ah, 0x41
  mov bx, 0x55aa
  mov dl, [drive]
  int 0x13
  setc cl
  mov ax, bx
  call hex4
  call say
  db ' cf ', 0
  mov al, cl
  add al, '0'
  call put
  call end_line
  test cl, cl
  jnz memory

  call say
  db 'sector 9999 says ', 0
  mov word [packet+4], 0x9000
  call read
  mov ax, [0x9000]
  call hex4
  call end_line
  call say
  db 'odd buffer says ', 0
  mov word [packet+4], 0x9003
  call read
  mov ax, [0x9003]
  call hex4
  call end_line
  ; beyond the end
  call say
  db 'beyond ', 0
  mov dword [packet+8], 0x10000
  call read
  setc cl
  xor al, al
  call hex4
  call say
  db ' cf ', 0
  mov al, cl
  add al, '0'
  call put
  call end_line
  call say
  db 'sectors ', 0
  mov word [0x9000], 30
  mov ah, 0x48
  mov si, 0x9000
  mov dl, [drive]
  int 0x13
  mov eax, [0x9010]
  call hex8
  call end_line
  ; a sector is written, and read again elsewhere
  call say
  db 'written back ', 0
  mov dword [packet+8], 100
  mov word [packet+2], 1
  mov word [packet+4], 0x9000
  mov word [0x9000], 0x1234
  mov ax, 0x4300
  mov si, packet
  mov dl, [drive]
  int 0x13
  mov word [packet+4], 0x9400
  call read
  mov ax, [0x9400]
  call hex4
  call end_line
  ; more than a drive moves at once; some of that elsewhere, and read again
  call say
  db 'many say ', 0
  mov word [packet+2], MANY
  mov dword [packet+4], 0x20000000
  mov dword [packet+8], MANY_FROM
  call read
  call add_up
  mov word [packet+2], SOME
  mov dword [packet+8], SOME_TO
  mov ax, 0x4300
  mov si, packet
  mov dl, [drive]
  int 0x13
  mov dword [packet+4], 0x40000000
  call read
  mov al, ' '
  call put
  call add_up
  call end_line

memory:
  call say
  db 'base ', 0
  int 0x12
  call hex4
  call end_line
  xor ebx, ebx
.next:
  mov eax, 0xe820
  mov edx, 0x534d4150
  mov ecx, 20
  mov di, 0x9000
  int 0x15
  jc .end
  call say
  db 'map ', 0
  mov eax, [0x9000]
  call hex8
  mov al, ' '
  call put
  mov eax, [0x9008]
  call hex8
  mov al, ' '
  call put
  mov al, [0x9010]
  add al, '0'
  call put
  call end_line
  test ebx, ebx
  jnz .next
.end:
  ; INT 15h/87h: the word at the end of sector 5 to 2 MiB and back
  call say
  db 'moved ', 0
  mov dword [move_table+0x12], 0x93007c00+5*512+510
  mov dword [move_table+0x1a], 0x93200000
  call move
  mov dword [move_table+0x12], 0x93200000
  mov dword [move_table+0x1a], 0x93009800
  call move
  mov ax, [0x9800]
  call hex4
  call end_line
  call say
  db 'pci ', 0
  mov ax, 0xb101
  int 0x1a
  mov ax, bx
  call hex4
  call end_line
  call say
  db 'vbe ', 0
  mov ax, 0x4f00
  mov di, 0x9000
  int 0x10
  call hex4
  mov al, ' '
  call put
  mov ax, [0x9004]
  call hex4
  call end_line
  call say
  db 'done', 10, 0
  mov al, 7                     ; ends a machine that has a debug exit
  out 0xf4, al
.halt:
  hlt
  jmp .halt

read:
  mov ah, 0x42
  mov si, packet
  mov dl, [drive]
  int 0x13
  ret
; says the sum of the first words of the sectors that were read
add_up:
  xor ax, ax
  mov es, [packet+6]
  mov cx, [packet+2]
.next:
  add ax, [es:0]
  mov bx, es
  add bx, 0x20
  mov es, bx
  loop .next
  push 0
  pop es
  jmp hex4
packet:
  dw 16, 1, 0, 0
  dd 9999, 0
move:
  mov ah, 0x87
  mov cx, 1
  mov si, move_table
  int 0x15
  ret
move_table:
  zero 16
  dw 0xffff, 0, 0, 0
  dw 0xffff, 0, 0, 0
  zero 16
`;

/** An image of that many bytes: program, then sectors that say their number. */
export function testDisk(sizeBytes: number): Uint8Array {
  const p = new Listing({ bits: 16, origin: 0x7c00, symbols: { ...SYMBOLS, ...MANY } });
  p.asm(program);
  p.zero(0x7c00 + SECTOR - 2 - p.here);
  p.u16(0xaa55);
  p.asm(rest);
  const disk = new Uint8Array(sizeBytes);
  const view = new DataView(disk.buffer);
  const code = p.finish();
  if (code.length > 5 * SECTOR + SECTOR - 2) throw new Error(`the program has ${code.length} bytes`);
  for (let sector = PROGRAM_SECTORS; sector < sizeBytes / SECTOR; sector++) {
    view.setUint16(sector * SECTOR, signature(sector), true);
  }
  disk.set(code);
  view.setUint16(5 * SECTOR + SECTOR - 2, signature(5), true);
  return disk;
}

const CD_SECTOR = 2048;
export const MEDIA_FLOPPY_1440 = 2;
export const MEDIA_HARD_DISK = 4;

/** A disc that boots that disk, emulated as `media`: [ElTorito] 2. A hard disk needs a partition, to tell its geometry. */
export function testDisc(disk: Uint8Array, media: number): Uint8Array {
  const [recordSector, catalogSector, imageSector] = [17, 19, 20];
  const disc = new Uint8Array(imageSector * CD_SECTOR + disk.length);
  const view = new DataView(disc.buffer);
  const text = (at: number, characters: string): void => disc.set(new TextEncoder().encode(characters), at);
  for (const [sector, kind] of [
    [16, 1],
    [recordSector, 0],
    [18, 255],
  ] as const) {
    disc[sector * CD_SECTOR] = kind;
    text(sector * CD_SECTOR + 1, 'CD001\x01');
  }
  text(recordSector * CD_SECTOR + 7, 'EL TORITO SPECIFICATION');
  view.setUint32(recordSector * CD_SECTOR + 0x47, catalogSector, true);
  const catalog = catalogSector * CD_SECTOR;
  disc.set([1], catalog);
  view.setUint16(catalog + 0x1c, 0x55aa, true); // the sum of its words is 0
  view.setUint16(catalog + 0x1e, 0xaa55, true);
  disc.set([0x88, media], catalog + 0x20);
  view.setUint16(catalog + 0x26, 1, true);
  view.setUint32(catalog + 0x28, imageSector, true);
  disc.set(disk, imageSector * CD_SECTOR);
  if (media === MEDIA_HARD_DISK) {
    const [heads, sectors] = [16, 63];
    const partition = imageSector * CD_SECTOR + 0x1be;
    disc.set([0x80, 1, 1, 0, 6, heads - 1, sectors, Math.floor(disk.length / SECTOR / heads / sectors)], partition);
    view.setUint32(partition + 8, sectors, true);
    view.setUint32(partition + 12, disk.length / SECTOR - sectors, true);
  }
  return disc;
}
