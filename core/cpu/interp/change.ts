/**
 * What handlers and routines that change privilege or segments in generated code are written with: state, memory within a page,
 * flat segments of the GDT, and the way out to system/ while nothing has changed.
 */
import {
  type Callable,
  type Func,
  hasBits,
  type I32,
  type I64,
  i32,
  i64,
  type ModuleBuilder,
  select,
} from '../../wasm/index.ts';
import { LazyFlags, memoryWords } from '../codegen/flags.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { emitTlbSlot } from '../mmu/tlb-slot.ts';
import { READ, WRITE } from '../mmu/walk.ts';
import { supervisorPart } from '../semantics/system.ts';
import * as S from '../state.ts';
import { RECORD_LENGTH, RECORD_START } from './record.ts';

const not = i32.eqz;
const any = (...conditions: I32[]): I32 => conditions.reduce((a, b) => i32.or(a, b));

const CODE_TYPE = 0xb;
const DATA_TYPE = 3;
export const segmentAt = (n: number): number => S.SEG + n * S.SEG_SIZE;
/** SEG_LOW and SEG_HIGH of a flat segment. */
const FLAT_RANGE = 0xffff_ffff_0000_0000n;
/** What of a descriptor's high word is in SEG_ACCESS, before it is shifted. */
export const ACCESS_BITS = 0xf0ff00;
/** Base and limit in it. */
const BASE_BITS = 0xff0000ff;
const LIMIT_BITS = 0xf0000;
const ACCESSED = 1;
const CONFORMING = 4;
const EXPAND_DOWN = 4;
const WRITABLE = 2;
const CODE = 8;
const DPL = 3 << S.AR_DPL_SHIFT;
const READ_WRITE = S.SEG_CAN_READ | S.SEG_CAN_WRITE;
const flatAccess = (bits: number, cpl: number): number => S.AR_P | S.AR_S | S.AR_G | bits | (cpl << S.AR_DPL_SHIFT);
const dplOf = (cpl: I32): I32 => i32.shl(cpl, i32.const(8 + S.AR_DPL_SHIFT));

/** What IRET at level 0, and SYSRET, load of RFLAGS. RF, for which only breakpoints have a use, goes at once. */
export const RETURN_FLAGS =
  S.FLAG_IF | S.FLAG_DF | S.FLAG_IOPL | S.FLAG_NT | S.FLAG_AC | S.FLAG_VIF | S.FLAG_VIP | S.FLAG_ID;

/** (linear, bytes, READ or WRITE) -> host address of an access within a page by the current accessor; 0: not known. */
export function emitLocate(m: ModuleBuilder, at: VcpuLayout, refill: Callable): Func {
  const f = m.func(['i64', 'i32', 'i32'], ['i32']);
  const [linear, bytes, access] = [f.param(0, 'i64'), f.param(1, 'i32'), f.param(2, 'i32')];
  const low = i32.wrap(linear);
  const last = i32.add(i32.and(low, i32.const(PAGE_SIZE - 1)), bytes);
  f.if(i32.gtU(last, i32.const(PAGE_SIZE)), () => f.return(i32.const(0)));
  const entry = f.let(i32.add(emitTlbSlot(low), i32.load(i32.const(at.state + S.TLB_BASE))));
  const writes = i32.eq(access, i32.const(WRITE));
  const tag = i64.load(select(writes, i32.add(entry, i32.const(S.TLB_WRITE)), entry));
  const hit = i64.eq(tag, i64.and(linear, i64.const(-BigInt(PAGE_SIZE))));
  f.if(hit, () => f.return(i32.add(low, i32.load(entry, S.TLB_ADDEND))));
  f.returnCall(refill, linear, access);
  f.unreachable();
  return f;
}

export interface PrivilegeRoutines {
  readonly next: Callable;
  /** (record): the system instruction's own function. */
  readonly fallBack: Callable;
  /** (linear, access) -> host address or 0 */
  readonly refill: Callable;
}

/** One handler or routine in the making. */
export class Change {
  readonly flags: LazyFlags;

  constructor(
    readonly f: Func,
    readonly layout: VcpuLayout,
    readonly locate: Callable,
    /** Leaves with nothing changed. */
    readonly giveUp: () => void,
  ) {
    this.flags = new LazyFlags(f, memoryWords(f, layout.state));
  }

  // -- state -------------------------------------------------------------------------------------------------------
  at(offset: number): I32 {
    return i32.const(this.layout.state + offset);
  }
  word(offset: number): I32 {
    return i32.load(this.at(offset));
  }
  quad(offset: number): I64 {
    return i64.load(this.at(offset));
  }
  gpr(n: number): I64 {
    return this.quad(S.GPR + n * 8);
  }
  setWord(offset: number, value: I32): void {
    this.f.store32(this.at(offset), value);
  }
  setQuad(offset: number, value: I64): void {
    this.f.store64(this.at(offset), value);
  }
  giveUpIf(...conditions: I32[]): void {
    this.f.if(any(...conditions), this.giveUp);
  }
  /** The slice is over, or this instruction runs alone; somebody watches. */
  requireUnobserved(): void {
    this.giveUpIf(i32.ltS(this.word(S.BUDGET), i32.const(0)), this.word(S.WATCHED));
  }
  requireCpl(cpl: number): void {
    this.giveUpIf(i32.ne(this.word(S.CPL), i32.const(cpl)));
  }
  requireCanonical(linear: I64): void {
    const unused = this.f.let(i64.extendU(this.word(S.CANONICAL_SHIFT)));
    this.giveUpIf(i64.ne(i64.shrS(i64.shl(linear, unused), unused), linear));
  }
  /** Flags that lead to a trap, or open the way to an interrupt that waits. */
  requireQuiet(flags: I32): void {
    const opens = i32.and(hasBits(flags, S.FLAG_IF), i32.ne(this.word(S.WINDOW), i32.const(0)));
    this.giveUpIf(hasBits(flags, S.FLAG_TF), opens);
  }

  /** Host address of an access in one page. */
  memory(linear: I64, bytes: number | I32, access: typeof READ | typeof WRITE = READ): I32 {
    const size = typeof bytes === 'number' ? i32.const(bytes) : bytes;
    const host = this.f.call(this.locate, linear, size, i32.const(access));
    this.giveUpIf(not(host));
    return host;
  }

  // -- segments ----------------------------------------------------------------------------------------------------
  /** A flat one; `access` is SEG_ACCESS shifted up by 16. */
  setFlat(n: number, selector: I32, access: I32, rights: I32): void {
    const segment = segmentAt(n);
    this.setQuad(segment + S.SEG_BASE, i64.const(0n));
    this.setWord(segment + S.SEG_LIMIT, i32.const(-1));
    this.setWord(segment + S.SEG_SELECTOR, i32.or(selector, access));
    this.setQuad(segment + S.SEG_LOW, i64.const(FLAT_RANGE));
    this.setWord(segment + S.SEG_RIGHTS, rights);
  }
  setNullStack(selector: I32): void {
    const segment = segmentAt(S.SS);
    this.setQuad(segment + S.SEG_BASE, i64.const(0n));
    this.setWord(segment + S.SEG_LIMIT, i32.const(0));
    this.setWord(segment + S.SEG_SELECTOR, i32.or(selector, i32.const(S.SEG_UNUSABLE << 16)));
    this.setQuad(segment + S.SEG_LOW, i64.const(0n));
    this.setWord(segment + S.SEG_RIGHTS, i32.const(0));
  }
  /** CS, for code of 64 bits (AR_L) or 32 (AR_DB), and SS, from no descriptor. */
  setFixed(cs: I32, ss: I32, cpl: 0 | 3, codeBits: number): void {
    const set = (n: number, selector: I32, access: number, rights: number): void =>
      this.setFlat(
        n,
        i32.or(i32.and(selector, i32.const(0xfffc)), i32.const(cpl)),
        i32.const(flatAccess(access, cpl) << 16),
        i32.const(rights),
      );
    set(S.CS, cs, codeBits | CODE_TYPE, S.SEG_CAN_READ);
    set(S.SS, ss, S.AR_DB | DATA_TYPE, READ_WRITE);
  }

  /** Host address of a descriptor of the GDT; of no other table, and not the null one. */
  descriptor(selector: I32): I32 {
    const index = this.f.let(i32.and(selector, i32.const(0xfff8)));
    const beyond = i32.gtU(i32.add(index, i32.const(7)), this.word(S.GDTR_LIMIT));
    this.giveUpIf(hasBits(selector, 4), not(index), beyond);
    return this.memory(this.f.let(i64.add(this.quad(S.GDTR_BASE), i64.extendU(index))), 8);
  }
  /** High word of the descriptor of 64-bit code of a level, which is accessed. */
  code64(selector: I32, cpl: I32): I32 {
    const high = this.f.let(i32.load(this.descriptor(selector), 4));
    const wanted = S.AR_P | S.AR_S | CODE | ACCESSED | S.AR_L;
    this.#require(high, cpl, wanted, CONFORMING | S.AR_DB, 0);
    return high;
  }
  /** The same of flat code of 32 bits. */
  code32(selector: I32, cpl: I32): I32 {
    return this.#flat(selector, cpl, S.AR_P | S.AR_S | CODE | ACCESSED | S.AR_G | S.AR_DB, CONFORMING);
  }
  /** High word of the descriptor of a flat stack of a level; `size`: AR_DB, where that counts. */
  flatStack(selector: I32, cpl: I32, size: number): I32 {
    const wanted = S.AR_P | S.AR_S | WRITABLE | ACCESSED | S.AR_G | size;
    return this.#flat(selector, cpl, wanted, CODE | EXPAND_DOWN);
  }
  #flat(selector: I32, cpl: I32, wanted: number, unwanted: number): I32 {
    const host = this.descriptor(selector);
    const high = this.f.let(i32.load(host, 4));
    this.giveUpIf(i32.ne(i32.load(host), i32.const(0xffff)));
    this.#require(high, cpl, wanted, unwanted, BASE_BITS | LIMIT_BITS);
    return high;
  }
  /** Access rights have all of `wanted` and none of `unwanted`, of this level; of `flat`, nothing but the limit is set. */
  #require(high: I32, cpl: I32, wanted: number, unwanted: number, flat: number): void {
    const looked = i32.and(high, i32.const(((wanted | unwanted | DPL) << 8) | flat));
    const right = i32.or(i32.const((wanted << 8) | (flat & LIMIT_BITS)), dplOf(cpl));
    this.giveUpIf(i32.ne(looked, right));
  }
  setCode(selector: I32, high: I32): void {
    const readable = i32.and(i32.shrU(high, i32.const(9)), i32.const(S.SEG_CAN_READ));
    this.setFlat(S.CS, selector, i32.shl(i32.and(high, i32.const(ACCESS_BITS)), i32.const(8)), readable);
  }
  setStack(selector: I32, high: I32): void {
    const access = i32.shl(i32.and(high, i32.const(ACCESS_BITS)), i32.const(8));
    this.setFlat(S.SS, selector, access, i32.const(READ_WRITE));
  }

  // -- privilege ---------------------------------------------------------------------------------------------------
  supervisorPart(flags: I32): I32 {
    return supervisorPart(this.word(S.CR4), flags);
  }
  /** Its accessor becomes `to`; it was `from`. */
  changeAccessor(from: I32, to: I32): void {
    const by = i32.mul(i32.sub(to, from), i32.const(S.TLB_PART_SIZE));
    this.setWord(S.TLB_BASE, i32.add(this.word(S.TLB_BASE), by));
  }
  /** RFLAGS, arithmetic ones too. */
  wholeFlags(): I32 {
    return this.f.let(any(this.word(S.EFLAGS), this.flags.arith(), i32.const(2)));
  }
  setFlags(image: I32, kept: I32): void {
    this.flags.setArith(image);
    this.setWord(S.EFLAGS, i32.or(kept, i32.const(2)));
  }
}

/** The handler of a system instruction. */
export class Handler extends Change {
  constructor(
    f: Func,
    layout: VcpuLayout,
    readonly rt: PrivilegeRoutines,
    locate: Callable,
  ) {
    super(f, layout, locate, () => f.returnCall(rt.fallBack, f.param(0, 'i32')));
  }

  nextIp(): I64 {
    const record = this.f.param(0, 'i32');
    const end = i32.add(i32.load16U(record, RECORD_START), i32.load8U(record, RECORD_LENGTH));
    return this.f.let(i64.add(this.quad(S.RIP), i64.extendU(end)));
  }
  goto(ip: I64): void {
    this.setQuad(S.RIP, ip);
    this.f.returnCall(this.rt.next, this.at(S.NO_LINK));
  }
}

export const USER_PART = i32.const(1);

/** At level 0, with nothing that would follow the instruction. */
export function requirePlainSupervisor(e: Change): I32 {
  e.requireUnobserved();
  e.requireCpl(0);
  const flags = e.f.let(e.word(S.EFLAGS));
  e.requireQuiet(flags);
  e.giveUpIf(hasBits(flags, S.FLAG_RF));
  return flags;
}

/** A segment that an outer level could not use would become null. */
export function requireNoPrivilegedSegments(e: Change): void {
  const privileged = (n: number): I32 => {
    const access = i32.load16U(e.at(segmentAt(n) + S.SEG_ACCESS));
    const dpl = i32.and(access, i32.const(3 << S.AR_DPL_SHIFT));
    return i32.and(not(hasBits(access, S.SEG_UNUSABLE)), i32.ne(dpl, i32.const(3 << S.AR_DPL_SHIFT)));
  };
  e.giveUpIf(...[S.ES, S.DS, S.FS, S.GS].map(privileged));
}
