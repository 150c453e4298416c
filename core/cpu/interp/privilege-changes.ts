/**
 * Changes of privilege in generated code, for what 64-bit systems do all the time: SYSCALL, SYSRET, SWAPGS, STAC, CLAC, IRET and the
 * entry of exceptions and interrupts, from 64-bit code to 64-bit code between levels 0 and 3 with flat segments of the GDT.
 * Everything else, whatever faults, and what somebody looks at (single steps, breakpoints, waiting interrupts) is left to
 * system/, before anything has changed.
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
import type { Insn } from '../decode/insn.ts';
import { MODE_64, MODE_SIZE_MASK } from '../decode/mode.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { READ, WRITE } from '../mmu/walk.ts';
import * as S from '../state.ts';
import type { SystemName } from '../table/system-names.ts';
import { chain } from './emit.ts';
import { RECORD_LENGTH, RECORD_SIZE, RECORD_START } from './record.ts';

const not = i32.eqz;
const any = (...conditions: I32[]): I32 => conditions.reduce((a, b) => i32.or(a, b));

const CODE_TYPE = 0xb;
const DATA_TYPE = 3;
const segmentAt = (n: number): number => S.SEG + n * S.SEG_SIZE;
/** SEG_LOW and SEG_HIGH of a flat segment. */
const FLAT_RANGE = 0xffff_ffff_0000_0000n;
/** What of a descriptor's high word is in SEG_ACCESS, before it is shifted. */
const ACCESS_BITS = 0xf0ff00;
const ACCESSED = 1;
const CONFORMING = 4;
const EXPAND_DOWN = 4;
const WRITABLE = 2;
const CODE = 8;
const flatAccess = (bits: number, cpl: number): number => S.AR_P | S.AR_S | S.AR_G | bits | (cpl << S.AR_DPL_SHIFT);

/** What SYSRET, and IRET at level 0, load of RFLAGS. RF, for which only breakpoints have a use, goes at once. */
const RETURN_FLAGS = S.FLAG_IF | S.FLAG_DF | S.FLAG_IOPL | S.FLAG_NT | S.FLAG_AC | S.FLAG_VIF | S.FLAG_VIP | S.FLAG_ID;

export interface PrivilegeRoutines {
  readonly next: Callable;
  /** (record): the system instruction's own function. */
  readonly fallBack: Callable;
  /** (linear, access) -> host address or 0 */
  readonly refill: Callable;
}

/** The name of the handler that an instruction may have here. */
export function privilegeHandler(insn: Insn): SystemName | undefined {
  const { row, mode, operandSize } = insn;
  if ((mode & MODE_SIZE_MASK) !== MODE_64) return undefined;
  const sized = row.system === 'iret' || row.system === 'sysret';
  return !sized || operandSize === 8 ? row.system : undefined;
}

export function emitPrivilegeChanges(m: ModuleBuilder, at: VcpuLayout, rt: PrivilegeRoutines) {
  const locate = emitLocate(m, at, rt.refill);
  const handler = (body: (e: Change) => void): Func => {
    const f = m.func(['i32'], ['i32']);
    body(new Change(f, at, rt, locate, () => f.returnCall(rt.fallBack, f.param(0, 'i32'))));
    f.unreachable();
    return f;
  };
  const handlers = new Map<SystemName, Func>([
    ['syscall', handler(syscall)],
    ['sysret', handler(sysret)],
    ['swapgs', handler(swapgs)],
    ['stac', handler(setAc(S.FLAG_AC))],
    ['clac', handler(setAc(0))],
    ['iret', handler(iret)],
  ]);
  return { handlers, deliver: emitDeliver(m, at, rt, locate) };
}

/** (linear, bytes, READ or WRITE) -> host address of an access within a page by the current accessor; 0: not known. */
function emitLocate(m: ModuleBuilder, at: VcpuLayout, refill: Callable): Func {
  const f = m.func(['i64', 'i32', 'i32'], ['i32']);
  const [linear, bytes, access] = [f.param(0, 'i64'), f.param(1, 'i32'), f.param(2, 'i32')];
  const low = i32.wrap(linear);
  const last = i32.add(i32.and(low, i32.const(PAGE_SIZE - 1)), bytes);
  f.if(i32.gtU(last, i32.const(PAGE_SIZE)), () => f.return(i32.const(0)));
  const index = i32.and(i32.shrU(low, i32.const(7)), i32.const((S.TLB_ENTRIES - 1) * S.TLB_ENTRY_SIZE));
  const entry = f.let(i32.add(index, i32.load(i32.const(at.state + S.TLB_BASE))));
  const writes = i32.eq(access, i32.const(WRITE));
  const tag = i64.load(select(writes, i32.add(entry, i32.const(S.TLB_WRITE)), entry));
  const hit = i64.eq(tag, i64.and(linear, i64.const(-BigInt(PAGE_SIZE))));
  f.if(hit, () => f.return(i32.add(low, i32.load(entry, S.TLB_ADDEND))));
  f.returnCall(refill, linear, access);
  f.unreachable();
  return f;
}

/** One handler in the making. */
class Change {
  readonly flags: LazyFlags;

  constructor(
    readonly f: Func,
    readonly layout: VcpuLayout,
    readonly rt: PrivilegeRoutines,
    readonly locate: Func,
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
  /** CS, and SS 8 behind it or as given, from no descriptor. */
  setFixed(cs: I32, ss: I32, cpl: 0 | 3): void {
    const set = (n: number, selector: I32, access: number, rights: number): void =>
      this.setFlat(
        n,
        i32.or(i32.and(selector, i32.const(0xfffc)), i32.const(cpl)),
        i32.const(flatAccess(access, cpl) << 16),
        i32.const(rights),
      );
    set(S.CS, cs, S.AR_L | CODE_TYPE, S.SEG_CAN_READ);
    set(S.SS, ss, S.AR_DB | DATA_TYPE, S.SEG_CAN_READ | S.SEG_CAN_WRITE);
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
    const mask = S.AR_P | S.AR_S | CODE | CONFORMING | ACCESSED | S.AR_L | S.AR_DB | (3 << S.AR_DPL_SHIFT);
    const wanted = i32.or(
      i32.const((S.AR_P | S.AR_S | CODE | ACCESSED | S.AR_L) << 8),
      i32.shl(cpl, i32.const(8 + S.AR_DPL_SHIFT)),
    );
    this.giveUpIf(i32.ne(i32.and(high, i32.const(mask << 8)), wanted));
    return high;
  }
  setCode(selector: I32, high: I32): void {
    const readable = i32.and(i32.shrU(high, i32.const(9)), i32.const(S.SEG_CAN_READ));
    this.setFlat(S.CS, selector, i32.shl(i32.and(high, i32.const(ACCESS_BITS)), i32.const(8)), readable);
  }
  /** High word of the descriptor of a flat stack of a level. */
  flatStack(selector: I32, cpl: I32): I32 {
    const host = this.descriptor(selector);
    const high = this.f.let(i32.load(host, 4));
    const fixed = S.AR_P | S.AR_S | WRITABLE | ACCESSED;
    const mask = ((fixed | CODE | EXPAND_DOWN | S.AR_G | (3 << S.AR_DPL_SHIFT)) << 8) | 0xff0f00ff;
    const wanted = i32.or(i32.const(((fixed | S.AR_G) << 8) | 0xf0000), i32.shl(cpl, i32.const(8 + S.AR_DPL_SHIFT)));
    this.giveUpIf(i32.ne(i32.load(host), i32.const(0xffff)), i32.ne(i32.and(high, i32.const(mask)), wanted));
    return high;
  }

  // -- privilege ---------------------------------------------------------------------------------------------------
  /** The TLB's part that serves level 0 with these flags (mmu/walk.ts). */
  supervisorPart(flags: I32): I32 {
    const open = i32.and(hasBits(this.word(S.CR4), S.CR4_SMAP), hasBits(flags, S.FLAG_AC));
    return i32.shl(open, i32.const(1));
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
  nextIp(): I64 {
    const record = this.f.param(0, 'i32');
    const end = i32.add(i32.load16U(record, RECORD_START), i32.load8U(record, RECORD_LENGTH));
    return this.f.let(i64.add(this.quad(S.RIP), i64.extendU(end)));
  }
  /** To the record behind this one. */
  goOn(): void {
    const record = this.f.param(0, 'i32');
    chain(this.f, this.f.let(i32.add(record, i32.load16U(record, RECORD_SIZE))), 0);
  }
  goto(ip: I64): void {
    this.setQuad(S.RIP, ip);
    this.f.returnCall(this.rt.next, this.at(S.NO_LINK));
  }
}

const USER_PART = i32.const(1);

function syscall(e: Change): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(3);
  e.giveUpIf(not(hasBits(e.word(S.EFER), S.EFER_SCE)));
  const flags = e.wholeFlags();
  const left = f.let(i32.and(flags, i32.xor(e.word(S.FMASK), i32.const(-1))));
  e.giveUpIf(hasBits(flags, S.FLAG_TF));
  e.requireQuiet(left);
  e.setQuad(S.GPR + S.RCX * 8, e.nextIp());
  e.setQuad(S.GPR + 11 * 8, i64.extendU(i32.and(flags, i32.const(~S.FLAG_RF))));
  const selector = f.let(i32.and(e.word(S.STAR + 4), i32.const(0xfffc)));
  e.setFixed(selector, i32.add(selector, i32.const(8)), 0);
  e.setFlags(left, i32.and(left, i32.const(~(S.FLAGS_ARITH | S.FLAG_RF))));
  e.setWord(S.CPL, i32.const(0));
  e.changeAccessor(USER_PART, e.supervisorPart(left));
  e.goto(e.quad(S.LSTAR));
}

function sysret(e: Change): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(0);
  e.giveUpIf(not(hasBits(e.word(S.EFER), S.EFER_SCE)));
  const ip = f.let(e.gpr(S.RCX));
  e.requireCanonical(ip);
  const image = f.let(i32.wrap(e.gpr(11)));
  e.giveUpIf(hasBits(image, S.FLAG_AC)); // it may ask for alignment checks
  e.requireQuiet(image);
  const from = f.let(e.supervisorPart(e.word(S.EFLAGS)));
  const base = f.let(i32.load16U(e.at(S.STAR + 6)));
  e.setFixed(i32.add(base, i32.const(16)), i32.add(base, i32.const(8)), 3);
  e.setFlags(image, i32.and(image, i32.const(RETURN_FLAGS)));
  e.setWord(S.CPL, i32.const(3));
  e.changeAccessor(from, USER_PART);
  e.goto(ip);
}

/** At level 0, with nothing that would follow the instruction. */
function requirePlainSupervisor(e: Change): I32 {
  e.requireUnobserved();
  e.requireCpl(0);
  const flags = e.f.let(e.word(S.EFLAGS));
  e.requireQuiet(flags);
  e.giveUpIf(hasBits(flags, S.FLAG_RF));
  return flags;
}

function swapgs(e: Change): void {
  requirePlainSupervisor(e);
  const gs = segmentAt(S.GS) + S.SEG_BASE;
  const base = e.f.let(e.quad(gs));
  e.setQuad(gs, e.quad(S.KERNEL_GS_BASE));
  e.setQuad(S.KERNEL_GS_BASE, base);
  e.goOn();
}

/** STAC and CLAC. */
const setAc =
  (ac: number) =>
  (e: Change): void => {
    const flags = requirePlainSupervisor(e);
    const next = e.f.let(i32.or(i32.and(flags, i32.const(~S.FLAG_AC)), i32.const(ac)));
    const from = e.f.let(e.supervisorPart(flags));
    e.setWord(S.EFLAGS, next);
    e.changeAccessor(from, e.supervisorPart(next));
    e.goOn();
  };

/** A segment that an outer level could not use would become null. */
function requireNoPrivilegedSegments(e: Change): void {
  const privileged = (n: number): I32 => {
    const access = i32.load16U(e.at(segmentAt(n) + S.SEG_ACCESS));
    const dpl = i32.and(access, i32.const(3 << S.AR_DPL_SHIFT));
    return i32.and(not(hasBits(access, S.SEG_UNUSABLE)), i32.ne(dpl, i32.const(3 << S.AR_DPL_SHIFT)));
  };
  e.giveUpIf(...[S.ES, S.DS, S.FS, S.GS].map(privileged));
}

function iret(e: Change): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(0);
  const current = f.let(e.word(S.EFLAGS));
  e.giveUpIf(hasBits(current, S.FLAG_NT | S.FLAG_AC), e.word(S.NMI_MASKED));
  const frame = e.memory(e.gpr(S.RSP), 40);
  const ip = f.let(i64.loadU(frame));
  const selector = f.let(i32.load16U(frame, 8));
  const image = f.let(i32.loadU(frame, 16));
  const rsp = f.let(i64.loadU(frame, 24));
  const stack = f.let(i32.load16U(frame, 32));
  const cpl = f.let(i32.and(selector, i32.const(3)));
  const outer = f.let(i32.eq(cpl, i32.const(3)));
  e.giveUpIf(not(i32.or(outer, not(cpl))), i32.and(outer, hasBits(image, S.FLAG_AC)));
  e.requireQuiet(image);
  e.requireCanonical(ip);
  const code = e.code64(selector, cpl);
  f.if(outer, () => requireNoPrivilegedSegments(e));
  const empty = f.let(i32.and(not(stack), not(outer)));
  e.giveUpIf(i32.ne(i32.and(stack, i32.const(3)), cpl));
  f.if(
    empty,
    () => e.setNullStack(stack),
    () => {
      const high = e.flatStack(stack, cpl);
      const access = i32.shl(i32.and(high, i32.const(ACCESS_BITS)), i32.const(8));
      e.setFlat(S.SS, stack, access, i32.const(S.SEG_CAN_READ | S.SEG_CAN_WRITE));
    },
  );
  e.setCode(selector, code);
  e.setQuad(S.GPR + S.RSP * 8, rsp);
  e.setFlags(image, i32.and(image, i32.const(RETURN_FLAGS)));
  e.setWord(S.CPL, cpl);
  e.changeAccessor(i32.const(0), f.let(select(outer, USER_PART, e.supervisorPart(image))));
  e.goto(ip);
}

// -- exceptions and interrupts -------------------------------------------------------------------------------------
const ERROR_CODE = 1;
const FAULT = 2;

/** What deliver() is told of an event besides its vector and error code. */
export const eventFlags = (hasError: boolean, isException: boolean): number =>
  (hasError ? ERROR_CODE : 0) | (isException ? FAULT : 0);

/**
 * (vector, error code, eventFlags) -> 1 when the event was delivered at RIP; 0 when it is left to system/interrupts.ts. The
 * accesses are a supervisor's: they are made as if its level had been entered, and that is taken back where this gives up.
 */
function emitDeliver(m: ModuleBuilder, layout: VcpuLayout, rt: PrivilegeRoutines, locate: Func): Func {
  const f = m.func(['i32', 'i32', 'i32'], ['i32']);
  const params = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')] as const;
  const inner = m.func(['i32', 'i32', 'i32', 'i32'], ['i32']);
  enterLevel0(new Change(inner, layout, rt, locate, () => inner.return(i32.const(0))));
  inner.unreachable();
  const e = new Change(f, layout, rt, locate, () => f.return(i32.const(0)));
  const mode = i32.and(e.word(S.CODE_MODE), i32.const(MODE_SIZE_MASK));
  const cpl = f.let(e.word(S.CPL));
  const user = f.let(i32.eq(cpl, i32.const(3)));
  const otherLevel = not(i32.or(user, not(cpl)));
  e.giveUpIf(e.word(S.WATCHED), i32.ne(mode, i32.const(MODE_64)), hasBits(e.word(S.EFLAGS), S.FLAG_AC), otherLevel);
  e.setWord(S.CPL, i32.const(0));
  e.changeAccessor(user, i32.const(0));
  f.if(f.call(inner, ...params, user), () => f.return(i32.const(1)));
  e.setWord(S.CPL, cpl);
  e.changeAccessor(i32.const(0), user);
  f.return(i32.const(0));
  f.unreachable();
  return f;
}

const GATE_TYPE = 0x1f00;
const INTERRUPT_GATE = 0x0e00;
const TRAP_GATE = 0x0f00;
const GATE_PRESENT = 0x8000;
const TSS_RSP0 = 4;

function enterLevel0(e: Change): void {
  const { f } = e;
  const [vector, errorCode] = [f.param(0, 'i32'), f.param(1, 'i32')];
  const [about, user] = [f.param(2, 'i32'), f.param(3, 'i32')];
  const at = f.let(i32.shl(vector, i32.const(4)));
  e.giveUpIf(i32.gtU(i32.add(at, i32.const(15)), e.word(S.IDTR_LIMIT)));
  const gate = e.memory(f.let(i64.add(e.quad(S.IDTR_BASE), i64.extendU(at))), 16);
  const low = f.let(i32.loadU(gate));
  const high = f.let(i32.loadU(gate, 4));
  const type = f.let(i32.and(high, i32.const(GATE_TYPE)));
  const otherType = i32.and(i32.ne(type, i32.const(INTERRUPT_GATE)), i32.ne(type, i32.const(TRAP_GATE)));
  e.giveUpIf(otherType, not(hasBits(high, GATE_PRESENT)), hasBits(high, 7)); // the last three bits name an IST
  const lower = i32.or(i32.and(high, i32.const(0xffff0000)), i32.and(low, i32.const(0xffff)));
  const ip = f.let(i64.or(i64.shl(i64.extendU(i32.loadU(gate, 8)), i64.const(32n)), i64.extendU(lower)));
  e.requireCanonical(ip);
  const selector = f.let(i32.shrU(low, i32.const(16)));
  const code = e.code64(selector, i32.const(0));

  const top = f.local('i64');
  f.set(top, e.gpr(S.RSP));
  f.if(user, () => {
    const tss = segmentAt(S.TR);
    e.giveUpIf(i32.ltU(e.word(tss + S.SEG_LIMIT), i32.const(TSS_RSP0 + 7)));
    const rsp0 = f.let(i64.add(e.quad(tss + S.SEG_BASE), i64.const(BigInt(TSS_RSP0))));
    f.set(top, i64.loadU(e.memory(rsp0, 8)));
  });
  const hasError = f.let(i32.and(about, i32.const(ERROR_CODE)));
  const size = f.let(i32.add(i32.const(40), i32.shl(hasError, i32.const(3))));
  const rsp = f.let(i64.sub(i64.and(top, i64.const(~0xfn)), i64.extendU(size)));
  const frame = e.memory(rsp, size, WRITE);
  f.if(hasError, () => f.store64(frame, i64.extendU(errorCode)));
  const values = f.let(i32.add(frame, i32.shl(hasError, i32.const(3))));
  const flags = e.wholeFlags();
  const saved = i32.or(flags, select(i32.and(about, i32.const(FAULT)), i32.const(S.FLAG_RF), i32.const(0)));
  f.store64(values, e.quad(S.RIP));
  f.store64(values, i64.load16U(e.at(segmentAt(S.CS) + S.SEG_SELECTOR)), 8);
  f.store64(values, i64.extendU(saved), 16);
  f.store64(values, e.gpr(S.RSP), 24);
  f.store64(values, i64.load16U(e.at(segmentAt(S.SS) + S.SEG_SELECTOR)), 32);

  const masks = select(i32.eq(type, i32.const(INTERRUPT_GATE)), i32.const(S.FLAG_IF), i32.const(0));
  const cleared = i32.or(masks, i32.const(S.FLAG_TF | S.FLAG_NT | S.FLAG_RF | S.FLAG_VM));
  e.setWord(S.EFLAGS, i32.and(e.word(S.EFLAGS), i32.xor(cleared, i32.const(-1))));
  e.setCode(i32.and(selector, i32.const(0xfffc)), code);
  f.if(user, () => e.setNullStack(i32.const(0)));
  e.setQuad(S.GPR + S.RSP * 8, rsp);
  e.setQuad(S.RIP, ip);
  f.return(i32.const(1));
}
