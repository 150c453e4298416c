/**
 * Flags that are worked out only where somebody looks: an operation leaves its operands in locals, and a condition that
 * follows in the same block compares those. Who leaves the block, or the region, first writes the two words of
 * codegen/flags.ts.
 */
import { type I32, i32, type Local } from '../../wasm/index.ts';
import { LazyFlags } from '../codegen/flags.ts';
import { type Int, type OpSize, width } from '../semantics/width.ts';

/**
 * How an instruction deals with flags: not at all; by its own rules, on the words; or by one operation that sets all of
 * them whatever happens, which may take a carry in.
 */
export type FlagUse = 'none' | 'words' | 'operation' | 'carryOperation';

interface Operation {
  readonly kind: 'add' | 'sub' | 'logic';
  readonly size: OpSize;
  readonly a: Int;
  readonly b: Int;
  readonly r: Int;
  readonly carry: boolean;
}

export class DeferredFlags extends LazyFlags {
  /** The operation that the words do not know of yet. */
  pending: Operation | undefined;
  readonly #operands = new Map<string, Local<'i32' | 'i64'>>();
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
    if (o?.kind === 'add') super.add(o.size, o.a, o.b, o.r);
    else if (o?.kind === 'sub') super.sub(o.size, o.a, o.b, o.r);
    else if (o) super.logic(o.size, o.r);
  }

  override add(size: OpSize, a: Int, b: Int, r: Int): void {
    if (!this.#defer('add', size, a, b, r)) super.add(size, a, b, r);
  }
  override sub(size: OpSize, a: Int, b: Int, r: Int): void {
    if (!this.#defer('sub', size, a, b, r)) super.sub(size, a, b, r);
  }
  override logic(size: OpSize, r: Int): void {
    if (!this.#defer('logic', size, r, r, r)) super.logic(size, r);
  }
  #defer(kind: Operation['kind'], size: OpSize, a: Int, b: Int, r: Int): boolean {
    if (this.#use !== 'operation' && this.#use !== 'carryOperation') return false;
    const kept = this.#keep('r', size, r);
    const [keptA, keptB] = kind === 'logic' ? [kept, kept] : [this.#keep('a', size, a), this.#keep('b', size, b)];
    this.pending = { kind, size, a: keptA, b: keptB, r: kept, carry: this.#use === 'carryOperation' };
    return true;
  }
  /** A copy that outlives the instruction. */
  #keep(name: string, size: OpSize, value: Int): Int {
    if (value.value !== undefined) return value;
    const type = size === 8 ? 'i64' : 'i32';
    const local = this.#operands.get(name + type) ?? this.f.permanent<'i32' | 'i64'>(type);
    this.#operands.set(name + type, local);
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
  if (pair === 2) return w.eqz(o.r);
  if (pair === 4) return w.msb(o.r);
  if (o.kind === 'logic') return ofLogic(o, pair);
  return o.kind === 'sub' && !o.carry ? ofDifference(o, pair) : undefined;
}
function ofLogic({ size, r }: Operation, pair: number): I32 | undefined {
  const w = width(size);
  if (pair <= 1) return i32.const(0);
  if (pair === 3) return w.eqz(r);
  if (pair === 6) return w.msb(r);
  return pair === 7 ? i32.or(w.eqz(r), w.msb(r)) : undefined;
}
function ofDifference({ size, a, b }: Operation, pair: number): I32 | undefined {
  const w = width(size);
  if (pair === 1) return w.ltU(a, b);
  if (pair === 3) return i32.eqz(w.ltU(b, a));
  if (pair === 6) return w.ltS(w.signed(a), w.signed(b));
  return pair === 7 ? i32.eqz(w.ltS(w.signed(b), w.signed(a))) : undefined;
}
