/**
 * A CPU for tests: long mode, user level (CPL 3), flat segments, a few pages where the test wants them, and nobody
 * around it. It runs one instruction at a time and keeps the exception one raises instead of delivering it.
 */
import './translation.ts';
import {
  Cpu,
  type CpuExit,
  type CpuHost,
  type Feature,
  memoryLayout,
  PAGE_SIZE,
  PhysicalMemory,
  refreshPaging,
  CpuOffsets as S,
} from '../cpu/index.ts';
import { loadCode, loadSegment, readDescriptor } from '../cpu/system/descriptors.ts';

/** No devices, no MSRs, time stands still. */
const ALONE: CpuHost = {
  tsc: () => 0n,
  nowNs: () => 0,
  claimsPort: () => false,
  readPort: () => 0,
  writePort: () => {},
  post: () => false,
  postPort: () => false,
  portData: new Uint8Array(PAGE_SIZE),
  claims: () => false,
  read: () => 0,
  write: () => {},
  hypercall: () => -1000n, // -KVM_ENOSYS
  cpuid: () => ({ eax: 0, ebx: 0, ecx: 0, edx: 0 }),
  readMsr: () => undefined,
  writeMsr: () => false,
  random64: () => 0n,
  getCr8: () => 0,
  setCr8: () => {},
};

/** Linear address of descriptor tables, in the kernel's half. */
const TABLES = 0xffff_8000_0000_0000;
/** Of a 64-bit TSS, all before the pointer to its I/O permission bitmap. */
const TSS_BYTES = 0x66;
/** XCR0: all vector state enabled. */
const X87_SSE_AVX = 7n;
const PTE_USER = 7; // present, writable, user
const USER_CODE = S.AR_P | S.AR_S | 0x60 | 0xb;
const USER_DATA = S.AR_P | S.AR_S | 0x60 | 3 | S.AR_DB;

export interface RaisedException {
  readonly vector: number;
  readonly errorCode: number | undefined;
}

export class TestCpu extends Cpu {
  raised: RaisedException | undefined;
  readonly #base: number;
  #nextTable = PAGE_SIZE;

  /** `bytes`: guest physical memory, from 0, for page tables and what map() hands out. */
  static create(features: ReadonlySet<Feature>, bytes = 1 << 20): TestCpu {
    const layout = memoryLayout(1, bytes);
    if (!layout) throw new RangeError(`${bytes} bytes of guest memory do not fit`);
    const memory = new WebAssembly.Memory({ initial: layout.wasmPages, maximum: layout.wasmPages, shared: true });
    const physical = new PhysicalMemory(memory.buffer as unknown as SharedArrayBuffer, layout);
    physical.mapSlot(0, bytes, layout.user, false, false);
    return new TestCpu(layout.user, ...([0, memory, layout, physical, ALONE, features] as const));
  }

  private constructor(base: number, ...cpu: ConstructorParameters<typeof Cpu>) {
    super(...cpu);
    this.#base = base;
    const s = this.state;
    s.set32(S.CR0, S.CR0_PG | S.CR0_PE | S.CR0_NE | S.CR0_WP | S.CR0_ET);
    s.set32(S.CR4, S.CR4_PAE | S.CR4_OSFXSR | S.CR4_OSXMMEXCPT | S.CR4_OSXSAVE | S.CR4_FSGSBASE);
    s.set32(S.LEAVES_FAULTS, 1);
    s.set64(S.XCR0, X87_SSE_AVX);
    s.set32(S.EFER, S.EFER_LME | S.EFER_LMA);
    s.set32(S.CPL, 3);
    for (const n of [S.ES, S.SS, S.DS, S.FS, S.GS]) s.setSegment(n, 0x2b, 0n, 0xffffffff, USER_DATA);
    refreshPaging(this);
    this.setLong(true);
  }

  /** 64-bit mode, or 32-bit compatibility mode. */
  setLong(long: boolean): void {
    const access = USER_CODE | (long ? S.AR_L : S.AR_DB);
    this.state.setSegment(S.CS, long ? 0x33 : 0x23, 0n, 0xffffffff, access);
    this.updateMode();
  }

  /** Descriptor tables, 8 bytes an entry, but for 16 of the IDT, whose upper halves are zero. */
  setTables(gdt: readonly bigint[], ldt: readonly bigint[], idt: readonly bigint[]): void {
    const s = this.state;
    const bytes = this.map(TABLES, 3 * PAGE_SIZE);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const put = (at: number, table: readonly bigint[], size: number): number => {
      table.forEach((entry, n) => {
        view.setBigUint64(at + n * size, entry, true);
      });
      return table.length * size - 1;
    };
    s.set64(S.GDTR_BASE, BigInt(TABLES));
    s.set32(S.GDTR_LIMIT, put(0, gdt, 8));
    s.set64(S.IDTR_BASE, BigInt(TABLES + PAGE_SIZE * 2));
    s.set32(S.IDTR_LIMIT, put(PAGE_SIZE * 2, idt, 16));
    s.setSegment(S.TR, 0x40, BigInt(TABLES), TSS_BYTES - 1, S.AR_P | 0xb); // no port is allowed
    s.setSegment(S.LDTR, 0x50, BigInt(TABLES + PAGE_SIZE), put(PAGE_SIZE, ldt, 8), S.AR_P | 2);
  }
  /** Loads every segment register from the tables, in encoding order: ES CS SS DS FS GS. */
  setSegments(selectors: readonly number[]): void {
    selectors.forEach((selector, n) => {
      if (n === S.CS) loadCode(this, selector, readDescriptor(this, selector), 3);
      else loadSegment(this, n, selector);
    });
  }

  /** Maps pages of memory at linear addresses, to be read and written at the bytes returned. */
  map(linear: number, bytes: number, ...copies: number[]): Uint8Array {
    const first = this.#take(bytes);
    for (const start of [linear, ...copies])
      for (let at = 0; at < bytes; at += PAGE_SIZE) this.#mapPage(start + at, first + at);
    return this.physical.u8.subarray(this.#base + first, this.#base + first + bytes);
  }
  #mapPage(linear: number, physical: number): void {
    let table = 0;
    for (let shift = 39; shift > 12; shift -= 9)
      table = this.#table(table + (Math.floor(linear / 2 ** shift) % 512) * 8);
    this.#setEntry(table + (Math.floor(linear / PAGE_SIZE) % 512) * 8, physical);
  }
  /** Root table at 0, others and mapped pages behind it. */
  #take(bytes: number): number {
    const at = this.#nextTable;
    this.#nextTable += Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
    return at;
  }
  #setEntry(at: number, address: number): void {
    this.physical.u32[(this.#base + at) >> 2] = address | PTE_USER;
  }
  /** The table an entry points to, made if there is none. */
  #table(entry: number): number {
    const known = this.physical.u32[(this.#base + entry) >> 2] ?? 0;
    if (known !== 0) return known & ~(PAGE_SIZE - 1);
    const made = this.#take(PAGE_SIZE);
    this.#setEntry(entry, made);
    return made;
  }

  override inject(vector: number, errorCode: number | undefined): CpuExit {
    this.raised = { vector, errorCode };
    return 0;
  }

  /**
   * Runs the instruction at RIP, a repeated one (`repeats`) to its end; the exception it raised, if it did. INT3 follows
   * it, so that it can be a block, which is translated, where translation is asked for and `translatable`.
   */
  step(repeats: boolean, translatable = false): RaisedException | undefined {
    const start = this.state.rip;
    this.raised = undefined;
    if (Cpu.translation === 'always' && translatable && !repeats) {
      this.blocks.flush();
      this.exitOnInt3 = true;
      this.run(1);
      this.exitOnInt3 = false;
      return this.raised;
    }
    do this.run(1, true);
    while (repeats && this.raised === undefined && this.state.rip === start);
    return this.raised;
  }
}
