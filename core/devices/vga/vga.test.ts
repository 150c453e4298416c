import { describe, expect, it } from 'vitest';
import {
  createScanoutState,
  MAX_CELL_HEIGHT,
  MAX_COLUMNS,
  MAX_HEIGHT,
  MAX_WIDTH,
  SCANOUT_OFF,
  SCANOUT_TEXT,
  TEXT_MEMORY_BYTES,
  textRows,
} from '../../backends/display/scanout.ts';
import { FONT_8X16, GLYPH_LINES } from '../../base/text/font.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { SnapshotError } from '../device.ts';

function makeVga() {
  const rig = new VgaRig();
  const { timers, scanout, vram, vga } = rig;
  const view = () => {
    const state = createScanoutState();
    expect(scanout.read(state)).toBe(true);
    return state;
  };
  return {
    ...{ rig, timers, scanout, vram, vga, view },
    out: (port: number, value: number) => rig.out(port, value),
    inb: (port: number) => rig.in(port),
    set: (port: number, index: number, value: number) => rig.set(port, index, value),
    get: (port: number, index: number) => rig.get(port, index),
    setAttribute: (index: number, value: number) => rig.attribute(index, value),
  };
}

describe('VGA at power-on', () => {
  it('shows 80x25 text in 9x16 cells with the standard palette', () => {
    const { view } = makeVga();
    const state = view();
    expect(state).toMatchObject({ mode: SCANOUT_TEXT, columns: 80, cellWidth: 9, cellHeight: 16 });
    expect(state).toMatchObject({ width: 720, height: 400, startCell: 0, pitchCells: 80, blinkEnabled: 1 });
    expect(state).toMatchObject({ cursorCell: 0, cursorTop: 13, cursorBottom: 14, lineGraphics: 1 });
    expect([...state.palette.subarray(0, 16)].map((rgb) => rgb.toString(16).padStart(6, '0'))).toEqual([
      ...['000000', '0000aa', '00aa00', '00aaaa', 'aa0000', 'aa00aa', 'aa5500', 'aaaaaa'],
      ...['555555', '5555ff', '55ff55', '55ffff', 'ff5555', 'ff55ff', 'ffff55', 'ffffff'],
    ]);
  });
  it('has a blank screen and the font in the font plane', () => {
    const { vram } = makeVga();
    const text = vram.subarray(-TEXT_MEMORY_BYTES);
    expect([...text.subarray(0, 4), ...text.subarray(-2)]).toEqual([0x20, 0x07, 0x20, 0x07, 0x20, 0x07]);
    const letterA = Array.from({ length: 16 }, (_, line) => vram[(0x41 * 32 + line) * 4 + 2]);
    expect(letterA).toEqual([...FONT_8X16.subarray(0x41 * GLYPH_LINES, 0x42 * GLYPH_LINES)]);
  });
  it('comes back by reset, whatever was done to it', () => {
    const { vga, vram, set, out, view } = makeVga();
    const before = vga.save();
    vram.fill(0x5a, 0, 0x40000);
    set(0x3c4, 1, 0x21);
    out(0x3c8, 3);
    out(0x3c9, 63);
    vga.reset();
    expect(vga.save()).toEqual(before);
    expect(view().mode).toBe(SCANOUT_TEXT);
    expect(Buffer.compare(vram, makeVga().vram)).toBe(0);
  });
});

describe('CRTC', () => {
  it('moves start address and cursor', () => {
    const { set, view } = makeVga();
    set(0x3d4, 0x0c, 0x12);
    set(0x3d4, 0x0d, 0x34);
    set(0x3d4, 0x0e, 0x07);
    set(0x3d4, 0x0f, 0xcf);
    set(0x3d4, 0x0a, 0x20);
    expect(view()).toMatchObject({ startCell: 0x1234, cursorCell: 0x7cf, cursorTop: MAX_CELL_HEIGHT });
  });
  it('protects CR00-CR07 but for line compare bit 8 until CR11 bit 7 is cleared', () => {
    const { set, get, view } = makeVga();
    set(0x3d4, 0x01, 0x27);
    expect(get(0x3d4, 0x01)).toBe(0x4f);
    set(0x3d4, 0x07, 0x00);
    expect(get(0x3d4, 0x07)).toBe(0x0f);
    expect(view().splitLine).toBe(0x2ff);
    set(0x3d4, 0x11, 0x0e);
    set(0x3d4, 0x01, 0x27);
    expect(view().columns).toBe(40);
  });
  it('counts rows by the height of a cell', () => {
    const { set, view } = makeVga();
    set(0x3d4, 0x09, 0x47);
    expect(view()).toMatchObject({ cellHeight: 8, height: 400 });
    expect(textRows(view())).toHaveLength(50);
  });
  it('answers at 3B4 instead of 3D4 when the miscellaneous register says so', () => {
    const { out, get, vga } = makeVga();
    out(0x3c2, 0x66);
    expect(get(0x3b4, 0x01)).toBe(0x4f);
    expect(vga.counters.unknownReads).toBe(0);
    expect(get(0x3d4, 0x01)).toBe(0xff);
    expect(vga.counters).toEqual({ unknownReads: 1, unknownWrites: 1 });
  });
});

describe('attribute controller', () => {
  it('alternates address and data, and starts over by a read of input status 1', () => {
    const { out, inb, setAttribute, view } = makeVga();
    setAttribute(0x10, 0x04);
    expect(view().blinkEnabled).toBe(0);
    out(0x3c0, 0x30); // now in the middle of a pair
    inb(0x3da);
    out(0x3c0, 0x31);
    expect(inb(0x3c0)).toBe(0x31);
  });
  it('hides the screen while the palette is open, and closes the palette while it shows', () => {
    const { out, inb, view } = makeVga();
    inb(0x3da);
    out(0x3c0, 0x01);
    expect(view().mode).toBe(SCANOUT_OFF);
    out(0x3c0, 0x04);
    out(0x3c0, 0x21);
    expect(view()).toMatchObject({ mode: SCANOUT_TEXT });
    expect(view().palette[1]).toBe(0xaa0000);
    out(0x3c0, 0x02); // palette closed: dropped
    expect(inb(0x3c1)).toBe(0x04);
  });
  it('takes palette bits from colour select and drops disabled planes', () => {
    const { setAttribute, out, view } = makeVga();
    out(0x3c8, 0x47);
    for (const part of [63, 32, 1]) out(0x3c9, part);
    setAttribute(0x14, 0x04);
    expect(view().palette[7]).toBe(0xff8204);
    setAttribute(0x14, 0);
    setAttribute(0x12, 0x01);
    expect(view().palette[6]).toBe(0x000000);
    expect(view().palette[7]).toBe(0x0000aa);
  });
});

describe('DAC', () => {
  it('writes and reads colours component by component, moving on after blue', () => {
    const { out, inb } = makeVga();
    out(0x3c8, 0xff);
    for (const part of [1, 2, 3, 4, 5, 0xff]) out(0x3c9, part);
    expect(inb(0x3c8)).toBe(1);
    expect(inb(0x3c7)).toBe(0);
    out(0x3c7, 0xff);
    expect(inb(0x3c7)).toBe(3);
    expect(Array.from({ length: 6 }, () => inb(0x3c9))).toEqual([1, 2, 3, 4, 5, 63]);
  });
  it('changes the screen only when a colour is complete, and masks pixels', () => {
    const { out, view } = makeVga();
    out(0x3c8, 0x07);
    out(0x3c9, 0);
    out(0x3c9, 0);
    expect(view().palette[7]).toBe(0xaaaaaa);
    out(0x3c9, 63);
    expect(view().palette[7]).toBe(0x0000ff);
    out(0x3c6, 0);
    expect(view().palette[15]).toBe(0);
  });
});

describe('modes', () => {
  it('turns the screen off by the sequencer', () => {
    const { set, view } = makeVga();
    set(0x3c4, 1, 0x20);
    expect(view().mode).toBe(SCANOUT_OFF);
  });
  it('chooses fonts by the character map select', () => {
    const { set, view } = makeVga();
    set(0x3c4, 3, 0b0010_0110); // A: bits 5,3,2 = 101; B: bits 4,1,0 = 010
    expect(view()).toMatchObject({ boldFontOffset: 0x6000 * 4 + 2, fontOffset: 0x8000 * 4 + 2 });
  });
});

describe('input status', () => {
  it('shows vertical retrace 70 times a second and blanking on every line', () => {
    const { timers, inb } = makeVga();
    let retraces = 0;
    let blanks = 0;
    let last = inb(0x3da);
    for (let timeNs = 0; timeNs < 100_000_000; timeNs += 2_000) {
      timers.advanceTo(timeNs);
      const now = inb(0x3da);
      if (now & ~last & 0x08) retraces++;
      if (now & ~last & 0x01) blanks++;
      last = now;
    }
    expect(retraces).toBe(7);
    expect(blanks).toBeGreaterThan(7 * 398);
    expect(blanks).toBeLessThan(7 * 402);
  });
  it('reports a colour monitor', () => {
    expect(makeVga().inb(0x3c2) & 0x10).toBe(0x10);
  });
});

describe('hostile guests', () => {
  it('keep the geometry within bounds whatever they write', () => {
    const { vga, scanout, timers } = makeVga();
    const state = createScanoutState();
    let seed = 1;
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed >>> 8;
    };
    for (let i = 0; i < 20_000; i++) {
      const size = ([1, 2, 4] as const)[random() % 3] ?? 1;
      if (random() & 1) vga.write(random() % 0x30, size, (random() << 8) ^ random());
      else {
        const value = vga.read(random() % 0x30, size);
        expect(Number.isInteger(value) && value >= 0 && value <= 0xffffffff).toBe(true);
      }
      if (i % 16) continue;
      timers.advance(random());
      expect(scanout.read(state)).toBe(true);
      expect(state.width >= 8 && state.width <= MAX_WIDTH && state.columns <= MAX_COLUMNS).toBe(true);
      expect(state.height >= 1 && state.height <= MAX_HEIGHT).toBe(true);
      expect(state.cellHeight >= 1 && state.cellHeight <= MAX_CELL_HEIGHT).toBe(true);
    }
  });
});

describe('saved state', () => {
  it('restores in the middle of a palette write and of an attribute pair', () => {
    const first = makeVga();
    first.inb(0x3da);
    first.out(0x3c0, 0x31);
    first.out(0x3c8, 5);
    first.out(0x3c9, 11);
    first.out(0x3c9, 22);
    const second = makeVga();
    second.vga.restore(first.vga.save());
    expect(second.vga.save()).toEqual(first.vga.save());
    second.out(0x3c9, 33);
    second.out(0x3c7, 5);
    expect([second.inb(0x3c9), second.inb(0x3c9), second.inb(0x3c9)]).toEqual([11, 22, 33]);
  });
  it('refuses what no save could have made, and changes nothing', () => {
    const { vga } = makeVga();
    const before = vga.save();
    for (const bad of [
      { version: 1 },
      { vbeBank: 64 },
      { vbeEnable: 1 },
      { dac: new Uint8Array(3) },
      { dacComponent: 3 },
      { srIndex: -1 },
    ]) {
      expect(() => vga.restore({ ...before, ...bad })).toThrow(SnapshotError);
    }
    expect(vga.save()).toEqual(before);
  });
});
