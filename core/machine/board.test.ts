import { describe, expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import * as R from '../devices/pci-host/pci.regs.ts';
import * as kvm from '../kvm/api.ts';
import { interrupted, ScriptedKvm, type ScriptedVm, type Step } from '../testing/scripted-kvm.ts';
import { Machine, type MachineOptions } from './machine.ts';

const MIB = 2 ** 20;
const FIRMWARE = new Uint8Array(256 * 1024).fill(0xfe);

function build(options: Partial<MachineOptions> = {}, steps: Step[] = []): { machine: Machine; vm: ScriptedVm } {
  let kicks = 0;
  const thread = {
    nowNs: () => 0,
    signalPending: () => false,
    sleepUntil: () => {},
    alarmNs: 0,
    setAlarm: () => {},
    kicked: () => kicks > 0,
  };
  const kick: Step = (vcpu) => {
    kicks++;
    interrupted(vcpu);
  };
  const system = new ScriptedKvm([...steps, kick]);
  const machine = new Machine(
    system,
    { ramBytes: 16 * MIB, boot: { firmware: FIRMWARE }, ...options },
    {
      thread,
      timers: new TimerQueue(thread),
      wall: { nowMs: () => 0 },
      serial: { write: () => {} },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
    },
  );
  return { machine, vm: system.vms[0] as ScriptedVm };
}

/** What the slots show now: ScriptedVm keeps all that was asked of it. */
function live(vm: ScriptedVm): Map<number, kvm.KvmUserspaceMemoryRegion> {
  const slots = new Map<number, kvm.KvmUserspaceMemoryRegion>();
  for (const region of vm.slots) {
    if (region.memorySize === 0) slots.delete(region.slot);
    else slots.set(region.slot, region);
  }
  return slots;
}
const slotAt = (vm: ScriptedVm, gpa: number) =>
  [...live(vm).values()].find((s) => gpa >= s.guestPhysAddr && gpa < s.guestPhysAddr + s.memorySize);

function space(machine: Machine, id: string) {
  const found = machine.devices.rows.find((row) => row.id === id)?.pci?.[2];
  if (!found) throw new Error(`no ${id}`);
  return found;
}

/** A 32-bit read of a port or of memory, and what came of it. */
function read(what: { port: number } | { gpa: number }, got: (value: number) => void): Step[] {
  const answer: Step = (vcpu) => {
    got(vcpu.run.getUint32('port' in what ? kvm.RUN_PIO_DATA : kvm.RUN_MMIO_DATA, true));
    interrupted(vcpu);
  };
  const ask: Step = ({ run }) => {
    if ('port' in what) {
      run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_IO, true);
      run.setUint8(kvm.RUN_IO_DIRECTION, kvm.KVM_EXIT_IO_IN);
      run.setUint8(kvm.RUN_IO_SIZE, 4);
      run.setUint16(kvm.RUN_IO_PORT, what.port, true);
      run.setUint32(kvm.RUN_IO_COUNT, 1, true);
      run.setBigUint64(kvm.RUN_IO_DATA_OFFSET, BigInt(kvm.RUN_PIO_DATA), true);
    } else {
      run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_MMIO, true);
      run.setBigUint64(kvm.RUN_MMIO_PHYS_ADDR, BigInt(what.gpa), true);
      run.setUint32(kvm.RUN_MMIO_LEN, 4, true);
      run.setUint8(kvm.RUN_MMIO_IS_WRITE, 0);
    }
  };
  return [ask, answer];
}

describe('a machine with firmware', () => {
  it('has it below 4 GiB and its end below 1 MiB, as ROM, and leaves the vCPU where it powers on', () => {
    const { vm } = build();
    const top = slotAt(vm, 0xffff_fff0);
    const copy = slotAt(vm, 0xf_fff0);
    expect([top?.guestPhysAddr, top?.flags, copy?.flags]).toEqual([
      0xfffc_0000,
      kvm.KVM_MEM_READONLY,
      kvm.KVM_MEM_READONLY,
    ]);
    const inMemory = (slot: typeof top, gpa: number) => (slot?.userspaceAddr ?? 0) + gpa - (slot?.guestPhysAddr ?? 0);
    expect(inMemory(copy, 0xf_fff0)).toBe(inMemory(top, 0xffff_fff0));
    expect(slotAt(vm, 0xd_0000)).toBeUndefined();
    expect(new Uint8Array(vm.memory)[inMemory(top, 0xffff_fff0)]).toBe(0xfe);
    expect(vm.vcpu?.regs.rip).toBe(vm.vcpu?.getRegs().rip);
  });

  it('shows RAM in its place when the host bridge says so, and the ROM again after a reset', () => {
    const { machine, vm } = build();
    space(machine, 'i440fx').writeConfig(R.PAM0, 1, 0x30);
    expect(slotAt(vm, 0xf_fff0)).toMatchObject({ flags: 0, userspaceAddr: 0xf_0000 });
    space(machine, 'i440fx').writeConfig(R.SMRAM, 1, 0x4a);
    expect(slotAt(vm, 0xb_8000)).toMatchObject({
      guestPhysAddr: 0xa_0000,
      memorySize: 0x2_0000,
      userspaceAddr: 0xa_0000,
    });
    machine.reset();
    expect(slotAt(vm, 0xf_fff0)?.flags).toBe(kvm.KVM_MEM_READONLY);
    expect(slotAt(vm, 0xa_0000)).toBeUndefined();
  });

  it('shows the BIOS of the VGA where its expansion ROM is put', () => {
    const { machine, vm } = build({ boot: { firmware: FIRMWARE, vgaBios: new Uint8Array(40_000).fill(0x55) } });
    const vga = space(machine, 'std-vga');
    vga.writeConfig(R.EXPANSION_ROM, 4, 0xfeb0_0001);
    vga.writeConfig(R.COMMAND, 2, R.COMMAND_MEMORY);
    expect(slotAt(vm, 0xfeb0_0000)).toMatchObject({ memorySize: 0x1_0000, flags: kvm.KVM_MEM_READONLY });
  });

  it('maps the flash for its variables below it, and not while a command is under way', () => {
    const stored: number[] = [];
    const store = { write: (offset: number, bytes: Uint8Array) => void stored.push(offset, bytes.length) };
    const nvram = { content: new Uint8Array(8192).fill(0xff), store };
    const { machine, vm } = build({ boot: { firmware: FIRMWARE, nvram } });
    const gpa = 0xfffc_0000 - 8192;
    expect(slotAt(vm, gpa)).toMatchObject({ guestPhysAddr: gpa, memorySize: 8192, flags: kvm.KVM_MEM_READONLY });
    const flash = machine.devices.rows.find(({ id }) => id === 'pflash')?.memory?.[0]?.[2];
    flash?.write(5, 1, 0x40);
    expect(slotAt(vm, gpa)).toBeUndefined();
    flash?.write(5, 1, 0x12);
    flash?.write(0, 1, 0xff);
    expect(new Uint8Array(vm.memory)[(slotAt(vm, gpa)?.userspaceAddr ?? 0) + 5]).toBe(0x12);
    expect(stored).toEqual([5, 1]);
  });
});

describe('windows that a guest moves', () => {
  it('take video memory and its dirty log along', () => {
    const { machine, vm } = build();
    const vga = space(machine, 'std-vga');
    vga.writeConfig(R.COMMAND, 2, R.COMMAND_MEMORY);
    for (const base of [0xe000_0000, 0xfd00_0000]) {
      vga.writeConfig(R.BAR0, 4, base);
      expect(slotAt(vm, base)).toMatchObject({
        guestPhysAddr: base,
        memorySize: 16 * MIB,
        userspaceAddr: machine.vram.offset,
        flags: kvm.KVM_MEM_LOG_DIRTY_PAGES,
      });
    }
    expect(slotAt(vm, 0xe000_0000)).toBeUndefined();
  });

  it('cannot hide RAM or firmware', () => {
    const { machine, vm } = build();
    const vga = space(machine, 'std-vga');
    vga.writeConfig(R.COMMAND, 2, R.COMMAND_MEMORY);
    vga.writeConfig(R.BAR0, 4, 0xff00_0000);
    expect(slotAt(vm, 0xffff_fff0)?.flags).toBe(kvm.KVM_MEM_READONLY);
    expect(slotAt(vm, 0xff00_0000)).toMatchObject({ memorySize: 16 * MIB - FIRMWARE.length });
  });

  it('take the power management block along', () => {
    let value = 0;
    const { machine } = build(
      {},
      read({ port: 0x600 }, (read) => (value = read)),
    );
    const pm = space(machine, 'piix4-pm');
    pm.writeConfig(R.PMBA, 4, 0x600);
    pm.writeConfig(R.PMREGMISC, 1, 1);
    machine.run();
    expect(value).toBe(0);
    expect(machine.counters()['unmapped_reads']).toBe(0);
  });

  it('take memory-mapped configuration space along, on a q35', () => {
    const values: number[] = [];
    const ids = [0, 0x1f_8000, 0x1_0000];
    const steps = ids.flatMap((offset) => read({ gpa: 0xb000_0000 + offset }, (value) => values.push(value)));
    const { machine } = build({ machine: 'q35' }, steps);
    space(machine, 'mch').writeConfig(R.PCIEXBAR, 4, 0xb000_0001);
    machine.run();
    expect(values.map((value) => value.toString(16))).toEqual(['29c08086', 'ffffffff', 'ffffffff']);
  });
});
