/**
 * Rows of the x87 instructions whose common case is WebAssembly (semantics/x87). The system instruction x87 does the rest of
 * them, and all of the others; what there is, and names, stand in its own table, cpu/fpu/table.ts.
 */
import { findInstruction } from '../fpu/table.ts';
import type { Emitter } from '../semantics/emit.ts';
import * as transfer from '../semantics/x87/load-store.ts';
import * as operate from '../semantics/x87/operate.ts';
import type { Source } from '../semantics/x87/source.ts';
import type { RowSpec } from './row.ts';

/** Register number in ModRM, and mod = 3. */
const REGISTERS = 0xc0;

function rowOf(op: number, modrm: number, emit: Emitter, more: Partial<RowSpec>): RowSpec {
  const [name = ''] = findInstruction(op, modrm)?.name.split(' ') ?? [];
  return { op, ext: (modrm >> 3) & 7, name, emit, system: 'x87', cpuid: 'fpu', ...more };
}
const FORMS = { 2: 'Mw', 4: 'Md', 8: 'Mq', 10: 'Mt' } as const;
const memory = (op: number, ext: number, bytes: 2 | 4 | 8 | 10, emit: Emitter): RowSpec =>
  rowOf(op, ext << 3, emit, { form: FORMS[bytes] });
/** ST(i) in ModRM. */
const registers = (op: number, ext: number, emit: Emitter, flags: Partial<RowSpec> = {}): RowSpec =>
  rowOf(op, REGISTERS | (ext << 3), emit, { mod: 'reg', ...flags });
/** One ModRM byte. */
const single = (op: number, modrm: number, emit: Emitter): RowSpec =>
  rowOf(op, modrm, emit, { mod: 'reg', rm: modrm & 7 });

const SOURCES: readonly (readonly [op: number, source: Source, bytes: 2 | 4 | 8])[] = [
  [0xd8, 'm32', 4],
  [0xda, 'm32int', 4],
  [0xdc, 'm64', 8],
  [0xde, 'm16int', 2],
];

const arithmetic = [0, 1, 4, 5, 6, 7].flatMap((ext) => [
  ...SOURCES.map(([op, source, bytes]) => memory(op, ext, bytes, operate.memoryArithmetic(op, ext, source))),
  registers(0xd8, ext, operate.registerArithmetic(0xd8, ext, false, false)),
  registers(0xdc, ext, operate.registerArithmetic(0xdc, ext, true, false)),
  registers(0xde, ext, operate.registerArithmetic(0xde, ext, true, true)),
]);

const comparisons = [
  ...SOURCES.flatMap(([op, source, bytes]) =>
    [0, 1].map((pops) => memory(op, 2 + pops, bytes, operate.memoryCompare(op, pops, source))),
  ),
  registers(0xd8, 2, operate.registerCompare(0xd8, 0)),
  registers(0xd8, 3, operate.registerCompare(0xd8, 1)),
  registers(0xdd, 4, operate.registerCompare(0xdd, 0)),
  registers(0xdd, 5, operate.registerCompare(0xdd, 1)),
  single(0xda, 0xe9, operate.registerCompare(0xda, 2)),
  single(0xde, 0xd9, operate.registerCompare(0xde, 2)),
  ...[0xdb, 0xdf].flatMap((op, pops) =>
    [5, 6].map((ext) => registers(op, ext, operate.compareToEflags(op, pops), { writes: 'OSZAPC' })),
  ),
];

const loads = [
  memory(0xd9, 0, 4, transfer.load(0xd9, 'm32')),
  memory(0xdd, 0, 8, transfer.load(0xdd, 'm64')),
  memory(0xdb, 5, 10, transfer.loadExtended(0xdb)),
  memory(0xdf, 0, 2, transfer.load(0xdf, 'm16int')),
  memory(0xdb, 0, 4, transfer.load(0xdb, 'm32int')),
  memory(0xdf, 5, 8, transfer.load(0xdf, 'm64int')),
  registers(0xd9, 0, transfer.loadRegister(0xd9)),
  single(0xd9, 0xe8, transfer.loadWhole(0xd9, 1)),
  single(0xd9, 0xee, transfer.loadWhole(0xd9, 0)),
];

const stores = [
  memory(0xd9, 2, 4, transfer.storeFloat(0xd9, 4, false)),
  memory(0xd9, 3, 4, transfer.storeFloat(0xd9, 4, true)),
  memory(0xdd, 2, 8, transfer.storeFloat(0xdd, 8, false)),
  memory(0xdd, 3, 8, transfer.storeFloat(0xdd, 8, true)),
  memory(0xdb, 7, 10, transfer.storeExtended(0xdb)),
  memory(0xdb, 1, 4, transfer.storeInteger(0xdb, 4, true, true)),
  memory(0xdb, 2, 4, transfer.storeInteger(0xdb, 4, false)),
  memory(0xdb, 3, 4, transfer.storeInteger(0xdb, 4, true)),
  memory(0xdd, 1, 8, transfer.storeInteger(0xdd, 8, true, true)),
  memory(0xdf, 1, 2, transfer.storeInteger(0xdf, 2, true, true)),
  memory(0xdf, 2, 2, transfer.storeInteger(0xdf, 2, false)),
  memory(0xdf, 3, 2, transfer.storeInteger(0xdf, 2, true)),
  memory(0xdf, 7, 8, transfer.storeInteger(0xdf, 8, true)),
  registers(0xdd, 2, transfer.storeRegister(0xdd, false)),
  registers(0xdd, 3, transfer.storeRegister(0xdd, true)),
];

/** FCMOVcc: B, E, BE, U and, with DB, their opposites. */
const moves = [2, 4, 6, 10].flatMap((cc, ext) =>
  [0xda, 0xdb].map((op, not) => registers(op, ext, transfer.conditionalMove(op, cc + not), { reads: 'ZPC' })),
);

const others: readonly RowSpec[] = [
  registers(0xd9, 1, transfer.exchange(0xd9)),
  single(0xd9, 0xe0, transfer.changeSign(0xd9, 'flip')),
  single(0xd9, 0xe1, transfer.changeSign(0xd9, 'clear')),
  single(0xd9, 0xfa, operate.squareRoot(0xd9)),
  memory(0xd9, 5, 2, transfer.emitFldcw),
  memory(0xd9, 7, 2, transfer.emitFnstcw),
  memory(0xdd, 7, 2, transfer.emitFnstsw),
  single(0xdf, 0xe0, transfer.emitFnstswAx),
  single(0xd9, 0xfc, operate.roundToInteger(0xd9)),
  { op: 0x9b, name: 'FWAIT', emit: transfer.emitFwait, system: 'fwait' },
];

export const X87_ROWS: readonly RowSpec[] = [
  ...arithmetic,
  ...comparisons,
  ...loads,
  ...stores,
  ...moves,
  ...others,
  ...[0, 1, 2, 3, 4, 5, 6, 7].map(
    (n): RowSpec => ({ op: 0xd8 + n, name: 'x87', form: 'Ev', system: 'x87', cpuid: 'fpu' }),
  ),
];
