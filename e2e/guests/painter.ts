/**
 * A guest that fills its screen with all kinds of colours, and with others at each key: by Bochs' display interface, at
 * a place that it gives the display's frame buffer itself: a kernel booted directly finds none.
 */
import { multibootElf } from './bare-metal.ts';

export const PAINTED = { width: 640, height: 480 };

const STACK = 0x8_0000;
const FRAME_BUFFER = 0xe000_0000;
const VBE_DISPI_INDEX = 0x1ce;
const VBE_DISPI_DATA = 0x1cf;
/** Off; width; height; bits a pixel; on, linear. */
const MODE = [
  [4, 0],
  [1, PAINTED.width],
  [2, PAINTED.height],
  [3, 32],
  [4, 0x41],
] as const;

const littleEndian = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, index) => (value >>> (index * 8)) & 0xff);

/** mov dx, port; mov ax, value; out dx, ax */
const outWord = (port: number, value: number): number[] => [
  0x66,
  0xba,
  ...littleEndian(port, 2),
  0x66,
  0xb8,
  ...littleEndian(value, 2),
  0x66,
  0xef,
];

export function painter(): Uint8Array {
  // biome-ignore format: instructions
  return multibootElf([
    0xbc, ...littleEndian(STACK, 4),    // mov esp, stack
    0x31, 0xd2,                         // xor edx, edx
    0x31, 0xdb,                         // xor ebx, ebx
    0xb0, 0xae,                         // mov al, 0aeh              keyboard on
    0xe6, 0x64,                         // out 64h, al
    ...MODE.flatMap(([index, value]) => [...outWord(VBE_DISPI_INDEX, index), ...outWord(VBE_DISPI_DATA, value)]),
    0xbe, 0x00, 0x00, 0x00, 0x80,       // mov esi, 80000000h
    0x8d, 0x46, 0x08,                   // next: lea eax, [esi+8]    class
    0xe8, 0x50, 0x00, 0x00, 0x00,       // call read
    0xc1, 0xe8, 0x10,                   // shr eax, 16
    0x81, 0xc6, 0x00, 0x08, 0x00, 0x00, // add esi, 800h
    0x66, 0x3d, 0x00, 0x03,             // cmp ax, 300h              VGA
    0x75, 0xe9,                         // jne next
    0x8d, 0x86, 0x10, 0xf8, 0xff, 0xff, // lea eax, [esi-800h+10h]   BAR 0
    0xe8, 0x36, 0x00, 0x00, 0x00,       // call read
    0xb8, ...littleEndian(FRAME_BUFFER, 4), // mov eax, frame buffer
    0xef,                               // out dx, eax
    0x89, 0xc5,                         // mov ebp, eax
    0x8d, 0x86, 0x04, 0xf8, 0xff, 0xff, // lea eax, [esi-800h+4]     command
    0xe8, 0x23, 0x00, 0x00, 0x00,       // call read
    0x0c, 0x02,                         // or al, 2                  memory space
    0xef,                               // out dx, eax
    0x89, 0xef,                         // paint: mov edi, ebp
    0xb9, ...littleEndian(PAINTED.width * PAINTED.height, 4), // mov ecx, pixels
    0x89, 0xd8,                         // pixel: mov eax, ebx
    0xab,                               // stosd
    0x81, 0xc3, 0x07, 0x05, 0x03, 0x00, // add ebx, 30507h
    0xe2, 0xf5,                         // loop pixel
    0xe4, 0x64,                         // key: in al, 64h
    0xa8, 0x01,                         // test al, 1
    0x74, 0xfa,                         // jz key
    0xe4, 0x60,                         // in al, 60h
    0x84, 0xc0,                         // test al, al
    0x78, 0xf4,                         // js key
    0xeb, 0xe0,                         // jmp paint
    0x66, 0xba, 0xf8, 0x0c,             // read: mov dx, 0cf8h
    0xef,                               // out dx, eax
    0xb2, 0xfc,                         // mov dl, 0fch
    0xed,                               // in eax, dx
    0xc3,                               // ret
  ]);
}
