import { describe, expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import type { StopReason, WatchdogAction } from '../contracts/machine.ts';
import { PWRBTN_STS } from '../devices/acpi-pm/acpi-pm.regs.ts';
import * as W from '../devices/i6300esb/i6300esb.regs.ts';
import type { I6300Esb } from '../devices/i6300esb/i6300esb.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { interrupted, ScriptedKvm } from '../testing/scripted-kvm.ts';
import { Machine, type MachineNotice } from './machine.ts';

const MINUTE_NS = 60e9;

/** A machine whose guest starts the watchdog and then does nothing for ten minutes, a minute a KVM_RUN. */
function neglect(watchdog: WatchdogAction) {
  let nowNs = 0;
  let runs = 0;
  const notices: MachineNotice[] = [];
  const clock = { nowNs: () => nowNs };
  const thread = {
    ...clock,
    ...{ alarmNs: 0, setAlarm: () => {}, signalPending: () => false, sleepUntil: () => {} },
    kicked: () => runs >= 10,
  };
  const system = new ScriptedKvm(
    Array.from({ length: 10 }, () => (vcpu) => {
      nowNs += MINUTE_NS;
      runs++;
      interrupted(vcpu);
    }),
  );
  const machine = new Machine(
    system,
    { ramBytes: 2 ** 24, boot: { kernel: elf(multibootHeader(0)), cmdline: '' }, watchdog },
    {
      ...{ thread, timers: new TimerQueue(clock), wall: { nowMs: () => 0 }, serial: { write: () => {} } },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      notify: (notice) => notices.push(notice),
    },
  );
  const dog = machine.devices.rows.find(({ id }) => id === 'i6300esb')?.device as I6300Esb;
  const enabled = (): boolean => (dog.configSpace.readConfig(W.WDT_LOCK, 1) & W.WDT_LOCK_ENABLE) !== 0;
  for (const preload of [W.PRELOAD_1, W.PRELOAD_2]) {
    for (const key of [W.RELOAD_UNLOCK_1, W.RELOAD_UNLOCK_2]) dog.write(W.RELOAD, 2, key);
    dog.write(preload, 4, 1000);
  }
  dog.configSpace.writeConfig(W.WDT_LOCK, 1, W.WDT_LOCK_ENABLE);
  const stop: StopReason | undefined = machine.run();
  return { machine, enabled, stop, notices };
}

describe('A watchdog that the guest does not answer', () => {
  it('powers off', () => {
    const { stop, notices } = neglect('poweroff');
    expect(stop).toEqual({ kind: 'watchdog' });
    expect(notices).toEqual([{ type: 'watchdog', action: 'poweroff' }]);
  });

  it('resets, which stops it', () => {
    const { stop, enabled } = neglect('reset');
    expect([stop, enabled()]).toEqual([undefined, false]);
  });

  it('presses the power button', () => {
    const { machine } = neglect('shutdown');
    expect(machine.devices.pm.read(0, 2) & PWRBTN_STS).toBe(PWRBTN_STS);
  });

  it.each(['pause', 'none', 'inject-nmi'] as const)('tells its owner, and leaves the rest to it: %s', (action) => {
    const { stop, enabled, notices } = neglect(action);
    expect([stop, enabled()]).toEqual([undefined, true]);
    expect(notices).toEqual([{ type: 'watchdog', action }]);
  });
});
