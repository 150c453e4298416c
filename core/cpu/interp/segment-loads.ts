/**
 * Loads of data segment registers in generated code, at level 0 of 32-bit code, from the GDT. What would make code decode
 * differently (a DS or ES that is not flat), what faults and what somebody looks at is left to system/descriptors.ts.
 */
import { type Callable, type Func, hasBits, type I32, i32, i64, type ModuleBuilder, select } from '../../wasm/index.ts';
import * as M from '../decode/mode.ts';
import type { VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { ACCESS_BITS, Change, emitLocate } from './change.ts';

const not = i32.eqz;

// of a descriptor's high word
const PRESENT_ACCESSED_DATA = (S.AR_P | S.AR_S | 1) << 8;
const CODE_OR_EXPAND_DOWN = (8 | 4) << 8;
const WRITABLE = 2 << 8;
const GRANULAR = S.AR_G << 8;
const DPL_SHIFT = 8 + S.AR_DPL_SHIFT;

/** (segment register's number, selector) -> 1: nothing done. */
export function emitLoadSegment(m: ModuleBuilder, at: VcpuLayout, refill: Callable): Func {
  const f = m.func(['i32', 'i32'], ['i32']);
  const number = f.param(0, 'i32');
  const selector = f.let(i32.and(f.param(1, 'i32'), i32.const(0xffff)));
  const e = new Change(f, at, emitLocate(m, at, refill), () => f.return(i32.const(1)));
  const mode = f.let(e.word(S.CODE_MODE));
  const otherMode = i32.ne(i32.and(mode, i32.const(M.MODE_SIZE_MASK | M.MODE_REAL)), i32.const(M.MODE_32));
  const flags = f.let(e.word(S.EFLAGS));
  e.giveUpIf(otherMode, e.word(S.CPL), e.word(S.WATCHED), hasBits(flags, S.FLAG_AC | S.FLAG_RF));
  e.requireQuiet(flags);
  const far = f.let(i32.geU(number, i32.const(S.FS)));
  const codeOrStack = i32.or(i32.eq(number, i32.const(S.CS)), i32.eq(number, i32.const(S.SS)));
  e.giveUpIf(codeOrStack, not(i32.or(far, hasBits(mode, M.MODE_FLAT))));
  const set = (base: I32, limit: I32, access: I32, rights: I32): void => {
    const segment = f.let(i32.add(i32.mul(number, i32.const(S.SEG_SIZE)), e.at(S.SEG)));
    f.store64(segment, i64.extendU(base), S.SEG_BASE);
    f.store32(segment, limit, S.SEG_LIMIT);
    f.store32(segment, i32.or(selector, i32.shl(access, i32.const(16))), S.SEG_SELECTOR);
    f.store32(segment, i32.const(0), S.SEG_LOW);
    f.store32(segment, limit, S.SEG_HIGH);
    f.store32(segment, rights, S.SEG_RIGHTS);
    f.return(i32.const(0));
  };
  const zero = i32.const(0);
  f.if(not(i32.and(selector, i32.const(0xfffc))), () => {
    e.giveUpIf(not(far));
    set(zero, zero, i32.const(S.SEG_UNUSABLE), zero);
  });

  const host = e.descriptor(selector);
  const low = f.let(i32.loadU(host));
  const high = f.let(i32.loadU(host, 4));
  const kind = i32.and(high, i32.const(PRESENT_ACCESSED_DATA | CODE_OR_EXPAND_DOWN));
  const dpl = i32.and(i32.shrU(high, i32.const(DPL_SHIFT)), i32.const(3));
  e.giveUpIf(i32.ne(kind, i32.const(PRESENT_ACCESSED_DATA)), i32.gtU(i32.and(selector, i32.const(3)), dpl));
  const middle = i32.shl(i32.and(high, i32.const(0xff)), i32.const(16));
  const base = f.let(i32.or(i32.or(i32.shrU(low, i32.const(16)), middle), i32.and(high, i32.const(0xff000000))));
  const units = f.let(i32.or(i32.and(low, i32.const(0xffff)), i32.and(high, i32.const(0xf0000))));
  const pages = i32.or(i32.shl(units, i32.const(12)), i32.const(0xfff));
  const limit = f.let(select(hasBits(high, GRANULAR), pages, units));
  const writable = f.let(hasBits(high, WRITABLE));
  const isFlat = i32.and(i32.and(not(base), i32.eq(limit, i32.const(-1))), writable);
  e.giveUpIf(not(i32.or(far, isFlat)));
  const access = i32.shrU(i32.and(high, i32.const(ACCESS_BITS)), i32.const(8));
  set(base, limit, access, i32.or(i32.const(S.SEG_CAN_READ), i32.shl(writable, i32.const(1))));
  f.unreachable();
  return f;
}
