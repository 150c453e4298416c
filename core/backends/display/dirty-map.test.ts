import { describe, expect, it } from 'vitest';
import { RfbTestClient } from '../../testing/rfb-client.ts';
import { VgaRig } from '../../testing/vga-rig.ts';
import { nodeDeflate } from '../../worker/node-deflate.ts';
import { DIRTY_WORDS, DirtyMap, DirtyPages } from './dirty-map.ts';
import { DisplayServer } from './display-server.ts';
import { ScreenRenderer } from './screen-renderer.ts';
import { type Rect, Surface } from './surface.ts';

const PAGE = 4096;

describe('DirtyMap', () => {
  it('gives the reader each mark once', () => {
    const map = new DirtyMap(new Int32Array(new SharedArrayBuffer(DIRTY_WORDS * 4)));
    const pages = new DirtyPages();
    expect(map.take(pages)).toBe(false);
    map.mark(PAGE - 1, 2);
    map.mark(40 * PAGE + 7, 1);
    expect(map.take(pages)).toBe(true);
    const touched = Array.from({ length: 64 }, (_, page) => page).filter((page) => pages.touches(page * PAGE, PAGE));
    expect(touched).toEqual([0, 1, 40]);
    expect(pages.touches(2 * PAGE, 38 * PAGE)).toBe(false);
    expect(pages.touches(2 * PAGE, 38 * PAGE + 1)).toBe(true);
    expect(map.take(pages)).toBe(false);
  });
  it('drops what lies beyond the largest video memory', () => {
    const map = new DirtyMap(new Int32Array(DIRTY_WORDS));
    map.mark(64 * 2 ** 20 - 1, 2 ** 20);
    map.mark(2 ** 31, 1);
    const pages = new DirtyPages();
    map.take(pages);
    expect(pages.words.reduce((sum, word) => sum + (word ? 1 : 0), 0)).toBe(1);
  });
  it('asks for a log only where there may be something in it, and once', () => {
    const map = new DirtyMap(new Int32Array(DIRTY_WORDS));
    expect(map.request()).toBe(false);
    map.stale = true;
    expect(map.takeRequest()).toBe(false);
    expect(map.request()).toBe(true);
    expect(map.takeRequest()).toBe(true);
    expect(map.takeRequest()).toBe(false);
  });
});

describe('a graphics screen', () => {
  function setUp() {
    const rig = new VgaRig();
    rig.setVbeMode(1024, 768, 32);
    const surface = new Surface(1, 1);
    const damage: Rect[] = [];
    surface.addListener({ damaged: (rect) => damage.push(rect), linesMoved: () => {}, resized: () => {} });
    const renderer = new ScreenRenderer({ vram: rig.vram, scanout: rig.scanout, surface });
    renderer.update(0);
    damage.length = 0;
    return { rig, surface, damage, renderer };
  }

  it('has only the lines of written pages converted, and only the pixels that differ reported', () => {
    const { rig, damage, renderer } = setUp();
    const before = renderer.linesConverted;
    rig.pokeLinear(1024 * 4 * 50 + 40, Uint8Array.of(1, 1, 1, 0));
    rig.pokeLinear(1024 * 4 * 51 + 80, Uint8Array.of(1, 1, 1, 0));
    rig.pokeLinear(1024 * 4 * 700, new Uint8Array(4096)); // as it was
    renderer.update(0);
    expect(renderer.linesConverted - before).toBe(3);
    expect(damage).toEqual([{ x: 10, y: 50, width: 11, height: 2 }]);
  });
  it('costs no conversion while nothing is written', () => {
    const { damage, renderer } = setUp();
    const before = renderer.linesConverted;
    for (let frame = 0; frame < 1000; frame++) renderer.update(frame * 16e6);
    expect(renderer.linesConverted).toBe(before);
    expect(damage).toEqual([]);
  });
  it('is drawn whole for a picture beside, without taking marks from who follows it', () => {
    const { rig, surface, renderer } = setUp();
    rig.pokeLinear(0, new Uint8Array(4096).fill(0x33));
    const picture = new Surface(1, 1);
    new ScreenRenderer({ vram: rig.vram, scanout: rig.scanout, surface: picture }).drawOnce(0);
    expect(picture.pixels[5]).toBe(0x333333);
    expect(surface.pixels[5]).toBe(0);
    renderer.update(0);
    expect(surface.pixels[5]).toBe(0x333333);
  });
  it('wakes the machine for its log at most once a frame, only while it may have written, and for nobody never', async () => {
    const rig = new VgaRig();
    rig.setVbeMode(640, 480, 32);
    let kicks = 0;
    const server = new DisplayServer({
      vram: rig.vram,
      scanout: rig.scanout,
      timers: rig.timers,
      deflate: nodeDeflate,
      input: { key: () => {}, pointer: () => {} },
      name: 'watched',
      log: () => {},
      collectWrites: () => {
        if (rig.scanout.dirty.takeRequest()) kicks++;
      },
    });
    const kicksInASecond = () => {
      kicks = 0;
      rig.timers.advance(1e9);
      return kicks;
    };
    rig.scanout.dirty.stale = true;
    expect([kicksInASecond(), rig.timers.fired]).toEqual([0, 0]);

    const viewer = new RfbTestClient((channel) => server.connect(channel));
    await viewer.connect();
    viewer.setEncodings(-223); // takes a new size
    for (let frame = 0; frame < 3; frame++) {
      viewer.request(true);
      rig.timers.advance(17e6);
      if (frame < 2) await viewer.update();
    }
    const busy = kicksInASecond();
    expect(busy).toBeGreaterThan(55);
    expect(busy).toBeLessThan(62);
    rig.scanout.dirty.stale = false;
    expect(kicksInASecond()).toBe(0);
    server.close();
  });
});
