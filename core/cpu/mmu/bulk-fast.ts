/**
 * Many elements of REP MOVS, REP STOS and REPE CMPS at once in generated code, within one page of each operand, forwards, where nothing
 * that is written is read again; bulk-strings.ts does the others, and what the TLB does not allow.
 *
 * @hot Systems copy and clear memory by it.
 */
import {
  type Callable,
  type Func,
  type I32,
  type I64,
  i32,
  i64,
  i64x2,
  type Local,
  type ModuleBuilder,
  select,
} from '../../wasm/index.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { STRING_CMPS, STRING_MOVS } from './bulk-strings.ts';
import { emitTlbSlot } from './tlb-slot.ts';
import { READ, WRITE } from './walk.ts';

/** Of the vectors that a value is stored by, and of what is compared at a time. */
const VECTOR = 16;
const WORD = 8;

/** (kind, size, dstLo, dstHi, srcLo, srcHi, count) -> elements done, as `others` has them. */
export function emitBulkStrings(m: ModuleBuilder, at: VcpuLayout, refill: Callable, others: Callable): Func {
  const f = m.func(['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'], ['i32']);
  new BulkStrings(f, at, refill, others).emit();
  f.unreachable();
  return f;
}

class BulkStrings {
  constructor(
    readonly f: Func,
    readonly at: VcpuLayout,
    readonly refill: Callable,
    readonly others: Callable,
  ) {}

  #param(n: number): I32 {
    return this.f.param(n, 'i32');
  }
  #leaveIf(cond: I32): void {
    const params = Array.from({ length: 7 }, (_, n) => this.#param(n));
    this.f.ifUnlikely(cond, () => this.f.returnCall(this.others, ...params));
  }

  emit(): void {
    const { f } = this;
    const [kind, size] = [this.#param(0), this.#param(1)];
    this.#leaveIf(i32.gtU(kind, i32.const(STRING_CMPS))); // backwards, REPNE, or SCAS
    const shift = f.let(i32.ctz(size));
    const count = f.local('i32');
    f.set(count, this.#param(6));
    f.if(i32.eq(kind, i32.const(STRING_CMPS)), () => this.#compare(count, shift));
    const to = this.#host(2, WRITE);
    this.#limit(count, to, shift);
    f.if(
      i32.eq(kind, i32.const(STRING_MOVS)),
      () => this.#move(to, count, shift),
      () => this.#fill(to, count, shift),
    );
    f.return(count);
  }

  /** Host address of the first byte of the operand whose linear address is in the nth parameter and the next. */
  #host(n: number, access: typeof READ | typeof WRITE): I32 {
    const { f } = this;
    const [low, high] = [this.#param(n), this.#param(n + 1)];
    const tag = access === WRITE ? S.TLB_WRITE : S.TLB_READ;
    const base = i32.load(i32.const(this.at.state + S.TLB_BASE));
    const entry = f.let(i32.add(emitTlbSlot(low), base));
    const linear = f.let(i64.or(i64.shl(i64.extendU(high), i64.const(32n)), i64.extendU(low)));
    const host = f.local('i32');
    f.ifLikely(
      i64.eq(i64.load(entry, tag), i64.and(linear, i64.const(-BigInt(PAGE_SIZE)))),
      () => f.set(host, i32.add(low, i32.load(entry, S.TLB_ADDEND))),
      () => f.set(host, f.call(this.refill, linear, i32.const(access))),
    );
    this.#leaveIf(i32.eqz(host));
    return host;
  }
  /** Not beyond the page that an operand is in; none where one element is. */
  #limit(count: Local<'i32'>, host: I32, shift: I32): void {
    const { f } = this;
    const left = i32.sub(i32.const(PAGE_SIZE), i32.and(host, i32.const(PAGE_SIZE - 1)));
    const most = f.let(i32.shrU(left, shift));
    this.#leaveIf(i32.eqz(most));
    f.if(i32.ltU(most, count), () => f.set(count, most));
  }

  #move(to: I32, count: Local<'i32'>, shift: I32): void {
    const { f } = this;
    const from = this.#host(4, READ);
    this.#limit(count, from, shift);
    const bytes = f.let(i32.shl(count, shift));
    const ahead = f.let(i32.sub(to, from));
    this.#leaveIf(i32.and(i32.ne(ahead, i32.const(0)), i32.ltU(ahead, bytes)));
    f.memoryCopy(to, from, bytes);
  }

  #fill(to: I32, count: Local<'i32'>, shift: I32): void {
    const { f } = this;
    const bytes = f.let(i32.shl(count, shift));
    const value = f.let(this.#value(shift));
    const byte = i64.and(value, i64.const(0xffn));
    f.if(
      i64.eq(value, i64.mul(byte, i64.const(0x0101_0101_0101_0101n))),
      () => f.memoryFill(to, i32.wrap(byte), bytes),
      () => this.#fillBy(value, to, bytes),
    );
  }
  /** The low part of RAX again and again, eight bytes of it. */
  #value(shift: I32): I64 {
    const { f } = this;
    const value = f.local('i64');
    f.set(value, i64.load(i32.const(this.at.state + S.GPR + S.RAX * 8)));
    const sized = (n: number, mask: bigint, factor: bigint): void =>
      f.if(i32.eq(shift, i32.const(n)), () =>
        f.set(value, i64.mul(i64.and(value, i64.const(mask)), i64.const(factor))),
      );
    sized(0, 0xffn, 0x0101_0101_0101_0101n);
    sized(1, 0xffffn, 0x0001_0001_0001_0001n);
    sized(2, 0xffff_ffffn, 0x0000_0001_0000_0001n);
    return value;
  }
  /** By vectors, the last of which may overlap the one before: both are of whole elements. */
  #fillBy(value: I64, to: I32, bytes: I32): void {
    const { f } = this;
    this.#leaveIf(i32.ltU(bytes, i32.const(VECTOR)));
    const vector = f.let(i64x2.splat(value));
    const at = f.local('i32');
    const last = f.let(i32.sub(i32.add(to, bytes), i32.const(VECTOR)));
    f.set(at, to);
    f.loop((again) => {
      f.storeV128(at, vector);
      f.set(at, i32.add(at, i32.const(VECTOR)));
      f.brIf(again, i32.ltU(at, last));
    });
    f.storeV128(last, vector);
  }

  /** Returns how many pairs come before the first that differs. The last word may overlap the one before. */
  #compare(count: Local<'i32'>, shift: I32): void {
    const { f } = this;
    const [a, b] = [this.#host(2, READ), this.#host(4, READ)];
    this.#limit(count, a, shift);
    this.#limit(count, b, shift);
    const bytes = f.let(i32.shl(count, shift));
    this.#leaveIf(i32.ltU(bytes, i32.const(WORD)));
    const at = f.local('i32');
    const last = f.let(i32.sub(bytes, i32.const(WORD)));
    f.set(at, i32.const(0));
    f.loop((again) => {
      const differ = f.let(i64.xor(i64.loadU(i32.add(a, at)), i64.loadU(i32.add(b, at))));
      f.if(i64.ne(differ, i64.const(0n)), () => {
        const byte = i32.wrap(i64.shrU(i64.ctz(differ), i64.const(3n)));
        f.return(i32.shrU(i32.add(at, byte), shift));
      });
      f.if(i32.eq(at, last), () => f.return(count));
      const next = f.let(i32.add(at, i32.const(WORD)));
      f.set(at, select(i32.ltU(next, last), next, last));
      f.br(again);
    });
    f.unreachable();
  }
}
