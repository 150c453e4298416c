/** The display adapter in a whole machine: guest code on the emulated KVM, memory slots, the dirty log. */
import { describe, expect, it } from 'vitest';
import { SCANOUT_WORDS, Scanout } from '../backends/display/scanout.ts';
import { ScreenRenderer } from '../backends/display/screen-renderer.ts';
import { type Rect, Surface } from '../backends/display/surface.ts';
import { TimerQueue } from '../base/clock.ts';
import { openKvm } from '../kvm/index.ts';
import { vgaKernel } from '../testing/vga-oracle.ts';
import type { VgaProgrammer } from '../testing/vga-programmer.ts';
import { VGA_PROGRAMS } from '../testing/vga-programs.ts';
import { VgaRig } from '../testing/vga-rig.ts';
import { Machine, type MachineThread } from './machine.ts';

/** Firmware's debug console: what is written there stops the machine. */
const STOP_PORT = 0x402;

/** Stops the machine where its guest sleeps. */
class OneSleepThread implements MachineThread {
  alarmNs = Number.POSITIVE_INFINITY;
  asleep = false;
  nowNs = (): number => 0;
  signalPending = (): boolean => this.asleep;
  sleepUntil(): void {
    this.asleep = true;
  }
  setAlarm(): void {}
  kicked = (): boolean => this.asleep;
}

function start(program: (vga: VgaProgrammer) => void) {
  const thread = new OneSleepThread();
  const scanoutWords = new Int32Array(new SharedArrayBuffer(SCANOUT_WORDS * Int32Array.BYTES_PER_ELEMENT));
  const machine = new Machine(
    openKvm(),
    { ramBytes: 16 * 2 ** 20, boot: { kernel: vgaKernel(program), cmdline: '' } },
    {
      ...{ thread, timers: new TimerQueue(thread), wall: { nowMs: () => 0 }, scanoutWords },
      serial: { write: () => {} },
      debugConsole: { write: () => thread.sleepUntil() },
    },
  );
  const scanout = new Scanout(scanoutWords);
  const vram = new Uint8Array(machine.sharedMemory, machine.vram.offset, machine.vram.sizeBytes);
  /** Until the guest sleeps, or at once where it does. */
  const run = () => {
    thread.asleep = false;
    expect(machine.run()).toBeUndefined();
  };
  return { machine, thread, scanout, vram, run };
}

type Display = Pick<VgaRig, 'vram' | 'scanout'>;

function drawOnce({ vram, scanout }: Display): Surface {
  const surface = new Surface(1, 1);
  new ScreenRenderer({ vram, scanout, surface }).drawOnce(0);
  return surface;
}

function follow({ vram, scanout }: Display) {
  const surface = new Surface(1, 1);
  const damage: Rect[] = [];
  surface.addListener({ damaged: (rect) => damage.push(rect), linesMoved: () => {}, resized: () => {} });
  return { surface, damage, renderer: new ScreenRenderer({ vram, scanout, surface }) };
}

const same = (a: Surface, b: Surface): boolean =>
  a.width === b.width && a.height === b.height && a.pixels.every((pixel, i) => pixel === b.pixels[i]);

describe('a guest that programs the adapter', () => {
  it.each(Object.keys(VGA_PROGRAMS))(
    'shows the same as the adapter alone: %s',
    (name) => {
      const program = VGA_PROGRAMS[name] ?? (() => {});
      const guest = start(program);
      guest.run();
      const rig = new VgaRig();
      program(rig);
      expect(same(drawOnce(guest), drawOnce(rig))).toBe(true);
      guest.machine.close();
    },
    60_000,
  );
});

describe('the dirty log', () => {
  const WIDTH = 640;
  const mode = (vga: VgaProgrammer) => vga.setVbeMode(WIDTH, 480, 32);

  it('tells the display what the guest wrote through frame buffer and bank, and no more', () => {
    const guest = start((vga) => {
      mode(vga);
      vga.pokeLinear(0, new Uint8Array(4096).fill(0x11));
      vga.outSized(STOP_PORT, 1, 0);
      vga.pokeLinear((WIDTH * 100 + 10) * 4, new Uint8Array(80).fill(0x22));
      vga.dispi(5, 12);
      vga.poke(0xa0000 + (WIDTH * 320 - 12 * 0x4000 + 5) * 4, 0x334455, 4);
      vga.outSized(STOP_PORT, 1, 0);
    });
    const { surface, damage, renderer } = follow(guest);
    guest.run();
    renderer.update(0);
    expect([surface.pixels[0], surface.pixels[1024]]).toEqual([0x111111, 0]);
    expect(guest.scanout.dirty.request()).toBe(true);
    guest.machine.answerDisplay();
    renderer.update(0);
    damage.length = 0;
    guest.run();
    expect(guest.scanout.dirty.request()).toBe(true);
    guest.machine.answerDisplay();
    const { linesConverted } = renderer;
    renderer.update(0);
    expect(damage).toEqual([
      { x: 10, y: 100, width: 20, height: 1 },
      { x: 5, y: 320, width: 1, height: 1 },
    ]);
    // Bank 0 counts as written: its mapping went, and the log with it.
    expect(renderer.linesConverted - linesConverted).toBeLessThan(2 * (0x10000 / (WIDTH * 4)) + 10);
    expect(same(surface, drawOnce(guest))).toBe(true);
    guest.machine.close();
  });

  it('is asked for once of a guest that stands still', () => {
    const guest = start((vga) => {
      mode(vga);
      vga.pokeLinear(4096, new Uint8Array(64).fill(0x44));
    });
    const { surface, renderer } = follow(guest);
    guest.run();
    renderer.update(0);
    expect(guest.scanout.dirty.request()).toBe(true);
    guest.machine.answerDisplay();
    renderer.update(0);
    expect(surface.pixels[1024]).toBe(0x444444);
    expect(guest.scanout.dirty.request()).toBe(false);
    guest.machine.close();
  });

  it('leaves a guest asleep that has not run since, and the picture untouched', () => {
    const guest = start(mode);
    const { damage, renderer } = follow(guest);
    guest.run();
    renderer.update(0);
    expect(guest.scanout.dirty.request()).toBe(true);
    guest.run();
    renderer.update(0);
    damage.length = 0;
    const { linesConverted } = renderer;
    for (let frame = 0; frame < 100; frame++) {
      renderer.update(frame * 16e6);
      expect(guest.scanout.dirty.request()).toBe(false);
    }
    expect(damage).toEqual([]);
    expect(renderer.linesConverted).toBe(linesConverted);
    guest.machine.close();
  });
});
