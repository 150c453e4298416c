/** Rows that come in families: one emitter, several encodings. */

import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import { mmx } from '../semantics/sse/mmx.ts';
import type { RowSpec } from './row.ts';

const MAP_0F = 0x0f00;

/**
 * Vector lengths of a VEX encoding, and the feature of each: both with AVX (L); 128 bits with AVX and 256 with AVX2,
 * which brought the integers (avx2); 128 or 256 bits only (L0, L1); any, which means nothing to scalars (LIG).
 */
export type VexLengths = 'L' | 'avx2' | 'L0' | 'L1' | 'LIG';

/** The VEX encodings of a legacy XMM instruction, whose emitter they share; their names begin with V. */
export function vexOf(row: RowSpec, lengths: VexLengths, form = row.form): RowSpec[] {
  const vex = { ...row, name: `V${row.name}`, pp: row.pp ?? 0, ...(form === undefined ? {} : { form }) };
  if (lengths !== 'avx2') return [{ ...vex, vex: lengths, cpuid: vexFeature(row) }];
  return [
    { ...vex, vex: 'L0', cpuid: vexFeature(row) },
    { ...vex, vex: 'L1', cpuid: 'avx2' },
  ];
}
/** These CPUID names by themselves beside AVX, without which no VEX encoding of a vector works anyway. */
const OWN_FEATURES: ReadonlySet<Feature | undefined> = new Set<Feature>(['aes', 'pclmuldq', 'avx2']);
function vexFeature({ cpuid }: RowSpec): Feature {
  return cpuid !== undefined && OWN_FEATURES.has(cpuid) ? cpuid : 'avx';
}

/** Legacy instructions and their VEX encodings, which have the same operands. */
export function withVex(lengths: VexLengths, rows: readonly RowSpec[]): RowSpec[] {
  return rows.flatMap((row) => [row, ...vexOf(row, lengths)]);
}
/** Legacy instructions whose destination is a source too, and their VEX encodings, which name that source in vvvv. */
export function withVexSource(lengths: VexLengths, rows: readonly RowSpec[]): RowSpec[] {
  return rows.flatMap((row) => [row, ...vexOf(row, lengths, row.form?.replace(',', ',Hx,'))]);
}

/** A packed integer instruction of two operands: without prefix for MMX, with 66 for XMM, and VEX. */
export function packedRows(op: number, name: string, emit: Emitter, mmxFeature: Feature = 'mmx'): RowSpec[] {
  return [
    { op: MAP_0F + op, pp: 0, name, form: 'Pq,Qq', emit: mmx(emit), cpuid: mmxFeature },
    ...withVexSource('avx2', [{ op: MAP_0F + op, pp: 0x66, name, form: 'Vx,Wx', emit, cpuid: 'sse2' }]),
  ];
}

interface FloatEmitters {
  readonly ps: Emitter;
  readonly pd: Emitter;
  readonly ss: Emitter;
  readonly sd: Emitter;
}
function packedFloats(op: number, name: string, emit: FloatEmitters, more: string): RowSpec[] {
  return [
    { op: MAP_0F + op, pp: 0, name: `${name}PS`, form: `Vx,Wx${more}`, emit: emit.ps, cpuid: 'sse' },
    { op: MAP_0F + op, pp: 0x66, name: `${name}PD`, form: `Vx,Wx${more}`, emit: emit.pd, cpuid: 'sse2' },
  ];
}
/** What is above the result in a scalar's destination comes from the first source. */
function scalarFloats(op: number, name: string, emit: FloatEmitters, more: string): RowSpec[] {
  return withVexSource('LIG', [
    { op: MAP_0F + op, pp: 0xf3, name: `${name}SS`, form: `Vx,Wd${more}`, emit: emit.ss, cpuid: 'sse' },
    { op: MAP_0F + op, pp: 0xf2, name: `${name}SD`, form: `Vx,Wq${more}`, emit: emit.sd, cpuid: 'sse2' },
  ]);
}
/** A float instruction in its forms PS, PD, SS, SD, by prefix, and VEX; `more` operands follow. */
export function floatRows(op: number, name: string, emit: FloatEmitters, more = ''): RowSpec[] {
  return [...withVexSource('L', packedFloats(op, name, emit, more)), ...scalarFloats(op, name, emit, more)];
}
/** The same with one source. */
export function unaryFloatRows(op: number, name: string, emit: FloatEmitters): RowSpec[] {
  return [...withVex('L', packedFloats(op, name, emit, '')), ...scalarFloats(op, name, emit, '')];
}

/** PS without prefix and PD with 66, which do the same to the bits. */
export function bitwiseRows(op: number, name: string, form: string, emit: Emitter): RowSpec[] {
  return [
    { op: MAP_0F + op, pp: 0, name: `${name}PS`, form, emit, cpuid: 'sse' },
    { op: MAP_0F + op, pp: 0x66, name: `${name}PD`, form, emit, cpuid: 'sse2' },
  ];
}
