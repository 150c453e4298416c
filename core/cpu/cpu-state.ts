/** One vCPU's state (state.ts) as TypeScript sees it. */
import { arithFromWords, wordsFromArith } from './codegen/flags.ts';
import * as S from './state.ts';

const MASK64 = 0xffff_ffff_ffff_ffffn;

export class CpuState {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  readonly view: DataView;
  readonly pdptes: Float64Array;
  /** Address of the root table: CR3 without its flags. */
  cr3Page = 0;

  constructor(
    readonly buffer: SharedArrayBuffer,
    readonly base: number,
  ) {
    this.u8 = new Uint8Array(buffer, base, S.STATE_SIZE);
    this.u16 = new Uint16Array(buffer, base, S.STATE_SIZE / 2);
    this.i32 = new Int32Array(buffer, base, S.STATE_SIZE / 4);
    this.u32 = new Uint32Array(buffer, base, S.STATE_SIZE / 4);
    this.u64 = new BigUint64Array(buffer, base, S.STATE_SIZE / 8);
    this.view = new DataView(buffer, base, S.STATE_SIZE);
    this.pdptes = new Float64Array(buffer, base + S.PDPTES, 4);
  }

  get32(offset: number): number {
    return this.i32[offset >> 2] ?? 0;
  }
  set32(offset: number, value: number): void {
    this.i32[offset >> 2] = value;
  }
  get64(offset: number): bigint {
    return this.u64[offset >> 3] ?? 0n;
  }
  set64(offset: number, value: bigint): void {
    this.u64[offset >> 3] = value & MASK64;
  }

  gpr(n: number): bigint {
    return this.u64[n] ?? 0n;
  }
  setGpr(n: number, value: bigint): void {
    this.u64[n] = value & MASK64;
  }
  /** Low 32 bits, unsigned. */
  gpr32(n: number): number {
    return this.u32[n * 2] ?? 0;
  }
  /** Writes 32 bits and clears the upper half. */
  setGpr32(n: number, value: number): void {
    this.u32[n * 2] = value;
    this.u32[n * 2 + 1] = 0;
  }
  gpr16(n: number): number {
    return this.u16[n * 4] ?? 0;
  }
  setGpr16(n: number, value: number): void {
    this.u16[n * 4] = value;
  }
  gpr8(n: number): number {
    return this.u8[n * 8] ?? 0;
  }
  setGpr8(n: number, value: number): void {
    this.u8[n * 8] = value;
  }

  get rip(): bigint {
    return this.get64(S.RIP);
  }
  set rip(value: bigint) {
    this.set64(S.RIP, value);
  }
  get cr0(): number {
    return this.get32(S.CR0);
  }
  get cr4(): number {
    return this.get32(S.CR4);
  }
  get efer(): number {
    return this.get32(S.EFER);
  }
  get cpl(): number {
    return this.get32(S.CPL);
  }
  get longMode(): boolean {
    return (this.efer & S.EFER_LMA) !== 0;
  }
  get protectedMode(): boolean {
    return (this.cr0 & S.CR0_PE) !== 0;
  }
  get vm86(): boolean {
    return (this.get32(S.EFLAGS) & S.FLAG_VM) !== 0 && this.protectedMode && !this.longMode;
  }
  /** 64-bit mode: long mode and CS.L. */
  get code64(): boolean {
    return this.longMode && (this.access(S.CS) & S.AR_L) !== 0;
  }

  /** The whole of RFLAGS. */
  get eflags(): number {
    const low = this.u32[S.FLAG_RESULT >> 2] ?? 0;
    const high = this.u32[(S.FLAG_RESULT >> 2) + 1] ?? 0;
    return this.get32(S.EFLAGS) | arithFromWords(low, high, this.get32(S.FLAG_AUX)) | 2;
  }
  set eflags(value: number) {
    this.arith = value;
    this.set32(S.EFLAGS, (value & ~S.FLAGS_ARITH) | 2);
  }
  /** OF SF ZF AF PF CF of an image. */
  set arith(image: number) {
    const words = wordsFromArith(image);
    this.u32[S.FLAG_RESULT >> 2] = words.result;
    this.u32[(S.FLAG_RESULT >> 2) + 1] = 0;
    this.set32(S.FLAG_AUX, words.aux);
  }

  // -- segments ----------------------------------------------------------------------------------------------------
  #seg(n: number): number {
    return S.SEG + n * S.SEG_SIZE;
  }
  segBase(n: number): bigint {
    return this.get64(this.#seg(n) + S.SEG_BASE);
  }
  setSegBase(n: number, base: bigint): void {
    this.set64(this.#seg(n) + S.SEG_BASE, base);
  }
  segLimit(n: number): number {
    return this.u32[(this.#seg(n) + S.SEG_LIMIT) >> 2] ?? 0;
  }
  selector(n: number): number {
    return this.u16[(this.#seg(n) + S.SEG_SELECTOR) >> 1] ?? 0;
  }
  setSelector(n: number, selector: number): void {
    this.u16[(this.#seg(n) + S.SEG_SELECTOR) >> 1] = selector;
  }
  access(n: number): number {
    return this.u16[(this.#seg(n) + S.SEG_ACCESS) >> 1] ?? 0;
  }

  /** Sets the hidden part of a segment register; limit in bytes, access as SEG_ACCESS. */
  setSegment(n: number, selector: number, base: bigint, limit: number, access: number): void {
    const at = this.#seg(n);
    this.set64(at + S.SEG_BASE, base);
    this.u32[(at + S.SEG_LIMIT) >> 2] = limit;
    this.u16[(at + S.SEG_SELECTOR) >> 1] = selector;
    this.u16[(at + S.SEG_ACCESS) >> 1] = access;
    const type = access & S.AR_TYPE;
    const isCode = (type & 8) !== 0;
    const usable = (access & (S.AR_P | S.SEG_UNUSABLE)) === S.AR_P;
    let low = 0;
    let high = limit >>> 0;
    if (!isCode && (type & 4) !== 0) {
      // expand-down: offsets above the limit
      low = (limit + 1) >>> 0;
      high = (access & S.AR_DB) !== 0 ? 0xffffffff : 0xffff;
      if (limit >>> 0 === 0xffffffff) high = 0; // nothing is allowed
      if (high < low) low = 1;
    }
    const canRead = usable && (!isCode || (type & 2) !== 0);
    const canWrite = usable && !isCode && (type & 2) !== 0;
    this.u32[(at + S.SEG_LOW) >> 2] = low;
    this.u32[(at + S.SEG_HIGH) >> 2] = high;
    this.set32(at + S.SEG_RIGHTS, (canRead ? S.SEG_CAN_READ : 0) | (canWrite ? S.SEG_CAN_WRITE : 0));
  }
}
