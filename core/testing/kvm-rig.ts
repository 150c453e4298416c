/**
 * A small PC without devices for tests of KVM and of the processor: one VM, 1 MiB of RAM at 0, one vCPU that starts in
 * whatever mode a test wants, and time that stands still. Every interrupt vector leads to a stub that writes to the
 * port of its own number, so that an exception is an exit which names it, with its frame on the stack.
 *
 * Guests are bytes, with the source beside them: hex('mov al, 5 ; out 0x80, al', 'b0 05 e6 80').
 */
import './translation.ts';
import * as A from '../kvm/api.ts';
import { CPUID_BITS } from '../kvm/cpuid/index.ts';
import { openKvm } from '../kvm/index.ts';

export const RAM_SIZE = 0x10_0000;
/** What vm.mmap can still give beside RAM. */
const SPARE_SIZE = 0x10_0000;
export const CODE = 0x1000;
export const USER_CODE = 0x2000;
export const DATA = 0x3000;
export const STACK = 0x7000;
export const USER_STACK = 0x8000;
export const GDT = 0x9000;
export const TSS = 0x9800;
export const IDT = 0xa000;
export const STUBS = 0xb000;
/** The stack that IST 1 of the 64-bit TSS names. */
export const IST_STACK = 0x6800;
const MOST_CPUID_ENTRIES = 256;
/** The first guest physical address without memory. */
export const MMIO = 0x10_0000;

// selectors, in the order that SYSCALL and SYSENTER want
export const CODE32 = 0x08;
export const DATA0 = 0x10;
export const USER_CODE32 = 0x1b;
export const USER_DATA = 0x23;
export const USER_CODE64 = 0x2b;
export const CODE64 = 0x30;
export const DATA64 = 0x38;
const TSS_SELECTOR = 0x40;
const CODE16 = 0x50;
export const DATA16 = 0x58;
/** The first selector that is free for a test. */
export const FREE_SELECTOR = 0x60;

/** Where the page tables of each kind lie; they map the first 2 MiB (32-bit: 4 MiB) to themselves, for everyone. */
export const PML4 = 0x10000;
export const PDPT = 0x11000;
export const PAGE_DIRECTORY64 = 0x12000;
export const PAGE_TABLE64 = 0x13000;
export const PAGE_DIRECTORY32 = 0x14000;
export const PAGE_TABLE32 = 0x15000;
export const PDPT_PAE = 0x16000;
export const PAGE_DIRECTORY_PAE = 0x17000;
export const PAGE_TABLE_PAE = 0x18000;
const PTE_ALL = 7; // present, writable, user

export type Mode = 'real' | 'protected' | 'paging' | 'pae' | 'long' | 'compatibility';
export const MODES: readonly Mode[] = ['real', 'protected', 'paging', 'pae', 'long', 'compatibility'];

/** Bytes of a guest; the source is for the reader. */
export function hex(_source: string, bytes: string): Uint8Array {
  const digits = bytes.replace(/\s/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));
}

class RigThread implements A.VcpuThread {
  timeNs = 0;
  signal = false;
  alarmNs = Number.POSITIVE_INFINITY;
  /** Looks at signalPending() until there is one: no guest runs for ever. */
  patience = 1000;
  nowNs = (): number => this.timeNs;
  signalPending = (): boolean => this.signal || --this.patience < 0 || this.timeNs >= this.alarmNs;
  /** Time jumps to the deadline; who would sleep for ever gets a signal. */
  sleepUntil(deadlineNs: number): void {
    if (deadlineNs === Number.POSITIVE_INFINITY) this.signal = true;
    else this.timeNs = Math.max(this.timeNs, deadlineNs);
  }
}

interface IoExit {
  exit: 'IO';
  direction: 'in' | 'out';
  port: number;
  size: number;
  /** The first element's. */
  value: number;
  /** All of them, where there are several. */
  values?: number[];
}

export type Exit =
  | IoExit
  | { exit: 'MMIO'; write: boolean; gpa: number; bytes: number[] }
  | { exit: 'DEBUG'; exception: number; pc: bigint; dr6: bigint; dr7: bigint }
  | { exit: 'INTERNAL_ERROR'; message: string }
  | { exit: 'HLT' | 'SHUTDOWN' | 'IRQ_WINDOW_OPEN' | 'EINTR' };

/** An exception as its stub shows it. */
export interface Exception {
  vector: number;
  error: number | undefined;
  ip: bigint;
  cs: number;
  flags: number;
  /** Only when the level changed, and always in long mode. */
  sp: bigint | undefined;
  ss: number | undefined;
  cr2: bigint;
}
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17]);

export interface RigOptions {
  irqchip?: boolean;
  pit?: boolean;
  logDirty?: boolean;
  open?: () => A.KvmSystem;
}

export class KvmRig {
  readonly system: A.KvmSystem;
  readonly thread = new RigThread();
  readonly vm: A.KvmVm;
  readonly vcpu: A.KvmVcpu;
  /** Where RAM lies in the VM's shared memory. */
  readonly ramAt: number;
  readonly ram: Uint8Array;
  readonly view: DataView;
  mode: Mode = 'real';

  constructor(options: RigOptions = {}) {
    this.system = (options.open ?? openKvm)();
    this.vm = this.system.createVm({
      userMemoryBytes: RAM_SIZE + SPARE_SIZE,
      thread: this.thread,
      wall: { nowMs: () => 1_700_000_000_000 },
    });
    if (options.irqchip) this.vm.createIrqchip();
    if (options.pit) this.vm.createPit2({ flags: 0 });
    this.ramAt = this.vm.mmap(RAM_SIZE);
    this.ram = new Uint8Array(this.vm.memory, this.ramAt, RAM_SIZE);
    this.view = new DataView(this.vm.memory, this.ramAt, RAM_SIZE);
    this.setRam(options.logDirty ? A.KVM_MEM_LOG_DIRTY_PAGES : 0);
    this.vcpu = this.vm.createVcpu(0);
  }

  setRam(flags: number): void {
    this.vm.setUserMemoryRegion({ slot: 0, flags, guestPhysAddr: 0, memorySize: RAM_SIZE, userspaceAddr: this.ramAt });
  }

  /** Writes memory as a device would. */
  load(gpa: number, bytes: ArrayLike<number>): this {
    this.ram.set(bytes, gpa);
    this.vm.notifyWrite(this.ramAt + gpa, bytes.length);
    return this;
  }
  load32(gpa: number, ...words: number[]): this {
    words.forEach((w, i) => {
      this.view.setUint32(gpa + i * 4, w, true);
    });
    return this;
  }
  load64(gpa: number, ...words: bigint[]): this {
    words.forEach((w, i) => {
      this.view.setBigUint64(gpa + i * 8, w, true);
    });
    return this;
  }
  bytes(gpa: number, length: number): number[] {
    return [...this.ram.subarray(gpa, gpa + length)];
  }

  /** Changes what CPUID offers, and with it what the processor can do. Features by their names in CPUID_BITS. */
  setFeatures(on: readonly string[], off: readonly string[] = []): this {
    const entries = this.system.getSupportedCpuid(MOST_CPUID_ENTRIES);
    for (const name of [...on, ...off]) {
      const at = CPUID_BITS.get(name);
      const entry = entries.find((e) => e.function === at?.leaf && e.index === at.subleaf);
      if (!at || !entry) throw new RangeError(`no feature ${name}`);
      const bit = 1 << at.bit;
      entry[at.register] = (on.includes(name) ? entry[at.register] | bit : entry[at.register] & ~bit) >>> 0;
    }
    this.vcpu.setCpuid2(entries);
    return this;
  }

  // -- modes ---------------------------------------------------------------------------------------------------------
  /** Prepares a mode with code at `at`, at level 0. */
  start(mode: Mode, code: ArrayLike<number>, at = CODE): this {
    this.mode = mode;
    this.load(at, code);
    this.#stubs();
    if (mode !== 'real') this.#tables();
    this.vcpu.setSregs(this.sregs(mode));
    this.vcpu.setRegs({ ...this.vcpu.getRegs(), rip: BigInt(at), rsp: BigInt(STACK), rflags: 2n });
    return this;
  }

  /** The same at level 3, with code at USER_CODE. */
  startUser(mode: Exclude<Mode, 'real'>, code: ArrayLike<number>): this {
    this.start(mode, code, USER_CODE);
    const sregs = this.vcpu.getSregs();
    const data = this.#data(USER_DATA, 3);
    const cs = mode === 'long' ? this.#code(USER_CODE64, 3, true) : this.#code(USER_CODE32, 3, false);
    this.vcpu.setSregs({ ...sregs, cs, ss: data, ds: data, es: data });
    this.set({ rsp: BigInt(USER_STACK) });
    return this;
  }

  set(registers: Partial<A.KvmRegs>): this {
    this.vcpu.setRegs({ ...this.vcpu.getRegs(), ...registers });
    return this;
  }
  setControl(registers: Partial<A.KvmSregs>): this {
    this.vcpu.setSregs({ ...this.vcpu.getSregs(), ...registers });
    return this;
  }

  sregs(mode: Mode): A.KvmSregs {
    const old = this.vcpu.getSregs();
    const gdt = { base: BigInt(GDT), limit: 0xff };
    const idt = { base: BigInt(IDT), limit: 0xfff };
    if (mode === 'real') {
      const [cs, data] = [segment(0, 0n, 0xffff, 0xb, 0), segment(0, 0n, 0xffff, 3, 0)];
      return {
        ...old,
        cs,
        ds: data,
        es: data,
        fs: data,
        gs: data,
        ss: data,
        cr0: 0x10n,
        cr3: 0n,
        cr4: 0n,
        efer: 0n,
        idt: { base: 0n, limit: 0x3ff },
      };
    }
    const long = mode === 'long';
    const wide = long || mode === 'compatibility';
    const data = this.#data(DATA0, 0);
    const tr = { ...segment(TSS_SELECTOR, BigInt(TSS), 0x67, 0xb, 0), s: 0 };
    const paged = mode !== 'protected';
    const cr3 = wide ? PML4 : mode === 'pae' ? PDPT_PAE : PAGE_DIRECTORY32;
    return {
      ...old,
      gdt,
      idt,
      tr,
      ds: data,
      es: data,
      fs: data,
      gs: data,
      ss: data,
      cs: long ? this.#code(CODE64, 0, true) : this.#code(CODE32, 0, false),
      cr0: paged ? 0x8001_0031n : 0x31n,
      cr3: paged ? BigInt(cr3) : 0n,
      cr4: wide || mode === 'pae' ? 0x620n : 0x600n,
      efer: wide ? 0xd01n : 0x800n,
    };
  }

  #data(selector: number, dpl: number): A.KvmSegment {
    return { ...segment(selector, 0n, 0xffff_ffff, 3, dpl), db: 1, g: 1 };
  }
  #code(selector: number, dpl: number, long: boolean): A.KvmSegment {
    return { ...segment(selector, 0n, 0xffff_ffff, 0xb, dpl), db: long ? 0 : 1, l: long ? 1 : 0, g: 1 };
  }

  /** out n, al ; hlt for each vector n, and an IVT that leads there. */
  #stubs(): void {
    for (let n = 0; n < 256; n++) {
      this.ram.set([0xe6, n, 0xf4], STUBS + n * 16);
      if (this.mode === 'real') this.load32(n * 4, STUBS + n * 16);
    }
  }

  #tables(): void {
    const wide = this.mode === 'long' || this.mode === 'compatibility';
    this.#descriptors(wide);
    for (let n = 0; n < 256; n++) this.gate(n, STUBS + n * 16);
    this.load32(PML4, PDPT | PTE_ALL, 0)
      .load32(PDPT, PAGE_DIRECTORY64 | PTE_ALL, 0)
      .load32(PAGE_DIRECTORY64, PAGE_TABLE64 | PTE_ALL, 0);
    this.load32(PAGE_DIRECTORY32, PAGE_TABLE32 | PTE_ALL);
    this.load32(PDPT_PAE, PAGE_DIRECTORY_PAE | 1, 0).load32(PAGE_DIRECTORY_PAE, PAGE_TABLE_PAE | PTE_ALL, 0);
    for (let page = 0; page < 1024; page++) this.load32(PAGE_TABLE32 + page * 4, (page << 12) | PTE_ALL);
    for (let page = 0; page < 512; page++) {
      this.load32(PAGE_TABLE64 + page * 8, (page << 12) | PTE_ALL, 0);
      this.load32(PAGE_TABLE_PAE + page * 8, (page << 12) | PTE_ALL, 0);
    }
  }

  #descriptors(wide: boolean): void {
    const flat = (access: number, flags: number) => [0xffff, (flags << 20) | 0xf0000 | (access << 8)];
    const table: [number, number[]][] = [
      [CODE32, flat(0x9b, 0xc)],
      [DATA0, flat(0x93, 0xc)],
      [USER_CODE32, flat(0xfb, 0xc)],
      [USER_DATA, flat(0xf3, 0xc)],
      [USER_CODE64, flat(0xfb, 0xa)],
      [CODE64, flat(0x9b, 0xa)],
      [DATA64, flat(0x93, 0xc)],
      [TSS_SELECTOR, [(TSS << 16) | 0x67, 0x8900]],
      [CODE16, [0xffff, 0x9b00]],
      [DATA16, [0xffff, 0x9300]],
    ];
    for (const [selector, words] of table) this.descriptor(selector, ...words);
    this.load32(TSS + 4, STACK, wide ? 0 : DATA0);
    this.load32(TSS + 36, IST_STACK, 0);
    this.view.setUint16(TSS + 102, 104, true);
  }

  /** Writes a descriptor of the GDT. */
  descriptor(selector: number, ...words: number[]): this {
    return this.load32(GDT + (selector & ~7), ...words);
  }

  /** An interrupt gate (type 14) to `offset` at level 0, for INT n at `dpl`. Vectors 3, 4 and 0x80 are for everyone. */
  gate(
    vector: number,
    offset: number,
    { dpl = [3, 4, 0x80].includes(vector) ? 3 : 0, type = 0x8e, ist = 0 } = {},
  ): this {
    const wide = this.mode === 'long' || this.mode === 'compatibility';
    const low = ((wide ? CODE64 : CODE32) << 16) | (offset & 0xffff);
    const high = (offset & 0xffff0000) | (type << 8) | (dpl << 13) | ist;
    return wide ? this.load32(IDT + vector * 16, low, high, 0, 0) : this.load32(IDT + vector * 8, low, high);
  }

  // -- running -------------------------------------------------------------------------------------------------------
  /** One KVM_RUN, and what came of it; EINTR after `slices` looks at the signals. */
  run(slices = 1000): Exit {
    this.thread.patience = slices;
    try {
      this.vcpu.kvmRun();
    } catch (e) {
      if (e instanceof A.KvmError && e.errno === 'EINTR') return { exit: 'EINTR' };
      throw e;
    }
    return this.#exit();
  }

  #exit(): Exit {
    const { run } = this.vcpu;
    const reason = run.getUint32(A.RUN_EXIT_REASON, true);
    switch (reason) {
      case A.KVM_EXIT_IO: {
        const size = run.getUint8(A.RUN_IO_SIZE);
        const first = Number(run.getBigUint64(A.RUN_IO_DATA_OFFSET, true));
        const values = Array.from({ length: run.getUint32(A.RUN_IO_COUNT, true) }, (_, i) => {
          const at = first + i * size;
          return size === 1 ? run.getUint8(at) : size === 2 ? run.getUint16(at, true) : run.getUint32(at, true);
        });
        const direction = run.getUint8(A.RUN_IO_DIRECTION) === A.KVM_EXIT_IO_IN ? 'in' : 'out';
        const port = run.getUint16(A.RUN_IO_PORT, true);
        return { exit: 'IO', direction, port, size, value: values[0] ?? 0, ...(values.length > 1 && { values }) };
      }
      case A.KVM_EXIT_MMIO: {
        const length = run.getUint32(A.RUN_MMIO_LEN, true);
        const bytes = Array.from({ length }, (_, i) => run.getUint8(A.RUN_MMIO_DATA + i));
        const write = run.getUint8(A.RUN_MMIO_IS_WRITE) !== 0;
        return { exit: 'MMIO', write, gpa: Number(run.getBigUint64(A.RUN_MMIO_PHYS_ADDR, true)), bytes };
      }
      case A.KVM_EXIT_DEBUG:
        return {
          exit: 'DEBUG',
          exception: run.getUint32(A.RUN_DEBUG_EXCEPTION, true),
          pc: run.getBigUint64(A.RUN_DEBUG_PC, true),
          dr6: run.getBigUint64(A.RUN_DEBUG_DR6, true),
          dr7: run.getBigUint64(A.RUN_DEBUG_DR7, true),
        };
      case A.KVM_EXIT_INTERNAL_ERROR: {
        const text = Array.from({ length: run.getUint32(A.RUN_INTERNAL_NDATA, true) * 8 }, (_, i) =>
          run.getUint8(A.RUN_INTERNAL_DATA + i),
        );
        return { exit: 'INTERNAL_ERROR', message: String.fromCharCode(...text.filter((b) => b !== 0)) };
      }
      case A.KVM_EXIT_HLT:
        return { exit: 'HLT' };
      case A.KVM_EXIT_SHUTDOWN:
        return { exit: 'SHUTDOWN' };
      case A.KVM_EXIT_IRQ_WINDOW_OPEN:
        return { exit: 'IRQ_WINDOW_OPEN' };
      default:
        throw new Error(`exit reason ${reason}`);
    }
  }

  /** The value that an IN takes at the next run, or those that a REP INS takes. */
  answerIn(...values: number[]): this {
    const { run } = this.vcpu;
    const size = run.getUint8(A.RUN_IO_SIZE);
    let at = Number(run.getBigUint64(A.RUN_IO_DATA_OFFSET, true));
    for (const value of values) {
      for (let i = 0; i < size; i++) run.setUint8(at++, value >>> (8 * i));
    }
    return this;
  }
  /** The bytes that an MMIO read takes at the next run. */
  answerMmio(...bytes: number[]): this {
    bytes.forEach((b, i) => {
      this.vcpu.run.setUint8(A.RUN_MMIO_DATA + i, b);
    });
    return this;
  }

  /** Runs to HLT; what the guest wrote to ports on the way, as [port, value]. */
  outputs(): [number, number][] {
    const written: [number, number][] = [];
    for (;;) {
      const e = this.run();
      if (e.exit === 'HLT') return written;
      if (e.exit !== 'IO' || e.direction !== 'out')
        throw new Error(
          `${JSON.stringify(e, (_, v) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v))} after ${JSON.stringify(written)}`,
        );
      written.push([e.port, e.value]);
    }
  }

  /** Runs to the stub of an exception or interrupt; throws when another exit comes first. */
  exception(): Exception {
    const e = this.run();
    const regs = this.vcpu.getRegs();
    const vector = e.exit === 'IO' ? e.port : -1;
    const atStub = regs.rip === BigInt(STUBS + vector * 16 + 2);
    if (!atStub)
      throw new Error(
        `${JSON.stringify(e, (_, v) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v))} at 0x${regs.rip.toString(16)}, not an exception`,
      );
    return this.#frame(vector, Number(regs.rsp));
  }

  #frame(vector: number, rsp: number): Exception {
    const wide = this.mode === 'long' || this.mode === 'compatibility';
    const size = this.mode === 'real' ? 2 : wide ? 8 : 4;
    const word = (n: number): bigint => {
      const at = rsp + n * size;
      if (size === 2) return BigInt(this.view.getUint16(at, true));
      return size === 4 ? BigInt(this.view.getUint32(at, true)) : this.view.getBigUint64(at, true);
    };
    const hasError = this.mode !== 'real' && WITH_ERROR_CODE.has(vector);
    const first = hasError ? 1 : 0;
    const cs = Number(word(first + 1));
    const outer = wide || (this.mode !== 'real' && (cs & 3) !== 0);
    return {
      vector,
      error: hasError ? Number(word(0)) : undefined,
      ip: word(first),
      cs,
      flags: Number(word(first + 2)),
      sp: outer ? word(first + 3) : undefined,
      ss: outer ? Number(word(first + 4)) : undefined,
      cr2: this.vcpu.getSregs().cr2,
    };
  }
}

function segment(selector: number, base: bigint, limit: number, type: number, dpl: number): A.KvmSegment {
  return { base, limit, selector, type, present: 1, dpl, db: 0, s: 1, l: 0, g: 0, avl: 0, unusable: 0 };
}
