/**
 * Whole pictures: what the display draws of a programmed adapter, against pixels computed here from the pattern alone,
 * and against what QEMU's adapter shows when it is programmed the same.
 */
import { describe, expect, it } from 'vitest';
import { ScreenRenderer } from '../../backends/display/screen-renderer.ts';
import { Surface } from '../../backends/display/surface.ts';
import { qemuVersion } from '../../testing/bare-metal/run.ts';
import { MODE_12, MODE_13, MODE_X } from '../../testing/vga-modes.ts';
import { qemuPicture } from '../../testing/vga-oracle.ts';
import type { VgaProgrammer } from '../../testing/vga-programmer.ts';
import { hash, randomBytes, VGA_PROGRAMS } from '../../testing/vga-programs.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { MODE_3 } from './vga.regs.ts';

/** QEMU widens the DAC's six bits, and five and six bits of a pixel, in another way. */
const COLOUR_TOLERANCE = 7;

function ourPicture(program: (vga: VgaProgrammer) => void): Surface {
  const rig = new VgaRig();
  program(rig);
  return draw(rig);
}

function draw({ vram, scanout }: VgaRig): Surface {
  const surface = new Surface(1, 1);
  new ScreenRenderer({ vram, scanout, surface }).drawOnce(0);
  return surface;
}

const channels = (a: number, b: number): number =>
  Math.max(...[0, 8, 16].map((shift) => Math.abs(((a >> shift) & 0xff) - ((b >> shift) & 0xff))));

describe.skipIf(qemuVersion() === undefined)('pictures are those of QEMU', () => {
  it.each(Object.keys(VGA_PROGRAMS))(
    '%s',
    async (name) => {
      const program = VGA_PROGRAMS[name] ?? (() => {});
      const [theirs, ours] = [await qemuPicture(program), ourPicture(program)];
      expect([ours.width, ours.height]).toEqual([theirs.width, theirs.height]);
      const wrong = ours.pixels.findIndex((pixel, i) => channels(pixel, theirs.pixels[i] ?? 0) > COLOUR_TOLERANCE);
      const where = `pixel ${wrong % ours.width},${Math.floor(wrong / ours.width)}`;
      expect(
        wrong,
        `${where}: ${ours.pixels[wrong]?.toString(16)}, QEMU has ${theirs.pixels[wrong]?.toString(16)}`,
      ).toBe(-1);
      expect(new Set(theirs.pixels).size).toBeGreaterThan(1);
    },
    90_000,
  );
});

describe('pictures are those that the pattern makes', () => {
  const dacColour = ([red, green, blue]: readonly number[]): number =>
    [red, green, blue].reduce<number>((rgb, part = 0) => (rgb << 8) | (part << 2) | (part >> 4), 0);
  const ramp = (index: number) => [(index * 7) & 63, (index * 3) & 63, index & 63] as const;
  const setRamp = (vga: VgaProgrammer) => {
    for (let index = 0; index < 256; index++) vga.dac(index, ...ramp(index));
  };
  /** Attribute registers of 16-colour modes point to the first 16 colours of the DAC. */
  const straightColours = (vga: VgaProgrammer) => {
    for (let colour = 0; colour < 16; colour++) for (const byte of [colour, colour]) vga.out(0x3c0, byte);
    vga.out(0x3c0, 0x20);
  };
  const colour16 = (x: number, y: number) => hash(x, y) & 15;

  /** A picture of 16 colours by single pixels: set/reset under a bit mask, as drawing programs do it. */
  function plot16(vga: VgaProgrammer, pitch: number, columns: number, rows: number): void {
    vga.set(0x3ce, 1, 0x0f);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const gpa = 0xa0000 + y * pitch + (x >> 3);
        vga.set(0x3ce, 8, 0x80 >> (x & 7));
        vga.set(0x3ce, 0, colour16(x, y));
        vga.peek(gpa);
        vga.poke(gpa, 0xff);
      }
    }
  }

  function expectPixels(
    surface: Surface,
    expected: (x: number, y: number) => number,
    columns: number,
    rows: number,
  ): void {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const pixel = surface.pixels[y * surface.width + x];
        if (pixel !== expected(x, y))
          expect.fail(`${x},${y}: ${pixel?.toString(16)} for ${expected(x, y).toString(16)}`);
      }
    }
  }

  it('in 16 colours, panned by dots, from a start address, with a split that is not panned', () => {
    const surface = ourPicture((vga) => {
      vga.setMode(MODE_12);
      vga.in(0x3da);
      straightColours(vga);
      setRamp(vga);
      plot16(vga, 80, 640, 60);
      vga.attribute(0x13, 5);
      vga.attribute(0x10, 0x21);
      vga.crtc(0x0d, 2 * 80 + 1);
      vga.crtc(0x08, 0x20); // one byte of panning more
      vga.crtc(0x18, 49);
      vga.crtc(0x07, 0x2e);
      vga.crtc(0x09, 0);
    });
    const upper = (x: number, y: number) => dacColour(ramp(colour16(x + 16 + 5, y + 2)));
    expectPixels(surface, upper, 600, 50);
    const lower = draw16Below(surface);
    expectPixels(lower, (x, y) => dacColour(ramp(colour16(x, y))), 640, 50);
  });

  /** The picture from line 50 on. */
  function draw16Below(surface: Surface): Surface {
    const below = new Surface(surface.width, surface.height - 50);
    below.pixels.set(surface.pixels.subarray(50 * surface.width));
    return below;
  }

  it('in 16 colours of a VBE mode, beyond 64 KiB a plane by banks', () => {
    const surface = ourPicture((vga) => {
      vga.setMode(MODE_12);
      vga.in(0x3da);
      straightColours(vga);
      setRamp(vga);
      vga.setVbeMode(1024, 768, 4);
      plot16(vga, 128, 1024, 8);
      vga.dispi(5, 1);
      plot16(vga, 128, 1024, 8);
    });
    expectPixels(surface, (x, y) => dacColour(ramp(colour16(x, y))), 1024, 8);
    expect([...surface.pixels.subarray(512 * 1024, 513 * 1024)]).toEqual([...surface.pixels.subarray(0, 1024)]);
  });

  it('in 256 colours, by linear memory and by planes, each pixel of two dots and two lines', () => {
    for (const mode of [MODE_13, MODE_X]) {
      const surface = ourPicture((vga) => {
        vga.setMode(mode);
        setRamp(vga);
        for (let y = 0; y < 200; y++) {
          for (let x = 0; x < 320; x++) {
            if (mode === MODE_X) vga.set(0x3c4, 2, 1 << (x & 3));
            vga.poke(mode === MODE_X ? 0xa0000 + y * 80 + (x >> 2) : 0xa0000 + y * 320 + x, hash(x, y) & 0xff);
          }
        }
      });
      expect([surface.width, surface.height]).toEqual([640, mode === MODE_X ? 480 : 400]);
      expectPixels(surface, (x, y) => dacColour(ramp(hash(x >> 1, y >> 1) & 0xff)), 640, 400);
    }
  });

  it('in 32 bits, whatever the unused byte is', () => {
    const bytes = randomBytes(1024 * 768 * 4, 5);
    const surface = ourPicture((vga) => {
      vga.setVbeMode(1024, 768, 32);
      vga.pokeLinear(0, bytes);
    });
    const expected = (x: number, y: number) => {
      const [blue = 0, green = 0, red = 0] = bytes.subarray((y * 1024 + x) * 4);
      return (red << 16) | (green << 8) | blue;
    };
    expectPixels(surface, expected, 1024, 768);
  });

  it('in text, with a font loaded through plane 2, nine dots and the palette of the attribute controller', () => {
    const glyph = (code: number, line: number) => hash(code, line) & 0xff;
    const surface = ourPicture((vga) => {
      vga.setMode(MODE_3);
      setRamp(vga);
      vga.crtc(0x0a, 0x20);
      vga.loadFont(
        0,
        Uint8Array.from({ length: 256 }, (_, i) => glyph(i >> 5, i & 31)),
      );
      vga.attribute(0x10, 0x80);
      vga.attribute(0x14, 0x09);
      for (let cell = 0; cell < 2000; cell++) vga.poke(0xb8000 + cell * 2, (((cell * 3) & 0xff) << 8) | (cell & 7), 2);
    });
    const paletteOf = (colour: number) => {
      const entry = MODE_3.ar[colour] ?? 0;
      return dacColour(ramp((entry & 15) | (1 << 4) | (2 << 6)));
    };
    const expected = (x: number, y: number) => {
      const cell = Math.floor(y / 16) * 80 + Math.floor(x / 9);
      const attribute = (cell * 3) & 0xff;
      const on = x % 9 < 8 && (glyph(cell & 7, y % 16) & (0x80 >> (x % 9))) !== 0;
      return paletteOf(on ? attribute & 15 : attribute >> 4);
    };
    expectPixels(surface, expected, 720, 400);
  });
});
