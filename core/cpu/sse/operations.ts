/** Every exact operation by name, on the elements of vectors. Generated code calls them by number. */
import * as arithmetic from './arithmetic.ts';
import { compare, compareFlags } from './compare.ts';
import * as convert from './convert.ts';
import { dotProduct } from './dot-product.ts';
import type { Environment } from './environment.ts';
import { DOUBLE, type Format, SINGLE } from './format.ts';

/** Source vectors and the result, by element. */
export interface Operands {
  read(source: 0 | 1 | 2, bytes: 2 | 4 | 8, element: number): bigint;
  write(bytes: 2 | 4 | 8, element: number, value: bigint): void;
}
export type Operation = (env: Environment, operands: Operands, elements: number) => void;

const unary =
  (from: 2 | 4 | 8, to: 2 | 4 | 8, operation: (env: Environment, a: bigint) => bigint): Operation =>
  (env, operands, elements) => {
    for (let n = 0; n < elements; n++) operands.write(to, n, operation(env, operands.read(0, from, n)));
  };
const within = (s: Format, operation: arithmetic.Unary): Operation =>
  unary(s.bytes, s.bytes, (env, a) => operation(env, s, a));
const binary =
  (s: Format, operation: (n: number) => arithmetic.Binary): Operation =>
  (env, operands, elements) => {
    for (let n = 0; n < elements; n++) {
      const [a, b] = [operands.read(0, s.bytes, n), operands.read(1, s.bytes, n)];
      operands.write(s.bytes, n, operation(n)(env, s, a, b));
    }
  };
const ternary =
  (s: Format, operation: (n: number) => arithmetic.Ternary): Operation =>
  (env, operands, elements) => {
    for (let n = 0; n < elements; n++) {
      const [a, b, c] = [operands.read(0, s.bytes, n), operands.read(1, s.bytes, n), operands.read(2, s.bytes, n)];
      operands.write(s.bytes, n, operation(n)(env, s, a, b, c));
    }
  };

/** a * b + c with signs of the product and of c turned, by element. A NaN keeps its sign. */
type Turn = (n: number) => boolean;
const never: Turn = () => false;
const always: Turn = () => true;
const even: Turn = (n) => n % 2 === 0;
const odd: Turn = (n) => n % 2 === 1;
const fused = (s: Format, product: Turn, addend: Turn): Operation =>
  ternary(s, (n) => (env, _s, a, b, c) => {
    const turn = (v: bigint, turns: Turn): bigint => (turns(n) ? arithmetic.negate(s, v) : v);
    return env.nanOf(s, a, b, c) ?? arithmetic.multiplyAdd(env, s, turn(a, product), b, turn(c, addend));
  });

/** The operations that exist for both formats. */
function ofFormat(s: Format) {
  return {
    add: binary(s, () => arithmetic.add),
    sub: binary(s, () => arithmetic.sub),
    addSub: binary(s, (n) => (n % 2 === 0 ? arithmetic.sub : arithmetic.add)),
    mul: binary(s, () => arithmetic.mul),
    div: binary(s, () => arithmetic.div),
    min: binary(s, () => arithmetic.min),
    max: binary(s, () => arithmetic.max),
    sqrt: within(s, arithmetic.sqrt),
    compare: binary(s, () => compare),
    compareSignaling: binary(s, () => compareFlags(true)),
    compareQuiet: binary(s, () => compareFlags(false)),
    round: within(s, convert.roundToIntegral),
    dotProduct: dotProduct(s),
    multiplyAdd: fused(s, never, never),
    multiplySub: fused(s, never, always),
    negatedMultiplyAdd: fused(s, always, never),
    negatedMultiplySub: fused(s, always, always),
    multiplyAddSub: fused(s, never, even),
    multiplySubAdd: fused(s, never, odd),
    toInt32: unary(s.bytes, 4, (env, a) => convert.toIntegerRounded(env, s, a, 32)),
    toInt32Truncated: unary(s.bytes, 4, (env, a) => convert.toIntegerTruncated(env, s, a, 32)),
    toInt64: unary(s.bytes, 8, (env, a) => convert.toIntegerRounded(env, s, a, 64)),
    toInt64Truncated: unary(s.bytes, 8, (env, a) => convert.toIntegerTruncated(env, s, a, 64)),
    fromInt32: unary(4, s.bytes, (env, a) => convert.fromInteger(env, s, a, 32)),
    fromInt64: unary(8, s.bytes, (env, a) => convert.fromInteger(env, s, a, 64)),
  };
}
/** The name within a format. */
export type FormatOperation = keyof ReturnType<typeof ofFormat>;

type Prefix = 'single' | 'double';
export type FloatOperation =
  | `${Prefix}.${FormatOperation}`
  | 'singleToDouble'
  | 'doubleToSingle'
  | 'fromHalf'
  | 'toHalf';

const NAMED: readonly (readonly [string, Operation])[] = [
  ...Object.entries(ofFormat(SINGLE)).map(([name, operation]) => [`single.${name}`, operation] as const),
  ...Object.entries(ofFormat(DOUBLE)).map(([name, operation]) => [`double.${name}`, operation] as const),
  ['singleToDouble', unary(4, 8, convert.toDouble)],
  ['doubleToSingle', unary(8, 4, convert.toSingle)],
  ['fromHalf', unary(2, 4, convert.fromHalf)],
  ['toHalf', unary(4, 2, convert.toHalf)],
];
const NUMBERS = new Map(NAMED.map(([name], number) => [name, number]));

export function floatOperationNumber(name: FloatOperation): number {
  const number = NUMBERS.get(name);
  if (number === undefined) throw new Error(`there is no float operation ${name}`);
  return number;
}
export function floatOperation(number: number): Operation {
  const named = NAMED[number];
  if (named === undefined) throw new Error(`there is no float operation ${number}`);
  return named[1];
}
