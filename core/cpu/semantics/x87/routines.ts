/**
 * Routines of WebAssembly that the emitters of x87 instructions share, made once for a vCPU. They do the common case
 * exactly: operands that are normal or zero, a result that is normal or zero. For all others they answer that the
 * instruction must fall back, and have changed nothing then.
 */
import type { Callable, Func, ValType } from '../../../wasm/index.ts';
import { emitAdd, emitMultiply, emitRound } from './arithmetic.ts';
import { emitCompare, emitRoundToInteger, emitToFloat, emitToInteger } from './convert.ts';
import { emitDivide, emitSquareRoot } from './division.ts';

const BINARY = ['i64', 'i32', 'i64', 'i32', 'i32', 'i32'] as const;

/** Parameters and result. A value is its significand and its word of sign and exponent. */
export const X87_ROUTINES = {
  /** (a, b, address of the result's register, FSW afterwards but for what the operation raises) -> 1: fall back */
  x87Add: [BINARY, ['i32']],
  x87Multiply: [BINARY, ['i32']],
  x87Divide: [BINARY, ['i32']],
  /** (a, address of the result's register, FSW afterwards) -> 1: fall back */
  x87SquareRoot: [['i64', 'i32', 'i32', 'i32'], ['i32']],
  x87RoundToInteger: [['i64', 'i32', 'i32', 'i32'], ['i32']],
  /** (a, b) -> C3 and C0, or -1: fall back */
  x87Compare: [['i64', 'i32', 'i64', 'i32'], ['i32']],
  /** (a) -> bits of the float; leaves what it raises, or -1: fall back, in the operand field */
  x87ToFloat32: [['i64', 'i32'], ['i64']],
  x87ToFloat64: [['i64', 'i32'], ['i64']],
  /** (a, RC in place, bits) -> integer, and the same */
  x87ToInteger: [['i64', 'i32', 'i32', 'i32'], ['i64']],
} as const satisfies Readonly<Record<string, readonly [params: readonly ValType[], results: readonly ValType[]]>>;

export type X87RoutineName = keyof typeof X87_ROUTINES;
/** Type of the result. */
export type X87Result<N extends X87RoutineName> = (typeof X87_ROUTINES)[N][1][0];

/** Makes them; `area`: address of the x87's area (fpu/state.ts). */
export function makeX87Routines(
  func: (params: readonly ValType[], results: readonly ValType[]) => Func,
  area: number,
): Record<X87RoutineName, Callable> {
  const round = func(['i32', 'i32', 'i64', 'i64', 'i32', 'i32'], ['i32']);
  emitRound(round, area);
  const make = (name: X87RoutineName, body: (f: Func) => void): Func => {
    const [params, results] = X87_ROUTINES[name];
    const f = func(params, results);
    body(f);
    f.unreachable();
    return f;
  };
  return {
    x87Add: make('x87Add', (f) => emitAdd(f, area, round)),
    x87Multiply: make('x87Multiply', (f) => emitMultiply(f, area, round)),
    x87Divide: make('x87Divide', (f) => emitDivide(f, area, round)),
    x87SquareRoot: make('x87SquareRoot', (f) => emitSquareRoot(f, area, round)),
    x87RoundToInteger: make('x87RoundToInteger', (f) => emitRoundToInteger(f, area)),
    x87Compare: make('x87Compare', emitCompare),
    x87ToFloat32: make('x87ToFloat32', (f) => emitToFloat(f, area, 4)),
    x87ToFloat64: make('x87ToFloat64', (f) => emitToFloat(f, area, 8)),
    x87ToInteger: make('x87ToInteger', (f) => emitToInteger(f, area)),
  };
}
