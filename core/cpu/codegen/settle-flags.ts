/**
 * From an operation that is only known when it runs to the words of codegen/flags.ts: called where a region is
 * left by a rare way, or where ways have met before somebody looks.
 */
import { type Func, type I32, i32, type ModuleBuilder } from '../../wasm/index.ts';
import type { Int, OpSize } from '../semantics/width.ts';
import { LazyFlags, memoryWords } from './flags.ts';

/** `step`: INC (a is the result) or DEC (a is what it was before). */
const KINDS = ['add', 'sub', 'logic', 'step'] as const;
export type SettledKind = (typeof KINDS)[number];
export type OperandName = 'a' | 'b' | 'r' | 'cf' | 'of';

const SIZES: readonly OpSize[] = [1, 2, 4, 8];
const SIZE_SHIFT = 3;
/** CF, or OF, is the operand of its name. */
export const FLAGS_CF = 0x20;
export const FLAGS_OF = 0x40;

/** Never 0; 0, beside FLAGS_CF and FLAGS_OF, stands for the words as they are. */
export const operationNumber = (kind: SettledKind, size: OpSize): number =>
  (KINDS.indexOf(kind) + 1) | (SIZES.indexOf(size) << SIZE_SHIFT);

/** Behind the operation's number; those of 8-byte operations are i64. */
export const OPERANDS = [
  ...(['a', 'b', 'r'] as const).flatMap((name) => [{ name, type: 'i32' } as const, { name, type: 'i64' } as const]),
  { name: 'cf', type: 'i32' },
  { name: 'of', type: 'i32' },
] as const satisfies readonly { name: OperandName; type: 'i32' | 'i64' }[];

export const SETTLE_FLAGS = [['i32', ...OPERANDS.map(({ type }) => type)], []] as const;

export function emitSettleFlags(m: ModuleBuilder, state: number): Func {
  const f = m.func(...SETTLE_FLAGS);
  const flags = new LazyFlags(f, memoryWords(f, state));
  const number = f.param(0, 'i32');
  const operand = (name: OperandName, type: 'i32' | 'i64'): Int =>
    f.param(1 + OPERANDS.findIndex((o) => o.name === name && o.type === type), type);
  const [cf, of] = [operand('cf', 'i32') as I32, operand('of', 'i32') as I32];
  const has = (bit: number): I32 => i32.and(number, i32.const(bit));
  for (const size of SIZES) {
    const type = size === 8 ? 'i64' : 'i32';
    const [a, b, r] = [operand('a', type), operand('b', type), operand('r', type)];
    const operations: Record<SettledKind, () => void> = {
      add: () => flags.add(size, a, b, r),
      sub: () => flags.sub(size, a, b, r),
      logic: () => flags.logic(size, r),
      step: () => flags.stepped(size, a, r, cf),
    };
    for (const kind of KINDS) {
      const is = i32.eq(has(FLAGS_CF - 1), i32.const(operationNumber(kind, size)));
      f.if(is, operations[kind]);
    }
  }
  f.if(
    has(FLAGS_OF),
    () => flags.rotate(cf, of),
    () => f.if(has(FLAGS_CF), () => flags.setCf(cf)),
  );
  return f;
}
