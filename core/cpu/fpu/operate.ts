/** Arithmetic, comparison and transcendental instructions over the registers. [SDM] volume 1, 8.3.5 to 8.3.9 */
import { add, divide, divideReversed, multiply, squareRoot, subtract, subtractReversed } from './arithmetic.ts';
import { compare, EQUAL, examine, LESS, UNORDERED } from './compare.ts';
import { loadFloat32, loadFloat64, loadInt32, roundToInteger } from './convert.ts';
import { powerLessOne, yLog2x, yLog2xPlus1 } from './exponential.ts';
import {
  A_HI,
  A_LO,
  A_SE,
  B,
  B_HI,
  B_LO,
  B_SE,
  C0,
  C1,
  C2,
  C3,
  DE,
  EXP_BIAS,
  EXP_MASK,
  IE,
  INT32_MIN,
  SF,
  setDefaultNan,
  setZ,
  W,
  Z_HI,
  Z_LO,
  Z_SE,
  ZE,
} from './ext80.ts';
import { X87_DONE, X87_MEMORY_FAULT, type X87Execute } from './instruction.ts';
import { extract, remainder, scale } from './remainder.ts';
import { X87_EFLAGS, type X87State } from './state.ts';
import { arctangent2, cosine, sine, sineAndCosine, tangent } from './trigonometric.ts';

/** Z from A, or A and B; the argument is the FCW, the result FSW bits. */
type Operation = (ctl: number) => number;

const CONDITION = C0 | C2 | C3;
/** EFLAGS of FCOMI: less sets CF, equal ZF, unordered all three; OF, SF and AF are cleared with them. */
const CF = 0x01;
const PF = 0x04;
const ZF = 0x40;
const EFLAGS_ARITHMETIC = 0x8d5;

/**
 * The eight operations of D8, DC, DE and DA by the reg field of ModRM, A being ST(0). That D8 /4 is ST(0) - ST(i) and
 * DC /4 with a register too, for ST(i) as the destination, is what makes FSUB and FSUBR change places there.
 */
const OPERATIONS: readonly (Operation | undefined)[] = [
  add,
  multiply,
  undefined,
  undefined,
  subtract,
  subtractReversed,
  divide,
  divideReversed,
];

function operationOf(reg: number): Operation {
  return OPERATIONS[reg] as Operation;
}

/** op ST(0), ST(i) or, with `toRegister`, op ST(i), ST(0) and perhaps a pop. */
export function registerArithmetic(reg: number, toRegister: boolean, pop: boolean): X87Execute {
  const operation = operationOf(reg);
  return (fpu, modrm) => {
    const i = modrm & 7;
    let stored: boolean;
    if (fpu.isEmpty(0) || fpu.isEmpty(i)) {
      stored = fpu.underflow();
    } else {
      fpu.loadA(0);
      fpu.loadB(i);
      stored = fpu.signal(operation(fpu.fcw));
    }
    if (stored) {
      fpu.storeZ(toRegister ? i : 0);
      if (pop) fpu.pop();
    }
    return X87_DONE;
  };
}

/** Formats of a memory operand that arithmetic and comparison take. */
export type Source = 'm32' | 'm64' | 'm32int' | 'm16int';

interface SourceFormat {
  bytes: number;
  /** B = the operand. Returns DE for a denormal. */
  load(fpu: X87State): number;
}

const SOURCES: Readonly<Record<Source, SourceFormat>> = {
  m32: { bytes: 4, load: (fpu) => loadFloat32(B, fpu.operand[0] as number) },
  m64: { bytes: 8, load: (fpu) => loadFloat64(B, fpu.operand[1] as number, fpu.operand[0] as number) },
  m32int: { bytes: 4, load: (fpu) => loadInt32(B, fpu.operand[0] as number) },
  m16int: { bytes: 2, load: (fpu) => loadInt32(B, ((fpu.operand[0] as number) << 16) >> 16) },
};

/** op ST(0), memory. */
export function memoryArithmetic(reg: number, source: Source): X87Execute {
  const operation = operationOf(reg);
  const { bytes, load } = SOURCES[source];
  return (fpu, _modrm, memory) => {
    if (!memory.load(bytes)) return X87_MEMORY_FAULT;
    if (fpu.isEmpty(0)) {
      if (fpu.underflow()) fpu.storeZ(0);
      return X87_DONE;
    }
    fpu.loadA(0);
    const denormal = load(fpu);
    let flags = operation(fpu.fcw);
    // A NaN and the exceptions found earlier come before a denormal operand, here as among registers.
    if (denormal !== 0 && (flags & (IE | ZE)) === 0 && !isNanZ()) flags |= DE;
    if (fpu.signal(flags)) fpu.storeZ(0);
    return X87_DONE;
  };
}

function isNanZ(): boolean {
  return (W[Z_SE] & EXP_MASK) === EXP_MASK && ((W[Z_HI] << 1) | W[Z_LO]) !== 0;
}

/** An operation on ST(0) with its result there. */
function unary(operation: Operation): X87Execute {
  return (fpu) => {
    if (fpu.isEmpty(0)) {
      if (fpu.underflow()) fpu.storeZ(0);
      return X87_DONE;
    }
    fpu.loadA(0);
    if (fpu.signal(operation(fpu.fcw))) fpu.storeZ(0);
    return X87_DONE;
  };
}

export const fsqrt = unary(squareRoot);
export const frndint = unary(roundToInteger);
export const f2xm1 = unary(powerLessOne);

/** FSIN and FCOS: C2 says that the argument was out of range. */
function ranged(operation: Operation): X87Execute {
  const execute = unary(operation);
  return (fpu, modrm, memory, environment) => {
    fpu.setCondition(C2, 0);
    return execute(fpu, modrm, memory, environment);
  };
}

export const fsin = ranged(sine);
export const fcos = ranged(cosine);

/** An operation on ST(0) and ST(1), the result in ST(0), no pop. */
function binary(operation: Operation): X87Execute {
  return (fpu) => {
    let stored: boolean;
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      stored = fpu.underflow();
    } else {
      fpu.loadA(0);
      fpu.loadB(1);
      stored = fpu.signal(operation(fpu.fcw));
    }
    if (stored) fpu.storeZ(0);
    return X87_DONE;
  };
}

export const fscale = binary(scale);

/** FPREM, FPREM1: C2 is cleared, C0 and C3 are set only when there is a quotient. */
function partialRemainder(ieee: boolean): X87Execute {
  return (fpu) => {
    let flags = IE | SF;
    fpu.setCondition(C2, 0);
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      setDefaultNan();
    } else {
      fpu.loadA(0);
      fpu.loadB(1);
      flags = remainder(ieee, fpu.fcw);
    }
    const stored = fpu.signal(flags & ~CONDITION);
    if (!stored) return X87_DONE;
    if ((flags & IE) === 0 && !isNanZ()) fpu.setCondition(CONDITION, flags & CONDITION);
    fpu.storeZ(0);
    return X87_DONE;
  };
}

export const fprem = partialRemainder(false);
export const fprem1 = partialRemainder(true);

/** An operation on ST(0) and ST(1), the result in ST(1), which a pop makes ST(0): FYL2X, FYL2XP1, FPATAN. */
function binaryPop(operation: Operation): X87Execute {
  return (fpu) => {
    let stored: boolean;
    if (fpu.isEmpty(0) || fpu.isEmpty(1)) {
      stored = fpu.underflow();
    } else {
      fpu.loadA(0);
      fpu.loadB(1);
      stored = fpu.signal(operation(fpu.fcw));
    }
    if (stored) {
      fpu.storeZ(1);
      fpu.pop();
    }
    return X87_DONE;
  };
}

export const fyl2x = binaryPop(yLog2x);
export const fyl2xp1 = binaryPop(yLog2xPlus1);
export const fpatan = binaryPop(arctangent2);

/**
 * FPTAN, FSINCOS, FXTRACT: two results, the first replacing ST(0), the second pushed. `operation` leaves the first in A
 * and the second in Z; C2 among its flags means out of range, nothing done.
 */
function twoResults(operation: Operation): X87Execute {
  return (fpu) => {
    if (fpu.isEmpty(0) || !fpu.isEmpty(7)) {
      if (fpu.isEmpty(0) ? fpu.underflow() : fpu.overflow()) {
        fpu.storeZ(0);
        fpu.pushZ();
      }
      return X87_DONE;
    }
    fpu.loadA(0);
    const flags = operation(fpu.fcw);
    if (!fpu.signal(flags) || flags & C2) return X87_DONE;
    const se = W[Z_SE];
    const hi = W[Z_HI];
    const lo = W[Z_LO];
    setZ(W[A_SE], W[A_HI], W[A_LO]);
    fpu.storeZ(0);
    setZ(se, hi, lo);
    fpu.pushZ();
    return X87_DONE;
  };
}

function tangentAndOne(ctl: number): number {
  const flags = tangent(ctl);
  W[A_SE] = W[Z_SE];
  W[A_HI] = W[Z_HI];
  W[A_LO] = W[Z_LO];
  // A NaN is pushed twice.
  if ((flags & C2) === 0 && !isNanZ()) setZ(EXP_BIAS, INT32_MIN, 0);
  return flags;
}

function exponentAndSignificand(): number {
  const flags = extract();
  W[A_SE] = W[B_SE];
  W[A_HI] = W[B_HI];
  W[A_LO] = W[B_LO];
  return flags;
}

function rangedTwoResults(operation: Operation): X87Execute {
  const execute = twoResults(operation);
  return (fpu, modrm, memory, environment) => {
    fpu.setCondition(C2, 0);
    return execute(fpu, modrm, memory, environment);
  };
}

export const fptan = rangedTwoResults(tangentAndOne);
export const fsincos = rangedTwoResults(sineAndCosine);
export const fxtract = twoResults(exponentAndSignificand);

/** Takes over the outcome of compare(): condition codes in any case. False: an unmasked exception forbids to pop. */
function setComparison(fpu: X87State, outcome: number): boolean {
  const proceed = fpu.signal(outcome & ~CONDITION);
  fpu.setCondition(CONDITION, outcome & CONDITION);
  return proceed;
}

function popTimes(fpu: X87State, pops: number): void {
  for (let left = pops; left > 0; left--) fpu.pop();
}

/** FCOM, FCOMP, FCOMPP with registers; `quiet`: FUCOM, FUCOMP, FUCOMPP. */
export function registerCompare(quiet: boolean, pops: number): X87Execute {
  return (fpu, modrm) => {
    const i = modrm & 7;
    let outcome = UNORDERED | IE | SF;
    if (!fpu.isEmpty(0) && !fpu.isEmpty(i)) {
      fpu.loadA(0);
      fpu.loadB(i);
      outcome = compare(quiet);
    }
    if (setComparison(fpu, outcome)) popTimes(fpu, pops);
    return X87_DONE;
  };
}

/** FCOM, FCOMP, FICOM, FICOMP with memory. */
export function memoryCompare(source: Source, pops: number): X87Execute {
  const { bytes, load } = SOURCES[source];
  return (fpu, _modrm, memory) => {
    if (!memory.load(bytes)) return X87_MEMORY_FAULT;
    let outcome = UNORDERED | IE | SF;
    if (!fpu.isEmpty(0)) {
      fpu.loadA(0);
      const denormal = load(fpu);
      outcome = compare(false);
      if ((outcome & IE) === 0) outcome |= denormal;
    }
    if (setComparison(fpu, outcome)) popTimes(fpu, pops);
    return X87_DONE;
  };
}

/** FCOMI, FCOMIP; `quiet`: FUCOMI, FUCOMIP. */
export function compareToEflags(quiet: boolean, pops: number): X87Execute {
  return (fpu, modrm) => {
    const i = modrm & 7;
    let outcome = UNORDERED | IE | SF;
    if (!fpu.isEmpty(0) && !fpu.isEmpty(i)) {
      fpu.loadA(0);
      fpu.loadB(i);
      outcome = compare(quiet);
    }
    const roundedUp = fpu.fsw & C1;
    const proceed = fpu.signal(outcome & (IE | DE | SF));
    // C1 stays, but for a stack fault.
    if ((outcome & SF) === 0) fpu.setCondition(C1, roundedUp);
    const relation = outcome & CONDITION;
    let eflags = (fpu.words[X87_EFLAGS / 4] as number) & ~EFLAGS_ARITHMETIC;
    if (relation === UNORDERED) eflags |= ZF | PF | CF;
    else if (relation === LESS) eflags |= CF;
    else if (relation === EQUAL) eflags |= ZF;
    fpu.words[X87_EFLAGS / 4] = eflags;
    if (proceed) popTimes(fpu, pops);
    return X87_DONE;
  };
}

export const ftst: X87Execute = (fpu) => {
  let outcome = UNORDERED | IE | SF;
  if (!fpu.isEmpty(0)) {
    fpu.loadA(0);
    loadInt32(B, 0);
    outcome = compare(false);
  }
  setComparison(fpu, outcome);
  return X87_DONE;
};

/** FXAM: C1 is the sign, of an empty register too. */
export const fxam: X87Execute = (fpu) => {
  fpu.loadA(0);
  const sign = W[A_SE] & 0x8000 ? C1 : 0;
  fpu.setCondition(CONDITION | C1, sign | (fpu.isEmpty(0) ? C3 | C0 : examine()));
  return X87_DONE;
};
