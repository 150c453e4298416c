import { describe, expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import {
  PM_IO_BASE,
  PM1_CNT,
  PM1_EN,
  PM1_STS,
  PWRBTN_STS,
  RTC_STS,
  SLP_EN,
  SLP_TYP_S3,
  SLP_TYP_SHIFT,
  WAK_STS,
} from '../devices/acpi-pm/acpi-pm.regs.ts';
import * as RTC from '../devices/mc146818/mc146818.regs.ts';
import * as R from '../devices/pci-host/pci.regs.ts';
import { PVPANIC_PANICKED, PVPANIC_PORT } from '../devices/pvpanic/pvpanic.regs.ts';
import { VGA_PORT_BASE } from '../devices/vga/vga.regs.ts';
import { facsAddress } from '../firmware/acpi/index.ts';
import { ACPI_TABLES_START } from '../firmware/platform.ts';
import { FACS_WAKING_VECTOR } from '../firmware/resume.ts';
import * as kvm from '../kvm/api.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { ScriptedKvm, type ScriptedVm, type Step } from '../testing/scripted-kvm.ts';
import { Machine, type MachineNotice, type MachineOptions } from './machine.ts';

const WAKING_VECTOR = 0x9_a120;
const KERNEL = 0x10_0000;
/** Among the VGA's ports. */
const CRTC = 0x3d4 - VGA_PORT_BASE;
const START_ADDRESS_HIGH = 0x0c;

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
function sleeper(
  asleep: (machine: Machine, vm: ScriptedVm) => void,
  options: Partial<MachineOptions> = {},
  before: readonly Step[] = [],
) {
  const notices: MachineNotice[] = [];
  const sleep = out(PM_IO_BASE + PM1_CNT, 2, SLP_EN | (SLP_TYP_S3 << SLP_TYP_SHIFT));
  const system = new ScriptedKvm([...before, sleep, out(PVPANIC_PORT, 1, PVPANIC_PANICKED)]);
  let nowNs = 0;
  const clock = { nowNs: () => nowNs };
  const thread = {
    ...clock,
    alarmNs: 0,
    setAlarm: () => {},
    signalPending: () => false,
    kicked: () => false,
    sleepUntil: (untilNs: number) => {
      if (untilNs < 1e12) nowNs = untilNs;
      asleep(machine, system.vms[0] as ScriptedVm);
    },
  };
  const machine: Machine = new Machine(
    system,
    { ramBytes: 2 ** 24, boot: { kernel: elf(multibootHeader(0)), cmdline: '' }, panic: true, ...options },
    {
      ...{ thread, timers: new TimerQueue(clock), wall: { nowMs: () => nowNs / 1e6 }, serial: { write: () => {} } },
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

  it('is woken by the alarm of its clock, where it wants to be', () => {
    const alarm = [
      ...[out(0x70, 1, RTC.SECONDS_ALARM), out(0x71, 1, 2), out(0x70, 1, RTC.MINUTES_ALARM), out(0x71, 1, 0xc0)],
      ...[out(0x70, 1, RTC.HOURS_ALARM), out(0x71, 1, 0xc0), out(0x70, 1, RTC.REG_B)],
      ...[out(0x71, 1, RTC.REG_B_24 | RTC.REG_B_AIE), out(PM_IO_BASE + PM1_EN, 2, RTC_STS)],
    ];
    let looks = 0;
    const { machine, notices } = sleeper(() => void looks++, {}, alarm);
    expect(machine.run()).toEqual({ kind: 'guest-panicked' });
    expect(looks).toBe(1);
    expect(machine.devices.pm.read(PM1_STS, 2)).toBe(WAK_STS | RTC_STS);
    expect(notices).toEqual([{ type: 'suspended' }, { type: 'woken' }]);
  });

  it('does not sleep where what wakes it has happened', () => {
    let slept = false;
    const { machine } = sleeper(
      (asleep) => {
        slept = true;
        asleep.wakeUp();
      },
      {},
      [out(PM_IO_BASE + PM1_EN, 2, PWRBTN_STS)],
    );
    machine.devices.pm.pressPowerButton();
    expect(machine.run()).toEqual({ kind: 'guest-panicked' });
    expect(slept).toBe(false);
  });

  it('gets no device while it sleeps', () => {
    const { machine } = sleeper((asleep) => {
      expect(() => asleep.attach({ kind: 'watchdog', action: 'none' })).toThrow('wake it first');
      asleep.wakeUp();
    });
    machine.run();
    machine.attach({ kind: 'watchdog', action: 'none' });
  });
});

describe.each(['pc', 'q35'] as const)('A %s with firmware', (type) => {
  const FIRMWARE = new Uint8Array(256 * 1024).fill(0xfe);
  const lpc = type === 'pc' ? ['piix4-pm', R.PMBA] : ['ich9-lpc', R.PMBASE];
  const [host, pam] = type === 'pc' ? ['i440fx', R.PAM0] : ['mch', R.MCH_PAM0];

  it('wakes at the reset vector, with its shadowed firmware and its picture kept, and little else', () => {
    const space = (machine: Machine, id: unknown) => machine.devices.rows.find((row) => row.id === id)?.pci?.[2];
    const { machine } = sleeper((asleep) => asleep.pressPowerButton(), { machine: type, boot: { firmware: FIRMWARE } });
    const bridge = space(machine, host);
    bridge?.writeConfig(Number(pam), 1, 0x30);
    const pm = space(machine, lpc[0]);
    pm?.writeConfig(Number(lpc[1]), 4, PM_IO_BASE | 1);
    if (type === 'pc') {
      pm?.writeConfig(R.COMMAND, 2, R.COMMAND_IO);
      pm?.writeConfig(R.PMREGMISC, 1, R.PMREGMISC_PMIOSE);
    } else pm?.writeConfig(R.ACPI_CNTL, 1, R.ACPI_CNTL_ACPI_EN);
    const ports = machine.devices.rows.find(({ id }) => id === 'std-vga')?.ports?.[0]?.[2];
    ports?.write(CRTC, 1, START_ADDRESS_HIGH);
    ports?.write(CRTC + 1, 1, 0x5a);
    const picture = (): unknown => {
      ports?.write(CRTC, 1, START_ADDRESS_HIGH);
      return ports?.read(CRTC + 1, 1);
    };
    const reset = machine.vcpu.getRegs().rip;
    expect(machine.run()).toEqual({ kind: 'guest-panicked' });
    expect(machine.vcpu.getRegs().rip).toBe(reset);
    expect([bridge?.readConfig(Number(pam), 1), picture()]).toEqual([0x30, 0x5a]);
    expect(pm?.readConfig(Number(lpc[1]), 4)).toBe(type === 'pc' ? 1 : PM_IO_BASE | 1);
    machine.devices.rtc.write(0, 1, RTC.SHUTDOWN_STATUS);
    expect(machine.devices.rtc.read(1, 1)).toBe(RTC.SHUTDOWN_RESUME);
    machine.reset();
    expect([bridge?.readConfig(Number(pam), 1), picture()]).toEqual([0, 0]);
  });
});
