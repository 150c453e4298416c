/**
 * DPPS and DPPD: products of the elements that bits 4 to 7 of the immediate choose, their sums by pairs, and the sum where bits 0 to
 * 3 want it. Every step may raise, and a step whose exception is unmasked is the last. [SDM] volume 2, DPPS
 */
import { add, mul } from './arithmetic.ts';
import { type Environment, stopped } from './environment.ts';
import type { Format } from './format.ts';
import type { Operation } from './operations.ts';

const LANE_BYTES = 16;

export const dotProduct =
  (s: Format): Operation =>
  (env, operands, elements) => {
    const width = LANE_BYTES / s.bytes;
    const chosen = (n: number): boolean => ((env.control >> (4 + (n % width))) & 1) !== 0;
    let terms = Array.from({ length: elements }, (_, n) =>
      chosen(n) ? mul(env, s, operands.read(0, s.bytes, n), operands.read(1, s.bytes, n)) : 0n,
    );
    while (terms.length * LANE_BYTES > elements * s.bytes && !stopped(env)) {
      env.nextStep();
      terms = pairs(env, s, terms);
    }
    for (let n = 0; n < elements; n++) {
      const wanted = ((env.control >> (n % width)) & 1) !== 0;
      operands.write(s.bytes, n, wanted ? (terms[Math.floor(n / width)] ?? 0n) : 0n);
    }
  };

const pairs = (env: Environment, s: Format, terms: readonly bigint[]): bigint[] =>
  Array.from({ length: terms.length / 2 }, (_, n) => add(env, s, terms[2 * n] ?? 0n, terms[2 * n + 1] ?? 0n));
