/**
 * A KVM without a CPU, for tests of what stands on the boundary: a test says what each KVM_RUN does, and sees what was
 * asked of the VM. State that is set can be read back; nothing is checked, nothing executes.
 */
import {
  type CreateVmOptions,
  KVM_CAP_COALESCED_MMIO,
  KVM_COALESCED_MMIO_PAGE_OFFSET,
  KVM_XSAVE_SIZE,
  type KvmClockData,
  type KvmCoalescedMmioZone,
  type KvmCpuidEntry2,
  type KvmDebugRegs,
  KvmError,
  type KvmFpu,
  type KvmIrqLevel,
  type KvmMsrEntry,
  type KvmRegs,
  type KvmSegment,
  type KvmSregs,
  type KvmSregs2,
  type KvmSystem,
  type KvmTranslation,
  type KvmUserspaceMemoryRegion,
  type KvmVcpu,
  type KvmVcpuEvents,
  type KvmVm,
  type KvmXcrs,
  RUN_IMMEDIATE_EXIT,
  RUN_MMAP_SIZE,
} from '../kvm/api.ts';
import { stat, writeStats } from '../kvm/stats-file.ts';

/** One KVM_RUN: fills in the run page, or throws KvmError EINTR. */
export type Step = (vcpu: ScriptedVcpu) => void;

export const interrupted: Step = () => {
  throw new KvmError('KVM_RUN', 'EINTR');
};

export class ScriptedKvm implements KvmSystem {
  readonly vms: ScriptedVm[] = [];
  cpuid: KvmCpuidEntry2[] = [{ function: 1, index: 0, flags: 0, eax: 0, ebx: 0, ecx: 0, edx: 0 }];

  /** steps: what KVM_RUN does, one after another; then it is interrupted for ever. */
  constructor(readonly steps: Step[] = []) {}

  getApiVersion = (): number => 12;
  checkExtension = (): number => 1;
  getVcpuMmapSize = (): number => RUN_MMAP_SIZE;
  getMsrIndexList = (): number[] => [0x10];
  getMsrFeatureIndexList = (): number[] => [];
  getMsrs = (): KvmMsrEntry[] => [];
  getEmulatedCpuid = (): KvmCpuidEntry2[] => [];
  getSupportedCpuid(maxEntries: number): KvmCpuidEntry2[] {
    if (maxEntries < this.cpuid.length) throw new KvmError('KVM_GET_SUPPORTED_CPUID', 'E2BIG');
    return this.cpuid;
  }
  createVm(options: CreateVmOptions): ScriptedVm {
    const vm = new ScriptedVm(options, this.steps);
    this.vms.push(vm);
    return vm;
  }
  close(): void {}
}

export class ScriptedVm implements KvmVm {
  readonly memory: SharedArrayBuffer;
  readonly slots: KvmUserspaceMemoryRegion[] = [];
  readonly irqs: KvmIrqLevel[] = [];
  readonly written: { offset: number; length: number }[] = [];
  readonly chips = new Map<number, Uint8Array>();
  pit = new Uint8Array(112);
  closed = false;
  vcpu: ScriptedVcpu | undefined;
  #reserved = 0;

  constructor(
    options: CreateVmOptions,
    readonly steps: Step[],
  ) {
    this.memory = new SharedArrayBuffer(options.userMemoryBytes);
  }

  mmap(sizeBytes: number): number {
    const offset = this.#reserved;
    this.#reserved += sizeBytes;
    if (this.#reserved > this.memory.byteLength) throw new KvmError('mmap', 'ENOMEM');
    return offset;
  }
  checkExtension = (cap: number): number => (cap === KVM_CAP_COALESCED_MMIO ? KVM_COALESCED_MMIO_PAGE_OFFSET : 1);
  setUserMemoryRegion(region: KvmUserspaceMemoryRegion): void {
    this.slots.push(region);
  }
  createVcpu(id: number): ScriptedVcpu {
    this.vcpu = new ScriptedVcpu(id, this.steps);
    return this.vcpu;
  }
  setTssAddr(): void {}
  setIdentityMapAddr(): void {}
  createIrqchip(): void {}
  createPit2(): void {}
  irqLine(level: KvmIrqLevel): void {
    this.irqs.push(level);
  }
  getIrqchip = (chipId: number): Uint8Array => this.chips.get(chipId) ?? new Uint8Array(512);
  setIrqchip(chipId: number, state: Uint8Array): void {
    this.chips.set(chipId, state);
  }
  getPit2 = (): Uint8Array => this.pit;
  setPit2(state: Uint8Array<ArrayBuffer>): void {
    this.pit = state;
  }
  setGsiRouting(): void {}
  readonly zones: KvmCoalescedMmioZone[] = [];
  registerCoalescedMmio(zone: KvmCoalescedMmioZone): void {
    this.zones.push(zone);
  }
  unregisterCoalescedMmio(): void {}
  signalMsi = (): boolean => false;
  getClock = (): KvmClockData => ({ clock: 0n, flags: 0, realtime: 0n, hostTsc: 0n });
  setClock(): void {}
  enableCap(): void {}
  setBootCpuId(): void {}
  getDirtyLog = (): Uint8Array => new Uint8Array(8);
  notifyWrite(offset: number, length: number): void {
    this.written.push({ offset, length });
  }
  getStats = (): Uint8Array => writeStats('kvm-0', [], this);
  close(): void {
    this.closed = true;
  }
}

export class ScriptedVcpu implements KvmVcpu {
  readonly run = new DataView(new ArrayBuffer(RUN_MMAP_SIZE));
  regs = zeroRegs();
  sregs = zeroSregs();
  fpu: KvmFpu = zeroFpu();
  xsave = new Uint8Array(KVM_XSAVE_SIZE);
  xcrs: KvmXcrs = { flags: 0, xcrs: [{ xcr: 0, value: 1n }] };
  debugRegs: KvmDebugRegs = { db: [0n, 0n, 0n, 0n], dr6: 0xffff_0ff0n, dr7: 0x400n, flags: 0 };
  msrs = new Map<number, bigint>();
  lapic = new Uint8Array(1024);
  mpState = 0;
  events = zeroEvents();
  cpuid: KvmCpuidEntry2[] = [];
  runs = 0;

  constructor(
    readonly id: number,
    readonly steps: Step[],
  ) {}

  kvmRun(): void {
    this.runs++;
    const step = this.run.getUint8(RUN_IMMEDIATE_EXIT) ? interrupted : (this.steps.shift() ?? interrupted);
    step(this);
  }
  getRegs = (): KvmRegs => ({ ...this.regs });
  setRegs(regs: KvmRegs): void {
    this.regs = { ...regs };
  }
  getSregs = (): KvmSregs => ({ ...this.sregs });
  setSregs(sregs: KvmSregs): void {
    this.sregs = { ...sregs };
  }
  getFpu = (): KvmFpu => this.fpu;
  setFpu(fpu: KvmFpu): void {
    this.fpu = fpu;
  }
  getSregs2(): KvmSregs2 {
    return { ...this.sregs, flags: 0, pdptrs: [0n, 0n, 0n, 0n] };
  }
  setSregs2(sregs: KvmSregs2): void {
    this.sregs = { ...this.sregs, ...sregs };
  }
  getXsave = (): Uint8Array => this.xsave;
  getXsave2 = (): Uint8Array => this.xsave;
  setXsave(area: Uint8Array<ArrayBuffer>): void {
    this.xsave = area;
  }
  getXcrs = (): KvmXcrs => this.xcrs;
  setXcrs(xcrs: KvmXcrs): void {
    this.xcrs = xcrs;
  }
  getDebugRegs = (): KvmDebugRegs => this.debugRegs;
  setDebugRegs(regs: KvmDebugRegs): void {
    this.debugRegs = regs;
  }
  translate = (linear: bigint): KvmTranslation => ({
    physicalAddress: linear,
    valid: true,
    writeable: true,
    usermode: false,
  });
  getMsrs = (indices: number[]) => indices.map((index) => ({ index, data: this.msrs.get(index) ?? 0n }));
  setMsrs(entries: { index: number; data: bigint }[]): number {
    for (const { index, data } of entries) this.msrs.set(index, data);
    return entries.length;
  }
  setCpuid2(entries: KvmCpuidEntry2[]): void {
    this.cpuid = entries;
  }
  getCpuid2 = (): KvmCpuidEntry2[] => this.cpuid;
  getLapic = (): Uint8Array => this.lapic;
  setLapic(state: Uint8Array<ArrayBuffer>): void {
    this.lapic = state;
  }
  getMpState = (): number => this.mpState;
  setMpState(state: number): void {
    this.mpState = state;
  }
  getVcpuEvents = (): KvmVcpuEvents => this.events;
  setVcpuEvents(events: KvmVcpuEvents): void {
    this.events = events;
  }
  setGuestDebug(): void {}
  getTscKhz = (): number => 1_000_000;
  setTscKhz(): void {}
  kvmclockCtrl(): void {}
  interrupt(): void {}
  nmi(): void {}
  smi(): void {}
  getStats = (): Uint8Array => writeStats('kvm-0/vcpu-0', [stat('exits', (vcpu: ScriptedVcpu) => vcpu.runs)], this);
  close(): void {}
}

const REGISTERS = [
  ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rsp', 'rbp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
  ...['rip', 'rflags'],
];

export function zeroRegs(): KvmRegs {
  return Object.fromEntries(REGISTERS.map((name) => [name, 0n])) as unknown as KvmRegs;
}

export function zeroSregs(): KvmSregs {
  const segment: KvmSegment = {
    base: 0n, limit: 0xffff, selector: 0, type: 3, present: 1, dpl: 0, db: 0, s: 1, l: 0, g: 0, avl: 0, unusable: 0,
  }; // biome-ignore format: one segment
  const table = { base: 0n, limit: 0 };
  return {
    ...{ cs: segment, ds: segment, es: segment, fs: segment, gs: segment, ss: segment, tr: segment, ldt: segment },
    ...{ gdt: table, idt: table, cr0: 0x10n, cr2: 0n, cr3: 0n, cr4: 0n, cr8: 0n, efer: 0n, apicBase: 0xfee0_0900n },
    interruptBitmap: [0n, 0n, 0n, 0n],
  };
}

function zeroFpu(): KvmFpu {
  const empty = new Uint8Array(0);
  return { fpr: empty, fcw: 0, fsw: 0, ftwx: 0, lastOpcode: 0, lastIp: 0n, lastDp: 0n, xmm: empty, mxcsr: 0 };
}

function zeroEvents(): KvmVcpuEvents {
  return {
    exception: { injected: 0, nr: 0, hasErrorCode: 0, pending: 0, errorCode: 0, hasPayload: 0, payload: 0n },
    interrupt: { injected: 0, nr: 0, soft: 0, shadow: 0 },
    nmi: { injected: 0, pending: 0, masked: 0 },
    sipiVector: 0,
    flags: 0,
    smi: { smm: 0, pending: 0, smmInsideNmi: 0, latchedInit: 0 },
    tripleFault: { pending: 0 },
  };
}
