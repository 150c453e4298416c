/**
 * Flags that are worked out only where somebody looks: an operation leaves its operands in locals, and a condition that
 * follows compares those. Where ways meet, a local tells which operation it was (codegen/settle-flags.ts); who leaves the region by
 * a hot way first writes the two words of codegen/flags.ts. What nobody looks at costs nothing, for the engine below drops it.
 */
import { type Callable, type Func, type I32, i32, type Local } from '../../wasm/index.ts';
import { type FlagWords, LazyFlags } from '../codegen/flags.ts';
import {
  FLAGS_CF,
  FLAGS_OF,
  OPERANDS,
  type OperandName,
  operationNumber,
  type SettledKind,
} from '../codegen/settle-flags.ts';
import { type Int, type OpSize, type Width, width } from '../semantics/width.ts';

/**
 * How an instruction deals with flags: not at all; by its own rules, on the words; by operations of Flags whatever happens;
 * or by such an operation, or not at all, as turns out when it runs.
 */
export type FlagUse = 'none' | 'words' | 'operation' | 'conditional';

/** What set the flags last: 'words' when those are right, 'met' when only the local tells. */
interface Operation {
  readonly kind: SettledKind | 'words' | 'met';
  readonly size: OpSize;
  readonly a: Int;
  readonly b: Int;
  readonly r: Int;
  /** A carry came in. */
  readonly carry: boolean;
  /** Where something else set them since, or they are not to be had from the operands. */
  readonly cf: I32 | undefined;
  readonly of: I32 | undefined;
}

const NOTHING = { size: 4, a: i32.const(0), b: i32.const(0), r: i32.const(0), carry: false } as const;
const WORDS: Operation = { ...NOTHING, kind: 'words', cf: undefined, of: undefined };
const MET: Operation = { ...NOTHING, kind: 'met', cf: undefined, of: undefined };
const CLEAR = i32.const(0);

export class DeferredFlags extends LazyFlags {
  #last: Operation = WORDS;
  #use: FlagUse = 'words';
  /** The operation's number where ways have met; 0: the words are right. */
  readonly #number: Local<'i32'>;
  readonly #kept = new Map<string, Local<'i32' | 'i64'>>();

  constructor(
    f: Func,
    words: FlagWords,
    readonly settle: Callable,
  ) {
    super(f, words);
    this.#number = f.permanent('i32');
  }

  /** What is known of them here, for another way on from the same place. */
  get known(): unknown {
    return this.#last;
  }
  set known(known: unknown) {
    this.#last = known as Operation;
  }
  /** The region is entered here: the words are right. */
  enter(): void {
    this.#last = WORDS;
  }
  /** Before a place where ways meet. */
  meet(): void {
    this.#publish();
    this.#last = MET;
  }
  /** Behind such a place. */
  met(): void {
    this.#last = MET;
  }

  /** Before an instruction. */
  begin(use: FlagUse): void {
    this.#use = use;
    if (use === 'words') this.materialize();
    if (use === 'conditional') this.meet();
  }
  /** Behind it. */
  end(): void {
    if (this.#use === 'conditional') this.#last = MET;
  }

  // -- ways out ----------------------------------------------------------------------------------------------------
  /** On a way out that is hardly ever taken: finish() does the rest. */
  leaveRarely(): void {
    this.#publish();
  }
  /** On others the words are written here. */
  leave(): void {
    if (this.#last.kind === 'met') return;
    this.#write();
    this.f.set(this.#number, CLEAR);
  }
  /** All ways out end here. */
  finish(): void {
    this.f.ifUnlikely(this.#number, () => this.#settle());
  }
  #settle(): void {
    const operands = OPERANDS.map(({ name, type }) => this.#local(name, type));
    this.f.call(this.settle, this.#number, ...operands);
  }

  /** Leaves the operation to the local. */
  #publish(): void {
    const o = this.#last;
    if (o.kind === 'met') return;
    const replaced = (o.cf ? FLAGS_CF : 0) | (o.of ? FLAGS_OF : 0);
    this.f.set(this.#number, i32.const(o.kind === 'words' ? replaced : operationNumber(o.kind, o.size) | replaced));
    if (o.kind !== 'words') for (const name of ['a', 'b', 'r'] as const) this.#settled(name, o[name], typeOf(o.size));
    if (o.cf) this.#settled('cf', o.cf, 'i32');
    if (o.of) this.#settled('of', o.of, 'i32');
  }
  /** Constants are not in their locals yet. */
  #settled(name: OperandName, value: Int, type: 'i32' | 'i64'): void {
    if (value.value !== undefined) this.f.set(this.#local(name, type), value);
  }
  /** Writes the words. */
  materialize(): void {
    if (this.#last.kind === 'met') this.f.if(this.#number, () => this.#settle());
    else this.#write();
    this.#last = WORDS;
  }
  #write(): void {
    const o = this.#last;
    if (o.kind === 'add') super.add(o.size, o.a, o.b, o.r);
    else if (o.kind === 'sub') super.sub(o.size, o.a, o.b, o.r);
    else if (o.kind === 'logic' && o.cf && o.of) super.result(o.size, o.r, o.cf, o.of);
    else if (o.kind === 'logic') super.logic(o.size, o.r);
    else if (o.kind === 'step') super.stepped(o.size, o.a, o.r, o.cf ?? CLEAR);
    if (o.kind === 'logic' && o.cf && o.of) return;
    if (o.of) super.rotate(this.cf(), o.of);
    else if (o.cf && o.kind !== 'step') super.setCf(o.cf);
  }

  // -- operations --------------------------------------------------------------------------------------------------
  override add(size: OpSize, a: Int, b: Int, r: Int): void {
    if (this.#defers) this.#defer('add', size, { a, b, r });
    else super.add(size, a, b, r);
  }
  override sub(size: OpSize, a: Int, b: Int, r: Int): void {
    if (this.#defers) this.#defer('sub', size, { a, b, r });
    else super.sub(size, a, b, r);
  }
  override logic(size: OpSize, r: Int): void {
    if (this.#defers) this.#defer('logic', size, { r });
    else super.logic(size, r);
  }
  override result(size: OpSize, r: Int, cf: I32, of: I32): void {
    if (this.#defers) this.#defer('logic', size, { r, cf, of });
    else super.result(size, r, cf, of);
  }
  override increment(size: OpSize, r: Int): void {
    if (this.#defers) this.#defer('step', size, { a: r, r, cf: this.cf() });
    else super.increment(size, r);
  }
  override decrement(size: OpSize, a: Int, r: Int): void {
    if (this.#defers) this.#defer('step', size, { a, r, cf: this.cf() });
    else super.decrement(size, a, r);
  }
  override setCf(cf: I32): void {
    if (this.#defers) this.#replace(cf, undefined);
    else super.setCf(cf);
  }
  override rotate(cf: I32, of: I32): void {
    if (this.#defers) this.#replace(cf, of);
    else super.rotate(cf, of);
  }
  override setArith(image: I32): void {
    super.setArith(image);
    if (this.#defers) this.#last = WORDS;
  }

  get #defers(): boolean {
    return this.#use === 'operation' || this.#use === 'conditional';
  }
  #defer(kind: SettledKind, size: OpSize, o: { a?: Int; b?: Int; r: Int; cf?: I32; of?: I32 }): void {
    const type = typeOf(size);
    // CF first: it may be that of the operation before, whose locals these are
    const cf = o.cf && (this.#keep('cf', 'i32', o.cf) as I32);
    const of = o.of && (this.#keep('of', 'i32', o.of) as I32);
    const r = this.#keep('r', type, o.r);
    const a = o.a ? this.#keep('a', type, o.a) : r;
    const b = o.b ? this.#keep('b', type, o.b) : r;
    this.#last = { kind, size, r, a, b, cf, of, carry: this.#carries };
    if (this.#use === 'conditional') this.#publish();
    this.#carries = false;
  }
  #carries = false;
  /** CF, or CF and OF, by themselves. */
  #replace(cf: I32, of: I32 | undefined): void {
    const kept = { cf: this.#keep('cf', 'i32', cf) as I32, ...(of && { of: this.#keep('of', 'i32', of) as I32 }) };
    if (this.#last.kind === 'met') {
      this.#settled('cf', kept.cf, 'i32');
      if (kept.of) this.#settled('of', kept.of, 'i32');
      this.f.set(this.#number, i32.or(this.#number, i32.const(FLAGS_CF | (kept.of ? FLAGS_OF : 0))));
    }
    this.#last = { ...this.#last, ...kept };
  }
  #local(name: OperandName, type: 'i32' | 'i64'): Local<'i32' | 'i64'> {
    const key = name + type;
    const local = this.#kept.get(key) ?? this.f.permanent<'i32' | 'i64'>(type);
    this.#kept.set(key, local);
    return local;
  }
  /** A copy that outlives the instruction. */
  #keep(name: OperandName, type: 'i32' | 'i64', value: Int): Int {
    if (value.value !== undefined) return value;
    const local = this.#local(name, type);
    this.f.set(local, value);
    return local;
  }

  // -- conditions --------------------------------------------------------------------------------------------------
  override cf(): I32 {
    this.#carries = true; // who asks and then operates takes it in
    return carry(this.#last) ?? this.#fromWords(() => super.cf());
  }
  override condition(cc: number): I32 {
    const known = condition(this.#last, cc >> 1);
    if (!known) return this.#fromWords(() => super.condition(cc));
    return this.f.let((cc & 1) !== 0 ? i32.eqz(known) : known);
  }
  override arith(): I32 {
    return this.#fromWords(() => super.arith());
  }
  #fromWords(read: () => I32): I32 {
    this.materialize();
    return read();
  }
}

const typeOf = (size: OpSize): 'i32' | 'i64' => (size === 8 ? 'i64' : 'i32');

/** It compares a with b, and nothing else has a part in the flags. */
const isComparison = (o: Operation): boolean => o.kind === 'sub' && !o.carry && !o.cf && !o.of;
const hasResult = (o: Operation): boolean => o.kind !== 'words' && o.kind !== 'met';

/** One of the eight conditions O B Z BE S P L LE from the operation; undefined where only the words tell. */
function condition(o: Operation, pair: number): I32 | undefined {
  if (pair === 0) return overflow(o);
  if (pair === 1) return carry(o);
  if (!hasResult(o)) return undefined;
  const w = width(o.size);
  if (pair === 2) return w.eqz(o.r);
  if (pair === 4) return w.msb(o.r);
  if (pair === 5) return i32.eqz(i32.and(i32.popcnt(i32.and(w.toI32(o.r), i32.const(0xff))), i32.const(1)));
  if (isComparison(o)) return comparison(o, w, pair);
  if (pair === 3) return i32.or(carry(o) ?? CLEAR, w.eqz(o.r));
  const less = i32.xor(w.msb(o.r), overflow(o) ?? CLEAR);
  return pair === 6 ? less : i32.or(w.eqz(o.r), less);
}
function comparison({ a, b }: Operation, w: Width, pair: number): I32 {
  if (pair === 3) return i32.eqz(w.ltU(b, a));
  if (pair === 6) return w.ltS(w.signed(a), w.signed(b));
  return i32.eqz(w.ltS(w.signed(b), w.signed(a)));
}

function carry(o: Operation): I32 | undefined {
  if (o.cf) return o.cf;
  const w = width(o.size);
  if (o.kind === 'logic') return CLEAR;
  if (o.kind === 'sub') return o.carry ? w.msb(carries(w, w.not(o.a), o.b, o.r)) : w.ltU(o.a, o.b);
  if (o.kind === 'add') return o.carry ? w.msb(carries(w, o.a, o.b, w.not(o.r))) : w.ltU(o.r, o.a);
  return undefined;
}
/** Carries out of each bit. */
const carries = (w: Width, a: Int, b: Int, notR: Int): Int => w.or(w.and(a, b), w.and(w.or(a, b), notR));

function overflow(o: Operation): I32 | undefined {
  if (o.of) return o.of;
  const w = width(o.size);
  if (o.kind === 'logic') return CLEAR;
  if (o.kind === 'sub') return w.msb(w.and(w.xor(o.a, o.b), w.xor(o.a, o.r)));
  if (o.kind === 'add') return w.msb(w.and(w.xor(o.a, o.r), w.xor(o.b, o.r)));
  if (o.kind === 'step') return w.eq(o.a, w.const(1n << BigInt(o.size * 8 - 1)));
  return undefined;
}
