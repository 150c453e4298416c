/**
 * One row of the instruction table: everything that decoder, interpreter, translator, disassembler, test generator and
 * coverage page need to know about an instruction form.
 *
 * Operand notation is that of the opcode maps ([SDM] volume 2, appendix A): a letter for where the operand is, and one
 * for its size.
 *   E  ModRM r/m, register or memory     G  ModRM reg               Z  register in the opcode's low bits
 *   M  ModRM r/m, memory only            R  ModRM r/m, register     I  immediate       sI  immediate, sign-extended
 *   J  relative target                   A  far pointer             O  memory offset   X  [rSI]    Y  ES:[rDI]
 *   F  [rAX]   K  [rBX]   T  [rDI]
 *   S  segment register   C  control register   D  debug register
 *   V  XMM or YMM by ModRM reg   W  the same, or memory, by r/m   U  the same by r/m   P, Q, N  MMX by reg, r/m, r/m
 *   H  XMM or YMM by VEX.vvvv   L  the same by the upper half of an immediate byte   B  general register by VEX.vvvv
 *   b 1, w 2, d 4, q 8, t 10, o 16 bytes; x 16, or 32 with VEX.L; v by operand size 2 4 8; z 2 or 4; y 4 or 8; p far pointer or
 *   descriptor-table operand
 * AL CL AX rAX DX and 1 stand for themselves; yAX and yDX are implied, EAX and EDX or RAX and RDX.
 */
import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import type { SystemName } from './system-names.ts';

export type OperandPlace =
  | 'E'
  | 'M'
  | 'R'
  | 'G'
  | 'Z'
  | 'I'
  | 'sI'
  | 'J'
  | 'A'
  | 'O'
  | 'X'
  | 'Y'
  | 'F'
  | 'K'
  | 'T'
  | 'S'
  | 'C'
  | 'D'
  | 'V'
  | 'W'
  | 'U'
  | 'P'
  | 'Q'
  | 'N'
  | 'H'
  | 'L'
  | 'B'
  | 'fixed'
  | 'one';
export type SizeCode = 'b' | 'w' | 'd' | 'q' | 't' | 'o' | 'x' | 'v' | 'z' | 'y' | 'p' | '';

export interface OperandSpec {
  readonly place: OperandPlace;
  readonly size: SizeCode;
  /** Register number of a fixed operand. */
  readonly register?: number;
}

export interface RowSpec {
  /** Opcode with its map: 0x00..0xff, 0x0f00.., 0x0f3800.., 0x0f3a00... */
  readonly op: number;
  readonly name: string;
  /** Operands, comma-separated, in the notation above. */
  readonly form?: string;
  /** ModRM.reg that selects this row of a group. */
  readonly ext?: number;
  /** ModRM.rm, with mod = 3. */
  readonly rm?: number;
  readonly mod?: 'mem' | 'reg';
  /** Mandatory prefix; 0 = none of 66, F2, F3. Absent: any, with its usual meaning. */
  readonly pp?: 0 | 0x66 | 0xf2 | 0xf3;
  /**
   * VEX-encoded, which has opcodes of its own: VEX.L must be 0 (L0), 1 (L1), is the vector length (L), or is ignored (LIG).
   * Then pp is always given, and 0 means none.
   */
  readonly vex?: 'L0' | 'L1' | 'L' | 'LIG';
  /** VEX.W must be so. */
  readonly w?: 0 | 1;
  /** The memory operand's index is a vector register (gathers). */
  readonly vsib?: boolean;
  /** The instruction occupies op..op+7, with a register in the low bits. */
  readonly plusReg?: boolean;
  readonly only?: '64' | 'not64';
  /** In 64-bit mode: operand size defaults to 64 (d64), or is 64 whatever the prefixes (f64). */
  readonly size64?: 'd64' | 'f64';
  /** Accepts LOCK when its first operand is memory. */
  readonly lock?: boolean;
  /** REP prefixes mean repetition. */
  readonly string?: boolean;
  /** Counts in rCX at the address size: handlers differ by address size. */
  readonly counts?: boolean;
  /** Uses the stack: handlers differ by stack-address size. */
  readonly stack?: boolean;
  /** A near transfer of control: handlers differ by whether the code segment has a limit to look at. */
  readonly near?: boolean;
  /** Ends a block: what follows may decode differently or is not reached. */
  readonly ends?: boolean;
  /** Without this feature of the processor the encoding means what it did before, or is #UD. */
  readonly cpuid?: Feature;
  /** Flags read and written, as letters of OSZAPC; `undef` are written with values no manual defines. */
  readonly reads?: string;
  readonly writes?: string;
  readonly undef?: string;
  /**
   * Meaning as an emitter, or the name of a system instruction; both where the emitter has the common case only and leaves
   * others to the system instruction (Emit.fallBackIf).
   */
  readonly emit?: Emitter;
  readonly system?: SystemName;
}

/** Bytes of a vector of a VEX-encoded instruction; 0 for a legacy one. */
export type VectorLength = 0 | 16 | 32;

export interface Row extends RowSpec {
  readonly id: number;
  readonly operands: readonly OperandSpec[];
  readonly hasModrm: boolean;
  /** Sizes in bytes that handlers exist for. */
  readonly sizes: readonly (1 | 2 | 4 | 8)[];
  /** Vector lengths in bytes that handlers exist for; 0 for a legacy encoding. */
  readonly lengths: readonly VectorLength[];
}

const FIXED: Readonly<Record<string, OperandSpec>> = {
  AL: { place: 'fixed', size: 'b', register: 0 },
  CL: { place: 'fixed', size: 'b', register: 1 },
  AX: { place: 'fixed', size: 'w', register: 0 },
  DX: { place: 'fixed', size: 'w', register: 2 },
  rAX: { place: 'fixed', size: 'v', register: 0 },
  yAX: { place: 'fixed', size: 'y', register: 0 },
  yDX: { place: 'fixed', size: 'y', register: 2 },
  '1': { place: 'one', size: 'b' },
};

function parseForm(form: string): OperandSpec[] {
  if (form === '') return [];
  return form.split(',').map((text) => {
    const fixed = FIXED[text];
    if (fixed) return fixed;
    const match = /^(sI|[A-Z])([bwdqtoxvzyp]?)$/.exec(text);
    if (!match) throw new Error(`operand ${text} of form ${form} is not in the notation`);
    return { place: match[1] as OperandPlace, size: (match[2] ?? '') as SizeCode };
  });
}

const MODRM_PLACES = new Set<OperandPlace>([
  'E',
  'M',
  'R',
  'G',
  'S',
  'C',
  'D',
  'V',
  'W',
  'U',
  'P',
  'Q',
  'N',
  'H',
  'L',
  'B',
]);

export function makeRow(spec: RowSpec, id: number): Row {
  const operands = parseForm(spec.form ?? '');
  const hasModrm = spec.ext !== undefined || spec.mod !== undefined || operands.some((o) => MODRM_PLACES.has(o.place));
  if (spec.emit === undefined && spec.system === undefined) throw new Error(`${spec.name} has no meaning`);
  return { ...spec, id, operands, hasModrm, sizes: sizesOf(spec, operands), lengths: LENGTHS[spec.vex ?? 'none'] };
}

const LENGTHS = { none: [0], L0: [16], L1: [32], L: [16, 32], LIG: [16] } as const;

function sizesOf(spec: RowSpec, operands: OperandSpec[]): (1 | 2 | 4 | 8)[] {
  const codes = operands.map((o) => o.size);
  if (spec.vex !== undefined) return codes.includes('y') ? [4, 8] : [4];
  if (codes.some((c) => c === 'v' || c === 'z' || c === 'p') || spec.size64 !== undefined) return [2, 4, 8];
  if (codes.includes('y')) return [4, 8];
  if (codes.length === 1 && codes[0] === 'w' && operands[0]?.place === 'I') return [2, 4, 8]; // RETF: bytes to release
  if (spec.system === 'x87' && spec.emit && codes.length === 0) return [4]; // of registers that are always 80 bits
  if (codes[0] === 'b') return [1];
  if (codes[0] === 'w') return [2];
  if (codes[0] === 'q') return [8];
  if (codes.length === 0) return [2, 4, 8];
  return [4];
}
