/**
 * Handler variants. An emitter is turned into one handler for every combination of operand size, operand kinds, and
 * what else the code depends on; the decoder asks for the variant of an instruction by the same key.
 */
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand, type Size } from '../decode/insn.ts';
import { MODE_64, MODE_FLAT, MODE_FLAT_CODE, MODE_SIZE_MASK, MODE_STACK32 } from '../decode/mode.ts';
import type { Emitter } from '../semantics/emit.ts';
import { CS, FS } from '../state.ts';
import { ROWS, type Row } from '../table/index.ts';
import type { OperandSpec, VectorLength } from '../table/row.ts';
import type { Field } from './record.ts';

/** Size of the stack pointer in bytes; 0 where the instruction does not use the stack. */
export type StackSize = 0 | 2 | 4 | 8;

export interface Variant {
  readonly key: string;
  readonly emit: Emitter;
  readonly name: string;
  readonly size: 1 | 2 | 4 | 8;
  readonly fields: readonly Field[];
  readonly stack: StackSize;
  /** 8 where nothing depends on it. */
  readonly addressSize: 2 | 4 | 8;
  readonly repeat: number;
  readonly vectorLength: VectorLength;
  /** A near transfer of code with a limit. */
  readonly limited: boolean;
  /** It may fall back to a system instruction. */
  readonly fallsBack: boolean;
}

const emitterIds = new Map<Emitter, number>();
function emitterId(emit: Emitter): number {
  let id = emitterIds.get(emit);
  if (id === undefined) {
    id = emitterIds.size;
    emitterIds.set(emit, id);
  }
  return id;
}

function makeKey(
  emit: Emitter,
  size: number,
  fields: readonly Field[],
  stack: number,
  addressSize: number,
  repeat: number,
  vectorLength: VectorLength,
  limited: boolean,
): string {
  let key = `${emitterId(emit)}/${size}/`;
  for (const f of fields) key += f.kind + f.size;
  return `${key}/${stack}/${addressSize}/${repeat}/${vectorLength}${limited ? '/limited' : ''}`;
}

export function variantKey(insn: Insn, emit: Emitter): string {
  const { row } = insn;
  return makeKey(
    emit,
    insn.operandSize,
    fieldsOf(insn),
    row.stack ? stackSize(insn.mode) : 0,
    row.string || row.counts ? insn.addressSize : 8,
    repeatOf(row, insn.repeat),
    insn.vectorLength,
    row.near === true && (insn.mode & MODE_FLAT_CODE) === 0,
  );
}

/**
 * What decides the variant of an instruction whose row has an emitter, as a number: the row, and all in which its instructions
 * can differ. Two shapes may have one variant. @hot
 */
export function shapeOf(insn: Insn): number {
  const { row, operandSize, addressSize, mode } = insn;
  let memory = 0;
  // of two operands in memory, those of strings, the first alone may be far, by its segment
  for (const o of insn.operands) if (o.kind === 'memory') memory |= isNear(o, insn) ? 1 : 2;
  // sizes of 1 2 4 8 and lengths of 0 16 32 as two bits each
  let shape = (row.id << 2) | (31 - Math.clz32(operandSize));
  shape = (shape << 2) | (31 - Math.clz32(addressSize));
  shape = (shape << 2) | (insn.vectorLength >> 4);
  shape = (shape << 2) | (insn.repeat & 3); // 0, F2, F3
  shape = (shape << 2) | memory;
  const stack = (mode & MODE_SIZE_MASK) === MODE_64 ? 2 : (mode & MODE_STACK32) !== 0 ? 1 : 0;
  return (shape << 3) | (stack << 1) | ((mode & MODE_FLAT_CODE) !== 0 ? 1 : 0);
}

/** MOVS, STOS and LODS do not tell REPE from REPNE. */
function repeatOf(row: Row, repeat: number): number {
  return repeat !== 0 && row.writes === undefined ? 0xf3 : repeat;
}

function stackSize(mode: number): StackSize {
  if ((mode & MODE_SIZE_MASK) === MODE_64) return 8;
  return (mode & MODE_STACK32) !== 0 ? 4 : 2;
}

/** base + displacement32 in a flat address space: a short memory field. */
export function isNear(o: MemoryOperand, insn: Insn): boolean {
  if (o.index !== NO_REGISTER || o.segment >= FS) return false;
  if ((insn.mode & MODE_SIZE_MASK) !== MODE_64)
    return insn.addressSize === 4 && (insn.mode & MODE_FLAT) !== 0 && o.segment !== CS && !insn.row.string;
  return (
    insn.addressSize === 8 &&
    o.displacement >> 31 === o.displacementHigh &&
    (o.base !== BASE_RIP || Math.abs(o.displacement) < 0x7fff_0000)
  );
}
/** Kind of field that one has. */
function memoryKind(o: MemoryOperand, insn: Insn): 'm' | 'n' | 'g' {
  if (!isNear(o, insn)) return 'g';
  return (insn.mode & MODE_SIZE_MASK) === MODE_64 ? 'm' : 'n';
}

export const fieldsOf = (insn: Insn): Field[] => insn.operands.map((o) => fieldOf(o, insn));

function fieldOf(o: Operand, insn: Insn): Field {
  switch (o.kind) {
    case 'register':
      return { kind: 'r', size: o.size };
    case 'immediate':
      return { kind: 'i', size: o.size };
    case 'segment':
    case 'control':
      return { kind: 'i', size: 1 };
    case 'memory':
      return { kind: memoryKind(o, insn), size: o.size };
    case 'relative':
      return { kind: 'j', size: 4 };
    case 'vector':
      return { kind: 'v', size: 16 };
    case 'mmx':
      return { kind: 'v', size: 8 };
    default:
      throw new Error(`${insn.row.name}: a ${o.kind} operand has no field`);
  }
}

/**
 * Vectors, VEX encodings and the x87 are more than half of the table, and a guest uses few of them: their handlers are made
 * when they are first needed.
 */
const isRare = (row: Row): boolean =>
  row.vex !== undefined || row.cpuid === 'fpu' || row.operands.some((o) => 'VWUHLPQN'.includes(o.place));

function variantsOf(rows: readonly Row[]): Variant[] {
  const variants = new Map<string, Variant>();
  for (const row of rows) if (row.emit) for (const v of rowVariants(row, row.emit)) variants.set(v.key, v);
  return [...variants.values()];
}
/** Every variant of the rows that are not rare. */
export function commonVariants(): Variant[] {
  return variantsOf(ROWS.filter((row) => !isRare(row)));
}

/** Of a group: few enough to be made without a pause that anybody notices. An extension of its own costs about 2 ms. */
const GROUP = 64;

/** The variants of rare rows in groups, whose members stand side by side in the table: the group of each by key. */
function groupRareVariants(): Map<string, readonly Variant[]> {
  const variants = variantsOf(ROWS.filter(isRare));
  const groups = new Map<string, readonly Variant[]>();
  for (const length of [0, 16, 32]) {
    const some = variants.filter((v) => v.vectorLength === length);
    for (let at = 0; at < some.length; at += GROUP) {
      const group = some.slice(at, at + GROUP);
      for (const { key } of group) groups.set(key, group);
    }
  }
  return groups;
}
let rareGroups: ReadonlyMap<string, readonly Variant[]> | undefined;
/** The group of rare variants that one is in; undefined when there is no such variant. */
export function rareGroup(key: string): readonly Variant[] | undefined {
  rareGroups ??= groupRareVariants();
  return rareGroups.get(key);
}

/** Of 64-bit operands, where others are known too, 32-bit code has none. */
const mayBeNear32 = (row: Row, size: number): boolean =>
  !row.string && row.only !== '64' && (size !== 8 || row.sizes.length === 1);

function* rowVariants(row: Row, emit: Emitter): Generator<Variant> {
  const vectors = row.sizes.flatMap((size) => row.lengths.map((length) => ({ size, length })));
  for (const { size, length } of vectors) {
    for (const fields of combinations(row.operands, size, length)) {
      if (fields.some(({ kind }) => kind === 'n') && !mayBeNear32(row, size)) continue;
      for (const stack of row.stack ? STACK_SIZES[size] : NO_STACK) {
        for (const addressSize of row.string || row.counts ? ADDRESS_SIZES : WIDE_ONLY) {
          for (const repeat of row.string ? (row.writes === undefined ? [0, 0xf3] : [0, 0xf2, 0xf3]) : [0]) {
            for (const limited of row.near && size !== 8 ? [false, true] : [false]) {
              const key = makeKey(emit, size, fields, stack, addressSize, repeat, length, limited);
              yield {
                key,
                emit,
                name: row.name,
                size,
                fields,
                stack,
                addressSize,
                repeat,
                vectorLength: length,
                limited,
                fallsBack: row.system !== undefined,
              };
            }
          }
        }
      }
    }
  }
}

const NO_STACK: readonly StackSize[] = [0];
const STACK_SIZES: Readonly<Record<1 | 2 | 4 | 8, readonly StackSize[]>> = {
  1: [2, 4, 8],
  2: [2, 4, 8],
  4: [2, 4],
  8: [8],
};
const ADDRESS_SIZES = [2, 4, 8] as const;
const WIDE_ONLY = [8] as const;

function combinations(specs: readonly OperandSpec[], size: 1 | 2 | 4 | 8, length: VectorLength): Field[][] {
  let lists: Field[][] = [[]];
  for (const spec of specs) {
    const choices = fieldChoices(spec, size, length);
    lists = lists.flatMap((list) => choices.map((c) => [...list, c]));
  }
  return lists;
}

function fieldChoices(spec: OperandSpec, operandSize: 1 | 2 | 4 | 8, length: VectorLength): Field[] {
  const size = spec.size === 'x' && length === 32 ? 32 : specSize(spec, operandSize);
  const general = size as 1 | 2 | 4 | 8;
  const register: Field = { kind: 'r', size: general };
  const vector: Field = { kind: 'v', size: 16 };
  const mmx: Field = { kind: 'v', size: 8 };
  const memory: Field[] = [
    { kind: 'm', size },
    { kind: 'g', size },
    { kind: 'n', size },
  ];
  switch (spec.place) {
    case 'E':
      return [register, ...memory];
    case 'M':
    case 'X':
    case 'Y':
    case 'K':
    case 'T':
    case 'O':
      return memory;
    case 'G':
    case 'R':
    case 'Z':
    case 'B':
    case 'fixed':
      return [register];
    case 'one':
    case 'S':
    case 'C':
      return [{ kind: 'i', size: 1 }];
    case 'I':
    case 'sI': {
      // an immediate byte stays a byte unless it is sign-extended; others have the operand size
      const own = spec.place === 'I' && (spec.size === 'b' || spec.size === 'w');
      return [{ kind: 'i', size: own ? general : operandSize }];
    }
    case 'J':
      return [{ kind: 'j', size: 4 }];
    case 'V':
    case 'H':
    case 'L':
    case 'U':
      return [vector];
    case 'W':
      return [vector, ...memory];
    case 'P':
    case 'N':
      return [mmx];
    case 'Q':
      return [mmx, ...memory];
    default:
      throw new Error(`operand place ${spec.place} has no emitter fields`);
  }
}

const SIZES: Readonly<Record<string, Size>> = { b: 1, w: 2, d: 4, q: 8, t: 10, o: 16, x: 16 };
function specSize(spec: OperandSpec, operandSize: 1 | 2 | 4 | 8): 1 | 2 | 4 | 8 {
  if (spec.size === 'z') return operandSize === 2 ? 2 : 4;
  return (SIZES[spec.size] ?? operandSize) as 1 | 2 | 4 | 8;
}
