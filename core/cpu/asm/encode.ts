/**
 * One instruction to bytes, by a row of the instruction table: the decoder's inverse. [SDM] volume 2, chapter 2.
 *
 * Not here: VEX encodings, x87 instructions (their register is not in the notation), and memory operands that nothing but a different
 * address size could reach.
 */
import { BASE_RIP, NO_REGISTER } from '../decode/insn.ts';
import { RBP, RBX, RDI, RSI, RSP } from '../state.ts';
import type { Row } from '../table/index.ts';
import type { OperandSpec, SizeCode } from '../table/row.ts';
import { type AsmMemory, type AsmOperand, Label } from './operands.ts';

export type Bits = 16 | 32 | 64;
type OperandSize = 1 | 2 | 4 | 8;

/** Bytes to fill in when the label's address is known. */
export interface Fixup {
  /** Offset in the instruction. */
  readonly at: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly label: Label;
  readonly plus: number;
  /** Counted from the end of the instruction, or an address. */
  readonly relative: boolean;
}

export interface Encoding {
  readonly bytes: readonly number[];
  readonly fixups: readonly Fixup[];
}

export interface EncodeOptions {
  readonly bits: Bits;
  /** Where the instruction will be. */
  readonly address: number;
  readonly lock: boolean;
  /** 0xf2, 0xf3, or 0. */
  readonly repeat: number;
  /** The operand size that the name asked for (STOSQ, IRETQ). */
  readonly operandSize?: OperandSize;
  /** The address size that the name asked for (JRCXZ). */
  readonly addressSize?: 2 | 4 | 8;
}

const SEGMENT_PREFIX = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
const SEGMENT_ROWS = new Set<string | undefined>(['pushSegment', 'popSegment']);
/** Operands that stand in no assembly: of string instructions, MONITOR, XLAT and MASKMOVQ. */
const IMPLIED = new Set(['X', 'Y', 'F', 'K', 'T']);

/** The operands a programmer gives. PUSH and POP of segment registers have theirs in the opcode. */
function givenOperands(row: Row): readonly OperandSpec[] {
  if (SEGMENT_ROWS.has(row.system)) return [{ place: 'S', size: 'w' }];
  return row.operands.filter((o) => !IMPLIED.has(o.place) && !(o.place === 'fixed' && o.size === 'y'));
}

/** Undefined when the row does not take these operands. */
export function encode(row: Row, operands: readonly AsmOperand[], options: EncodeOptions): Encoding | undefined {
  const long = options.bits === 64;
  if (row.vex !== undefined) return undefined;
  if (row.only !== undefined && (row.only === '64') !== long) return undefined;
  if (options.repeat !== 0 && !row.string) return undefined;
  if (options.lock && !(row.lock && isMemory(operands[0]))) return undefined;
  const specs = givenOperands(row);
  if (specs.length !== operands.length) return undefined;
  const natural = defaultSize(row, options.bits);
  const sizes = options.operandSize ? [options.operandSize] : [natural, ...row.sizes.filter((s) => s !== natural)];
  for (const size of sizes) {
    const encoding = encodeSized(row, specs, operands, size, options);
    if (encoding) return encoding;
  }
  return undefined;
}

const isMemory = (operand: AsmOperand | undefined): operand is AsmMemory =>
  typeof operand === 'object' && !(operand instanceof Label) && operand.kind === 'memory';

/** The operand size that no prefix asks for. */
function defaultSize(row: Row, bits: Bits): OperandSize {
  if (row.sizes.length === 1) return row.sizes[0] ?? 4;
  if (row.operands.some((o) => o.size === 'y')) return bits === 64 && movesWholeRegister(row) ? 8 : 4;
  if (bits === 64) return row.size64 === undefined ? 4 : 8;
  return bits === 32 ? 4 : 2;
}

const movesWholeRegister = (row: Row): boolean => row.operands.some((o) => o.place === 'C' || o.place === 'D');

/** The prefixes for an operand size; undefined when none give it. */
function sizePrefix(row: Row, size: OperandSize, bits: Bits): { operand: boolean; wide: boolean } | undefined {
  if (size === defaultSize(row, bits)) return { operand: false, wide: false };
  if (!row.sizes.includes(size)) return undefined;
  if (size === 8) return bits === 64 && !movesWholeRegister(row) ? { operand: false, wide: true } : undefined;
  if (row.operands.some((o) => o.size === 'y') || row.pp === 0x66 || row.pp === 0) return undefined;
  if (bits === 64) return size === 2 && row.size64 !== 'f64' ? { operand: true, wide: false } : undefined;
  return { operand: true, wide: false };
}

const BYTES: Partial<Record<SizeCode, number>> = { b: 1, w: 2, d: 4, q: 8, x: 16 };
const bytesOf = (code: SizeCode, size: OperandSize): number => BYTES[code] ?? (code === 'z' ? Math.min(size, 4) : size);

/** The parts of an instruction while its operands are laid out. */
class Parts {
  rexR = false;
  rexX = false;
  rexB = false;
  /** SPL BPL SIL DIL need a REX prefix, AH CH DH BH forbid it. */
  needsRex = false;
  forbidsRex = false;
  opcodeLow = 0;
  reg: number | undefined;
  /** r/m: a register, or memory. */
  rm: number | AsmMemory | undefined;
  moffs: AsmMemory | undefined;
  segment: number | undefined;
  addressSize: 2 | 4 | 8 | undefined;
  readonly tail: { value: bigint | Label; plus: number; size: 1 | 2 | 4 | 8; relative: boolean }[] = [];
  /** An operand's size fixed the operand size. */
  anchored = false;
}

function encodeSized(
  row: Row,
  specs: readonly OperandSpec[],
  operands: readonly AsmOperand[],
  size: OperandSize,
  options: EncodeOptions,
): Encoding | undefined {
  const prefix = sizePrefix(row, size, options.bits);
  if (!prefix) return undefined;
  const parts = new Parts();
  parts.addressSize = options.addressSize;
  for (const [n, spec] of specs.entries()) {
    if (!place(parts, row, spec, operands[n] as AsmOperand, size, options)) return undefined;
  }
  const free = !parts.anchored && options.operandSize === undefined && size !== defaultSize(row, options.bits);
  if (free) return undefined;
  return assemble(parts, row, prefix, options);
}

/** Puts one operand where its notation says. False when it does not fit. */
function place(
  parts: Parts,
  row: Row,
  spec: OperandSpec,
  operand: AsmOperand,
  size: OperandSize,
  options: EncodeOptions,
): boolean {
  const bytes = bytesOf(spec.size, size);
  if (typeof operand !== 'object') return placeNumber(parts, spec, BigInt(operand), bytes, size);
  if (operand instanceof Label) return placeLabel(parts, spec, operand, bytes, size, options);
  switch (operand.kind) {
    case 'far': {
      if (spec.place !== 'A' || size !== (operand.offsetSize ?? (options.bits === 16 ? 2 : 4))) return false;
      const value = operand.target instanceof Label ? operand.target : BigInt(operand.target);
      parts.anchored = true;
      parts.tail.push({ value, plus: 0, size, relative: false });
      parts.tail.push({ value: BigInt(operand.selector), plus: 0, size: 2, relative: false });
      return true;
    }
    case 'memory':
      return placeMemory(parts, row, spec, operand, bytes);
    case 'register':
      if (operand.size !== bytes) return false;
      parts.anchored ||= BYTES[spec.size] === undefined;
      if (operand.high) parts.forbidsRex = true;
      else if (operand.size === 1 && operand.register >= 4) parts.needsRex = true;
      return placeRegister(parts, row, spec, operand.register + (operand.high ? 4 : 0));
    default:
      return placeSpecial(parts, row, spec, operand.kind, operand.register);
  }
}

function placeNumber(parts: Parts, spec: OperandSpec, value: bigint, bytes: number, size: OperandSize): boolean {
  if (spec.place === 'one') return value === 1n;
  if (spec.place === 'J') return false;
  if (spec.place !== 'I' && spec.place !== 'sI') return false;
  // The number may be meant signed or unsigned, at the width the instruction works with.
  const width = spec.place === 'sI' || spec.size === 'z' ? size * 8 : bytes * 8;
  if (value < -(1n << BigInt(width - 1)) || value >= 1n << BigInt(width)) return false;
  const signed = BigInt.asIntN(width, value);
  if (BigInt.asIntN(bytes * 8, signed) !== signed) return false;
  parts.tail.push({ value: signed, plus: 0, size: bytes as OperandSize, relative: false });
  return true;
}

function placeLabel(
  parts: Parts,
  spec: OperandSpec,
  label: Label,
  bytes: number,
  size: OperandSize,
  options: EncodeOptions,
): boolean {
  if (spec.place === 'I' && bytes >= 2) {
    parts.tail.push({ value: label, plus: 0, size: bytes as OperandSize, relative: false });
    return true;
  }
  if (spec.place !== 'J') return false;
  const length = spec.size === 'b' ? 1 : size === 2 ? 2 : 4;
  // A short jump over an unknown distance is taken only where there is no other (the caller prefers what it may).
  if (length === 1 && label.address !== undefined && label.address - options.address < -126) return false;
  parts.tail.push({ value: label, plus: 0, size: length, relative: true });
  return true;
}

function placeMemory(parts: Parts, row: Row, spec: OperandSpec, operand: AsmMemory, bytes: number): boolean {
  if (spec.place === 'O') {
    if (operand.base !== NO_REGISTER || operand.index !== NO_REGISTER || operand.size !== bytes) return false;
    parts.moffs = operand;
  } else {
    if (!'EMWQ'.includes(spec.place) || row.mod === 'reg') return false;
    const sized = operand.size === bytes || spec.size === 'p' || (operand.size === 0 && spec.place === 'M');
    if (!sized) return false;
    parts.rm = operand;
    parts.rexB = operand.base !== NO_REGISTER && operand.base !== BASE_RIP && operand.base >= 8;
    parts.rexX = operand.index >= 8;
  }
  parts.anchored ||= BYTES[spec.size] === undefined && spec.size !== 'p' && operand.size !== 0;
  parts.segment = operand.segment;
  parts.addressSize = operand.addressSize;
  return true;
}

function placeRegister(parts: Parts, row: Row, spec: OperandSpec, register: number): boolean {
  switch (spec.place) {
    case 'fixed':
      return register === spec.register;
    case 'Z':
      if (row.op === 0x90 && register === 0) return false; // that is NOP
      parts.opcodeLow = register & 7;
      parts.rexB = register >= 8;
      return true;
    case 'G':
      parts.reg = register & 7;
      parts.rexR = register >= 8;
      return true;
    case 'E':
    case 'R':
      if (row.mod === 'mem') return false;
      parts.rm = register;
      parts.rexB = register >= 8;
      return true;
    default:
      return false;
  }
}

const SPECIAL_PLACES = { vector: 'VWU', mmx: 'PQN', segment: 'S', control: 'C', debug: 'D' } as const;

function placeSpecial(
  parts: Parts,
  row: Row,
  spec: OperandSpec,
  kind: keyof typeof SPECIAL_PLACES,
  register: number,
): boolean {
  if (!SPECIAL_PLACES[kind].includes(spec.place)) return false;
  if (SEGMENT_ROWS.has(row.system)) return register === ((row.op >> 3) & 7);
  if ('WUQN'.includes(spec.place)) {
    if (row.mod === 'mem') return false;
    parts.rm = register;
    parts.rexB = register >= 8;
  } else {
    parts.reg = register & 7;
    parts.rexR = register >= 8;
  }
  return true;
}

function assemble(
  parts: Parts,
  row: Row,
  prefix: { operand: boolean; wide: boolean },
  options: EncodeOptions,
): Encoding | undefined {
  const long = options.bits === 64;
  const extended = parts.rexR || parts.rexX || parts.rexB || parts.needsRex || prefix.wide;
  if (extended && (parts.forbidsRex || !long)) return undefined;
  const natural = (options.bits / 8) as 2 | 4 | 8;
  const addressSize = parts.addressSize ?? natural;
  if (addressSize !== natural && (long ? addressSize === 2 : addressSize === 8)) return undefined;
  const bytes: number[] = [];
  const fixups: Fixup[] = [];
  if (options.lock) bytes.push(0xf0);
  if (options.repeat !== 0) bytes.push(options.repeat);
  if (parts.segment !== undefined) bytes.push(SEGMENT_PREFIX[parts.segment] ?? 0x3e);
  if (prefix.operand) bytes.push(0x66);
  if (addressSize !== natural) bytes.push(0x67);
  if (row.pp) bytes.push(row.pp);
  if (extended) {
    const bit = (on: boolean, value: number): number => (on ? value : 0);
    bytes.push(0x40 | bit(prefix.wide, 8) | bit(parts.rexR, 4) | bit(parts.rexX, 2) | bit(parts.rexB, 1));
  }
  if (row.op > 0xffff) bytes.push(row.op >> 16);
  if (row.op > 0xff) bytes.push((row.op >> 8) & 0xff);
  bytes.push((row.op & 0xff) + parts.opcodeLow);
  if (row.hasModrm) {
    const reg = row.ext ?? parts.reg ?? 0;
    const rm = parts.rm ?? row.rm ?? 0;
    if (typeof rm === 'number') bytes.push(0xc0 | (reg << 3) | (rm & 7));
    else if (!modrm(bytes, fixups, reg, rm, addressSize, long)) return undefined;
  }
  if (parts.moffs && !displacement(bytes, fixups, parts.moffs, addressSize)) return undefined;
  for (const { value, plus, size, relative } of parts.tail) {
    if (value instanceof Label) fixups.push({ at: bytes.length, size, label: value, plus, relative });
    little(bytes, value instanceof Label ? 0n : value, size);
  }
  return { bytes, fixups };
}

function little(bytes: number[], value: bigint, size: number): void {
  for (let n = 0n; n < size; n++) bytes.push(Number((value >> (n * 8n)) & 0xffn));
}

/** The displacement or address in full, by value or label. False when it does not fit. */
function displacement(bytes: number[], fixups: Fixup[], memory: AsmMemory, size: 1 | 2 | 4 | 8): boolean {
  if (memory.label) {
    const relative = memory.base === BASE_RIP;
    fixups.push({ at: bytes.length, size, label: memory.label, plus: memory.displacement, relative });
    little(bytes, 0n, size);
    return true;
  }
  const bits = size * 8;
  const value = BigInt(memory.displacement);
  if (BigInt.asIntN(bits, value) !== value && BigInt.asUintN(bits, value) !== value) return false;
  little(bytes, value, size);
  return true;
}

/** ModRM, SIB and displacement. [SDM] tables 2-1 to 2-3. False when the address has no encoding. */
function modrm(
  bytes: number[],
  fixups: Fixup[],
  reg: number,
  memory: AsmMemory,
  addressSize: 2 | 4 | 8,
  long: boolean,
): boolean {
  const { base, index, scale } = memory;
  const put = (mod: number, rm: number): unknown => bytes.push((mod << 6) | (reg << 3) | rm);
  const whole = addressSize === 2 ? 2 : 4;
  // with a 64-bit address the displacement is sign-extended
  if (addressSize === 8 && memory.displacement !== (memory.displacement | 0)) return false;
  if (base === BASE_RIP) {
    if (!long) return false;
    put(0, 5);
    return displacement(bytes, fixups, memory, 4);
  }
  if (addressSize === 2) {
    const rm = rm16(base, index, scale);
    if (rm === undefined) return false;
    if (base === NO_REGISTER && index === NO_REGISTER) put(0, 6);
    else return withMod(rm, undefined, base === RBP && index === NO_REGISTER);
    return displacement(bytes, fixups, memory, 2);
  }
  if (base === NO_REGISTER) {
    // 64-bit code has given the short form without registers to RIP
    if (index === NO_REGISTER && !long) put(0, 5);
    else {
      put(0, 4);
      bytes.push((scale << 6) | ((index === NO_REGISTER ? RSP : index & 7) << 3) | 5);
    }
    return displacement(bytes, fixups, memory, 4);
  }
  const needsSib = index !== NO_REGISTER || (base & 7) === RSP;
  const sib = (scale << 6) | ((index === NO_REGISTER ? RSP : index & 7) << 3) | (base & 7);
  return withMod(needsSib ? 4 : base & 7, needsSib ? sib : undefined, (base & 7) === RBP);

  /** The shortest displacement; `always` where none means something else. */
  function withMod(rm: number, sibByte: number | undefined, always: boolean): boolean {
    const value = memory.displacement;
    const short = memory.label === undefined && value >= -128 && value <= 127;
    const mod = short ? (value === 0 && !always ? 0 : 1) : 2;
    put(mod, rm);
    if (sibByte !== undefined) bytes.push(sibByte);
    return mod === 0 || displacement(bytes, fixups, memory, mod === 1 ? 1 : whole);
  }
}

/** [SDM] table 2-1. */
function rm16(base: number, index: number, scale: number): number | undefined {
  if (scale !== 0) return undefined;
  if (base === NO_REGISTER && index === NO_REGISTER) return 6;
  const pairs: readonly (readonly [number, number])[] = [
    [RBX, RSI],
    [RBX, RDI],
    [RBP, RSI],
    [RBP, RDI],
    [RSI, NO_REGISTER],
    [RDI, NO_REGISTER],
    [RBP, NO_REGISTER],
    [RBX, NO_REGISTER],
  ];
  const at = pairs.findIndex(([b, i]) => (b === base && i === index) || (b === index && i === base));
  return at < 0 ? undefined : at;
}
