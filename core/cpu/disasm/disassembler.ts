/**
 * Bytes to text, by the same table and decoder that execute them: what is shown here is what the processor would do.
 * Intel's syntax as GNU binutils writes it.
 */
import { Decoder } from '../decode/decoder.ts';
import type { Insn } from '../decode/insn.ts';
import { MODE_16, MODE_32, MODE_64 } from '../decode/mode.ts';
import { FEATURE_NAMES, type Feature } from '../features.ts';
import { findInstruction } from '../fpu/table.ts';
import type { OperandSpec } from '../table/row.ts';
import { generalRegister, hex, operandText } from './operands.ts';

export interface Disassembly {
  /** Bytes of the instruction, or how many were looked at before they turned out to be none. */
  readonly length: number;
  readonly text: string;
}

const MODES = { 16: MODE_16, 32: MODE_32, 64: MODE_64 } as const;
const UNDEFINED = '(bad)';

export class Disassembler {
  readonly #decoder: Decoder;
  readonly #mode: number;

  /** `features`: encodings of others are "(bad)", as they are to the processor. */
  constructor(codeBits: 16 | 32 | 64, features: ReadonlySet<Feature> = new Set(FEATURE_NAMES)) {
    this.#decoder = new Decoder(features);
    this.#mode = MODES[codeBits];
  }

  /** The instruction at the start of `bytes`, which lie at `address`; undefined when they end within it. */
  at(bytes: Uint8Array, address: bigint): Disassembly | undefined {
    let missing = false;
    const byte = (i: number): number => {
      missing ||= i >= bytes.length;
      return bytes[i] ?? 0;
    };
    const insn = this.#decoder.decode({ byte }, this.#mode);
    if (missing) return undefined;
    if ('failure' in insn) return { length: insn.length, text: UNDEFINED };
    return { length: insn.length, text: textOf(insn, address) };
  }
}

function textOf(insn: Insn, address: bigint): string {
  const prefix = `${insn.lock ? 'lock ' : ''}${repeatText(insn)}`;
  if (insn.row.system === 'x87') return prefix + x87Text(insn, address);
  const pointer = POINTERS[insn.row.name]?.(insn);
  const operands = insn.operands.flatMap((_, i) => {
    const { place, size } = insn.row.operands[i] as OperandSpec;
    return place === 'fixed' && size === 'y' ? [] : [operandText(insn, i, address, pointer)]; // EAX and EDX go unsaid
  });
  const implied = IMPLIED[insn.row.name];
  if (implied?.first) operands.unshift(accumulator(insn));
  if (implied?.last) operands.push(implied.last === 'accumulator' ? accumulator(insn) : implied.last);
  return `${prefix}${mnemonic(insn)} ${operands.join(',')}`.trimEnd();
}

interface Implied {
  readonly first?: true;
  readonly last?: 'accumulator' | 'xmm0';
}
/** Operands that are always the same register, which no row names. */
const IMPLIED: Readonly<Record<string, Implied>> = {
  LODS: { first: true },
  SCAS: { first: true },
  STOS: { last: 'accumulator' },
  BLENDVPS: { last: 'xmm0' },
  BLENDVPD: { last: 'xmm0' },
  PBLENDVB: { last: 'xmm0' },
  SHA256RNDS2: { last: 'xmm0' },
};
const accumulator = (insn: Insn): string =>
  generalRegister(0, insn.operands[0]?.kind === 'memory' ? insn.operands[0].size : 4);

function repeatText(insn: Insn): string {
  if (insn.repeat === 0) return '';
  if (insn.row.writes === undefined) return insn.repeat === 0xf3 ? 'rep ' : 'repnz ';
  return insn.repeat === 0xf3 ? 'repz ' : 'repnz ';
}

/** Instructions whose name says their size. */
const BY_SIZE: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  CBW: { 2: 'cbw', 4: 'cwde', 8: 'cdqe' },
  CWD: { 2: 'cwd', 4: 'cdq', 8: 'cqo' },
  CMPXCHG8B: { 4: 'cmpxchg8b', 8: 'cmpxchg16b' },
  MOVD: { 4: 'movd', 8: 'movq' },
  VMOVD: { 4: 'vmovd', 8: 'vmovq' },
  PEXTRD: { 4: 'pextrd', 8: 'pextrq' },
  PINSRD: { 4: 'pinsrd', 8: 'pinsrq' },
  VPEXTRD: { 4: 'vpextrd', 8: 'vpextrq' },
  VPINSRD: { 4: 'vpinsrd', 8: 'vpinsrq' },
  IRET: { 2: 'iretw', 4: 'iret', 8: 'iretq' },
};
const BY_ADDRESS_SIZE: Readonly<Record<number, string>> = { 2: 'jcxz', 4: 'jecxz', 8: 'jrcxz' };
const FAR = /^(CALL|JMP)F$/;

function mnemonic(insn: Insn): string {
  const { name } = insn.row;
  if (name === 'JCXZ') return BY_ADDRESS_SIZE[insn.addressSize] ?? '';
  return BY_SIZE[name]?.[insn.operandSize] ?? (FAR.exec(name)?.[1] ?? name).toLowerCase();
}

const farPointer = (insn: Insn): string =>
  insn.operandSize === 2 ? 'dword ptr ' : insn.operandSize === 4 ? 'fword ptr ' : 'tbyte ptr ';
const noPointer = (): string => '';
/** Memory operands that are no plain integer or vector. */
const POINTERS: Readonly<Record<string, (insn: Insn) => string>> = {
  CALLF: farPointer,
  JMPF: farPointer,
  LES: farPointer,
  LDS: farPointer,
  LSS: farPointer,
  LFS: farPointer,
  LGS: farPointer,
  LEA: noPointer,
  BOUND: (insn) => (insn.operandSize === 2 ? 'dword ptr ' : 'qword ptr '),
  CMPXCHG8B: (insn) => (insn.operandSize === 8 ? 'xmmword ptr ' : 'qword ptr '),
  ...Object.fromEntries(
    [
      'SGDT',
      'SIDT',
      'LGDT',
      'LIDT',
      'INVLPG',
      'FXSAVE',
      'FXRSTOR',
      'XSAVE',
      'XSAVEC',
      'XSAVEOPT',
      'XSAVES',
      'LDDQU',
      'VLDDQU',
    ].map((name) => [name, noPointer]),
  ),
  XRSTOR: noPointer,
  XRSTORS: noPointer,
};

const X87_POINTERS: Readonly<Record<number, string>> = {
  2: 'word ptr ',
  4: 'dword ptr ',
  8: 'qword ptr ',
  10: 'tbyte ptr ',
};

/** The x87 has a table of its own, whose names say their operands: "FADD m32", "FADDP ST(i),ST". */
function x87Text(insn: Insn, address: bigint): string {
  const row = findInstruction(insn.opcode, insn.modrm);
  if (!row) return UNDEFINED;
  const [name = '', operands = ''] = row.name.toLowerCase().split(' ');
  if (insn.operands[0]?.kind === 'memory')
    return `${name} ${operandText(insn, 0, address, X87_POINTERS[row.memoryBytes ?? 0] ?? '')}`;
  return `${name} ${operands.replaceAll('st(i)', `st(${insn.modrm & 7})`)}`.trimEnd();
}

/** An address and what is there, one line an instruction; bytes that are none count one each. */
export function listing(bytes: Uint8Array, address: bigint, codeBits: 16 | 32 | 64): string[] {
  const disassembler = new Disassembler(codeBits);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const found = disassembler.at(bytes.subarray(at), address + BigInt(at));
    if (!found) break;
    const length = found.text === UNDEFINED ? 1 : found.length;
    const code = [...bytes.subarray(at, at + length)].map((b) => b.toString(16).padStart(2, '0')).join(' ');
    lines.push(`${hex(address + BigInt(at))}: ${code.padEnd(30)} ${found.text}`);
    at += length;
  }
  return lines;
}
