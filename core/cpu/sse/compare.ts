/** Comparisons of encodings. */
import { order } from './arithmetic.ts';
import { type Environment, IE } from './environment.ts';
import { type Format, isNan, isSignaling } from './format.ts';

const LESS = 1;
const EQUAL = 2;
const GREATER = 4;
const UNORDERED = 8;

/** How a relates to b: one of the four. A quiet NaN raises IE only when the comparison `signals`. */
function relation(env: Environment, s: Format, a: bigint, b: bigint, signals: boolean): number {
  if (isNan(s, a) || isNan(s, b)) {
    if (signals || isSignaling(s, a) || isSignaling(s, b)) env.raise(IE);
    return UNORDERED;
  }
  const [x, y] = [env.operand(s, a), env.operand(s, b)];
  env.noteDenormals(s, x, y);
  const [i, j] = [order(s, x), order(s, y)];
  return i === j ? EQUAL : i < j ? LESS : GREATER;
}

/**
 * Relations for which the 16 predicates of CMPPS hold, 4 bits each, the first lowest; predicates 16 to 31 are the same with
 * signaling and quiet exchanged. [SDM] volume 2, CMPPD table 3-1.
 */
export const PREDICATES = [
  EQUAL,
  LESS,
  LESS | EQUAL,
  UNORDERED,
  LESS | GREATER | UNORDERED,
  EQUAL | GREATER | UNORDERED,
  GREATER | UNORDERED,
  LESS | EQUAL | GREATER,
  EQUAL | UNORDERED,
  LESS | UNORDERED,
  LESS | EQUAL | UNORDERED,
  0,
  LESS | GREATER,
  EQUAL | GREATER,
  GREATER,
  LESS | EQUAL | GREATER | UNORDERED,
] as const;
/** Predicates below 16 that signal, one bit each. */
const SIGNALING = 0x6666;

/** CMPPS and so on, by the immediate: all ones or zero. */
export function compare(env: Environment, s: Format, a: bigint, b: bigint): bigint {
  const predicate = env.control & 15;
  const signals = (((SIGNALING >> predicate) ^ (env.control >> 4)) & 1) !== 0;
  const holds = ((PREDICATES[predicate] ?? 0) & relation(env, s, a, b, signals)) !== 0;
  return holds ? (s.sign << 1n) - 1n : 0n;
}

const ZF = 0x40n;
const PF = 4n;
const CF = 1n;
const RELATION_FLAGS: Readonly<Record<number, bigint>> = {
  [LESS]: CF,
  [EQUAL]: ZF,
  [GREATER]: 0n,
  [UNORDERED]: ZF | PF | CF,
};
/** COMISS and UCOMISS: EFLAGS. */
export const compareFlags =
  (signals: boolean) =>
  (env: Environment, s: Format, a: bigint, b: bigint): bigint =>
    RELATION_FLAGS[relation(env, s, a, b, signals)] ?? 0n;
