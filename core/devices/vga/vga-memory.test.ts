import { describe, expect, it } from 'vitest';
import { createScanoutState, SCANOUT_OFF } from '../../backends/display/scanout.ts';
import { ScreenRenderer } from '../../backends/display/screen-renderer.ts';
import { Surface } from '../../backends/display/surface.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { MODE_12, MODE_13, MODE_X } from '../../testing/vga-modes.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { MODE_3 } from './vga.regs.ts';

const VIDEO_MEMORY = 4 * 2 ** 20;

function planarRig(): VgaRig {
  const rig = new VgaRig();
  rig.setMode(MODE_12);
  rig.clear(0xa0000, 0x10000);
  return rig;
}

/** One bit of one plane after a write, from the data sheet's words. */
function expectedBit(gr: readonly number[], bit: number, plane: number, cpu: number, latch: number): number {
  const [setReset = 0, enable = 0, , three = 0, , mode = 0, , , mask = 0] = gr;
  const rotation = three & 7;
  const latched = (latch >> bit) & 1;
  const rotated = (cpu >> ((bit + rotation) % 8)) & 1;
  const inSetReset = (setReset >> plane) & 1;
  if ((mode & 3) === 1) return latched;
  const source = [(enable >> plane) & 1 ? inSetReset : rotated, 0, (cpu >> plane) & 1, inSetReset][mode & 3] ?? 0;
  const masked = (mask >> bit) & 1 && ((mode & 3) !== 3 || rotated);
  if (!masked) return latched;
  return [source, source & latched, source | latched, source ^ latched][(three >> 3) & 3] ?? 0;
}

describe('planes', () => {
  it('are written as the data sheet has it, bit for bit, in all write modes', () => {
    const rig = planarRig();
    const random = new SeededRandom(11);
    for (let round = 0; round < 2000; round++) {
      const latches = Array.from({ length: 4 }, () => random.below(256));
      rig.vram.set(latches, 0x100 * 4);
      rig.vram.set([1, 2, 3, 4], 0x200 * 4);
      const gr = [
        random.below(16),
        random.below(16),
        0,
        random.below(32),
        0,
        random.below(4),
        5,
        15,
        random.below(256),
      ];
      for (const [index, value] of gr.entries()) rig.set(0x3ce, index, value);
      const planes = random.below(16);
      rig.set(0x3c4, 2, planes);
      rig.peek(0xa0100);
      const cpu = random.below(256);
      rig.poke(0xa0200, cpu);
      const expected = latches.map((latch, plane) => {
        if (!(planes & (1 << plane))) return plane + 1;
        let byte = 0;
        for (let bit = 0; bit < 8; bit++) byte |= expectedBit(gr, bit, plane, cpu, latch) << bit;
        return byte;
      });
      expect([...rig.vram.subarray(0x200 * 4, 0x201 * 4)], `round ${round}: ${gr}`).toEqual(expected);
    }
  });
  it('are read one at a time, or compared with a colour', () => {
    const rig = planarRig();
    rig.vram.set([0b1100, 0b1010, 0b1111, 0b0000], 0x300 * 4);
    for (const [plane, byte] of [0b1100, 0b1010, 0b1111, 0].entries()) {
      rig.set(0x3ce, 4, plane);
      expect(rig.peek(0xa0300)).toBe(byte);
    }
    rig.set(0x3ce, 5, 8);
    rig.set(0x3ce, 2, 0b0101);
    rig.set(0x3ce, 7, 0b1111);
    expect(rig.peek(0xa0300)).toBe(0b0100);
    rig.set(0x3ce, 7, 0b1101); // plane 1 does not count
    expect(rig.peek(0xa0300)).toBe(0b1100);
    rig.set(0x3ce, 7, 0);
    expect(rig.peek(0xa0300)).toBe(0xff);
  });
  it('answer in the window that the memory map names, and nowhere while the CPU is kept out', () => {
    const rig = planarRig();
    for (const [map, first, last] of [
      [0, 0xa0000, 0xbffff],
      [1, 0xa0000, 0xaffff],
      [2, 0xb0000, 0xb7fff],
      [3, 0xb8000, 0xbffff],
    ] as const) {
      rig.set(0x3ce, 6, (map << 2) | 1);
      rig.vram.fill(0x77, 0, 4);
      rig.vram.fill(0x55, ((last - first) & 0xffff) * 4, ((last - first) & 0xffff) * 4 + 4);
      expect([rig.peek(first), rig.peek(last)]).toEqual([0x77, 0x55]);
      if (first > 0xa0000) expect(rig.peek(first - 1)).toBe(0xff);
      if (last < 0xbffff) expect(rig.peek(last + 1)).toBe(0xff);
    }
    rig.out(0x3c2, 0xe1);
    rig.poke(0xb8000, 0);
    expect(rig.peek(0xb8000)).toBe(0xff);
    expect(rig.vram[0]).toBe(0x77);
  });
  it('take wide accesses byte by byte, latches included', () => {
    const rig = planarRig();
    rig.vram.set([1, 2, 3, 4, 5, 6, 7, 8], 0);
    rig.set(0x3ce, 4, 1);
    expect(rig.vga.memory.read(0, 2)).toBe(0x0602);
    rig.set(0x3ce, 5, 1);
    rig.poke(0xa0010, 0, 4);
    expect([...rig.vram.subarray(0x40, 0x50)]).toEqual([5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8]);
  });
});

describe('the direct window', () => {
  const TEXT = { gpa: 0xb8000, offset: VIDEO_MEMORY, length: 0x8000 };

  it('is text memory in text mode, linear memory in mode 13h, a bank in VBE modes, and nothing in planar modes', () => {
    const rig = new VgaRig();
    expect(rig.window).toEqual(TEXT);
    rig.setMode(MODE_13);
    expect(rig.window).toEqual({ gpa: 0xa0000, offset: 0, length: 0x10000 });
    rig.setMode(MODE_X);
    expect(rig.window).toBeUndefined();
    rig.setVbeMode(1024, 768, 32);
    rig.dispi(5, 3);
    expect(rig.window).toEqual({ gpa: 0xa0000, offset: 0x30000, length: 0x10000 });
    rig.dispi(4, 0);
    rig.setMode(MODE_3);
    expect(rig.window).toEqual(TEXT);
  });
  it.each([
    ['write mode 1', 0x3ce, 5, 0x41],
    ['read mode 1', 0x3ce, 5, 0x48],
    ['set/reset', 0x3ce, 1, 1],
    ['a logical operation', 0x3ce, 3, 0x18],
    ['a bit mask', 0x3ce, 8, 0xfe],
    ['a plane off', 0x3c4, 2, 0x0e],
  ] as const)('closes for %s, and what is stored then is as the registers say', (_name, port, index, value) => {
    const rig = new VgaRig();
    rig.setMode(MODE_13);
    rig.set(port, index, value);
    expect(rig.window).toBeUndefined();
    rig.poke(0xa0004, 0x5a);
    rig.setMode(MODE_13);
    expect(rig.window).toBeDefined();
  });
  it('carries text to its planes and back when it closes and opens', () => {
    const rig = new VgaRig();
    rig.put(3, 7, 'kept', 0x1f);
    rig.loadFont(0, Uint8Array.of(1, 2, 3));
    expect(rig.window).toEqual(TEXT);
    expect(rig.peek(0xb8000 + (3 * 80 + 7) * 2)).toBe('k'.charCodeAt(0));
    expect([rig.vram[(3 * 80 + 7) * 4], rig.vram[(3 * 80 + 7) * 4 + 1]]).toEqual(['k'.charCodeAt(0), 0x1f]);
    expect([rig.vram[2], rig.vram[6], rig.vram[10]]).toEqual([1, 2, 3]);
    rig.set(0x3c4, 4, 6); // planar: cell 5 of the screen is byte 5 of the planes
    rig.set(0x3ce, 5, 0);
    rig.set(0x3ce, 6, 4);
    rig.set(0x3c4, 2, 1);
    rig.poke(0xa0005, 0x58);
    rig.set(0x3c4, 2, 3);
    rig.set(0x3c4, 4, 2);
    rig.set(0x3ce, 5, 0x10);
    rig.set(0x3ce, 6, 0x0e);
    expect([rig.peek(0xb800a), rig.peek(0xb800b)]).toEqual([0x58, 0x07]);
  });
  it('does not undo what was written to the frame buffer meanwhile', () => {
    const rig = new VgaRig();
    rig.put(0, 0, 'A');
    rig.pokeLinear(400, Uint8Array.of(9, 9, 9, 9));
    rig.setVbeMode(640, 480, 32, 0xc1); // nothing cleared
    expect([...rig.vram.subarray(400, 404)]).toEqual([9, 9, 9, 9]);
    expect(rig.vram[0]).toBe('A'.charCodeAt(0));
  });
  it('is there again after restore, with the text that video memory had', () => {
    const rig = new VgaRig();
    rig.put(0, 0, 'saved');
    const saved = rig.stdVga.save();
    const vram = rig.vram.slice();
    const other = new VgaRig();
    other.setMode(MODE_13);
    other.vram.set(vram);
    other.stdVga.restore(saved);
    expect(other.window).toEqual(TEXT);
    expect(other.peek(0xb8000)).toBe('s'.charCodeAt(0));
    other.setMode(MODE_X);
    expect(other.vram[0]).toBe('s'.charCodeAt(0));
  });
});

describe('hostile guests', () => {
  it('program anything, write anywhere, and the picture stays what it is drawn from nothing', () => {
    const rig = new VgaRig(2 ** 20);
    const surface = new Surface(1, 1);
    const renderer = new ScreenRenderer({ vram: rig.vram, scanout: rig.scanout, surface });
    const state = createScanoutState();
    const bytesOf = ({ pixels }: Surface) => new Uint8Array(pixels.buffer);
    let outside = 0;
    let compared = 0;
    surface.addListener({
      damaged: ({ x, y, width, height }) => {
        if (x < 0 || y < 0 || x + width > surface.width || y + height > surface.height) outside++;
      },
      linesMoved: () => {},
      resized: () => {},
    });
    const random = new SeededRandom(12);
    const registers = [0x3c4, 0x3ce, 0x3d4] as const;
    for (let step = 0; step < 600; step++) {
      if (step % 50 === 0) rig.setMode(random.pick([MODE_3, MODE_12, MODE_13, MODE_X]));
      rig.crtc(0x11, 0);
      for (let i = 0; i < 6; i++) rig.set(random.pick(registers), random.below(0x19), random.below(256));
      if (random.below(3) === 0) rig.attribute(0x10 + random.below(5), random.below(256));
      if (random.below(2) === 0) rig.dispi(random.below(12), random.pick([random.below(0x10000), random.below(64)]));
      for (let i = 0; i < 20; i++) rig.poke(0xa0000 + random.below(0x20000 - 4), random.uint32(), 4);
      const { window } = rig;
      if (window) expect(window.offset + window.length).toBeLessThanOrEqual(rig.vram.length);
      renderer.update(step * 1e7);
      expect(surface.width <= 2560 && surface.height <= 1600).toBe(true);
      expect(surface.pixels.length).toBe(surface.width * surface.height);
      if (step % 6 !== 0 || !rig.scanout.read(state) || state.mode === SCANOUT_OFF) continue;
      const fresh = new Surface(1, 1);
      new ScreenRenderer({ vram: rig.vram, scanout: rig.scanout, surface: fresh }).drawOnce(step * 1e7);
      expect(Buffer.compare(bytesOf(fresh), bytesOf(surface)), `step ${step}`).toBe(0);
      compared++;
    }
    expect(outside).toBe(0);
    expect(compared).toBeGreaterThan(30);
  }, 60_000);
});
