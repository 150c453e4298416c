/**
 * The XSAVE area: the legacy region (FXSAVE's 512 bytes), the header, and the extended components. There is one of
 * those, AVX, so that it lies at the same place in the standard and the compacted format. [SDM] volume 1, 13.4 to 13.6.
 * Components: bit 0 x87, bit 1 SSE (XMM), bit 2 AVX (upper halves of YMM); MXCSR goes by rules of its own.
 */
import type { CpuState } from '../cpu-state.ts';
import type { Feature } from '../features.ts';
import * as S from '../state.ts';
import { readFxsave, writeFxsave } from './image.ts';
import { X87_IP, X87_REGISTERS, type X87State } from './state.ts';

export const XSTATE_X87 = 1;
export const XSTATE_SSE = 2;
export const XSTATE_AVX = 4;

export const MXCSR = 24;
const XMM = 160;
export const LANE = 16;
/** The header: XSTATE_BV, XCOMP_BV, then reserved bytes. */
export const XSAVE_HEADER = 512;
export const XSAVE_HEADER_SIZE = 64;
const AVX = XSAVE_HEADER + XSAVE_HEADER_SIZE;
const AVX_SIZE = 256;

/** MXCSR bits that may be set: flags, DAZ, masks, rounding, FTZ. */
export const MXCSR_MASK = 0xffff;
export const MXCSR_INIT = 0x1f80;
export const FCW_INIT = 0x37f;

/** What holds the state: a Cpu. */
interface Registers {
  readonly state: CpuState;
  readonly x87: X87State;
}
/** How an instruction sees the area: 64-bit instruction pointers (REX.W), and 16 vector registers or 8. */
export interface AreaForm {
  readonly wide: boolean;
  readonly registers: 8 | 16;
}

/** Components that XCR0 can enable. */
export function offeredXcr0(features: ReadonlySet<Feature>): bigint {
  const components = XSTATE_X87 | XSTATE_SSE | (features.has('avx') ? XSTATE_AVX : 0);
  return features.has('xsave') ? BigInt(components) : BigInt(XSTATE_X87);
}

/** Whether XCR0 may hold the value: x87 always, AVX with SSE only. [SDM] volume 1, 13.3 */
export function validXcr0(features: ReadonlySet<Feature>, value: bigint): boolean {
  if ((value & ~offeredXcr0(features)) !== 0n || (value & 1n) === 0n) return false;
  return (value & 6n) !== BigInt(XSTATE_AVX);
}

/** Bytes of an area that has these components. */
export function xsaveSize(components: number): number {
  return AVX + ((components & XSTATE_AVX) !== 0 ? AVX_SIZE : 0);
}

/** Each 16-byte lane of a component's vector registers: where it lies in the state, and in the area. */
export function lanes(component: number, registers: number): [state: number, area: number][] {
  const [high, area] = component === XSTATE_AVX ? [LANE, AVX] : [0, XMM];
  return Array.from({ length: registers }, (_, n) => [S.VEC + n * S.VEC_SIZE + high, area + n * LANE]);
}

export function writeComponents(cpu: Registers, area: Uint8Array, components: number, form: AreaForm): void {
  const view = new DataView(area.buffer, area.byteOffset);
  if ((components & XSTATE_X87) !== 0) writeFxsave(cpu.x87, view, 0, form.wide);
  for (const component of [XSTATE_SSE, XSTATE_AVX]) {
    if ((components & component) === 0) continue;
    for (const [from, to] of lanes(component, form.registers)) area.set(cpu.state.u8.subarray(from, from + LANE), to);
  }
}

export function readComponents(cpu: Registers, area: Uint8Array, components: number, form: AreaForm): void {
  const view = new DataView(area.buffer, area.byteOffset);
  if ((components & XSTATE_X87) !== 0) readFxsave(cpu.x87, view, 0, form.wide);
  for (const component of [XSTATE_SSE, XSTATE_AVX]) {
    if ((components & component) === 0) continue;
    for (const [to, from] of lanes(component, form.registers)) cpu.state.u8.set(area.subarray(from, from + LANE), to);
  }
}

/** The initial configuration of components. MXCSR stays. */
export function initComponents(cpu: Registers, components: number, registers: 8 | 16): void {
  if ((components & XSTATE_X87) !== 0) {
    cpu.x87.init();
    cpu.x87.words.fill(0, X87_REGISTERS / 4);
  }
  for (const component of [XSTATE_SSE, XSTATE_AVX]) {
    if ((components & component) === 0) continue;
    for (const [at] of lanes(component, registers)) cpu.state.u8.fill(0, at, at + LANE);
  }
}

/** XINUSE: components that are not in their initial configuration. */
export function componentsInUse(cpu: Registers, registers: 8 | 16): number {
  const { words } = cpu.x87;
  const changed = (from: number, to?: number): boolean => words.subarray(from / 4, to && to / 4).some((w) => w !== 0);
  const x87 = cpu.x87.fcw !== FCW_INIT || changed(4, X87_IP) || changed(X87_REGISTERS);
  const used = (component: number): number =>
    lanes(component, registers).some(([at]) => cpu.state.u8.subarray(at, at + LANE).some((b) => b !== 0))
      ? component
      : 0;
  return (x87 ? XSTATE_X87 : 0) | used(XSTATE_SSE) | used(XSTATE_AVX);
}

export function writeMxcsr(cpu: Registers, area: Uint8Array): void {
  const view = new DataView(area.buffer, area.byteOffset);
  view.setUint32(MXCSR, cpu.state.get32(S.MXCSR), true);
  view.setUint32(MXCSR + 4, MXCSR_MASK, true);
}

/** MXCSR of an area; undefined with bits that may not be set. */
export function mxcsrOf(area: Uint8Array): number | undefined {
  const value = new DataView(area.buffer, area.byteOffset).getUint32(MXCSR, true);
  return (value & ~MXCSR_MASK) === 0 ? value : undefined;
}
