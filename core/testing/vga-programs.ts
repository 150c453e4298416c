/** Programs that fill a screen, one for each kind of mode, in patterns where a wrong address or bit shows. */
import { MODE_3 } from '../devices/vga/vga.regs.ts';
import { MODE_0D, MODE_04, MODE_06, MODE_12, MODE_13, MODE_X } from './vga-modes.ts';
import type { VgaProgrammer } from './vga-programmer.ts';

type VgaProgram = (vga: VgaProgrammer) => void;

/** A number that differs from place to place, and the same for the same place. */
export const hash = (x: number, y: number): number =>
  (Math.imul(x * 31 + 7, 2654435761) ^ Math.imul(y + 3, 40503 * 77)) >>> 9;

const planePattern = (plane: number, at: number): number => hash(at, plane) & 0xff;

/** Every seventh byte of each plane, by write mode 0. */
function drawPlanar(vga: VgaProgrammer, bytesPerLine: number, lines: number): void {
  vga.clear(0xa0000, 0x10000);
  for (let plane = 0; plane < 4; plane++) {
    vga.set(0x3c4, 2, 1 << plane);
    for (let at = 0; at < bytesPerLine * lines; at += 7) vga.poke(0xa0000 + at, planePattern(plane, at));
  }
  vga.set(0x3c4, 2, 0x0f);
}

function writeModes(vga: VgaProgrammer): void {
  vga.set(0x3ce, 8, 0x3c); // bit mask
  for (let at = 0; at < 200; at++) {
    const gpa = 0xa0000 + 80 * 100 + at;
    vga.set(0x3ce, 3, ((at & 3) << 3) | (at >> 5)); // logical operation and rotation
    vga.set(0x3ce, 5, 0);
    vga.set(0x3ce, 0, at & 15);
    vga.set(0x3ce, 1, (at >> 2) & 15);
    vga.peek(gpa);
    vga.poke(gpa, at ^ 0x5a);
    for (const mode of [2, 3, 1]) {
      vga.set(0x3ce, 5, mode);
      vga.peek(gpa + 400 * (mode - 1));
      vga.poke(gpa + 400 * mode, (at * 7) & 0xff);
    }
  }
}

function textScreen(vga: VgaProgrammer): void {
  vga.setMode(MODE_3);
  vga.standardColours();
  const glyphs = Uint8Array.from({ length: 64 * 32 }, (_, i) => hash(i >> 5, i & 31) & 0xff);
  vga.loadFont(0, glyphs);
  vga.loadFont(
    1,
    glyphs.map((byte) => ~byte & 0xff),
  );
  vga.attribute(0x10, 0x04); // no blinking: bright backgrounds
  vga.crtc(0x0a, 0x20);
  for (let i = 0; i < 2100; i++) vga.poke(0xb8000 + i * 2, ((hash(i, 1) & 0xff) << 8) | (hash(i, 2) & 0x3f), 2);
}

export const randomBytes = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (hash(i, seed) >> 3) & 0xff);

/** What they show, by name. */
export const VGA_PROGRAMS: Readonly<Record<string, VgaProgram>> = {
  'text of two fonts that the guest loaded': (vga) => {
    textScreen(vga);
    vga.set(0x3c4, 3, 0b0000_0100); // map A is 1
  },
  'text of 8 dots, 50 rows, scrolled': (vga) => {
    textScreen(vga);
    vga.set(0x3c4, 1, 1);
    vga.crtc(0x09, 0x47);
    vga.crtc(0x0d, 37);
  },
  'mode 04h': (vga) => {
    vga.setMode(MODE_04);
    vga.standardColours();
    for (let i = 0; i < 0x4000; i += 2) vga.poke(0xb8000 + i, hash(i, 4) & 0xffff, 2);
  },
  'mode 06h': (vga) => {
    vga.setMode(MODE_06);
    vga.standardColours();
    for (let i = 0; i < 0x4000; i += 2) vga.poke(0xb8000 + i, hash(i, 6) & 0xffff, 2);
  },
  'mode 0Dh': (vga) => {
    vga.setMode(MODE_0D);
    vga.standardColours();
    drawPlanar(vga, 40, 200);
  },
  'mode 12h in all write modes': (vga) => {
    vga.setMode(MODE_12);
    vga.standardColours();
    drawPlanar(vga, 80, 480);
    writeModes(vga);
  },
  'mode 12h with a split, another start and pitch, and a plane off': (vga) => {
    vga.setMode(MODE_12);
    vga.standardColours();
    drawPlanar(vga, 80, 480);
    vga.crtc(0x13, 0x2c);
    vga.crtc(0x0c, 0x12);
    vga.crtc(0x0d, 0x34);
    vga.crtc(0x18, 0x2b);
    vga.crtc(0x07, (0x3e & ~0x10) | 0x10);
    vga.crtc(0x09, 0);
    vga.attribute(0x12, 0x0b);
  },
  'mode 13h': (vga) => {
    vga.setMode(MODE_13);
    vga.standardColours();
    for (let i = 0; i < 64000; i += 4) vga.poke(0xa0000 + i, hash(i, 13), 4);
  },
  'mode X, second page': (vga) => {
    vga.setMode(MODE_X);
    vga.standardColours();
    vga.crtc(0x0c, 0x4b);
    for (let plane = 0; plane < 4; plane++) {
      vga.set(0x3c4, 2, 1 << plane);
      for (let i = 0; i < 80 * 240; i += 4) vga.poke(0xa4b00 + i, hash(i, plane), 4);
    }
  },
  'VBE 1024x768x32': (vga) => {
    vga.setVbeMode(1024, 768, 32);
    vga.pokeLinear(0, randomBytes(1024 * 300 * 4, 1));
  },
  'VBE 800x600x16, scrolled in wider memory': (vga) => {
    vga.setVbeMode(800, 600, 16);
    vga.dispi(6, 1000);
    vga.dispi(8, 104);
    vga.dispi(9, 33);
    vga.pokeLinear(0, randomBytes(1000 * 400 * 2, 2));
  },
  'VBE 640x480x15': (vga) => {
    vga.setVbeMode(640, 480, 15);
    vga.pokeLinear(0, randomBytes(640 * 480 * 2, 3));
  },
  'VBE 640x480x24': (vga) => {
    vga.setVbeMode(640, 480, 24);
    vga.pokeLinear(0, randomBytes(640 * 480 * 3, 4));
  },
  'VBE 640x480x8 through banks, with a palette of eight bits': (vga) => {
    vga.setVbeMode(640, 480, 8, 0x21);
    for (let index = 0; index < 256; index++) vga.dac(index, index, 255 - index, (index * 5) & 0xff);
    for (let at = 0; at < 640 * 480; at += 4) {
      if (at % 0x10000 === 0) vga.dispi(5, at >> 16);
      vga.poke(0xa0000 + (at & 0xffff), hash(at, 8), 4);
    }
  },
};
