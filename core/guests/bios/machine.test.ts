/** The BIOS in a machine of ours: from the reset vector to a boot sector that calls its services. */
import { expect, it } from 'vitest';
import { RawImage } from '../../backends/block/raw-image.ts';
import { SCANOUT_WORDS } from '../../backends/display/scanout.ts';
import { TimerQueue } from '../../base/clock.ts';
import type { MachineType } from '../../contracts/machine.ts';
import { openKvm } from '../../kvm/index.ts';
import { Machine } from '../../machine/machine.ts';
import type { MachineDrive } from '../../machine/storage.ts';
import { MemoryFile } from '../../testing/memory-file.ts';
import { buildBios } from './bios.ts';
import { MANY_SAY, testDisk } from './test-disk.ts';

/** What the machine says on its debug console until the boot sector ends it. */
function run(machine: MachineType, drives: readonly MachineDrive[], bootMenuMs?: number): string {
  let text = '';
  const thread = {
    nowNs: () => Math.round(performance.now() * 1e6),
    signalPending: () => false,
    sleepUntil: () => {},
    alarmNs: Number.POSITIVE_INFINITY,
    setAlarm: (atNs: number) => {
      thread.alarmNs = atNs;
    },
    kicked: () => false,
  };
  const vm = new Machine(
    openKvm(),
    {
      ...{ ramBytes: 64 * 2 ** 20, machine, boot: { firmware: buildBios() }, drives, debugExit: true },
      ...(bootMenuMs !== undefined && { bootMenuMs }),
    },
    {
      thread,
      timers: new TimerQueue(thread),
      wall: { nowMs: () => 0 },
      serial: { write: () => {} },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      debugConsole: { write: (bytes) => (text += String.fromCharCode(...bytes)) },
    },
  );
  expect(vm.run()).toEqual({ kind: 'debug-exit', value: 7 });
  return text;
}

const medium = { fixed: new RawImage(new MemoryFile(testDisk(32 * 2 ** 20))) };

it.each<[MachineType, MachineDrive]>([
  ['pc', { target: 'hda', bus: 'ide', medium }],
  ['q35', { target: 'sda', bus: 'sata', medium }],
])('boots a disk on %s, and its services answer', (machine, drive) => {
  const text = run(machine, [drive]);
  expect(text).toMatch(/^Vivarium BIOS/);
  expect(text).toContain('drive 80\nchs 0000\nsector 5 says 5005\nedd aa55 cf 0\n');
  expect(text).toContain('sector 9999 says 770f\nodd buffer says 770f\nbeyond 0100 cf 1\nsectors 00010000\n');
  expect(text).toContain(`written back 1234\n${MANY_SAY}base 0278\n`);
  expect(text).not.toContain('F12');
  expect(text).toContain('moved 5005\npci 0210\nvbe 004f 0300\ndone\n');
});

it('offers its menu where that is wanted, and boots when nobody asks for it', () => {
  const text = run('pc', [{ target: 'hda', bus: 'ide', medium }], 100);
  expect(text).toMatch(/Press F12 for the boot menu\.[\s\S]*drive 80/);
});
