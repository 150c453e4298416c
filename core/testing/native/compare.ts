/** How two accounts of an instruction differ, where the manuals say what it does. */
import { createHash } from 'node:crypto';
import { CS, RSP, SS } from '../../cpu/state.ts';
import type { Row } from '../../cpu/table/index.ts';
import { type InstructionCase, type Outcome, VECTOR_BYTES, WINDOW } from './case.ts';
import { segmentOf, USER_CS64 } from './segments.ts';

const FLAG_BITS: Readonly<Record<string, number>> = { C: 1, P: 4, A: 0x10, Z: 0x40, S: 0x80, O: 0x800 };
/** The arithmetic flags, DF, NT, AC and ID; the others are the operating system's. */
const COMPARED_FLAGS = 0x24_4cd5;
const STACK_FAULT = 12;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;
const ROTATES = new Set(['ROL', 'ROR', 'RCL', 'RCR']);
const SHIFTS = new Set([...ROTATES, 'SHL', 'SHR', 'SAR', 'SHLD', 'SHRD']);
/** Instructions whose results differ from one CPU to the next: only their precision is promised. */
const APPROXIMATE = /^V?R(CP|SQRT)[PS]S$/;
/** 1.5 * 2^-12 for either account. */
const APPROXIMATION_ERROR = 3 * 2 ** -12;
const LEAST_NORMAL = 2 ** -126 * (1 + APPROXIMATION_ERROR);

export const isApproximate = (row: Row): boolean => APPROXIMATE.test(row.name);

/** Shift count as the instruction takes it, or undefined where it is no shift. */
function shiftCount(c: InstructionCase): number | undefined {
  const { row } = c;
  if (!SHIFTS.has(row.name)) return undefined;
  const last = row.operands.at(-1);
  const raw =
    last?.place === 'one' ? 1 : last?.place === 'I' ? (c.code.at(-1) ?? 0) : Number((c.gprs[1] ?? 0n) & 0xffn);
  return raw & (c.size === 8 ? 63 : 31);
}

/** Flags whose value no manual defines for this case. */
function undefinedFlags(c: InstructionCase): number {
  let mask = 0;
  for (const letter of c.row.undef ?? '') mask |= FLAG_BITS[letter] ?? 0;
  const count = shiftCount(c);
  if (count === undefined) return mask;
  if (count === 0) return 0;
  if (count === 1) mask &= ~0x800; // OF is defined for one bit
  // CF after more bits than there are
  if (!ROTATES.has(c.row.name) && count >= c.size * 8) mask |= 1;
  return mask;
}

/** SHLD and SHRD of words by more than 16: the whole result is undefined. */
function isUndefined(c: InstructionCase): boolean {
  return /^SH[LR]D$/.test(c.row.name) && (shiftCount(c) ?? 0) > c.size * 8;
}

/** Which byte of an area is touched first is open, and which of those that a mask selects. */
const hasOpenOrder = ({ row }: InstructionCase): boolean =>
  row.system === 'fxsave' || row.system === 'fxrstor' || isMasked(row);
const isMasked = (row: Row): boolean => /MASKMOV/.test(row.name);

/**
 * What is compared of RSP. Its upper half is lost where the kernel is entered from compatibility mode; a far return that
 * wraps SP carries into ESP on AMD's.
 */
function stackMask(c: InstructionCase, o: Outcome): bigint {
  if (c.long) return o.selectors[CS] === USER_CS64 ? -1n : 0xffff_ffffn;
  const returns = c.row.system === 'retFar' || c.row.system === 'iret';
  return returns && segmentOf(c.selectors[SS] ?? 0)?.big === false ? 0xffffn : 0xffff_ffffn;
}

/**
 * Where a segment refuses an access, other things are open: whether bytes that a mask leaves out count, whether all of FXSAVE's
 * area does, and whether #SS or, for a misaligned vector, #GP comes first.
 */
export function isOpenRefusal(c: InstructionCase, expected: Outcome, actual: Outcome): boolean {
  const vectors = [expected.vector, actual.vector];
  const refused = vectors.filter((vector) => vector === STACK_FAULT || vector === GENERAL_PROTECTION).length;
  // a MASKMOVQ that faults has entered MMX state already, on AMD's
  const selects = c.row.operands.some((o) => o.place === 'T');
  if (selects && (refused > 0 || vectors.includes(PAGE_FAULT))) return true;
  if (expected.vector === actual.vector) return false;
  if (hasOpenOrder(c)) return refused > 0;
  return refused === 2 && c.row.operands.some((o) => 'WM'.includes(o.place) && 'xop'.includes(o.size));
}

const hex = (value: bigint | number): string => value.toString(16);
const hexBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** Everything compared, by name, in a form that can be printed. */
function account(c: InstructionCase, o: Outcome): Map<string, string> {
  const fields = new Map<string, string>();
  fields.set('vector', hex(o.vector));
  if (o.vector !== 0xff) {
    fields.set('error', hex(o.error));
    if (o.vector === PAGE_FAULT && !hasOpenOrder(c)) fields.set('CR2', hex(o.cr2));
  }
  // a POPA that faults has loaded some registers on AMD's
  const arbitrary = o.vector === 0xff ? isUndefined(c) : c.row.system === 'popa';
  if (!arbitrary)
    for (let n = 0; n < (c.long ? 16 : 8); n++)
      fields.set(`r${n}`, hex((o.gprs[n] ?? 0n) & (n === RSP ? stackMask(c, o) : c.long ? -1n : 0xffff_ffffn)));
  fields.set('RIP', hex(o.rip));
  // of a null selector no more is left when the kernel returns to a signal's handler
  fields.set('segments', o.selectors.map((selector) => hex(selector < 4 ? 0 : selector)).join(' '));
  if (c.long) fields.set('bases', `${hex(o.fsBase)} ${hex(o.gsBase)}`);
  fields.set(
    'flags',
    hex(o.eflags & COMPARED_FLAGS & ~(o.vector === 0xff ? undefinedFlags(c) : 0) & (arbitrary ? 0 : -1)),
  );
  fields.set('MXCSR', hex(o.mxcsr));
  for (let n = 0; n < (c.long ? 16 : 8); n++)
    fields.set(`ymm${n}`, hexBytes(o.ymm.subarray(n * VECTOR_BYTES, (n + 1) * VECTOR_BYTES)));
  for (let n = 0; n < 8; n++) fields.set(`mm${n}`, `${hex(o.mm[n] ?? 0n)}:${hex(o.exponents[n] ?? 0)}`);
  fields.set('FSW', hex(o.fsw));
  fields.set('FTW', hex(o.ftw));
  if (!arbitrary) fields.set('memory', hexBytes(comparedMemory(c, o)));
  return fields;
}

/** FXSAVE tells which bits MXCSR has: bit 17 on AMD's only. */
const MXCSR_MASK_BIT_17 = 30;
function comparedMemory(c: InstructionCase, o: Outcome): Uint8Array {
  if (c.row.system !== 'fxsave') return o.memory;
  return o.memory.map((byte, n) => (WINDOW + n === c.operandAddress + MXCSR_MASK_BIT_17 ? byte & ~2 : byte));
}

/** "field expected actual" for each that differs. */
export function differences(c: InstructionCase, expected: Outcome, actual: Outcome): string[] {
  if (isOpenRefusal(c, expected, actual)) return [];
  const e = account(c, expected);
  const a = account(c, actual);
  const found: string[] = [];
  for (const [field, value] of e) {
    const other = a.get(field) ?? '(none)';
    if (value === other || (field.startsWith('ymm') && isApproximate(c.row) && areClose(value, other))) continue;
    found.push(`${field} ${value} ${other}`);
  }
  return found;
}

/** Singles each. */
function areClose(expected: string, actual: string): boolean {
  const floats = (text: string): Float32Array =>
    new Float32Array(Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)).buffer);
  const bits = (values: Float32Array, n: number): number => new Uint32Array(values.buffer)[n] ?? 0;
  const e = floats(expected);
  const a = floats(actual);
  return e.every((value, n) => {
    if (bits(e, n) === bits(a, n)) return true;
    // one may be flushed to zero where the other is not
    if (Math.abs(value) <= LEAST_NORMAL && Math.abs(a[n] ?? 0) <= LEAST_NORMAL) return true;
    return Math.abs((a[n] ?? 0) - value) <= Math.abs(value) * APPROXIMATION_ERROR;
  });
}

/** A short name of what an account of some cases says. */
export function digest(cases: readonly InstructionCase[], outcomes: readonly Outcome[]): string {
  const hash = createHash('sha256');
  cases.forEach((c, n) => {
    const outcome = outcomes[n];
    if (outcome !== undefined) for (const [field, value] of account(c, outcome)) hash.update(`${field}=${value};`);
  });
  return hash.digest('hex').slice(0, 12);
}

/** The case and the mismatch, for people. */
export function describeCase(c: InstructionCase, found: readonly string[]): string {
  const { row } = c;
  const registers = Array.from(c.gprs.subarray(0, c.long ? 16 : 8), (value, n) => `r${n}=${hex(value)}`).join(' ');
  return [
    `${row.name} ${row.form ?? ''} (op ${hex(row.op)}, ${c.selectors.map(hex).join(' ')}, size ${c.size}, seed ${hex(c.seed)}): ${hexBytes(c.code)}`,
    `  ${registers} start=${hex(c.start)} fs=${hex(c.fsBase)} gs=${hex(c.gsBase)} flags=${hex(c.eflags)} mxcsr=${hex(c.mxcsr)}`,
    ...found.map((line) => `  ${line}`),
  ].join('\n');
}
