/**
 * The entry of exceptions and interrupts in generated code: through interrupt and trap gates, from levels 0 and 3 to level 0,
 * of 64-bit code without IST, and of flat 32-bit code outside long mode. Others are left to system/interrupts.ts.
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
import { MODE_64, MODE_SIZE_MASK } from '../decode/mode.ts';
import type { VcpuLayout } from '../layout.ts';
import { WRITE } from '../mmu/walk.ts';
import * as S from '../state.ts';
import { Change, segmentAt } from './change.ts';
import { isFlat32Mode } from './privilege-32.ts';

const not = i32.eqz;

const ERROR_CODE = 1;
const FAULT = 2;

/** What deliver() is told of an event besides its vector and error code. */
export const eventFlags = (hasError: boolean, isException: boolean): number =>
  (hasError ? ERROR_CODE : 0) | (isException ? FAULT : 0);

/**
 * (vector, error code, eventFlags) -> 1 when the event was delivered at RIP; 0 when it is left to system/interrupts.ts. The
 * accesses are a supervisor's: they are made as if its level had been entered, and that is taken back where this gives up.
 */
export function emitDeliver(m: ModuleBuilder, layout: VcpuLayout, locate: Callable): Func {
  const f = m.func(['i32', 'i32', 'i32'], ['i32']);
  const params = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')] as const;
  const entry = (enter: (e: Change) => void): Func => {
    const inner = m.func(['i32', 'i32', 'i32', 'i32'], ['i32']);
    enter(new Change(inner, layout, locate, () => inner.return(i32.const(0))));
    inner.unreachable();
    return inner;
  };
  const [enter64, enter32] = [entry(enterLong), entry(enterFlat32)];
  const e = new Change(f, layout, locate, () => f.return(i32.const(0)));
  const mode = f.let(e.word(S.CODE_MODE));
  const code64 = f.let(i32.eq(i32.and(mode, i32.const(MODE_SIZE_MASK)), i32.const(MODE_64)));
  const code32 = i32.and(isFlat32Mode(mode), not(hasBits(e.word(S.EFER), S.EFER_LMA)));
  const cpl = f.let(e.word(S.CPL));
  const user = f.let(i32.eq(cpl, i32.const(3)));
  const otherLevel = not(i32.or(user, not(cpl)));
  e.giveUpIf(e.word(S.WATCHED), not(i32.or(code64, code32)), hasBits(e.word(S.EFLAGS), S.FLAG_AC), otherLevel);
  e.setWord(S.CPL, i32.const(0));
  e.changeAccessor(user, i32.const(0));
  const entered = f.local('i32');
  f.if(
    code64,
    () => f.set(entered, f.call(enter64, ...params, user)),
    () => f.set(entered, f.call(enter32, ...params, user)),
  );
  f.if(entered, () => f.return(i32.const(1)));
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
const GATE_IST = 7;
/** Of the TSS: RSP0, or ESP0 and SS0. */
const TSS_STACK = 4;

interface Gate {
  readonly host: I32;
  readonly selector: I32;
  /** The low 32 bits. */
  readonly offset: I32;
  readonly masks: I32;
}

/** The interrupt or trap gate of the vector at hand, one of `bytes` bytes. */
function gateOf(e: Change, bytes: 8 | 16): Gate {
  const { f } = e;
  const at = f.let(i32.mul(f.param(0, 'i32'), i32.const(bytes)));
  e.giveUpIf(i32.gtU(i32.add(at, i32.const(bytes - 1)), e.word(S.IDTR_LIMIT)));
  const host = e.memory(f.let(i64.add(e.quad(S.IDTR_BASE), i64.extendU(at))), bytes);
  const low = f.let(i32.loadU(host));
  const high = f.let(i32.loadU(host, 4));
  const type = f.let(i32.and(high, i32.const(GATE_TYPE)));
  const isInterrupt = f.let(i32.eq(type, i32.const(INTERRUPT_GATE)));
  e.giveUpIf(not(i32.or(isInterrupt, i32.eq(type, i32.const(TRAP_GATE)))), not(hasBits(high, GATE_PRESENT)));
  if (bytes === 16) e.giveUpIf(hasBits(high, GATE_IST));
  const offset = f.let(i32.or(i32.and(high, i32.const(0xffff0000)), i32.and(low, i32.const(0xffff))));
  const masks = select(isInterrupt, i32.const(S.FLAG_IF), i32.const(0));
  return { host, selector: f.let(i32.shrU(low, i32.const(16))), offset, masks };
}

/** Host address of the inner stack's pointer in the TSS. */
function stackInTss(e: Change, bytes: number): I32 {
  const tss = segmentAt(S.TR);
  e.giveUpIf(i32.ltU(e.word(tss + S.SEG_LIMIT), i32.const(TSS_STACK + bytes - 1)));
  return e.memory(e.f.let(i64.add(e.quad(tss + S.SEG_BASE), i64.const(BigInt(TSS_STACK)))), bytes);
}

/** Flags as they are pushed: with RF for a fault. */
function savedFlags(e: Change): I32 {
  const isFault = i32.and(e.f.param(2, 'i32'), i32.const(FAULT));
  return i32.or(e.wholeFlags(), select(isFault, i32.const(S.FLAG_RF), i32.const(0)));
}

/** The handler begins at `ip` with its stack at `sp`. */
function begin(e: Change, { selector, masks }: Gate, code: I32, sp: I64, ip: I64): void {
  const cleared = i32.or(masks, i32.const(S.FLAG_TF | S.FLAG_NT | S.FLAG_RF | S.FLAG_VM));
  e.setWord(S.EFLAGS, i32.and(e.word(S.EFLAGS), i32.xor(cleared, i32.const(-1))));
  e.setCode(i32.and(selector, i32.const(0xfffc)), code);
  e.setQuad(S.GPR + S.RSP * 8, sp);
  e.setQuad(S.RIP, ip);
  e.f.return(i32.const(1));
}

const selectorOf = (e: Change, n: number): I32 => i32.load16U(e.at(segmentAt(n) + S.SEG_SELECTOR));

function enterLong(e: Change): void {
  const { f } = e;
  const [errorCode, about, user] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
  const gate = gateOf(e, 16);
  const ip = f.let(i64.or(i64.shl(i64.extendU(i32.loadU(gate.host, 8)), i64.const(32n)), i64.extendU(gate.offset)));
  e.requireCanonical(ip);
  const code = e.code64(gate.selector, i32.const(0));

  const top = f.local('i64');
  f.set(top, e.gpr(S.RSP));
  f.if(user, () => f.set(top, i64.loadU(stackInTss(e, 8))));
  const hasError = f.let(i32.and(about, i32.const(ERROR_CODE)));
  const size = f.let(i32.add(i32.const(40), i32.shl(hasError, i32.const(3))));
  const rsp = f.let(i64.sub(i64.and(top, i64.const(~0xfn)), i64.extendU(size)));
  const frame = e.memory(rsp, size, WRITE);
  f.if(hasError, () => f.store64(frame, i64.extendU(errorCode)));
  const values = f.let(i32.add(frame, i32.shl(hasError, i32.const(3))));
  f.store64(values, e.quad(S.RIP));
  f.store64(values, i64.extendU(selectorOf(e, S.CS)), 8);
  f.store64(values, i64.extendU(savedFlags(e)), 16);
  f.store64(values, e.gpr(S.RSP), 24);
  f.store64(values, i64.extendU(selectorOf(e, S.SS)), 32);
  f.if(user, () => e.setNullStack(i32.const(0)));
  begin(e, gate, code, rsp, ip);
}

function enterFlat32(e: Change): void {
  const { f } = e;
  const [errorCode, about, user] = [f.param(1, 'i32'), f.param(2, 'i32'), f.param(3, 'i32')];
  const gate = gateOf(e, 8);
  const code = e.code32(gate.selector, i32.const(0));

  const top = f.local('i32');
  const stack = f.local('i32');
  const rights = f.local('i32');
  f.set(top, i32.wrap(e.gpr(S.RSP)));
  f.if(user, () => {
    const tss32 = hasBits(i32.load16U(e.at(segmentAt(S.TR) + S.SEG_ACCESS)), 8);
    e.giveUpIf(not(tss32));
    const host = stackInTss(e, 6);
    f.set(top, i32.loadU(host));
    f.set(stack, i32.load16U(host, 4));
    e.giveUpIf(hasBits(stack, 3));
    f.set(rights, e.flatStack(stack, i32.const(0), S.AR_DB));
  });
  const hasError = f.let(i32.and(about, i32.const(ERROR_CODE)));
  const error = f.let(i32.shl(hasError, i32.const(2)));
  const size = f.let(i32.add(select(user, i32.const(20), i32.const(12)), error));
  const esp = f.let(i64.extendU(i32.sub(top, size)));
  const frame = e.memory(esp, size, WRITE);
  f.if(hasError, () => f.store32(frame, errorCode));
  const values = f.let(i32.add(frame, error));
  f.store32(values, e.word(S.RIP));
  f.store32(values, selectorOf(e, S.CS), 4);
  f.store32(values, savedFlags(e), 8);
  f.if(user, () => {
    f.store32(values, i32.wrap(e.gpr(S.RSP)), 12);
    f.store32(values, selectorOf(e, S.SS), 16);
    e.setStack(stack, rights);
  });
  begin(e, gate, code, esp, i64.extendU(gate.offset));
}
