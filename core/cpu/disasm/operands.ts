/** Operands of a decoded instruction as text, in Intel's syntax as GNU binutils writes it. */
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand } from '../decode/insn.ts';
import { MODE_64, MODE_SIZE_MASK } from '../decode/mode.ts';
import { DS, ES, FS, RBP, RSP, SS } from '../state.ts';
import type { OperandSpec } from '../table/row.ts';

const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const LOW_BYTES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const POINTERS: Readonly<Record<number, string>> = {
  1: 'byte ptr ',
  2: 'word ptr ',
  4: 'dword ptr ',
  8: 'qword ptr ',
  16: 'xmmword ptr ',
  32: 'ymmword ptr ',
};

export function generalRegister(number: number, size: number, high = false): string {
  if (high) return HIGH_BYTES[number] ?? '';
  if (size === 1) return number < 8 ? (LOW_BYTES[number] ?? '') : `r${number}b`;
  if (number >= 8) return `r${number}${size === 8 ? '' : size === 4 ? 'd' : 'w'}`;
  return `${size === 8 ? 'r' : size === 4 ? 'e' : ''}${LEGACY[number]}`;
}

export const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Operand i; `address` is the instruction's own, `pointer` replaces the size that a memory operand is given. */
export function operandText(insn: Insn, i: number, address: bigint, pointer?: string): string {
  const operand = insn.operands[i] as Operand;
  const spec = insn.row.operands[i] as OperandSpec;
  switch (operand.kind) {
    case 'register':
      return generalRegister(operand.register, operand.size, operand.high);
    case 'immediate':
      if (spec.place === 'one') return '1';
      return hex(BigInt.asUintN(operand.size * 8, (BigInt(operand.high) << 32n) | BigInt(operand.low >>> 0)));
    case 'relative':
      return hex(jumpTarget(insn, operand.displacement, address));
    case 'far':
      return `${hex(BigInt(operand.selector))}:${hex(BigInt(operand.offset >>> 0))}`;
    case 'vector':
      return `${isWide(insn, spec) ? 'y' : 'x'}mm${operand.register}`;
    case 'mmx':
      return `mm${operand.register}`;
    case 'segment':
      return SEGMENTS[operand.register] ?? '';
    case 'control':
      return `cr${operand.register}`;
    case 'debug':
      return `dr${operand.register}`;
    case 'memory':
      return `${pointer ?? POINTERS[operand.size] ?? ''}${memoryText(insn, operand, spec)}`;
  }
}

const isWide = (insn: Insn, spec: OperandSpec): boolean => insn.vectorLength === 32 && spec.size === 'x';

function jumpTarget(insn: Insn, displacement: number, address: bigint): bigint {
  const target = address + BigInt(insn.length + displacement);
  return BigInt.asUintN(insn.operandSize * 8, target);
}

function memoryText(insn: Insn, o: MemoryOperand, spec: OperandSpec): string {
  const inner = [...registersOf(insn, o), ...displacementOf(insn, o)].join('');
  const isString = spec.place === 'X' || spec.place === 'Y' || spec.place === 'K';
  const isAbsolute = o.base === NO_REGISTER && o.index === NO_REGISTER;
  const prefix = segmentPrefix(insn, o, isString || isAbsolute);
  return isAbsolute && prefix !== '' ? `${prefix}${inner}` : `${prefix}[${inner}]`;
}

/** A segment is named when it is not the one that the base register stands for, or when there is nothing else to say. */
function segmentPrefix(insn: Insn, o: MemoryOperand, always: boolean): string {
  const usual = o.base === RBP || o.base === RSP ? SS : DS;
  const long = (insn.mode & MODE_SIZE_MASK) === MODE_64;
  const named = always || (long ? o.segment >= FS : o.segment !== usual) || o.segment === ES;
  return named ? `${SEGMENTS[o.segment]}:` : '';
}

function registersOf(insn: Insn, o: MemoryOperand): string[] {
  const parts: string[] = [];
  if (o.base === BASE_RIP) parts.push(insn.addressSize === 8 ? 'rip' : 'eip');
  else if (o.base !== NO_REGISTER) parts.push(generalRegister(o.base, insn.addressSize));
  if (o.index !== NO_REGISTER) {
    const index = o.vectorIndex ? vectorIndex(insn, o) : generalRegister(o.index, insn.addressSize);
    const scaled = insn.addressSize === 2 ? index : `${index}*${1 << o.scale}`;
    parts.push(parts.length > 0 ? `+${scaled}` : scaled);
  }
  return parts;
}

/** Of a gather: dword indexes of qword elements fill half a vector. */
function vectorIndex(insn: Insn, o: MemoryOperand): string {
  const half = /GATHERD(?:Q|PD)$/.test(insn.row.name);
  return `${insn.vectorLength === 32 && !half ? 'y' : 'x'}mm${o.index}`;
}

function displacementOf(insn: Insn, o: MemoryOperand): string[] {
  const bits = insn.addressSize * 8;
  const whole = (BigInt(o.displacementHigh) << 32n) | BigInt(o.displacement >>> 0);
  if (o.base === NO_REGISTER && o.index === NO_REGISTER) return [hex(BigInt.asUintN(bits, whole))];
  const signed = BigInt.asIntN(bits, whole);
  if (signed === 0n && o.base !== BASE_RIP) return [];
  return [signed < 0n ? `-${hex(-signed)}` : `+${hex(signed)}`];
}
