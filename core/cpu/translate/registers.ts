/** General registers in locals: loaded when the region is entered, written back when it is left. */
import { type Expr, type Func, type I64, i32, i64, type Local } from '../../wasm/index.ts';
import type { Int, OpSize } from '../semantics/width.ts';
import { width } from '../semantics/width.ts';
import * as S from '../state.ts';

export class Registers {
  readonly #locals = new Map<number, Local<'i64'>>();
  readonly #written = new Set<number>();

  constructor(
    readonly f: Func,
    readonly state: number,
  ) {}

  #local(n: number): Local<'i64'> {
    const known = this.#locals.get(n);
    if (known) return known;
    const local = this.f.permanent('i64');
    this.#locals.set(n, local);
    return local;
  }
  /** As it is now: let() makes a copy of it. */
  whole(n: number): I64 {
    return this.#local(n);
  }

  read(n: number, size: OpSize, high = false): Int {
    const value = this.whole(n);
    if (size === 8) return this.f.let(value);
    const low = i32.wrap(high ? i64.shrU(value, i64.const(8n)) : value);
    return this.f.let(width(size).trim(low));
  }

  /** A 32-bit write clears the upper half. */
  write(n: number, size: OpSize, value: Int, high = false): void {
    const local = this.#local(n);
    this.#written.add(n);
    if (size === 8) this.f.set(local, value as I64);
    else if (size === 4) this.f.set(local, i64.extendU(value as Expr<'i32'>));
    else this.f.set(local, this.#merged(n, size, value as Expr<'i32'>, high));
  }
  #merged(n: number, size: 1 | 2, value: Expr<'i32'>, high: boolean): I64 {
    const bits = size === 1 ? 0xff : 0xffff;
    const shift = high ? 8 : 0;
    const own = i64.extendU(i32.and(value, i32.const(bits)));
    const rest = i64.and(this.whole(n), i64.const(~(BigInt(bits) << BigInt(shift))));
    return i64.or(rest, high ? i64.shl(own, i64.const(8n)) : own);
  }

  load(): void {
    for (const [n, local] of this.#locals) this.f.set(local, i64.load(i32.const(this.state + S.GPR + n * 8)));
  }
  store(): void {
    for (const n of this.#written) this.f.store64(i32.const(this.state + S.GPR + n * 8), this.#local(n));
  }
}
