/** Repeated string instructions in bulk: the part of the interpreter's Emit that moves registers over many elements. */
import { type Callable, type I32, type I64, i32, i64 } from '../../wasm/index.ts';
import {
  STRING_BACKWARD,
  STRING_CMPS,
  STRING_MOVS,
  STRING_SCAS,
  STRING_STOS,
  STRING_UNEQUAL,
} from '../mmu/bulk-strings.ts';
import type { Emit, StringKind } from '../semantics/emit.ts';
import { width } from '../semantics/width.ts';
import * as S from '../state.ts';

/** Strings shorter than this are not worth a call. */
const BULK_MINIMUM = 8;
/** More than a page has. */
const BULK_MAXIMUM = 4096;
const REPNE = 0xf2;

/** Which operands [rDI] and [rSI] are, and whether elements are compared. */
const KINDS: Readonly<
  Record<StringKind, { operation: number; destination: 0 | 1; source?: 0 | 1; compares?: boolean }>
> = {
  movs: { operation: STRING_MOVS, destination: 0, source: 1 },
  stos: { operation: STRING_STOS, destination: 0 },
  cmps: { operation: STRING_CMPS, destination: 1, source: 0, compares: true },
  scas: { operation: STRING_SCAS, destination: 0, compares: true },
};

/** The engine's side: addresses and memory. */
export interface StringAccess {
  /** 1 when no segment needs a check and there is time for many elements. */
  allowed(): I32;
  linear(i: number, writes: boolean): I64;
  /** (kind, size, dstLo, dstHi, srcLo, srcHi, count) -> elements done */
  readonly bulk: Callable;
}

/**
 * As many elements as `bulk` does, registers and count included. A comparison always leaves the last element, or the
 * one that ends it, to the loop that follows, which sets the flags.
 */
export function emitBulkString(e: Emit, access: StringAccess, kind: StringKind): void {
  const { f } = e;
  const { operation, destination, source, compares = false } = KINDS[kind];
  const w = width(e.addressSize);
  const count = e.reg(S.RCX, e.addressSize);
  f.if(i32.and(w.geU(count, w.const(BULK_MINIMUM)), access.allowed()), () => {
    const dst = access.linear(destination, !compares);
    const src = source === undefined ? i64.const(0n) : access.linear(source, false);
    const high = (x: I64) => i32.wrap(i64.shrU(x, i64.const(32n)));
    const backward = f.let(i32.ne(i32.and(e.systemFlags(), i32.const(S.FLAG_DF)), i32.const(0)));
    const what = operation | (e.repeat === REPNE ? STRING_UNEQUAL : 0);
    const all = compares ? f.let(w.sub(count, w.const(1))) : count;
    const most = w.select(w.gtU(all, w.const(BULK_MAXIMUM)), w.const(BULK_MAXIMUM), all);
    const done = f.call(
      access.bulk,
      i32.or(i32.const(what), i32.mul(backward, i32.const(STRING_BACKWARD))),
      i32.const(e.size),
      i32.wrap(dst),
      high(dst),
      i32.wrap(src),
      high(src),
      w.toI32(most),
    );
    const distance = f.let(i32.mul(done, i32.sub(i32.const(e.size), i32.mul(backward, i32.const(2 * e.size)))));
    const add = (register: number, by: I32): void => {
      const signed = w.wide ? i64.extendS(by) : by;
      e.setReg(register, w.size, f.let(w.add(e.reg(register, w.size), signed)));
    };
    add(S.RDI, distance);
    if (source !== undefined) add(S.RSI, distance);
    add(S.RCX, i32.sub(i32.const(0), done));
  });
}
