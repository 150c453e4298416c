/**
 * Integer arithmetic at an operand size: 1, 2 and 4 bytes are computed in i32, 8 in i64. Values of a size are kept
 * zero-extended to their WebAssembly type; `trim` restores that after an operation that may carry out.
 */
import { type Expr, type I32, type I64, i32, i64, select } from '../../wasm/index.ts';

export type OpSize = 1 | 2 | 4 | 8;
/** i32 for sizes up to 4, i64 for 8. */
export type Int = Expr<'i32' | 'i64'>;

const as32 = (e: Int): I32 => e as I32;
const as64 = (e: Int): I64 => e as I64;

export class Width {
  readonly bits: number;
  readonly wide: boolean;
  constructor(readonly size: OpSize) {
    this.bits = size * 8;
    this.wide = size === 8;
  }

  const(n: number | bigint): Int {
    return this.wide ? i64.const(BigInt(n)) : i32.const(Number(BigInt.asIntN(32, BigInt(n))));
  }
  #pick(
    op: 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'shl' | 'shrU' | 'shrS' | 'divU' | 'divS' | 'remU' | 'remS',
    a: Int,
    b: Int,
  ): Int {
    return this.wide ? i64[op](as64(a), as64(b)) : i32[op](as32(a), as32(b));
  }
  #compare(op: 'eq' | 'ne' | 'ltU' | 'ltS' | 'leU' | 'gtU' | 'geU' | 'geS', a: Int, b: Int): I32 {
    return this.wide ? i64[op](as64(a), as64(b)) : i32[op](as32(a), as32(b));
  }
  add(a: Int, b: Int): Int {
    return this.#pick('add', a, b);
  }
  sub(a: Int, b: Int): Int {
    return this.#pick('sub', a, b);
  }
  mul(a: Int, b: Int): Int {
    return this.#pick('mul', a, b);
  }
  and(a: Int, b: Int): Int {
    return this.#pick('and', a, b);
  }
  or(a: Int, b: Int): Int {
    return this.#pick('or', a, b);
  }
  xor(a: Int, b: Int): Int {
    return this.#pick('xor', a, b);
  }
  shl(a: Int, b: Int): Int {
    return this.#pick('shl', a, b);
  }
  shrU(a: Int, b: Int): Int {
    return this.#pick('shrU', a, b);
  }
  shrS(a: Int, b: Int): Int {
    return this.#pick('shrS', a, b);
  }
  divU(a: Int, b: Int): Int {
    return this.#pick('divU', a, b);
  }
  divS(a: Int, b: Int): Int {
    return this.#pick('divS', a, b);
  }
  remU(a: Int, b: Int): Int {
    return this.#pick('remU', a, b);
  }
  remS(a: Int, b: Int): Int {
    return this.#pick('remS', a, b);
  }
  eq(a: Int, b: Int): I32 {
    return this.#compare('eq', a, b);
  }
  ne(a: Int, b: Int): I32 {
    return this.#compare('ne', a, b);
  }
  ltU(a: Int, b: Int): I32 {
    return this.#compare('ltU', a, b);
  }
  gtU(a: Int, b: Int): I32 {
    return this.#compare('gtU', a, b);
  }
  geU(a: Int, b: Int): I32 {
    return this.#compare('geU', a, b);
  }
  ltS(a: Int, b: Int): I32 {
    return this.#compare('ltS', a, b);
  }
  eqz(a: Int): I32 {
    return this.wide ? i64.eqz(as64(a)) : i32.eqz(as32(a));
  }
  not(a: Int): Int {
    return this.xor(a, this.const(-1));
  }
  neg(a: Int): Int {
    return this.sub(this.const(0), a);
  }
  ctz(a: Int): Int {
    return this.wide ? i64.ctz(as64(a)) : i32.ctz(as32(a));
  }
  clz(a: Int): Int {
    return this.wide ? i64.clz(as64(a)) : i32.clz(as32(a));
  }
  popcnt(a: Int): Int {
    return this.wide ? i64.popcnt(as64(a)) : i32.popcnt(as32(a));
  }
  select(cond: I32, a: Int, b: Int): Int {
    return this.wide ? select(cond, as64(a), as64(b)) : select(cond, as32(a), as32(b));
  }
  /** Zero-extended value of this size from any bits. */
  trim(a: Int): Int {
    if (this.size === 1) return i32.and(as32(a), i32.const(0xff));
    if (this.size === 2) return i32.and(as32(a), i32.const(0xffff));
    return a;
  }
  /** Sign-extended within its WebAssembly type. */
  signed(a: Int): Int {
    if (this.size === 1) return i32.extend8S(as32(a));
    if (this.size === 2) return i32.extend16S(as32(a));
    return a;
  }
  /** Sign-extended to i64. */
  signed64(a: Int): I64 {
    return this.wide ? as64(a) : i64.extendS(as32(this.signed(a)));
  }
  /** Zero-extended to i64; a must be trimmed. */
  unsigned64(a: Int): I64 {
    return this.wide ? as64(a) : i64.extendU(as32(a));
  }
  /** This size's value from an i64's low bits. */
  from64(a: I64): Int {
    return this.wide ? a : this.trim(i32.wrap(a));
  }
  /** This type from an i32 that is already in range. */
  fromI32(a: I32): Int {
    return this.wide ? i64.extendU(a) : a;
  }
  /** Low 32 bits. */
  toI32(a: Int): I32 {
    return this.wide ? i32.wrap(as64(a)) : as32(a);
  }
  /** 1 when the top bit of the size is set. */
  msb(a: Int): I32 {
    return this.wide
      ? i32.wrap(i64.shrU(as64(a), i64.const(63n)))
      : i32.and(i32.shrU(as32(a), i32.const(this.bits - 1)), i32.const(1));
  }
}

const WIDTHS: Readonly<Record<OpSize, Width>> = { 1: new Width(1), 2: new Width(2), 4: new Width(4), 8: new Width(8) };
export const width = (size: OpSize): Width => WIDTHS[size];
