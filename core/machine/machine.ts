/**
 * One virtual machine: memory, interrupt controllers, vCPU 0 and the devices of pc.ts, put together on a KVM; the loop
 * that runs the vCPU and answers its exits.
 *
 * Reference: [API] the kernel's Documentation/virt/kvm/api.rst. Not here: more than one vCPU, firmware ROMs, hot plug.
 */
import { Scanout, TEXT_MEMORY_BYTES } from '../backends/display/scanout.ts';
import type { TimerQueue, WallClock } from '../base/clock.ts';
import type { CpuConfig } from '../contracts/cpu.ts';
import type { StopReason } from '../contracts/machine.ts';
import type { CharBackend, IrqLine } from '../devices/device.ts';
import { TEXT_WINDOW_GPA, VGA_MEMORY_BYTES } from '../devices/vga/vga.ts';
import { acpiTables } from '../firmware/acpi/index.ts';
import { biosDataArea } from '../firmware/bios-data-area.ts';
import { planBoot } from '../firmware/boot.ts';
import type { BootFiles, BootPlan, MemoryChunk } from '../firmware/boot-image.ts';
import { splitRam } from '../firmware/e820.ts';
import * as platform from '../firmware/platform.ts';
import * as kvm from '../kvm/api.ts';
import { Bus } from './bus.ts';
import { readCodeBytes } from './code-bytes.ts';
import { guestCpuid } from './cpuid.ts';
import { handleIo, handleMmio } from './exits.ts';
import { type RamRange, SlotMemory } from './guest-memory.ts';
import { createPcDevices, type PcDevices } from './pc.ts';
import { formatRegisters } from './registers.ts';
import {
  getIrqchipState,
  getVcpuState,
  type IrqchipState,
  setIrqchipState,
  setVcpuState,
  type VcpuState,
} from './vcpu-state.ts';

/** The thread that a machine runs on: a VcpuThread whose alarm the machine sets. */
export interface MachineThread extends kvm.VcpuThread {
  setAlarm(deadlineNs: number): void;
  /** Someone has a message for the owner of the machine. */
  kicked(): boolean;
}

export interface MachinePorts {
  readonly thread: MachineThread;
  /** Timers over the thread's clock. */
  readonly timers: TimerQueue;
  readonly wall: WallClock;
  readonly serial: CharBackend;
  /** Words for the display's scan-out state (SCANOUT_WORDS), shared with whoever shows it. */
  readonly scanoutWords: Int32Array;
}

export interface MachineOptions {
  readonly ramBytes: number;
  readonly boot: BootFiles;
  /** Put isa-debug-exit at port 0xf4. */
  readonly debugExit?: boolean;
  /** DEFAULT_CPU when absent. */
  readonly cpu?: CpuConfig;
}

/** Longest code dump of a crash, in bytes. */
const CODE_DUMP_BYTES = 24;
const KVM_PIT_SPEAKER_DUMMY = 1; // port 0x61 is the kernel's, too
const BOOT_VCPU = 0;

const SUBERRORS: Readonly<Record<number, string>> = {
  [kvm.KVM_INTERNAL_ERROR_EMULATION]: 'an instruction could not be emulated',
  [kvm.KVM_INTERNAL_ERROR_DELIVERY_EV]: 'an event could not be delivered',
};

export class Machine {
  readonly devices: PcDevices;
  readonly vcpu: kvm.KvmVcpu;
  /** Video memory: its place in the VM's shared memory. */
  readonly vram: { readonly offset: number; readonly sizeBytes: number };
  readonly #vm: kvm.KvmVm;
  readonly #memory: SlotMemory;
  readonly #ports: MachinePorts;
  readonly #options: MachineOptions;
  readonly #plan: BootPlan;
  readonly #pio = new Bus();
  readonly #mmio = new Bus();
  readonly #powerOnVcpu: VcpuState;
  readonly #powerOnIrqchip: IrqchipState;
  #stop: StopReason | undefined;
  #resetRequested = false;

  /**
   * Ready to run. Throws BootError for files that cannot be booted (before anything is allocated), CpuModelError for a
   * processor that KVM cannot give, KvmError or RangeError when the host cannot give the memory.
   */
  constructor(system: kvm.KvmSystem, options: MachineOptions, ports: MachinePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#plan = planBoot(options.boot, { ramBytes: options.ramBytes, rsdpAddress: platform.ACPI_TABLES_START });
    this.#vm = system.createVm({
      userMemoryBytes: options.ramBytes + VGA_MEMORY_BYTES,
      thread: ports.thread,
      wall: ports.wall,
    });
    this.#vm.setIdentityMapAddr(platform.KVM_IDENTITY_MAP);
    this.#vm.setTssAddr(platform.KVM_TSS);
    this.#vm.createIrqchip();
    this.#vm.createPit2({ flags: KVM_PIT_SPEAKER_DUMMY });
    this.#memory = new SlotMemory(this.#vm, this.#mapRam());
    this.vram = { offset: this.#vm.mmap(VGA_MEMORY_BYTES), sizeBytes: VGA_MEMORY_BYTES };
    this.#mapSlot(this.#memory.ranges.length, {
      gpa: TEXT_WINDOW_GPA,
      sizeBytes: TEXT_MEMORY_BYTES,
      offset: this.vram.offset,
    });

    this.vcpu = this.#vm.createVcpu(BOOT_VCPU);
    this.vcpu.setCpuid2(guestCpuid(system, BOOT_VCPU, options.cpu));
    this.#powerOnVcpu = getVcpuState(this.vcpu, system.getMsrIndexList());
    this.#powerOnIrqchip = getIrqchipState(this.#vm);
    this.devices = this.#createDevices();
    this.#boot();
  }

  /** The memory that guest RAM and VRAM lie in. */
  get sharedMemory(): SharedArrayBuffer {
    return this.#vm.memory;
  }

  /** Runs the guest until the thread is kicked (undefined) or the machine has stopped (why). */
  run(): StopReason | undefined {
    const { thread, timers } = this.#ports;
    while (this.#stop === undefined) {
      if (thread.kicked()) return undefined;
      thread.setAlarm(timers.nextDeadlineNs());
      try {
        this.vcpu.kvmRun();
        this.#handleExit();
      } catch (error) {
        if (!(error instanceof kvm.KvmError) || error.errno !== 'EINTR') throw error;
        timers.runDue(thread.nowNs());
      }
      if (this.#resetRequested) this.reset();
    }
    return this.#stop;
  }

  /** Power-on state for every device, the interrupt controllers and the vCPU; then boots as the first time. */
  reset(): void {
    this.#resetRequested = false;
    this.#completeExit();
    for (const { device } of this.devices.rows) device.reset();
    setIrqchipState(this.#vm, this.#powerOnIrqchip);
    setVcpuState(this.vcpu, this.#powerOnVcpu);
    this.#boot();
  }

  /** The vCPU's registers as text, for a crash report. */
  describeRegisters(): string {
    const regs = this.vcpu.getRegs();
    const sregs = this.vcpu.getSregs();
    return formatRegisters(regs, sregs, readCodeBytes(this.#memory, regs, sregs, CODE_DUMP_BYTES));
  }

  /** Cumulative counters of the vCPU, and accesses that no device answered. */
  counters(): Record<string, number> {
    const buses = [this.#pio.counters, this.#mmio.counters];
    return {
      ...this.vcpu.stats(),
      unmapped_reads: buses.reduce((sum, bus) => sum + bus.unknownReads, 0),
      unmapped_writes: buses.reduce((sum, bus) => sum + bus.unknownWrites, 0),
    };
  }

  close(): void {
    this.#vm.close();
  }

  /** RAM below the hole but for VGA's window, and above 4 GiB, in slots over one stretch of the shared memory. */
  #mapRam(): RamRange[] {
    const { lowBytes, highBytes } = splitRam(this.#options.ramBytes);
    const offset = this.#vm.mmap(this.#options.ramBytes);
    const low = (gpa: number, end: number): RamRange => ({ gpa, sizeBytes: end - gpa, offset: offset + gpa });
    const ranges = [
      low(0, platform.VGA_WINDOW_START),
      low(platform.VGA_WINDOW_END, lowBytes),
      { gpa: platform.HIGH_RAM_START, sizeBytes: highBytes, offset: offset + lowBytes },
    ].filter((range) => range.sizeBytes > 0);
    ranges.forEach((range, slot) => {
      this.#mapSlot(slot, range);
    });
    return ranges;
  }

  #mapSlot(slot: number, range: RamRange): void {
    this.#vm.setUserMemoryRegion({
      slot,
      flags: 0,
      guestPhysAddr: range.gpa,
      memorySize: range.sizeBytes,
      userspaceAddr: range.offset,
    });
  }

  #createDevices(): PcDevices {
    const { timers, wall, serial, scanoutWords } = this.#ports;
    const { lowBytes, highBytes } = splitRam(this.#options.ramBytes);
    const devices = createPcDevices({
      irq: (line) => this.#irqLine(line),
      timers,
      wall,
      memory: { below4gBytes: lowBytes, above4gBytes: highBytes },
      serial,
      vram: new Uint8Array(this.#vm.memory, this.vram.offset, this.vram.sizeBytes),
      scanout: new Scanout(scanoutWords),
      powerOff: () => {
        this.#stop = { kind: 'guest-shutdown' };
      },
      reset: () => {
        this.#resetRequested = true;
      },
      ...(this.#options.debugExit && {
        debugExit: (value: number) => {
          this.#stop = { kind: 'debug-exit', value };
        },
      }),
    });
    for (const { ports = [] } of devices.rows)
      for (const [start, length, region] of ports) this.#pio.add(start, length, region);
    return devices;
  }

  /** Devices drive their lines as often as they like; KVM hears of changes. */
  #irqLine(irq: number): IrqLine {
    let driven = false;
    return {
      set: (level) => {
        if (level === driven) return;
        driven = level;
        this.#vm.irqLine({ irq, level: level ? 1 : 0 });
      },
    };
  }

  /** What firmware does before it jumps to a kernel: fills memory, sets the registers. */
  #boot(): void {
    this.#vm.notifyWrite(this.vram.offset, TEXT_MEMORY_BYTES); // the adapter cleared its screen
    const tables: MemoryChunk = { gpa: platform.ACPI_TABLES_START, bytes: acpiTables(platform.ACPI_TABLES_START, 1) };
    for (const { gpa, bytes, zeroBytes = 0 } of [...biosDataArea(), tables, ...this.#plan.chunks]) {
      this.#memory.write(gpa, bytes);
      this.#memory.fillZero(gpa + bytes.length, zeroBytes);
    }
    this.vcpu.setSregs(this.#plan.applySregs(this.#powerOnVcpu.sregs));
    this.vcpu.setRegs(this.#plan.regs);
  }

  /** [API] an exit's instruction is done only at the next KVM_RUN: let it finish before its registers are replaced. */
  #completeExit(): void {
    this.vcpu.run.setUint8(kvm.RUN_IMMEDIATE_EXIT, 1);
    try {
      this.vcpu.kvmRun();
    } catch (error) {
      if (!(error instanceof kvm.KvmError) || error.errno !== 'EINTR') throw error;
    } finally {
      this.vcpu.run.setUint8(kvm.RUN_IMMEDIATE_EXIT, 0);
    }
  }

  #handleExit(): void {
    const { run } = this.vcpu;
    const reason = run.getUint32(kvm.RUN_EXIT_REASON, true);
    switch (reason) {
      case kvm.KVM_EXIT_IO:
        handleIo(run, this.#pio);
        break;
      case kvm.KVM_EXIT_MMIO:
        handleMmio(run, this.#mmio);
        break;
      case kvm.KVM_EXIT_INTR:
        break;
      case kvm.KVM_EXIT_SHUTDOWN:
        this.#stop = { kind: 'vcpu-shutdown', registers: this.describeRegisters() };
        break;
      case kvm.KVM_EXIT_INTERNAL_ERROR:
        this.#fail(describeInternalError(run));
        break;
      default:
        // HLT is the kernel's with its interrupt controllers, DEBUG needs KVM_SET_GUEST_DEBUG
        this.#fail(`the vCPU stopped with exit reason ${reason}, which this machine never asks for`);
    }
  }

  #fail(message: string): void {
    this.#stop = { kind: 'internal-error', message, registers: this.describeRegisters() };
  }
}

/** "an instruction could not be emulated (data: ...)", from the run page. */
function describeInternalError(run: DataView): string {
  const MOST_DATA = 16;
  const suberror = run.getUint32(kvm.RUN_INTERNAL_SUBERROR, true);
  const count = Math.min(run.getUint32(kvm.RUN_INTERNAL_NDATA, true), MOST_DATA);
  const data = Array.from(
    { length: count },
    (_, i) => `0x${run.getBigUint64(kvm.RUN_INTERNAL_DATA + i * 8, true).toString(16)}`,
  );
  const what = SUBERRORS[suberror] ?? `internal error ${suberror}`;
  return data.length === 0 ? what : `${what} (data: ${data.join(' ')})`;
}
