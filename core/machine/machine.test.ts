import { beforeEach, describe, expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import { BootError } from '../firmware/boot-image.ts';
import * as kvm from '../kvm/api.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { interrupted, ScriptedKvm, type ScriptedVm, type Step } from '../testing/scripted-kvm.ts';
import { Machine, type MachineOptions, type MachineThread } from './machine.ts';

const MIB = 2 ** 20;

class HandThread implements MachineThread {
  timeNs = 0;
  kicks = 0;
  alarmNs = Number.POSITIVE_INFINITY;
  nowNs = (): number => this.timeNs;
  signalPending = (): boolean => this.kicked();
  sleepUntil(): void {}
  setAlarm(deadlineNs: number): void {
    this.alarmNs = deadlineNs;
  }
  kicked = (): boolean => this.kicks > 0;
}

let thread: HandThread;
let timers: TimerQueue;
let serialOut: string;

beforeEach(() => {
  thread = new HandThread();
  timers = new TimerQueue(thread);
  serialOut = '';
});

function build(steps: Step[], options: Partial<MachineOptions> = {}): { machine: Machine; vm: ScriptedVm } {
  const system = new ScriptedKvm(steps);
  const boot = { kernel: elf(multibootHeader(0)), cmdline: '' };
  const machine = new Machine(
    system,
    { ramBytes: 16 * MIB, boot, ...options },
    {
      thread,
      timers,
      wall: { nowMs: () => 0 },
      serial: { write: (bytes) => (serialOut += String.fromCharCode(...bytes)) },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
    },
  );
  return { machine, vm: system.vms[0] as ScriptedVm };
}

/** An OUT or IN instruction of one element. */
const io =
  (port: number, size: 1 | 2 | 4, out?: number): Step =>
  ({ run }) => {
    run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_IO, true);
    run.setUint8(kvm.RUN_IO_DIRECTION, out === undefined ? kvm.KVM_EXIT_IO_IN : kvm.KVM_EXIT_IO_OUT);
    run.setUint8(kvm.RUN_IO_SIZE, size);
    run.setUint16(kvm.RUN_IO_PORT, port, true);
    run.setUint32(kvm.RUN_IO_COUNT, 1, true);
    run.setBigUint64(kvm.RUN_IO_DATA_OFFSET, BigInt(kvm.RUN_PIO_DATA), true);
    run.setUint32(kvm.RUN_PIO_DATA, out ?? 0, true);
  };
const exit =
  (reason: number): Step =>
  ({ run }) =>
    run.setUint32(kvm.RUN_EXIT_REASON, reason, true);
const kick: Step = (vcpu) => {
  thread.kicks++;
  interrupted(vcpu);
};
/** The next KVM_RUN sees what an IN has read. */
const check =
  (read: (value: number) => void): Step =>
  (vcpu) => {
    read(vcpu.run.getUint32(kvm.RUN_PIO_DATA, true));
    kick(vcpu);
  };

describe('Machine', () => {
  it('brings writes to the VGA window that KVM kept to the device, before the exit behind them', () => {
    const write: Step = ({ run }) => {
      const ring = kvm.RUN_COALESCED_RING;
      run.setUint32(ring + kvm.COALESCED_ENTRIES, 0xb8000, true);
      run.setUint32(ring + kvm.COALESCED_ENTRIES + kvm.COALESCED_LEN, 1, true);
      run.setUint8(ring + kvm.COALESCED_ENTRIES + kvm.COALESCED_DATA, 0x5a);
      run.setUint32(ring + kvm.COALESCED_LAST, 1, true);
      run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_MMIO, true);
      run.setUint32(kvm.RUN_MMIO_PHYS_ADDR, 0xb8000, true);
      run.setUint32(kvm.RUN_MMIO_LEN, 1, true);
      run.setUint8(kvm.RUN_MMIO_IS_WRITE, 0);
    };
    let seen = 0;
    const look: Step = (vcpu) => {
      seen = vcpu.run.getUint8(kvm.RUN_MMIO_DATA);
      kick(vcpu);
    };
    const { vm, machine } = build([write, look]);
    expect(vm.zones).toEqual([{ addr: 0xa0000, size: 0x20000, pio: 0 }]);
    expect(machine.run()).toBeUndefined();
    expect(seen).toBe(0x5a);
  });

  it('maps RAM around the VGA window and at 4 GiB, and the text window on video memory', () => {
    const { vm, machine } = build([], { ramBytes: 16 * MIB });
    const at = (gpa: number) => vm.slots.find((s) => gpa >= s.guestPhysAddr && gpa < s.guestPhysAddr + s.memorySize);
    const ram = [0, 0x9f000, 0xc0000, 0xe4000, 0xf0000, 0xff000, 0x100000, 16 * MIB - 0x1000];
    expect(ram.map((gpa) => gpa - (at(gpa)?.guestPhysAddr ?? 0) + (at(gpa)?.userspaceAddr ?? 0))).toEqual(ram);
    const outside = [0xa0000, 0xb7000, 16 * MIB, 0xffff_0000, 0x1_0000_0000];
    expect(outside.map(at)).toEqual(outside.map(() => undefined));
    expect(at(0xb8000)?.userspaceAddr).toBe(machine.vram.offset + machine.vram.sizeBytes - 0x8000);
    expect(new Set(vm.slots.map(({ slot }) => slot)).size).toBe(vm.slots.length);
  });

  it('puts kernel, ACPI tables and BIOS data into memory and the vCPU at the entry point', () => {
    const { vm } = build([]);
    const memory = new Uint8Array(vm.memory);
    expect(vm.vcpu?.regs).toMatchObject({ rip: 0x10_0000n, rax: 0x2bad_b002n });
    expect(String.fromCharCode(...memory.subarray(0xe0000, 0xe0008))).toBe('RSD PTR ');
    expect(memory[0x400]).toBe(0xf8);
    expect(memory[0x10_0000]).toBe(0x02);
  });

  it('gives the guest a CPUID with its APIC id and the hypervisor bit', () => {
    const { vm } = build([]);
    expect(vm.vcpu?.cpuid[0]).toMatchObject({ function: 1, ecx: 0x8100_0000, ebx: 0x1_0000 });
  });

  it('takes serial output to the back end', () => {
    const { machine } = build([io(0x3f8, 1, 0x48), io(0x3f8, 1, 0x69), kick]);
    expect(machine.run()).toBeUndefined();
    expect(serialOut).toBe('Hi');
  });

  it('answers ports and memory that nothing is at with all ones, and counts', () => {
    let value = 0;
    const { machine } = build([io(0x1234, 4), check((read) => (value = read))]);
    machine.run();
    expect(value).toBe(0xffff_ffff);
    expect(machine.counters()).toMatchObject({ unmapped_reads: 4, unmapped_writes: 0 });
  });

  it('finds the chipset on the PCI bus', () => {
    const found: number[] = [];
    const ids = [0x8000_0000, 0x8000_0800, 0x8000_0b00, 0x8000_1000, 0x8000_1800];
    const steps = ids.flatMap((address) => [
      io(0xcf8, 4, address),
      io(0xcfc, 4),
      ((vcpu) => {
        found.push(vcpu.run.getUint32(kvm.RUN_PIO_DATA, true));
        interrupted(vcpu);
      }) satisfies Step,
    ]);
    build([...steps, kick]).machine.run();
    expect(found).toEqual([0x1237_8086, 0x7000_8086, 0x7113_8086, 0x1111_1234, 0xffff_ffff]);
  });

  it('drives an interrupt line of KVM when a device does, once per change', () => {
    const { machine, vm } = build([io(0x3fc, 1, 0x08), io(0x3f9, 1, 0x02), io(0x3f9, 1, 0x02), io(0x3f9, 1, 0), kick]);
    machine.run();
    expect(vm.irqs.filter(({ irq }) => irq === 4)).toEqual([
      { irq: 4, level: 1 },
      { irq: 4, level: 0 },
    ]);
  });

  it('sets the alarm for the next timer and runs it when the alarm interrupts the guest', () => {
    let fired = 0;
    const { machine } = build([
      (vcpu) => {
        expect(thread.alarmNs).toBe(500);
        thread.timeNs = 600;
        interrupted(vcpu);
      },
      kick,
    ]);
    timers.createTimer('test', () => fired++).arm(500);
    machine.run();
    expect(fired).toBe(1);
  });

  it('stops when the guest powers off through ACPI', () => {
    expect(build([io(0xb004, 2, 0x2000)]).machine.run()).toEqual({ kind: 'guest-shutdown' });
  });

  it('stops with the value written to the debug exit port, where there is one', () => {
    expect(build([io(0xf4, 1, 3)], { debugExit: true }).machine.run()).toEqual({ kind: 'debug-exit', value: 3 });
    expect(build([io(0xf4, 1, 3), kick]).machine.run()).toBeUndefined();
  });

  it.each<[string, Step]>([
    ['the reset register', io(0xcf9, 1, 6)],
    ['the keyboard controller', io(0x64, 1, 0xfe)],
    ['port 92', io(0x92, 1, 3)],
  ])('boots again when the guest resets it by %s', (_way, step) => {
    const { machine, vm } = build([
      io(0x3fb, 1, 0x1b),
      (vcpu) => {
        vcpu.regs = { ...vcpu.regs, rip: 0n, rax: 7n };
        vcpu.mpState = 3;
        vcpu.lapic = new Uint8Array(1024).fill(1);
        vcpu.msrs.set(0x10, 99n);
        new Uint8Array(vm.memory)[0x10_0000] = 0;
        step(vcpu);
      },
      io(0x3fb, 1),
      check((lcr) => expect(lcr & 0xff).toBe(0)),
    ]);
    expect(machine.run()).toBeUndefined();
    expect(vm.vcpu?.regs).toMatchObject({ rip: 0x10_0000n, rax: 0x2bad_b002n });
    expect([vm.vcpu?.mpState, vm.vcpu?.lapic[0], vm.vcpu?.msrs.get(0x10)]).toEqual([0, 0, 0n]);
    expect(new Uint8Array(vm.memory)[0x10_0000]).toBe(0x02);
  });

  it('clears on a reset what the kernel expects to be zero', () => {
    const kernel = elf(multibootHeader(0), { memorySize: 8192 });
    const { machine, vm } = build([], { boot: { kernel, cmdline: '' } });
    new Uint8Array(vm.memory).fill(0xcc, 0x10_0000, 0x10_3000);
    machine.reset();
    expect([...new Uint8Array(vm.memory).subarray(0x10_1ffe, 0x10_2002)]).toEqual([0, 0, 0xcc, 0xcc]);
  });

  it('reports a triple fault with the registers', () => {
    const stop = build([exit(kvm.KVM_EXIT_SHUTDOWN)]).machine.run();
    expect(stop).toMatchObject({ kind: 'vcpu-shutdown', registers: expect.stringContaining('RIP: 0010:') });
  });

  it('reports an internal error with its data', () => {
    const stop = build([
      ({ run }) => {
        run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_INTERNAL_ERROR, true);
        run.setUint32(kvm.RUN_INTERNAL_SUBERROR, kvm.KVM_INTERNAL_ERROR_EMULATION, true);
        run.setUint32(kvm.RUN_INTERNAL_NDATA, 1, true);
        run.setBigUint64(kvm.RUN_INTERNAL_DATA, 0xabcn, true);
      },
    ]).machine.run();
    expect(stop).toMatchObject({
      kind: 'internal-error',
      message: 'an instruction could not be emulated (data: 0xabc)',
    });
  });

  it('reports an exit that it never asked for instead of spinning on it', () => {
    expect(build([exit(kvm.KVM_EXIT_HLT)]).machine.run()).toMatchObject({
      kind: 'internal-error',
      message: expect.stringContaining('exit reason 5'),
    });
  });

  it('refuses files that cannot be booted before it asks KVM for memory', () => {
    const system = new ScriptedKvm();
    const boot = { kernel: new TextEncoder().encode('hello\n'), cmdline: '' };
    const ports = { thread, timers, wall: { nowMs: () => 0 }, serial: { write: () => {} } };
    const make = () =>
      new Machine(system, { ramBytes: 16 * MIB, boot }, { ...ports, scanoutWords: new Int32Array(SCANOUT_WORDS) });
    expect(make).toThrow(BootError);
    expect(system.vms).toHaveLength(0);
  });
});
