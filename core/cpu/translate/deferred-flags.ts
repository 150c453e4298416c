/**
 * Flags that are worked out only where somebody looks: an operation leaves its operands in locals, and a condition that
 * follows in the same block compares those. Who leaves the block, or the region, first writes the two words of
 * codegen/flags.ts. What nobody looks at costs nothing, for the engine below drops it.
 */
import { type I32, i32, type Local } from '../../wasm/index.ts';
import { LazyFlags } from '../codegen/flags.ts';
import { type Int, type OpSize, width } from '../semantics/width.ts';

/**
 * How an instruction deals with flags: not at all; by its own rules, on the words; or by one operation that sets all of
 * them whatever happens, which may take a carry in.
 */
export type FlagUse = 'none' | 'words' | 'operation' | 'carryOperation';

type Kind = 'add' | 'sub' | 'logic' | 'result' | 'stepped';

/** What an operation leaves: its operands and result, and CF and OF where they are not to be had from those. */
interface Operation {
  readonly kind: Kind;
  readonly size: OpSize;
  readonly a: Int;
  readonly b: Int;
  readonly r: Int;
  readonly cf: I32;
  readonly of: I32;
  /** A carry came in. */
  readonly carry: boolean;
}

const NONE = i32.const(0);

export class DeferredFlags extends LazyFlags {
  /** The operation that the words do not know of yet. */
  pending: Operation | undefined;
  readonly #kept = new Map<string, Local<'i32' | 'i64'>>();
  #use: FlagUse = 'words';

  /** Before an instruction. */
  begin(use: FlagUse): void {
    this.#use = use;
    if (use === 'words') this.materialize();
  }
  /** Writes the words. */
  materialize(): void {
    this.write();
    this.pending = undefined;
  }
  /** The same on a way out: on others the operation still waits. */
  write(): void {
    const o = this.pending;
    if (!o) return;
    if (o.kind === 'add') super.add(o.size, o.a, o.b, o.r);
    else if (o.kind === 'sub') super.sub(o.size, o.a, o.b, o.r);
    else if (o.kind === 'logic') super.logic(o.size, o.r);
    else if (o.kind === 'result') super.result(o.size, o.r, o.cf, o.of);
    else this.stepped(o.size, o.a, o.r, o.cf);
  }

  override add(size: OpSize, a: Int, b: Int, r: Int): void {
    if (this.#defers) this.#defer('add', size, r, { a, b });
    else super.add(size, a, b, r);
  }
  override sub(size: OpSize, a: Int, b: Int, r: Int): void {
    if (this.#defers) this.#defer('sub', size, r, { a, b });
    else super.sub(size, a, b, r);
  }
  override logic(size: OpSize, r: Int): void {
    if (this.#defers) this.#defer('logic', size, r, {});
    else super.logic(size, r);
  }
  override result(size: OpSize, r: Int, cf: I32, of: I32): void {
    if (this.#defers) this.#defer('result', size, r, { cf, of });
    else super.result(size, r, cf, of);
  }
  override increment(size: OpSize, r: Int): void {
    if (this.#defers) this.#defer('stepped', size, r, { a: r, cf: this.cf() });
    else super.increment(size, r);
  }
  override decrement(size: OpSize, a: Int, r: Int): void {
    if (this.#defers) this.#defer('stepped', size, r, { a, cf: this.cf() });
    else super.decrement(size, a, r);
  }

  get #defers(): boolean {
    return this.#use === 'operation' || this.#use === 'carryOperation';
  }
  #defer(kind: Kind, size: OpSize, r: Int, { a, b, cf, of }: Partial<Operation>): void {
    const type = size === 8 ? 'i64' : 'i32';
    // CF first: it may be that of the operation before, whose locals these are
    const keptCf = cf ? (this.#keep('cf', 'i32', cf) as I32) : NONE;
    const keptOf = of ? (this.#keep('of', 'i32', of) as I32) : NONE;
    const kept = this.#keep('r', type, r);
    this.pending = {
      kind,
      size,
      r: kept,
      a: a ? this.#keep('a', type, a) : kept,
      b: b ? this.#keep('b', type, b) : kept,
      cf: keptCf,
      of: keptOf,
      carry: this.#use === 'carryOperation',
    };
  }
  /** A copy that outlives the instruction. */
  #keep(name: string, type: 'i32' | 'i64', value: Int): Int {
    if (value.value !== undefined) return value;
    const local = this.#kept.get(name + type) ?? this.f.permanent<'i32' | 'i64'>(type);
    this.#kept.set(name + type, local);
    this.f.set(local, value);
    return local;
  }

  override cf(): I32 {
    return (this.pending && condition(this.pending, 1)) ?? this.#settled(() => super.cf());
  }
  override condition(cc: number): I32 {
    const known = this.pending && condition(this.pending, cc >> 1);
    if (!known) return this.#settled(() => super.condition(cc));
    return this.f.let((cc & 1) !== 0 ? i32.eqz(known) : known);
  }
  override arith(): I32 {
    return this.#settled(() => super.arith());
  }
  #settled(read: () => I32): I32 {
    this.materialize();
    return read();
  }
}

/** One of the eight conditions O B Z BE S P L LE from the operation; undefined where the words are as good. */
function condition(o: Operation, pair: number): I32 | undefined {
  const w = width(o.size);
  const [zero, sign] = [(): I32 => w.eqz(o.r), (): I32 => w.msb(o.r)];
  if (pair === 2) return zero();
  if (pair === 4) return sign();
  if (pair === 5) return undefined;
  switch (o.kind) {
    case 'logic':
      return fromFlags(pair, NONE, NONE, zero, sign);
    case 'result':
      return fromFlags(pair, o.cf, o.of, zero, sign);
    case 'stepped':
      return pair === 1 ? o.cf : pair === 3 ? i32.or(o.cf, zero()) : undefined;
    case 'sub':
      return o.carry ? undefined : fromComparison(o, pair);
    default:
      return undefined;
  }
}
function fromFlags(pair: number, cf: I32, of: I32, zero: () => I32, sign: () => I32): I32 {
  if (pair === 0) return of;
  if (pair === 1) return cf;
  if (pair === 3) return i32.or(cf, zero());
  const less = i32.xor(sign(), of);
  return pair === 6 ? less : i32.or(zero(), less);
}
function fromComparison({ size, a, b }: Operation, pair: number): I32 | undefined {
  const w = width(size);
  if (pair === 1) return w.ltU(a, b);
  if (pair === 3) return i32.eqz(w.ltU(b, a));
  if (pair === 6) return w.ltS(w.signed(a), w.signed(b));
  return pair === 7 ? i32.eqz(w.ltS(w.signed(b), w.signed(a))) : undefined;
}
