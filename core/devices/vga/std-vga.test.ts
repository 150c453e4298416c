import { describe, expect, it } from 'vitest';
import { DirtyPages } from '../../backends/display/dirty-map.ts';
import { createScanoutState, FORMAT_RGB565, SCANOUT_GRAPHICS, SCANOUT_OFF } from '../../backends/display/scanout.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { SnapshotError } from '../device.ts';

const VIDEO_MEMORY = 4 * 2 ** 20;
const BAR0 = 0x10;
const COMMAND = 0x04;

function setUp() {
  const rig = new VgaRig();
  const view = () => {
    const state = createScanoutState();
    expect(rig.scanout.read(state)).toBe(true);
    return state;
  };
  return { rig, view, mmio: rig.stdVga.mmio, config: rig.stdVga.configSpace };
}

describe('VBE display interface', () => {
  it('tells its newest version, takes older ones, and its video memory', () => {
    const { rig } = setUp();
    expect(rig.readDispi(0)).toBe(0xb0c5);
    rig.dispi(0, 0xb0c2);
    rig.dispi(0, 0x1234);
    expect(rig.readDispi(0)).toBe(0xb0c2);
    expect(rig.readDispi(10)).toBe(VIDEO_MEMORY / 65536);
    rig.dispi(4, 2);
    expect([1, 2, 3].map((index) => rig.readDispi(index))).toEqual([2560, 1600, 32]);
  });
  it('shows a mode from its place in wider memory', () => {
    const { rig, view } = setUp();
    rig.setVbeMode(800, 600, 16);
    rig.dispi(6, 1024);
    rig.dispi(8, 100);
    rig.dispi(9, 10);
    expect(view()).toMatchObject({ mode: SCANOUT_GRAPHICS, format: FORMAT_RGB565, width: 800, height: 600 });
    expect(view()).toMatchObject({ pitchBytes: 2048, startOffset: 10 * 2048 + 200, lineRepeat: 1, cellHeight: 1 });
    expect(rig.readDispi(7)).toBe(2048);
  });
  it('makes smaller what does not fit, and says so', () => {
    const { rig } = setUp();
    rig.setVbeMode(5000, 5000, 32);
    expect([1, 2, 3].map((index) => rig.readDispi(index))).toEqual([2560, Math.floor(VIDEO_MEMORY / 10240), 32]);
    rig.dispi(8, 5);
    rig.dispi(9, 5);
    expect([rig.readDispi(8), rig.readDispi(9)]).toEqual([0, 0]);
    rig.dispi(3, 7);
    rig.dispi(1, 0);
    rig.dispi(2, 0);
    expect([1, 2, 3].map((index) => rig.readDispi(index))).toEqual([8, 1, 8]);
  });
  it('clears the memory of a mode that begins, unless asked not to', () => {
    const { rig } = setUp();
    rig.pokeLinear(640 * 480 * 4 - 4, Uint8Array.of(1, 2, 3, 4, 5));
    rig.setVbeMode(640, 480, 32, 0xc1);
    expect(rig.vram[640 * 480 * 4 - 4]).toBe(1);
    rig.dispi(4, 0);
    rig.setVbeMode(640, 480, 32);
    expect([...rig.vram.subarray(640 * 480 * 4 - 4, 640 * 480 * 4 + 1)]).toEqual([0, 0, 0, 0, 5]);
  });
  it('is blank while the attribute controller hides the screen', () => {
    const { rig, view } = setUp();
    rig.setVbeMode(640, 480, 32);
    rig.out(0x3c0, 0);
    expect(view().mode).toBe(SCANOUT_OFF);
  });
  it('answers accesses of 16 bits only', () => {
    const { rig } = setUp();
    const { dispi, counters } = rig.vga;
    expect(dispi.read(1, 1)).toBe(0xff);
    dispi.write(0, 4, 0x12345678);
    expect(counters).toEqual({ unknownReads: 1, unknownWrites: 1 });
  });
});

describe('PCI function', () => {
  it('is the standard VGA with its video memory at BAR 0', () => {
    const { rig, config } = setUp();
    expect(config.readConfig(0, 4)).toBe(0x1111_1234);
    expect(config.readConfig(8, 4) >>> 8).toBe(0x03_00_00);
    config.writeConfig(BAR0, 4, 0xffff_ffff);
    expect(config.readConfig(BAR0, 4)).toBe((2 ** 32 - VIDEO_MEMORY + 8) >>> 0);
    const [frameBuffer, registers] = config.bars;
    expect(frameBuffer).toMatchObject({ sizeBytes: VIDEO_MEMORY, prefetchable: true, memory: { logsDirty: true } });
    expect(registers).toMatchObject({ index: 2, sizeBytes: 4096, region: rig.stdVga.mmio });
  });
  it('has everything drawn anew when the frame buffer moves: its log is lost', () => {
    const { rig, config } = setUp();
    const pages = new DirtyPages();
    rig.scanout.dirty.take(pages);
    config.writeConfig(BAR0, 4, 0xe000_0000);
    expect(rig.scanout.dirty.take(pages)).toBe(false);
    config.writeConfig(COMMAND, 2, 2);
    expect(rig.scanout.dirty.take(pages)).toBe(true);
    expect([pages.touches(0, 1), pages.touches(VIDEO_MEMORY - 1, 1)]).toEqual([true, true]);
  });
  it('has VGA and VBE registers at BAR 2', () => {
    const { rig, mmio } = setUp();
    mmio.write(0x500 + 2, 2, 1024);
    expect(rig.readDispi(1)).toBe(1024);
    expect(mmio.read(0x500, 2)).toBe(0xb0c5);
    mmio.write(0x400 + 0x08, 1, 7); // 3C8
    for (const part of [1, 2, 3]) mmio.write(0x400 + 0x09, 1, part);
    rig.out(0x3c7, 7);
    expect([rig.in(0x3c9), rig.in(0x3c9), mmio.read(0x409, 1)]).toEqual([1, 2, 3]);
    expect([mmio.read(0x600, 4), mmio.read(0x604, 4)]).toEqual([8, 0x1e1e1e1e]);
    expect(mmio.read(0x800, 4)).toBe(0xffff_ffff);
  });
  it('refuses a saved state of which a part is wrong, and changes nothing', () => {
    const { rig } = setUp();
    const before = rig.stdVga.save();
    rig.setVbeMode(640, 480, 32);
    const saved = rig.stdVga.save();
    const config = before['config'] as { readonly version: number };
    expect(() => rig.stdVga.restore({ ...before, config: { ...config, version: 99 } })).toThrow(SnapshotError);
    expect(rig.stdVga.save()).toEqual(saved);
  });
});

describe('EDID', () => {
  const bytes = Uint8Array.from({ length: 128 }, (_, i) => setUp().mmio.read(i, 1));

  it('is a block of version 1.4 whose bytes sum up to zero, and no extension', () => {
    expect([...bytes.subarray(0, 8)]).toEqual([0, 255, 255, 255, 255, 255, 255, 0]);
    expect([bytes[18], bytes[19], bytes[126]]).toEqual([1, 4, 0]);
    expect(bytes.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
  });
  it('prefers 1280x800 at 60 Hz', () => {
    const [lo = 0, hi = 0, width = 0, hBlank = 0, hHigh = 0, height = 0, vBlank = 0, vHigh = 0] = bytes.subarray(54);
    const total = (width + ((hHigh >> 4) << 8) + hBlank) * (height + ((vHigh >> 4) << 8) + vBlank);
    expect([width + ((hHigh >> 4) << 8), height + ((vHigh >> 4) << 8)]).toEqual([1280, 800]);
    expect(((hi << 8) | lo) * 10_000).toBeGreaterThan(total * 59.5);
    expect(((hi << 8) | lo) * 10_000).toBeLessThan(total * 60.5);
  });
  it('names standard timings of 60 Hz', () => {
    const shapes = [10 / 16, 3 / 4, 4 / 5, 9 / 16];
    const sizes = Array.from({ length: 8 }, (_, i) => {
      const width = ((bytes[38 + i * 2] ?? 0) + 31) * 8;
      const second = bytes[39 + i * 2] ?? 0;
      expect(second & 63).toBe(0);
      return `${width}x${Math.round(width * (shapes[second >> 6] ?? 0))}`;
    });
    expect(sizes).toEqual([
      ...['1280x720', '1280x1024', '1440x900', '1600x1200', '1680x1050', '1920x1080', '1920x1200', '1152x864'],
    ]);
  });
});
