/**
 * One virtual machine: memory, interrupt controllers, vCPU 0 and the devices of a board (pc.ts, q35.ts), put together on a
 * KVM; the loop that runs the vCPU and answers its exits.
 *
 * Reference: [API] the kernel's Documentation/virt/kvm/api.rst. Not here: more than one vCPU.
 */
import { createScanoutState, Scanout } from '../backends/display/scanout.ts';
import type { TimerQueue, WallClock } from '../base/clock.ts';
import type { CpuConfig } from '../contracts/cpu.ts';
import type { MachineType, PluggedDevice, StopReason, WatchdogAction } from '../contracts/machine.ts';
import type { WakeReason } from '../devices/acpi-pm/acpi-pm.ts';
import type { CharBackend } from '../devices/device.ts';
import type { FlashStore } from '../devices/pflash/pflash.ts';
import { vgaMemoryBytes } from '../devices/vga/vga.ts';
import { facsAddress } from '../firmware/acpi/index.ts';
import { planBoot } from '../firmware/boot.ts';
import type { BootFiles, BootPlan } from '../firmware/boot-image.ts';
import { splitRam } from '../firmware/e820.ts';
import * as platform from '../firmware/platform.ts';
import { FACS_WAKING_VECTOR, planResume } from '../firmware/resume.ts';
import * as kvm from '../kvm/api.ts';
import type { Board, BoardDevices } from './board.ts';
import { type BoardDescription, describeBoard, directBootTables } from './board-tables.ts';
import { Bus } from './bus.ts';
import { CoalescedWrites } from './coalesced-writes.ts';
import { readCodeBytes } from './code-bytes.ts';
import { guestCpuid } from './cpuid.ts';
import { DisplayLog } from './display-log.ts';
import { countersOf, ExitStats } from './exit-stats.ts';
import { handleIo, handleMmio } from './exits.ts';
import { type Attachment, HotPlugError } from './hot-plug.ts';
import { IrqLines } from './irq-lines.ts';
import { kernelItems } from './kernel-items.ts';
import { MachineMemory, ramHoleStart, sharedMemoryBytes } from './machine-memory.ts';
import { createPc } from './pc.ts';
import { createQ35 } from './q35.ts';
import { formatRegisters } from './registers.ts';
import { cmosDrives, type MachineDrive } from './storage.ts';
import type { UsbConfig } from './usb.ts';
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
  /** What firmware prints for its developers; nobody listens when absent. */
  readonly debugConsole?: CharBackend;
  /** Told of what its owner may want to show or has to do. */
  readonly notify?: (notice: MachineNotice) => void;
}

export type MachineNotice =
  /** The watchdog ended, and this was done; a pause is the owner's to make. */
  | { readonly type: 'watchdog'; readonly action: WatchdogAction }
  /** The guest let go of a device that it was asked for, or did so by itself. */
  | { readonly type: 'detached'; readonly device: PluggedDevice }
  /** The guest's kernel panicked and goes on with another. */
  | { readonly type: 'crash-loaded' }
  /** The guest sleeps in S3 and waits for wakeUp(), or has woken. */
  | { readonly type: 'suspended' | 'woken' }
  /** The PC speaker's tone, or silence. */
  | { readonly type: 'speaker'; readonly frequencyHz: number | undefined };

export interface MachineOptions {
  /** For the guest's management software. */
  readonly name?: string;
  readonly uuid?: string;
  /** There is a watchdog that does this. */
  readonly watchdog?: WatchdogAction;
  /** There is a panic device. */
  readonly panic?: boolean;
  readonly ramBytes: number;
  /** 'pc' when absent. */
  readonly machine?: MachineType;
  /** A kernel, or firmware. */
  readonly boot: BootFiles | FirmwareImages;
  /** Firmware offers a choice of what to boot, for this many ms. */
  readonly bootMenuMs?: number;
  /** A power of two; 16 MiB when absent. */
  readonly videoMemoryBytes?: number;
  readonly drives?: readonly MachineDrive[];
  readonly usb?: UsbConfig;
  /** Put isa-debug-exit at port 0xf4. */
  readonly debugExit?: boolean;
  /** DEFAULT_CPU when absent. */
  readonly cpu?: CpuConfig;
}

/** What runs first: an image for the end of the first 4 GiB, and the VGA's BIOS, for it to find. */
export interface FirmwareImages {
  readonly firmware: Uint8Array;
  readonly vgaBios?: Uint8Array;
  /** A Linux kernel for the firmware to boot. */
  readonly kernel?: BootFiles;
  /** A flash below the image: what it holds, whole blocks of 4 KiB, and where that is kept. */
  readonly nvram?: { readonly content: Uint8Array; readonly store: FlashStore };
}

const DEFAULT_VIDEO_MEMORY = 16 * 2 ** 20;
/** Longest code dump of a crash, in bytes. */
const CODE_DUMP_BYTES = 24;
const KVM_PIT_SPEAKER_DUMMY = 1; // port 0x61 is the kernel's, too
const BOOT_VCPU = 0;

const SUBERRORS: Readonly<Record<number, string>> = {
  [kvm.KVM_INTERNAL_ERROR_EMULATION]: 'an instruction could not be emulated',
  [kvm.KVM_INTERNAL_ERROR_DELIVERY_EV]: 'an event could not be delivered',
};

export class Machine {
  readonly devices: BoardDevices;
  readonly vcpu: kvm.KvmVcpu;
  readonly exitStats: ExitStats;
  /** Video memory: its place in the VM's shared memory. */
  readonly vram: { readonly offset: number; readonly sizeBytes: number };
  readonly #vm: kvm.KvmVm;
  readonly #memory: MachineMemory;
  readonly #ports: MachinePorts;
  readonly #options: MachineOptions;
  readonly #machineType: MachineType;
  /** Of a direct boot. */
  readonly #plan: BootPlan | undefined;
  readonly #described: BoardDescription;
  readonly #pio = new Bus();
  readonly #mmio = new Bus();
  readonly #powerOnVcpu: VcpuState;
  readonly #powerOnIrqchip: IrqchipState;
  readonly #scanout: Scanout;
  readonly #scanoutState = createScanoutState();
  readonly #displayLog: DisplayLog;
  readonly #coalesced: CoalescedWrites;
  #stop: StopReason | undefined;
  #resetRequested = false;
  /** In S3. */
  #suspended = false;

  /**
   * Ready to run. Throws BootError for files that cannot be booted (before anything is allocated), CpuModelError for a
   * processor that KVM cannot give, KvmError or RangeError when the host cannot give the memory.
   */
  constructor(system: kvm.KvmSystem, options: MachineOptions, ports: MachinePorts) {
    this.#options = options;
    this.#ports = ports;
    this.exitStats = new ExitStats(ports.thread);
    this.#machineType = options.machine ?? 'pc';
    const { ramBytes, boot } = options;
    this.#plan = !('firmware' in boot)
      ? planBoot(boot, {
          ramBytes,
          ramHoleStart: ramHoleStart(this.#machineType),
          rsdpAddress: platform.ACPI_TABLES_START,
        })
      : undefined;
    this.#described = describeBoard({
      ...options,
      machine: this.#machineType,
      directBoot: this.#plan !== undefined,
      drives: options.drives ?? [],
      panic: options.panic ?? false,
    });
    const sizes = {
      machine: this.#machineType,
      ramBytes,
      vramBytes: vgaMemoryBytes(options.videoMemoryBytes ?? DEFAULT_VIDEO_MEMORY),
      ...('firmware' in boot && {
        firmware: boot.firmware,
        ...(boot.nvram && { nvram: boot.nvram.content }),
        ...(boot.vgaBios && { vgaBios: boot.vgaBios }),
      }),
    };
    this.#scanout = new Scanout(ports.scanoutWords);
    this.#displayLog = new DisplayLog(this.#scanout.dirty);
    this.#vm = system.createVm({
      userMemoryBytes: sharedMemoryBytes(sizes),
      thread: this.#displayLog.watch(ports.thread),
      wall: ports.wall,
      speakerChanged: (frequencyHz) => ports.notify?.({ type: 'speaker', frequencyHz }),
    });
    this.#vm.setIdentityMapAddr(platform.KVM_IDENTITY_MAP);
    this.#vm.setTssAddr(platform.KVM_TSS);
    this.#vm.createIrqchip();
    this.#vm.createPit2({ flags: KVM_PIT_SPEAKER_DUMMY });
    this.#memory = new MachineMemory(this.#vm, this.#mmio, sizes);
    this.vram = this.#memory.vram;
    this.vcpu = this.#vm.createVcpu(BOOT_VCPU);
    this.vcpu.setCpuid2(guestCpuid(system, BOOT_VCPU, options.cpu));
    this.#powerOnVcpu = getVcpuState(this.vcpu, system.getMsrIndexList());
    this.#powerOnIrqchip = getIrqchipState(this.#vm);
    this.#coalesced = new CoalescedWrites(this.#vm, this.vcpu.run, this.#mmio);
    this.devices = this.#createDevices();
    for (const { coalesced = [] } of this.devices.rows) for (const zone of coalesced) this.#coalesced.allow(...zone);
    this.#boot();
  }

  /** The size of the picture that the guest shows, in pixels. */
  screenSize(): { readonly width: number; readonly height: number } {
    this.#scanout.read(this.#scanoutState);
    return this.#scanoutState;
  }

  /** The memory that guest RAM and VRAM lie in. */
  get sharedMemory(): SharedArrayBuffer {
    return this.#vm.memory;
  }

  /** Runs the guest until the thread is kicked (undefined) or the machine has stopped (why). */
  run(): StopReason | undefined {
    const { thread, timers } = this.#ports;
    this.answerDisplay();
    while (this.#stop === undefined) {
      if (thread.kicked()) return undefined;
      thread.setAlarm(timers.nextDeadlineNs());
      if (this.#suspended) {
        this.#sleep();
        continue;
      }
      try {
        this.exitStats.entering();
        this.#displayLog.entering();
        this.#kvmRun();
        this.exitStats.exited(this.vcpu.run);
        this.#displayLog.exited();
        this.#handleExit();
      } catch (error) {
        if (!(error instanceof kvm.KvmError) || error.errno !== 'EINTR') throw error;
        this.exitStats.exited(this.vcpu.run);
        timers.runDue(thread.nowNs());
      }
      if (this.#resetRequested) this.reset();
    }
    return this.#stop;
  }

  /** In S3: until a timer is due or the thread is kicked, or not at all where what wakes the guest has happened. */
  #sleep(): void {
    const { thread, timers } = this.#ports;
    if (this.devices.pm.pendingWake === undefined) thread.sleepUntil(timers.nextDeadlineNs());
    timers.runDue(thread.nowNs());
    const { pendingWake } = this.devices.pm;
    if (this.#resetRequested) this.reset();
    else if (this.#suspended && pendingWake) this.#wake(pendingWake);
  }

  /** Tells the display what the guest wrote, where it has asked: run() does, and who lets the guest stand still. */
  answerDisplay(): void {
    this.#displayLog.answer(this.#memory.map, this.vram);
  }

  /** Power-on state for every device, the interrupt controllers and the vCPU; then boots as the first time. */
  reset(): void {
    this.#powerOn();
    this.#boot();
  }

  /** Wakes a guest that sleeps, or asks it to shut down. */
  pressPowerButton(): void {
    if (this.#suspended) this.#wake('power-button');
    else this.devices.pm.pressPowerButton();
  }

  /** A key, a mouse: wakes a guest that sleeps. */
  wakeUp(): void {
    if (this.#suspended) this.#wake('input');
  }

  /** Plugs a device in. Throws HotPlugError where that cannot be. */
  attach(device: Attachment): void {
    if (this.#suspended) throw new HotPlugError('The guest sleeps, and would not notice: wake it first.');
    this.devices.hotPlug.attach(device);
  }

  /** Takes a device out: true. False: the guest was asked to let go of it. Throws HotPlugError where that cannot be. */
  detach(device: PluggedDevice): boolean {
    return this.devices.hotPlug.detach(device);
  }

  #powerOn(fromSleep = false): void {
    this.#resetRequested = false;
    this.#suspended = false;
    this.#completeExit();
    // a copy: cards that were to go, go
    for (const { device } of [...this.devices.rows]) {
      if (fromSleep && device.resetFromSleep) device.resetFromSleep();
      else device.reset();
    }
    setIrqchipState(this.#vm, this.#powerOnIrqchip);
    setVcpuState(this.vcpu, this.#powerOnVcpu);
  }

  /** S3 ends with a reset; then firmware resumes the guest, or in its place this does. */
  #wake(by: WakeReason): void {
    if (!this.#plan) this.devices.rtc.resumeAfterReset();
    this.#powerOn(true);
    this.devices.pm.wake(by);
    this.#ports.notify?.({ type: 'woken' });
    if (!this.#plan) return;
    const vector = new DataView(new ArrayBuffer(4));
    const facs = facsAddress(platform.ACPI_TABLES_START);
    this.#memory.ram.read(facs + FACS_WAKING_VECTOR, new Uint8Array(vector.buffer));
    const resume = planResume(vector.getUint32(0, true));
    if (resume) this.#enter(resume);
    else this.#boot();
  }

  /** The vCPU's registers as text, for a crash report. */
  describeRegisters(): string {
    const regs = this.vcpu.getRegs();
    const sregs = this.vcpu.getSregs();
    return formatRegisters(regs, sregs, readCodeBytes(this.#memory.ram, regs, sregs, CODE_DUMP_BYTES));
  }

  /** Cumulative counters of the vCPU, and accesses that no device answered. */
  counters(): Record<string, number> {
    const buses = [this.#pio.counters, this.#mmio.counters];
    return {
      ...this.#kvmCounters(),
      unmapped_reads: buses.reduce((sum, bus) => sum + bus.unknownReads, 0),
      unmapped_writes: buses.reduce((sum, bus) => sum + bus.unknownWrites, 0),
    };
  }

  /** A kernel before 5.14 keeps no statistics for its users. */
  #kvmCounters(): Record<string, number> {
    if (this.#vm.checkExtension(kvm.KVM_CAP_BINARY_STATS_FD) === 0) return {};
    return countersOf([...kvm.readStats(this.#vm.getStats()), ...kvm.readStats(this.vcpu.getStats())]);
  }

  close(): void {
    this.#vm.close();
  }

  #createDevices(): BoardDevices {
    const { timers, wall, serial, debugConsole } = this.#ports;
    const { map, ram, shadow, vgaBios } = this.#memory;
    const flash = this.#flashPorts();
    const { boot, bootMenuMs, drives = [] } = this.#options;
    const { lowBytes, highBytes } = splitRam(this.#options.ramBytes, ramHoleStart(this.#machineType));
    const board: Board = {
      directBoot: this.#plan !== undefined,
      lines: new IrqLines(this.#vm),
      msi: (addressLo, addressHi, data) => {
        this.#vm.signalMsi({ addressLo, addressHi, data, flags: 0 });
      },
      pio: this.#pio,
      mmio: this.#mmio,
      map,
      ram,
      shadow,
      timers,
      wall,
      cmos: { below4gBytes: lowBytes, above4gBytes: highBytes, ...cmosDrives(drives) },
      described: this.#described,
      pit: this.#vm,
      ...this.#guardPorts(),
      detached: (device) => this.#ports.notify?.({ type: 'detached', device }),
      serial,
      drives,
      usb: this.#options.usb ?? { inputs: [] },
      video: {
        vram: new Uint8Array(this.#vm.memory, this.vram.offset, this.vram.sizeBytes),
        vramOffset: this.vram.offset,
        scanout: this.#scanout,
        written: (offset, length) => this.#vm.notifyWrite(this.vram.offset + offset, length),
        ...(vgaBios && { rom: { sizeBytes: vgaBios.sizeBytes, memory: { offset: vgaBios.offset, readOnly: true } } }),
      },
      ...(debugConsole && { debugConsole }),
      ...(flash && { flash }),
      ...(bootMenuMs !== undefined && { bootMenuMs }),
      firmwareItems: 'firmware' in boot && boot.kernel ? kernelItems(boot.kernel, lowBytes) : [],
      powerOff: () => {
        this.#stop = { kind: 'guest-shutdown' };
      },
      suspend: () => {
        this.#suspended = true;
        this.#ports.notify?.({ type: 'suspended' });
      },
      reset: () => {
        this.#resetRequested = true;
      },
      ...(this.#options.debugExit && {
        debugExit: (value: number) => {
          this.#stop = { kind: 'debug-exit', value };
        },
      }),
    };
    return this.#machineType === 'q35' ? createQ35(board) : createPc(board);
  }

  #flashPorts(): Board['flash'] {
    const { nvram } = this.#memory;
    const { boot } = this.#options;
    if (!nvram || !('firmware' in boot) || !boot.nvram) return undefined;
    const { offset, sizeBytes, gpa } = nvram;
    return {
      gpa,
      offset,
      content: new Uint8Array(this.#vm.memory, offset, sizeBytes),
      store: boot.nvram.store,
      written: (start, length) => this.#vm.notifyWrite(offset + start, length),
    };
  }

  /** Firmware starts where the vCPU does. Without one: what it does before it jumps to a kernel. */
  #boot(): void {
    if (!this.#plan) return;
    const { ram } = this.#memory;
    for (const { gpa, bytes, zeroBytes = 0 } of [
      ...directBootTables(this.#machineType, this.#described),
      ...this.#plan.chunks,
    ]) {
      ram.write(gpa, bytes);
      ram.fillZero(gpa + bytes.length, zeroBytes);
    }
    this.#enter(this.#plan);
  }

  #enter({ regs, applySregs }: Pick<BootPlan, 'regs' | 'applySregs'>): void {
    this.vcpu.setSregs(applySregs(this.#powerOnVcpu.sregs));
    this.vcpu.setRegs(regs);
  }

  #guardPorts(): Pick<Board, 'watchdog' | 'watchdogExpired' | 'panic'> {
    const { watchdog, panic } = this.#options;
    const panicked = (): void => {
      this.#stop = { kind: 'guest-panicked' };
    };
    const crashLoaded = (): void => this.#ports.notify?.({ type: 'crash-loaded' });
    return {
      ...(watchdog && { watchdog }),
      watchdogExpired: (action) => this.#watchdogExpired(action),
      ...(panic && { panic: { panicked, crashLoaded } }),
    };
  }

  #watchdogExpired(action: WatchdogAction): void {
    if (action === 'reset') this.#resetRequested = true;
    else if (action === 'poweroff') this.#stop = { kind: 'watchdog' };
    else if (action === 'shutdown') this.pressPowerButton();
    else if (action === 'inject-nmi') this.vcpu.nmi();
    this.#ports.notify?.({ type: 'watchdog', action });
  }

  /** [API] an exit's instruction is done only at the next KVM_RUN: let it finish before its registers are replaced. */
  #completeExit(): void {
    this.vcpu.run.setUint8(kvm.RUN_IMMEDIATE_EXIT, 1);
    try {
      this.#kvmRun();
    } catch (error) {
      if (!(error instanceof kvm.KvmError) || error.errno !== 'EINTR') throw error;
    } finally {
      this.vcpu.run.setUint8(kvm.RUN_IMMEDIATE_EXIT, 0);
    }
  }

  #kvmRun(): void {
    try {
      this.vcpu.kvmRun();
    } finally {
      this.#coalesced.drain();
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
