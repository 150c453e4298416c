/**
 * Whole pictures: what the display draws of a programmed adapter, against pixels computed here from the pattern alone,
 * and against what QEMU's adapter shows when it is programmed the same.
 */
import { describe, expect, it } from 'vitest';
import { ScreenRenderer } from '../../backends/display/screen-renderer.ts';
import { Surface } from '../../backends/display/surface.ts';
import { qemuVersion } from '../../testing/bare-metal/run.ts';
import { MODE_0D, MODE_04, MODE_06, MODE_12, MODE_13, MODE_X } from '../../testing/vga-modes.ts';
import { qemuPicture } from '../../testing/vga-oracle.ts';
import type { VgaProgrammer } from '../../testing/vga-programmer.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { MODE_3 } from './vga.regs.ts';

/** QEMU widens the DAC's six bits, and five and six bits of a pixel, in another way. */
const COLOUR_TOLERANCE = 7;

/** A number that differs from place to place, and the same for the same place. */
const hash = (x: number, y: number): number => (Math.imul(x * 31 + 7, 2654435761) ^ Math.imul(y + 3, 40503 * 77)) >>> 9;

const planePattern = (plane: number, at: number): number => hash(at, plane) & 0xff;

/** Every third byte of each plane, by write mode 0. */
function drawPlanar(vga: VgaProgrammer, bytesPerLine: number, lines: number): void {
  vga.clear(0xa0000, 0x10000);
  for (let plane = 0; plane < 4; plane++) {
    vga.set(0x3c4, 2, 1 << plane);
    for (let at = 0; at < bytesPerLine * lines; at += 3) vga.poke(0xa0000 + at, planePattern(plane, at));
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

const linear = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (hash(i, seed) >> 3) & 0xff);

const PROGRAMS: Readonly<Record<string, (vga: VgaProgrammer) => void>> = {
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
    vga.pokeLinear(0, linear(1024 * 300 * 4, 1));
  },
  'VBE 800x600x16, scrolled in wider memory': (vga) => {
    vga.setVbeMode(800, 600, 16);
    vga.dispi(6, 1000);
    vga.dispi(8, 104);
    vga.dispi(9, 33);
    vga.pokeLinear(0, linear(1000 * 400 * 2, 2));
  },
  'VBE 640x480x15': (vga) => {
    vga.setVbeMode(640, 480, 15);
    vga.pokeLinear(0, linear(640 * 480 * 2, 3));
  },
  'VBE 640x480x24': (vga) => {
    vga.setVbeMode(640, 480, 24);
    vga.pokeLinear(0, linear(640 * 480 * 3, 4));
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
  it.each(Object.keys(PROGRAMS))(
    '%s',
    async (name) => {
      const program = PROGRAMS[name] ?? (() => {});
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
    const bytes = linear(1024 * 768 * 4, 5);
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
