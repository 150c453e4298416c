/** What an instruction for the assembler is made of: registers, memory, places in the program, far pointers. */
import { BASE_RIP, NO_REGISTER, type RegisterOperand, type Size, type SpecialOperand } from '../decode/insn.ts';

/** A place in the program; its address is known once it is bound. */
export class Label {
  address: number | undefined;
  constructor(readonly name: string) {}
}

/** Whole numbers are immediates; a label is a jump target, or, where an immediate belongs, its address. */
export type AsmOperand = RegisterOperand | SpecialOperand | AsmMemory | AsmFar | Label | number | bigint;

export interface AsmMemory {
  readonly kind: 'memory';
  /** In bytes; 0 where the instruction has no use for it (LEA, LGDT, JMPF...). */
  readonly size: Size | 0;
  readonly base: number;
  readonly index: number;
  /** log2 */
  readonly scale: number;
  /** The place, to which the displacement is added. */
  readonly label: Label | undefined;
  readonly displacement: number;
  /** Segment register number of an override. */
  readonly segment: number | undefined;
  /** In bytes, by the registers used; undefined without registers: the code size. */
  readonly addressSize: 2 | 4 | 8 | undefined;
}

export interface AsmFar {
  readonly kind: 'far';
  readonly selector: number;
  readonly target: Label | number;
  /** Bytes of the offset; undefined: the code size. */
  readonly offsetSize: 2 | 4 | undefined;
}

export interface MemorySpec {
  readonly base?: RegisterOperand | typeof rip;
  readonly index?: RegisterOperand;
  readonly scale?: 1 | 2 | 4 | 8;
  /** Displacement in bytes, or a place. With base `rip` a place is meant relative to the next instruction. */
  readonly disp?: number | Label;
  /** Added to the place. */
  readonly plus?: number;
  readonly segment?: SpecialOperand;
}

const GPR_64 = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const;
const GPR_32 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;
const GPR_16 = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'] as const;
const GPR_8 = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'] as const;
const HIGH_8 = ['ah', 'ch', 'dh', 'bh'] as const;
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const R64 = ['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const;
const CONTROL = ['cr0', 'cr1', 'cr2', 'cr3', 'cr4', 'cr5', 'cr6', 'cr7', 'cr8'] as const;
const DEBUG = ['dr0', 'dr1', 'dr2', 'dr3', 'dr4', 'dr5', 'dr6', 'dr7'] as const;

const general = (size: 1 | 2 | 4 | 8, register: number, high = false): RegisterOperand => ({
  kind: 'register',
  size,
  register,
  high,
});

function named<N extends string, R>(names: readonly N[], make: (number: number) => R): Record<N, R> {
  return Object.fromEntries(names.map((name, number) => [name, make(number)])) as Record<N, R>;
}

const numbered = <S extends string>(suffix: S): `${(typeof R64)[number]}${S}`[] =>
  R64.map((name) => `${name}${suffix}` as const);

/** General registers by name, all sizes. */
export const reg = {
  ...named(GPR_64, (n) => general(8, n)),
  ...named(GPR_32, (n) => general(4, n)),
  ...named(GPR_16, (n) => general(2, n)),
  ...named(GPR_8, (n) => general(1, n)),
  ...named(HIGH_8, (n) => general(1, n, true)),
  ...named(R64, (n) => general(8, n + 8)),
  ...named(numbered('d'), (n) => general(4, n + 8)),
  ...named(numbered('w'), (n) => general(2, n + 8)),
  ...named(numbered('b'), (n) => general(1, n + 8)),
} as const;

/** Segment, control and debug registers by name. */
export const sys = {
  ...named(SEGMENTS, (register): SpecialOperand => ({ kind: 'segment', register })),
  ...named(CONTROL, (register): SpecialOperand => ({ kind: 'control', register })),
  ...named(DEBUG, (register): SpecialOperand => ({ kind: 'debug', register })),
} as const;

export const xmm = (register: number): SpecialOperand => ({ kind: 'vector', register });
export const mm = (register: number): SpecialOperand => ({ kind: 'mmx', register });

/** Base register of addresses relative to the next instruction. */
export const rip = { kind: 'rip' } as const;

/** A memory operand of `size` bytes (0: the instruction says). Throws for registers that cannot make an address. */
export function mem(size: Size | 0, spec: MemorySpec): AsmMemory {
  const { base, index, scale = 1, disp = 0, plus = 0, segment } = spec;
  const sizes = [base, index].flatMap((r) => (r === undefined ? [] : [r.kind === 'rip' ? 8 : r.size]));
  if (sizes.some((s) => s !== sizes[0]) || sizes[0] === 1) throw new Error('base and index are not of one size');
  if (index?.register === 4 && index.size > 2) throw new Error('the stack pointer cannot be an index');
  return {
    kind: 'memory',
    size,
    base: base === undefined ? NO_REGISTER : base.kind === 'rip' ? BASE_RIP : base.register,
    index: index?.register ?? NO_REGISTER,
    scale: Math.log2(scale),
    label: disp instanceof Label ? disp : undefined,
    displacement: (disp instanceof Label ? 0 : disp) + plus,
    segment: segment?.register,
    addressSize: sizes[0] as 2 | 4 | 8 | undefined,
  };
}

/** A far pointer for JMPF and CALLF. */
export const far = (selector: number, target: Label | number, offsetSize?: 2 | 4): AsmFar => ({
  kind: 'far',
  selector,
  target,
  offsetSize,
});

const NAMES = new Map<string, string>(
  [...Object.entries(reg), ...Object.entries(sys)].map(([name, operand]) => [JSON.stringify(operand), name]),
);

/** As an error message names it. */
export function describeOperand(operand: AsmOperand): string {
  if (operand instanceof Label) return operand.name;
  if (typeof operand !== 'object') return operand.toString();
  if (operand.kind === 'far') return `far ${operand.selector}:${describeOperand(operand.target)}`;
  if (operand.kind !== 'memory') {
    return NAMES.get(JSON.stringify(operand)) ?? `${operand.kind} register ${operand.register}`;
  }
  const size = (operand.addressSize ?? 8) as 2 | 4 | 8;
  const part = (register: number): string => describeOperand(general(size, register));
  const parts = [
    ...(operand.base === BASE_RIP ? ['rip'] : operand.base === NO_REGISTER ? [] : [part(operand.base)]),
    ...(operand.index === NO_REGISTER ? [] : [`${part(operand.index)}*${1 << operand.scale}`]),
    ...(operand.label ? [operand.label.name] : []),
    String(operand.displacement),
  ];
  return `[${parts.join('+')}] of ${operand.size} bytes`;
}
