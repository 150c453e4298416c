/**
 * The x87's registers and words as an emitter sees them when its instruction begins. What finish() and its like do not
 * write stays; a fall-back comes before all of them.
 */
import { type Func, type I32, type I64, i32, i64, v128 } from '../../../wasm/index.ts';
import { C1, ES, TOP_SHIFT } from '../../fpu/ext80.ts';
import {
  X87_FCS,
  X87_FDP,
  X87_FDS,
  X87_FIP,
  X87_FOP,
  X87_FSW,
  X87_FTW,
  X87_REGISTERS,
  X87_TOP,
} from '../../fpu/state.ts';
import { CS } from '../../state.ts';
import type { Emit } from '../emit.ts';
import type { Value } from './value.ts';

const ONE_UP = 1 << TOP_SHIFT;

export class Registers {
  readonly f: Func;
  readonly fsw: I32;
  readonly ftw: I32;
  readonly #top: I32;

  constructor(readonly e: Emit) {
    const { f } = e;
    this.f = f;
    this.fsw = f.let(i32.load(e.x87(X87_FSW)));
    this.ftw = f.let(i32.load(e.x87(X87_FTW)));
    this.#top = f.let(i32.and(i32.shrU(this.fsw, i32.const(TOP_SHIFT)), i32.const(7)));
  }

  /** Physical number of ST(i). */
  number(i: I32): I32 {
    if (i.value === 0) return this.#top;
    return this.f.let(i32.and(i32.add(this.#top, i), i32.const(7)));
  }
  /** Physical number of the ST(i) that ModRM names. */
  named(): I32 {
    return this.number(i32.and(this.e.modrm(), i32.const(7)));
  }
  get top(): I32 {
    return this.#top;
  }

  /** Falls back when an exception is pending or one of these registers is empty. */
  require(...numbers: readonly I32[]): void {
    let all: I32 = this.ftw;
    numbers.forEach((number, n) => {
      const here = i32.shrU(this.ftw, number);
      all = n === 0 ? here : i32.and(all, here);
    });
    const empty = numbers.length === 0 ? i32.const(0) : i32.eqz(i32.and(all, i32.const(1)));
    this.e.fallBackIf(i32.or(i32.and(this.fsw, i32.const(ES)), empty));
  }
  /** Falls back when an exception is pending or there is no room for a push; the number of the register for it. */
  requireRoom(): I32 {
    const number = this.number(i32.const(7));
    const taken = i32.and(i32.shrU(this.ftw, number), i32.const(1));
    this.e.fallBackIf(i32.or(i32.and(this.fsw, i32.const(ES)), taken));
    return number;
  }

  address(number: I32): I32 {
    return this.f.let(i32.add(i32.shl(number, i32.const(4)), this.e.x87(X87_REGISTERS)));
  }
  value(number: I32): Value {
    const at = this.address(number);
    const significand = this.f.let(i64.load(at));
    return { significand, signExponent: this.f.let(i32.load16U(at, 8)) };
  }
  copy(from: I32, to: I32): void {
    this.f.storeV128(this.address(to), v128.load(this.address(from)));
  }
  store(number: I32, significand: I64, signExponent: I32): void {
    const at = this.address(number);
    this.f.store64(at, significand);
    this.f.store32(at, signExponent, 8);
  }

  /** The FSW with C1 clear, and TOP moved. */
  cleared(): I32 {
    return i32.and(this.fsw, i32.const(~C1));
  }
  moved(pops: number): I32 {
    const top = i32.and(i32.add(this.fsw, i32.const(pops * ONE_UP)), i32.const(X87_TOP));
    return this.f.let(i32.or(i32.and(this.fsw, i32.const(~(C1 | X87_TOP))), top));
  }
  setFsw(value: I32): void {
    this.f.store32(this.e.x87(X87_FSW), value);
  }
  setTags(ftw: I32): void {
    this.f.store32(this.e.x87(X87_FTW), ftw);
  }
  /** The FTW with this register in use, or empty. */
  with(number: I32, ftw = this.ftw): I32 {
    return i32.or(ftw, i32.shl(i32.const(1), number));
  }
  without(number: I32, ftw = this.ftw): I32 {
    return i32.and(ftw, i32.rotl(i32.const(~1), number));
  }
  /** The FTW after so many pops. */
  popped(pops: number): I32 {
    let ftw = this.ftw;
    for (let i = 0; i < pops; i++) ftw = this.without(this.number(i32.const(i)), ftw);
    return ftw;
  }
  push(number: I32, significand: I64, signExponent: I32): void {
    this.store(number, significand, signExponent);
    this.pushed(number);
  }
  pushed(number: I32): void {
    this.setTags(this.with(number));
    this.setFsw(this.moved(-1));
  }

  /** FIP and its like, of an instruction that is not a control instruction; `memory`: operand 0 is in memory. */
  recordPointers(opcode: number, memory: boolean): void {
    const { e, f } = this;
    f.store32(e.x87(X87_FOP), i32.or(i32.const((opcode & 7) << 8), e.modrm()));
    f.store64(e.x87(X87_FIP), e.ip());
    f.store32(e.x87(X87_FCS), e.selector(i32.const(CS)));
    if (!memory) return;
    f.store64(e.x87(X87_FDP), e.offset(0));
    f.store32(e.x87(X87_FDS), e.selector(e.segmentOf(0)));
  }
}
