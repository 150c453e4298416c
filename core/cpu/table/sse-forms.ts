/** Rows that come in families: one emitter, several encodings. */

import type { Feature } from '../features.ts';
import type { Emitter } from '../semantics/emit.ts';
import { mmx } from '../semantics/sse/mmx.ts';
import type { RowSpec } from './row.ts';

const MAP_0F = 0x0f00;

/** A packed instruction without prefix for MMX and with 66 for XMM. */
export function packedRows(op: number, name: string, emit: Emitter, mmxFeature: Feature = 'mmx'): RowSpec[] {
  return [
    { op: MAP_0F + op, pp: 0, name, form: 'Pq,Qq', emit: mmx(emit), cpuid: mmxFeature },
    { op: MAP_0F + op, pp: 0x66, name, form: 'Vx,Wx', emit, cpuid: 'sse2' },
  ];
}

interface FloatEmitters {
  readonly ps: Emitter;
  readonly pd: Emitter;
  readonly ss: Emitter;
  readonly sd: Emitter;
}
/** A float instruction in its forms PS, PD, SS, SD, by prefix; `more` operands follow. */
export function floatRows(op: number, name: string, emit: FloatEmitters, more = ''): RowSpec[] {
  return [
    { op: MAP_0F + op, pp: 0, name: `${name}PS`, form: `Vx,Wx${more}`, emit: emit.ps, cpuid: 'sse' },
    { op: MAP_0F + op, pp: 0x66, name: `${name}PD`, form: `Vx,Wx${more}`, emit: emit.pd, cpuid: 'sse2' },
    { op: MAP_0F + op, pp: 0xf3, name: `${name}SS`, form: `Vx,Wd${more}`, emit: emit.ss, cpuid: 'sse' },
    { op: MAP_0F + op, pp: 0xf2, name: `${name}SD`, form: `Vx,Wq${more}`, emit: emit.sd, cpuid: 'sse2' },
  ];
}

/** PS without prefix and PD with 66, which do the same to the bits. */
export function bitwiseRows(op: number, name: string, form: string, emit: Emitter): RowSpec[] {
  return [
    { op: MAP_0F + op, pp: 0, name: `${name}PS`, form, emit, cpuid: 'sse' },
    { op: MAP_0F + op, pp: 0x66, name: `${name}PD`, form, emit, cpuid: 'sse2' },
  ];
}
