import { describe, expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import {
  PM_IO_BASE,
  PM1_CNT,
  PM1_STS,
  SLP_EN,
  SLP_TYP_S3,
  SLP_TYP_SHIFT,
  WAK_STS,
} from '../devices/acpi-pm/acpi-pm.regs.ts';
import { PVPANIC_PANICKED, PVPANIC_PORT } from '../devices/pvpanic/pvpanic.regs.ts';
import { facsAddress } from '../firmware/acpi/index.ts';
import { ACPI_TABLES_START } from '../firmware/platform.ts';
import { FACS_WAKING_VECTOR } from '../firmware/resume.ts';
import * as kvm from '../kvm/api.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { ScriptedKvm, type ScriptedVm, type Step } from '../testing/scripted-kvm.ts';
import { Machine, type MachineNotice, type MachineOptions } from './machine.ts';

const WAKING_VECTOR = 0x9_a120;
const KERNEL = 0x10_0000;

function out(port: number, size: 1 | 2, value: number): Step {
  return ({ run }) => {
    run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_IO, true);
    run.setUint8(kvm.RUN_IO_DIRECTION, kvm.KVM_EXIT_IO_OUT);
    run.setUint8(kvm.RUN_IO_SIZE, size);
    run.setUint16(kvm.RUN_IO_PORT, port, true);
    run.setUint32(kvm.RUN_IO_COUNT, 1, true);
    run.setBigUint64(kvm.RUN_IO_DATA_OFFSET, 0x1000n, true);
    run.setUint16(0x1000, value, true);
  };
}

/** The guest asks for S3 and sleeps until `asleep` has woken it; then it ends by a panic. */
function sleeper(asleep: (machine: Machine, vm: ScriptedVm) => void, options: Partial<MachineOptions> = {}) {
  const notices: MachineNotice[] = [];
  const sleep = out(PM_IO_BASE + PM1_CNT, 2, SLP_EN | (SLP_TYP_S3 << SLP_TYP_SHIFT));
  const system = new ScriptedKvm([sleep, out(PVPANIC_PORT, 1, PVPANIC_PANICKED)]);
  const clock = { nowNs: () => 0 };
  const thread = {
    ...clock,
    alarmNs: 0,
    setAlarm: () => {},
    signalPending: () => false,
    kicked: () => false,
    sleepUntil: () => asleep(machine, system.vms[0] as ScriptedVm),
  };
  const machine: Machine = new Machine(
    system,
    { ramBytes: 2 ** 24, boot: { kernel: elf(multibootHeader(0)), cmdline: '' }, panic: true, ...options },
    {
      ...{ thread, timers: new TimerQueue(clock), wall: { nowMs: () => 0 }, serial: { write: () => {} } },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      notify: (notice) => notices.push(notice),
    },
  );
  return { machine, notices };
}

describe('A machine that boots a kernel directly', () => {
  it('sleeps in S3 and goes on at the waking vector with its memory kept', () => {
    let ipAfterwards: bigint | undefined;
    const { machine, notices } = sleeper((asleep, vm) => {
      const facs = facsAddress(ACPI_TABLES_START);
      const ram = new DataView(vm.memory);
      ram.setUint32(facs + FACS_WAKING_VECTOR, WAKING_VECTOR, true);
      ram.setUint32(0x5000, 0x1234_5678, true);
      asleep.pressPowerButton();
      const { cs } = asleep.vcpu.getSregs();
      ipAfterwards = cs.base + asleep.vcpu.getRegs().rip;
      expect(ram.getUint32(0x5000, true)).toBe(0x1234_5678);
    });
    expect(machine.run()).toEqual({ kind: 'guest-panicked' });
    expect(ipAfterwards).toBe(BigInt(WAKING_VECTOR));
    expect(machine.devices.pm.read(PM1_STS, 2) & WAK_STS).toBe(WAK_STS);
    expect(notices).toEqual([{ type: 'suspended' }, { type: 'woken' }]);
  });

  it('boots anew where the guest left no waking vector', () => {
    let rip: bigint | undefined;
    const { machine } = sleeper((asleep) => {
      asleep.wakeUp();
      rip = asleep.vcpu.getRegs().rip;
    });
    expect(machine.run()).toEqual({ kind: 'guest-panicked' });
    expect(rip).toBe(BigInt(KERNEL));
  });
});
