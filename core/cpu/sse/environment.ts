/**
 * What MXCSR asks of an operation, and the flags the operation raises; rounding. [SDM] volume 1, 10.2.3 and 11.5. Underflow is
 * found after rounding, as SSE does: a result is tiny when it lies below the normal numbers once it is rounded with an
 * exponent of any size.
 */
import { bitLength, type Format, infinity, isDenormal, isNan, isNegative, isSignaling, zero } from './format.ts';

// flags of MXCSR; their masks lie MASK_SHIFT higher
export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 0x10;
export const PE = 0x20;
const ALL_FLAGS = 0x3f;
/** Found in the operands, before anything is computed. */
export const PRE_COMPUTATION = IE | DE | ZE;
const DAZ = 0x40;
const MASK_SHIFT = 7;
const RC_SHIFT = 13;
const FTZ = 0x8000;

export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const TRUNCATE = 3;
export type Rounding = number;

export class Environment {
  flags = 0;
  /** Those of steps that are done, of an operation that has several: no later exception takes them back. */
  done = 0;
  rounding: Rounding = NEAREST;
  /** Flags whose exceptions are unmasked. */
  unmasked = 0;
  denormalsAreZero = false;
  flushToZero = false;
  /** The immediate operand of the instruction, for operations that have one. */
  control = 0;

  begin(mxcsr: number, control: number): void {
    this.flags = 0;
    this.done = 0;
    this.rounding = (mxcsr >> RC_SHIFT) & 3;
    this.unmasked = ~(mxcsr >> MASK_SHIFT) & ALL_FLAGS;
    this.denormalsAreZero = (mxcsr & DAZ) !== 0;
    this.flushToZero = (mxcsr & FTZ) !== 0;
    this.control = control;
  }

  nextStep(): void {
    this.done = this.flags;
  }

  raise(flags: number): void {
    this.flags |= flags;
  }

  invalid(s: Format): bigint {
    this.raise(IE);
    return s.defaultNan;
  }

  /** The first NaN, made quiet; undefined when there is none. [SDM] volume 1, table 4-7 */
  nanOf(s: Format, ...operands: readonly bigint[]): bigint | undefined {
    if (operands.some((v) => isSignaling(s, v))) this.raise(IE);
    const nan = operands.find((v) => isNan(s, v));
    return nan === undefined ? undefined : nan | s.quiet;
  }

  /** An operand as DAZ makes it. */
  operand(s: Format, v: bigint): bigint {
    return this.denormalsAreZero && isDenormal(s, v) ? zero(s, isNegative(s, v)) : v;
  }
  /** Raises DE for what DAZ left: after everything that comes before it. */
  noteDenormals(s: Format, ...operands: readonly bigint[]): void {
    if (operands.some((v) => isDenormal(s, v))) this.raise(DE);
  }

  /**
   * significand * 2^exponent in the format. A significand that stands for an inexact one has its lowest bit set, and at
   * least two bits more than the format. `flushes`: FTZ applies.
   */
  round(
    s: Format,
    negative: boolean,
    significand: bigint,
    exponent: number,
    rounding: Rounding = this.rounding,
    flushes = this.flushToZero,
  ): bigint {
    if (significand === 0n) return zero(s, negative);
    const leading = exponent + bitLength(significand) - 1;
    const unbounded = roundAt(significand, leading - (s.precision - 1) - exponent, negative, rounding);
    const carried = unbounded.value >> BigInt(s.precision) !== 0n;
    const reached = carried ? leading + 1 : leading;
    if (reached > s.greatestExponent) return this.#overflow(s, negative, unbounded.inexact, rounding);
    if (reached >= s.leastExponent) {
      if (unbounded.inexact) this.raise(PE);
      // the implicit bit carries into the exponent field by itself
      const field = BigInt(leading - s.leastExponent) * s.implicit;
      return zero(s, negative) | (field + unbounded.value);
    }
    return this.#tiny(s, negative, significand, exponent, unbounded.inexact, rounding, flushes);
  }

  #overflow(s: Format, negative: boolean, inexact: boolean, rounding: Rounding): bigint {
    this.raise((this.unmasked & OE) !== 0 && !inexact ? OE : OE | PE);
    const away = rounding === NEAREST || rounding === (negative ? DOWN : UP);
    return away ? infinity(s, negative) : infinity(s, negative) - 1n;
  }

  #tiny(
    s: Format,
    negative: boolean,
    significand: bigint,
    exponent: number,
    inexact: boolean,
    rounding: Rounding,
    flushes: boolean,
  ): bigint {
    if ((this.unmasked & UE) !== 0) {
      this.raise(inexact ? UE | PE : UE);
      return zero(s, negative);
    }
    if (flushes) {
      this.raise(UE | PE);
      return zero(s, negative);
    }
    const last = s.leastExponent - (s.precision - 1);
    const denormal = roundAt(significand, last - exponent, negative, rounding);
    if (denormal.inexact) this.raise(UE | PE);
    return zero(s, negative) | denormal.value;
  }
}

/** An unmasked exception was raised. */
export const stopped = (env: Environment): boolean => (env.flags & env.unmasked) !== 0;

/** significand / 2^shift as an integer; a negative shift multiplies. */
export function roundAt(
  significand: bigint,
  shift: number,
  negative: boolean,
  rounding: Rounding,
): { value: bigint; inexact: boolean } {
  if (shift <= 0) return { value: significand << BigInt(-shift), inexact: false };
  const below = BigInt(shift);
  const value = significand >> below;
  const rest = significand - (value << below);
  if (rest === 0n) return { value, inexact: false };
  const half = 1n << (below - 1n);
  const up =
    rounding === NEAREST ? rest > half || (rest === half && (value & 1n) !== 0n) : rounding === (negative ? DOWN : UP);
  return { value: up ? value + 1n : value, inexact: true };
}
