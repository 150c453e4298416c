/** Firmware on the emulated KVM: from the reset vector through the shadow memory of the host bridge. */
import { expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import { openKvm } from '../kvm/index.ts';
import { Machine } from './machine.ts';

/**
 * nasm, org 0xf000, at the end of 4 GiB; runs from there with DS at the copy below 1 MiB:
 *   print: mov dx, 0x402 / out dx, al     marker: db 'M'     setpam: PAM0 = bh by 0xcf8 and 0xcfd
 *   print 'R'
 *   [marker] = 'x', print [marker]                  ROM
 *   setpam 0x20, [marker] = 'W', print [marker]     reads ROM, writes RAM
 *   setpam 0x10, print [marker]                     reads RAM, writes nothing
 *   [marker] = 'y', print [marker]
 *   setpam 0x30, [marker] = 'z', print [marker]     RAM
 *   out 0xf4, 3
 */
const CODE =
  'ba0204b052eeb800f08ed8c6065ff078a05ff0eebb0020e83000c6065ff057a05ff0eebb0010e82100a05ff0eec6065ff079a05ff0eebb0030' +
  'e80e00c6065ff07aa05ff0eeb003e6f4f4baf80c66b85800008066efbafd0c88f8eeba0204c34d';
const RESET_VECTOR = 'e90df0';
const SIZE = 0x1_0000;
const ORIGIN = 0xf000;

it('runs at the reset vector, and reads and writes what the PAM registers say', () => {
  const firmware = new Uint8Array(SIZE);
  firmware.set(Buffer.from(CODE, 'hex'), ORIGIN);
  firmware.set(Buffer.from(RESET_VECTOR, 'hex'), SIZE - 16);
  let text = '';
  const thread = {
    nowNs: () => 0,
    signalPending: () => false,
    sleepUntil: () => {},
    alarmNs: Number.POSITIVE_INFINITY,
    setAlarm: () => {},
    kicked: () => false,
  };
  const machine = new Machine(
    openKvm(),
    { ramBytes: 2 ** 21, boot: { firmware }, debugExit: true },
    {
      thread,
      timers: new TimerQueue(thread),
      wall: { nowMs: () => 0 },
      serial: { write: () => {} },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      debugConsole: { write: (bytes) => (text += String.fromCharCode(...bytes)) },
    },
  );
  expect(machine.run()).toEqual({ kind: 'debug-exit', value: 3 });
  expect(text).toBe('RMMWWz');
});
