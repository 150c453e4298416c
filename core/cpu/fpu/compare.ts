/** Ordered and unordered comparison of A with B, and FXAM's classes. [SDM] volume 1, 8.3.6. */
import {
  A,
  A_EXP,
  A_HI,
  A_LO,
  A_SE,
  B,
  B_EXP,
  B_HI,
  B_LO,
  B_SE,
  C0,
  C2,
  C3,
  compareWords,
  DE,
  DENORMAL,
  IE,
  INFINITE,
  QNAN,
  SIGN,
  SNAN,
  unpack,
  W,
  ZERO,
} from './ext80.ts';

const GREATER = 0;
export const LESS = C0;
export const EQUAL = C3;
export const UNORDERED = C3 | C2 | C0;

/**
 * Compares A with B. Returns the condition code (GREATER, LESS, EQUAL, UNORDERED) together with the exceptions:
 * IE for a NaN (when `quiet`, the FUCOM forms, only for a signalling one or an invalid encoding), DE. @hot
 */
export function compare(quiet: boolean): number {
  const kindA = unpack(A);
  const kindB = unpack(B);
  const kinds = kindA | kindB;
  if (kinds >= QNAN) return quiet && kinds < SNAN ? UNORDERED : UNORDERED | IE;
  const denormal = kinds & DENORMAL ? DE : 0;
  if (kindA & kindB & ZERO) return EQUAL;
  const negativeA = (W[A_SE] & SIGN) !== 0;
  if (kindA & ZERO) return denormal | (W[B_SE] & SIGN ? GREATER : LESS);
  if (kindB & ZERO || negativeA !== ((W[B_SE] & SIGN) !== 0)) return denormal | (negativeA ? LESS : GREATER);
  let order = W[A_EXP] - W[B_EXP];
  if (order === 0) order = compareWords(W[A_HI], W[A_LO], W[B_HI], W[B_LO]);
  if (order === 0) return denormal | EQUAL;
  return denormal | (order < 0 === negativeA ? GREATER : LESS);
}

/** FXAM's C3, C2, C0 for A. [SDM] volume 2, FXAM */
export function examine(): number {
  const kind = unpack(A);
  if (kind & ZERO) return C3;
  if (kind & INFINITE) return C2 | C0;
  if (kind & (QNAN | SNAN)) return C0;
  if (kind & DENORMAL) return C3 | C2;
  return kind === 0 ? C2 : 0;
}
