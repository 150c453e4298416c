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

/** Stops the machine where its guest sleeps. */
class OneSleepThread implements MachineThread {
  alarmNs = Number.POSITIVE_INFINITY;
  asleep = false;
  sleeps = 0;
  nowNs = (): number => 0;
  signalPending = (): boolean => this.asleep;
  sleepUntil(): void {
    this.sleeps++;
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
    { thread, timers: new TimerQueue(thread), wall: { nowMs: () => 0 }, serial: { write: () => {} }, scanoutWords },
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
  it.each(Object.keys(VGA_PROGRAMS))('shows the same as the adapter alone: %s', (name) => {
    const program = VGA_PROGRAMS[name] ?? (() => {});
    const guest = start(program);
    guest.run();
    const rig = new VgaRig();
    program(rig);
    expect(same(drawOnce(guest), drawOnce(rig))).toBe(true);
    guest.machine.close();
  });
});

describe('the dirty log', () => {
  const WIDTH = 640;
  const mode = (vga: VgaProgrammer) => vga.setVbeMode(WIDTH, 480, 32);

  it('tells the display what the guest wrote through the frame buffer, and no more', () => {
    const guest = start((vga) => {
      mode(vga);
      vga.pokeLinear(0, new Uint8Array(4096).fill(0x11));
    });
    const { surface, damage, renderer } = follow(guest);
    guest.run();
    renderer.update(0);
    guest.scanout.dirty.request();
    guest.run(); // answers
    renderer.update(0);
    expect(same(surface, drawOnce(guest))).toBe(true);

    damage.length = 0;
    const linesBefore = renderer.linesConverted;
    guest.vram.fill(0x22, WIDTH * 4 * 100 + 40, WIDTH * 4 * 100 + 80);
    guest.scanout.dirty.mark(WIDTH * 4 * 100, 100);
    renderer.update(0);
    expect(damage).toEqual([{ x: 10, y: 100, width: 10, height: 1 }]);
    expect(renderer.linesConverted - linesBefore).toBeLessThan(5);
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
