/** One WebAssembly function under construction: locals and statements over Expr values. */
import { ByteSink } from './encode.ts';
import {
  type Expr,
  emit,
  f32,
  f64,
  foldAddress,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  makeLocal,
  type V128,
  type ValType,
  v128,
} from './expr.ts';

export const VALTYPE_CODE: Readonly<Record<ValType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

export interface FuncType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** Anything that can be called by index: an import or a function of the module. */
export interface Callable {
  readonly index: number;
  readonly type: FuncType;
}

/** A branch target. Depths are computed when a branch is emitted. */
export interface Label {
  readonly depth: number;
}

const BLOCK_VOID = 0x40;
const CALL = 0x10;
const RETURN_CALL = 0x12;

const ZEROS = {
  i32: i32.const(0),
  i64: i64.const(0n),
  f32: f32.const(0),
  f64: f64.const(0),
  v128: v128.const(new Uint8Array(16)),
};
const zeroOf = <T extends ValType>(type: T): Expr<T> => ZEROS[type] as Expr as Expr<T>;

export class Func implements Callable {
  code = new ByteSink();
  readonly #start = new ByteSink();
  /** Where an if is whose outcome is known to be rare, by the sink that has it. */
  readonly #hints: { readonly sink: ByteSink; readonly at: number; readonly likely: boolean }[] = [];
  readonly #locals: ValType[] = [];
  /** Locals that may be used again, and those that the scope at hand has taken. */
  readonly #free: Record<ValType, Local[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  #taken: Local[] | undefined;
  #depth = 0;

  constructor(
    readonly indexOf: () => number,
    readonly type: FuncType,
    readonly typeIndexOf: (type: FuncType) => number,
  ) {}

  get index(): number {
    return this.indexOf();
  }

  param<T extends ValType>(index: number, type: T): Local<T> {
    return makeLocal(type, index);
  }

  /** Zero at first. */
  local<T extends ValType>(type: T): Local<T> {
    const locals = this.#locals.length;
    const local = this.#unset(type);
    if (this.#locals.length === locals) this.set(local, zeroOf(type));
    return local;
  }
  /** One that no scope takes back. Zero at first. */
  permanent<T extends ValType>(type: T): Local<T> {
    const index = this.type.params.length + this.#locals.length;
    this.#locals.push(type);
    return makeLocal(type, index);
  }
  /** One that may have another's value. */
  #unset<T extends ValType>(type: T): Local<T> {
    const local = (this.#free[type].pop() as Local<T> | undefined) ?? this.permanent(type);
    this.#taken?.push(local);
    return local;
  }
  /** Locals taken within `body` are used again behind it. */
  scope(body: () => void): void {
    const outer = this.#taken;
    const own: Local[] = [];
    this.#taken = own;
    body();
    this.#taken = outer;
    for (const local of own) this.#free[local.type].push(local);
  }
  /** Code that runs before all that was or will be written. */
  before(body: () => void): void {
    const { code } = this;
    this.code = this.#start;
    body();
    this.code = code;
  }

  /** Evaluates now, into a local that can be read any number of times. Constants stay constants. */
  let<T extends ValType>(value: Expr<T>): Expr<T> {
    if (value.fixed) return value;
    const local = this.#unset(value.type);
    this.set(local, value);
    return local.final;
  }

  set<T extends ValType>(local: Local<T>, value: Expr<T>): void {
    emit(this.code, value);
    this.code.byte(0x21);
    this.code.u32(local.index);
  }

  drop(value: Expr): void {
    emit(this.code, value);
    this.code.byte(0x1a);
  }

  // -- memory ------------------------------------------------------------------------------------------------------
  store8(address: I32, value: I32, offset = 0): void {
    this.#store(0x3a, 0, address, value, offset);
  }
  store16(address: I32, value: I32, offset = 0): void {
    this.#store(0x3b, 0, address, value, offset);
  }
  store32(address: I32, value: I32, offset = 0): void {
    this.#store(0x36, 0, address, value, offset);
  }
  store64(address: I32, value: I64, offset = 0): void {
    this.#store(0x37, 0, address, value, offset);
  }
  storeF64(address: I32, value: Expr<'f64'>, offset = 0): void {
    this.#store(0x39, 0, address, value, offset);
  }
  storeF32(address: I32, value: Expr<'f32'>, offset = 0): void {
    this.#store(0x38, 0, address, value, offset);
  }
  storeV128(address: I32, value: V128, offset = 0): void {
    const folded = foldAddress(address, offset);
    emit(this.code, folded.address);
    emit(this.code, value);
    this.code.byte(0xfd);
    this.code.u32(0x0b);
    this.code.u32(0);
    this.code.u32(folded.offset);
  }
  memoryFill(address: I32, value: I32, length: I32): void {
    emit(this.code, address);
    emit(this.code, value);
    emit(this.code, length);
    this.code.byte(0xfc);
    this.code.u32(11);
    this.code.byte(0);
  }
  /** What overlaps is copied as if it did not. */
  memoryCopy(to: I32, from: I32, length: I32): void {
    emit(this.code, to);
    emit(this.code, from);
    emit(this.code, length);
    for (const byte of [0xfc, 0x0a, 0x00, 0x00]) this.code.byte(byte);
  }

  // -- control -----------------------------------------------------------------------------------------------------
  if(cond: I32, then: () => void, otherwise?: () => void): void {
    this.#if(cond, then, otherwise);
  }
  /** For the optimizing compiler: `then` is what nearly always happens. */
  ifLikely(cond: I32, then: () => void, otherwise?: () => void): void {
    this.#if(cond, then, otherwise, true);
  }
  /** `then` hardly ever happens: registers are not kept for it. */
  ifUnlikely(cond: I32, then: () => void, otherwise?: () => void): void {
    this.#if(cond, then, otherwise, false);
  }

  #if(cond: I32, then: () => void, otherwise?: () => void, likely?: boolean): void {
    if (cond.value !== undefined) {
      if (cond.value !== 0) then();
      else otherwise?.();
      return;
    }
    emit(this.code, cond);
    if (likely !== undefined) this.#hints.push({ sink: this.code, at: this.code.length, likely });
    this.code.byte(0x04);
    this.code.byte(BLOCK_VOID);
    this.#depth++;
    then();
    if (otherwise) {
      this.code.byte(0x05);
      otherwise();
    }
    this.code.byte(0x0b);
    this.#depth--;
  }

  /** body gets the label that leaves the block. */
  block(body: (end: Label) => void): void {
    this.#structure(0x02, body);
  }

  /** body gets the label that starts the next round; falling out of body leaves the loop. */
  loop(body: (again: Label) => void): void {
    this.#structure(0x03, body);
  }

  br(label: Label): void {
    this.code.byte(0x0c);
    this.code.u32(this.#depth - label.depth);
  }

  brIf(label: Label, cond: I32): void {
    emit(this.code, cond);
    this.code.byte(0x0d);
    this.code.u32(this.#depth - label.depth);
  }

  /** To labels[index], or to the last one when there are not so many. */
  brTable(index: I32, labels: readonly Label[]): void {
    emit(this.code, index);
    this.code.byte(0x0e);
    this.code.u32(labels.length - 1);
    for (const label of labels) this.code.u32(this.#depth - label.depth);
  }

  return(...values: Expr[]): void {
    for (const v of values) emit(this.code, v);
    this.code.byte(0x0f);
  }

  unreachable(): void {
    this.code.byte(0x00);
  }

  // -- calls -------------------------------------------------------------------------------------------------------
  /** Calls now; the result, if any, is in a local. */
  call<T extends ValType = 'i32'>(callee: Callable, ...args: Expr[]): Expr<T> {
    this.#emitCall(CALL, callee, args);
    const result = callee.type.results[0];
    if (result === undefined) return i32.const(0) as unknown as Expr<T>;
    const local = this.#unset(result);
    this.code.byte(0x21);
    this.code.u32(local.index);
    return local.final as unknown as Expr<T>;
  }

  returnCall(callee: Callable, ...args: Expr[]): void {
    this.#emitCall(RETURN_CALL, callee, args);
  }
  #emitCall(operator: number, callee: Callable, args: readonly Expr[]): void {
    for (const a of args) emit(this.code, a);
    this.code.byte(operator);
    this.code.u32(callee.index);
  }
  returnCallIndirect(type: FuncType, tableIndex: I32, ...args: Expr[]): void {
    for (const a of args) emit(this.code, a);
    emit(this.code, tableIndex);
    this.code.byte(0x13);
    this.code.u32(this.typeIndexOf(type));
    this.code.u32(0);
  }

  /**
   * Branch hints: [BH] WebAssembly/branch-hinting, "metadata.code.branch_hint"; offsets count from the body's first byte.
   */
  hints(): readonly { readonly offset: number; readonly likely: boolean }[] {
    const locals = this.#declarations().length;
    const from = new Map([
      [this.#start, locals],
      [this.code, locals + this.#start.length],
    ]);
    const found = this.#hints.map(({ sink, at, likely }) => ({ offset: (from.get(sink) ?? 0) + at, likely }));
    return found.sort((a, b) => a.offset - b.offset);
  }

  /** The size of the body and the body, as the code section wants them. */
  encode(out: ByteSink): void {
    const parts = [this.#declarations(), this.#start, this.code];
    out.u32(parts.reduce((sum, part) => sum + part.length, 1));
    for (const part of parts) out.bytes(part.view());
    out.byte(0x0b);
  }
  #declarations(): ByteSink {
    const out = new ByteSink();
    const groups: { type: ValType; count: number }[] = [];
    for (const type of this.#locals) {
      const last = groups.at(-1);
      if (last?.type === type) last.count++;
      else groups.push({ type, count: 1 });
    }
    out.u32(groups.length);
    for (const g of groups) {
      out.u32(g.count);
      out.byte(VALTYPE_CODE[g.type]);
    }
    return out;
  }

  #store(code: number, align: number, address: I32, value: Expr, offset: number): void {
    const folded = foldAddress(address, offset);
    emit(this.code, folded.address);
    emit(this.code, value);
    this.code.byte(code);
    this.code.u32(align);
    this.code.u32(folded.offset);
  }

  #structure(code: number, body: (label: Label) => void): void {
    this.code.byte(code);
    this.code.byte(BLOCK_VOID);
    this.#depth++;
    body({ depth: this.#depth });
    this.code.byte(0x0b);
    this.#depth--;
  }
}
