/**
 * XSAVE and its kin, XGETBV and XSETBV. [SDM] volume 1, chapter 13. There are no supervisor components: IA32_XSS is 0,
 * and XSAVES and XRSTORS handle what XCR0 enables. Of the optimisations there is the one for initial configurations;
 * nothing tracks what was modified since the last XRSTOR.
 */
import type { Cpu } from '../cpu.ts';
import type { Insn } from '../decode/insn.ts';
import { GuestFault } from '../faults.ts';
import {
  type AreaForm,
  componentsInUse,
  initComponents,
  MXCSR_INIT,
  mxcsrOf,
  readComponents,
  validXcr0,
  writeComponents,
  writeMxcsr,
  XSAVE_HEADER,
  XSAVE_HEADER_SIZE,
  XSTATE_AVX,
  XSTATE_SSE,
  xsaveSize,
} from '../fpu/xsave-area.ts';
import * as S from '../state.ts';
import { addressOf, generalProtection, requireCpl0, SYSTEM_NEXT, type SystemOp, undefinedOpcode } from './operands.ts';

const XSTATE_BV = XSAVE_HEADER;
const XCOMP_BV = XSAVE_HEADER + 8;
/** XCOMP_BV: the area has the compacted format. */
const COMPACTED = 1n << 63n;
const ALIGNMENT = 63n;

/** Vector registers that instructions of this mode reach. */
const registersOf = (cpu: Cpu): 8 | 16 => (cpu.state.code64 ? 16 : 8);
export const formOf = (cpu: Cpu, insn: Insn): AreaForm => ({
  wide: insn.operandSize === 8,
  registers: registersOf(cpu),
});

function edxEax(cpu: Cpu): bigint {
  return (BigInt(cpu.state.gpr32(S.RDX)) << 32n) | BigInt(cpu.state.gpr32(S.RAX));
}
function requireOsxsave(cpu: Cpu): void {
  if ((cpu.state.cr4 & S.CR4_OSXSAVE) === 0) undefinedOpcode();
}
function requireXsave(cpu: Cpu, privileged: boolean): void {
  requireOsxsave(cpu);
  if ((cpu.state.cr0 & S.CR0_TS) !== 0) throw new GuestFault(S.NM);
  if (privileged) requireCpl0(cpu);
}
/** Components asked for by EDX:EAX and enabled. */
function requested(cpu: Cpu): number {
  return Number(edxEax(cpu) & cpu.state.get64(S.XCR0));
}

function areaAddress(cpu: Cpu, insn: Insn, size: number, writes: boolean): bigint {
  const linear = addressOf(cpu, insn, 0, size, writes);
  if ((linear & ALIGNMENT) !== 0n) generalProtection();
  return linear;
}

interface Variant {
  readonly compacted?: boolean;
  /** Components in their initial configuration are not written. */
  readonly optimised?: boolean;
  readonly privileged?: boolean;
}

const save =
  ({ compacted = false, optimised = compacted, privileged = false }: Variant): SystemOp =>
  (cpu, insn) => {
    requireXsave(cpu, privileged);
    const form = formOf(cpu, insn);
    const asked = requested(cpu);
    let used = componentsInUse(cpu, form.registers);
    // in the compacted format MXCSR is a part of SSE state
    if (compacted && cpu.state.get32(S.MXCSR) !== MXCSR_INIT) used |= XSTATE_SSE;
    const saved = optimised ? asked & used : asked;
    const size = xsaveSize(saved);
    const linear = areaAddress(cpu, insn, size, true);
    const area = cpu.memory.readBytes(linear, size); // what is not saved stays
    const view = new DataView(area.buffer);
    writeComponents(cpu, area, saved, form);
    if ((compacted ? saved & XSTATE_SSE : asked & (XSTATE_SSE | XSTATE_AVX)) !== 0) writeMxcsr(cpu, area);
    const kept = compacted ? 0n : view.getBigUint64(XSTATE_BV, true) & ~BigInt(asked);
    view.setBigUint64(XSTATE_BV, kept | BigInt(asked & used), true);
    if (compacted) view.setBigUint64(XCOMP_BV, COMPACTED | BigInt(asked), true);
    cpu.memory.writeBytes(linear, area);
    return SYSTEM_NEXT;
  };

/** XSTATE_BV of a header that XRSTOR takes; #GP for another. */
function checkedHeader(cpu: Cpu, header: Uint8Array, compacted: boolean): number {
  const view = new DataView(header.buffer, header.byteOffset);
  const present = view.getBigUint64(0, true);
  const layout = view.getBigUint64(8, true) & ~COMPACTED;
  const xcr0 = cpu.state.get64(S.XCR0);
  const reserved = compacted ? header.subarray(16) : header.subarray(8, 24);
  const unknown = compacted ? (layout & ~xcr0) | (present & ~layout) : present & ~xcr0;
  if (unknown !== 0n || reserved.some((b) => b !== 0)) generalProtection();
  return Number(present);
}

const restore =
  ({ privileged = false }: Variant): SystemOp =>
  (cpu, insn) => {
    requireXsave(cpu, privileged);
    const form = formOf(cpu, insn);
    const linear = areaAddress(cpu, insn, xsaveSize(0), false);
    const header = cpu.memory.readBytes(linear + BigInt(XSAVE_HEADER), XSAVE_HEADER_SIZE);
    const compacted = ((header[15] ?? 0) & 0x80) !== 0;
    const known = compacted ? privileged || cpu.features.has('xsavec') : !privileged;
    if (!known) generalProtection();
    const present = checkedHeader(cpu, header, compacted);
    const asked = requested(cpu);
    const loaded = asked & present;
    const size = xsaveSize(loaded);
    const area = cpu.memory.readBytes(areaAddress(cpu, insn, size, false), size);
    const loadsMxcsr = compacted ? (loaded & XSTATE_SSE) !== 0 : (asked & (XSTATE_SSE | XSTATE_AVX)) !== 0;
    const mxcsr = loadsMxcsr
      ? mxcsrOf(area)
      : compacted && (asked & XSTATE_SSE) !== 0
        ? MXCSR_INIT
        : cpu.state.get32(S.MXCSR);
    if (mxcsr === undefined) generalProtection();
    readComponents(cpu, area, loaded, form);
    initComponents(cpu, asked & ~present, form.registers);
    cpu.state.set32(S.MXCSR, mxcsr);
    return SYSTEM_NEXT;
  };

/** XCR0, and with ECX = 1 which enabled components are in use. */
function xgetbv(cpu: Cpu): number {
  requireOsxsave(cpu);
  const s = cpu.state;
  const register = s.gpr32(S.RCX);
  if (register > 1 || (register === 1 && !cpu.features.has('xgetbv1'))) generalProtection();
  const xcr0 = s.get64(S.XCR0);
  const value = register === 0 ? xcr0 : xcr0 & BigInt(componentsInUse(cpu, registersOf(cpu)));
  s.setGpr32(S.RAX, Number(value & 0xffff_ffffn));
  s.setGpr32(S.RDX, Number(value >> 32n));
  return SYSTEM_NEXT;
}

function xsetbv(cpu: Cpu): number {
  requireOsxsave(cpu);
  requireCpl0(cpu);
  const value = edxEax(cpu);
  if (cpu.state.gpr32(S.RCX) !== 0 || !validXcr0(cpu.features, value)) generalProtection();
  cpu.state.set64(S.XCR0, value);
  cpu.updateMode();
  return cpu.serialize();
}

export const XSAVE = {
  xsave: save({}),
  xsaveopt: save({ optimised: true }),
  xsavec: save({ compacted: true }),
  xsaves: save({ compacted: true, privileged: true }),
  xrstor: restore({}),
  xrstors: restore({ privileged: true }),
  xgetbv,
  xsetbv,
} satisfies Record<string, SystemOp>;
