/**
 * System management mode: SMI and RSM. [SDM] volume 3, chapter 32; where processors differ, what KVM does. SMRAM is the
 * VM's second address space if the VMM gave it slots (KVM_MEM slot >> 16 = 1), else ordinary memory. I/O instructions
 * are not restarted, and the area says so.
 */
import type { Cpu } from '../cpu.ts';
import type { CpuState } from '../cpu-state.ts';
import { CPU_HLT, CPU_SHUTDOWN } from '../exits.ts';
import { EmulationFailure } from '../faults.ts';
import { type PhysicalMemory, SPACE_NORMAL, SPACE_SMM } from '../mmu/physical.ts';
import * as S from '../state.ts';
import { DR7_ONES } from './breakpoints.ts';
import { badCr0, CR0_DEFINED, cr4Offered, eferOffered, refreshPaging } from './control-registers.ts';
import { debugRegister } from './debug.ts';
import { type SystemOp, undefinedOpcode } from './operands.ts';
import { AREA_32, AREA_64, AREA_OFFSET, AREA_SIZE, type SaveArea, type SavedControl } from './smm-area.ts';

const DEFAULT_BASE = 0x30000;
const ENTRY = 0x8000n;

/** Where a vCPU stands with system management. */
export class SystemManagement {
  #active = false;
  /** An SMI waits. */
  pending = false;
  /** The SMI came within the handler of an NMI. */
  insideNmi = false;
  /** An INIT waits for RSM. */
  latchedInit = false;
  /** SMBASE; an INIT leaves it. */
  base = DEFAULT_BASE;

  constructor(
    readonly physical: PhysicalMemory,
    readonly state: CpuState,
  ) {}

  get active(): boolean {
    return this.#active;
  }
  /** The TLB is to be flushed with it. */
  set active(active: boolean) {
    this.#active = active;
    this.reselect();
  }
  /** Slots of the second address space may have come or gone. */
  reselect(): void {
    const { physical, state } = this;
    physical.select(this.#active ? SPACE_SMM : SPACE_NORMAL);
    state.set32(S.PAGE_MAP, physical.map.byteOffset);
    state.set32(S.PAGE_FLAGS, physical.flags.byteOffset);
    state.set32(S.CODE_MAP, physical.codeMap);
  }

  reset(): void {
    this.active = false;
    this.insideNmi = false;
  }
}

/** KVM chooses by what CPUID offers, not by the mode. */
const areaOf = (cpu: Cpu): SaveArea => (cpu.features.has('lm') ? AREA_64 : AREA_32);

/** Host address of each byte of the area. */
function* areaBytes(cpu: Cpu): Generator<[index: number, gpa: number, host: number]> {
  for (let i = 0; i < AREA_SIZE; i++) {
    const gpa = cpu.smm.base + AREA_OFFSET + i;
    yield [i, gpa, cpu.physical.host(gpa)];
  }
}

/** Takes an SMI. `halted`: it came while HLT waited. */
export function enterSmm(cpu: Cpu, halted: boolean): void {
  const { smm } = cpu;
  const s = cpu.state;
  const area = new Uint8Array(AREA_SIZE);
  const view = new DataView(area.buffer);
  const layout = areaOf(cpu);
  layout.save(cpu, view);
  view.setUint8(layout.haltRestart, halted ? 1 : 0);
  smm.pending = false;
  smm.active = true;
  for (const [i, gpa, host] of areaBytes(cpu)) {
    if (host < 0 || cpu.physical.isReadOnly(gpa))
      throw new EmulationFailure(`SMI saves the state at 0x${gpa.toString(16)}, where no memory is`);
    cpu.physical.u8[host] = area[i] ?? 0;
    cpu.physical.markDirty(gpa);
    cpu.externalWrite(host, 1);
  }
  smm.insideNmi = cpu.nmiMasked;
  cpu.nmiMasked = true;
  s.eflags = 2;
  s.rip = ENTRY;
  s.set32(S.SHADOW, 0);
  s.set32(S.CR0, s.cr0 & ~(S.CR0_PE | S.CR0_EM | S.CR0_TS | S.CR0_PG));
  s.set32(S.CR4, 0);
  s.set32(S.EFER, 0);
  s.set64(S.IDTR_BASE, 0n);
  s.set32(S.IDTR_LIMIT, 0);
  s.set64(S.DR + 7 * 8, DR7_ONES);
  const access = S.AR_P | S.AR_S | S.AR_G | 3;
  for (const n of [S.ES, S.SS, S.DS, S.FS, S.GS]) s.setSegment(n, 0, 0n, 0xffffffff, access);
  s.setSegment(S.CS, (smm.base >>> 4) & 0xffff, BigInt(smm.base), 0xffffffff, access);
  refresh(cpu);
}

/** What follows from registers that were set all at once. */
function refresh(cpu: Cpu): void {
  const s = cpu.state;
  s.set32(S.CPL, !s.protectedMode ? 0 : s.vm86 ? 3 : (s.access(S.SS) >> S.AR_DPL_SHIFT) & 3);
  cpu.breakpoints.update();
  cpu.breakpoints.hits = 0;
  refreshPaging(cpu);
  cpu.flushTlb(true);
  cpu.updateMode();
}

/** No processor could have these: RSM shuts down. [SDM] volume 3, 32.4.4 */
function isInvalid(cpu: Cpu, c: SavedControl): boolean {
  const pg = (c.cr0 & 0x8000_0000n) !== 0n;
  const pae = (c.cr4 & BigInt(S.CR4_PAE)) !== 0n;
  const lma = (c.efer & BigInt(S.EFER_LME)) !== 0n && pg;
  return (
    badCr0(c.cr0) ||
    (c.cr4 & ~BigInt(cr4Offered(cpu.features))) !== 0n ||
    (c.efer & ~BigInt(eferOffered(cpu.features))) !== 0n ||
    (lma && !pae) ||
    c.dr6 >> 32n !== 0n ||
    c.dr7 >> 32n !== 0n
  );
}

function rsm(cpu: Cpu): number {
  const { smm } = cpu;
  const s = cpu.state;
  if (!smm.active) undefinedOpcode();
  const area = new Uint8Array(AREA_SIZE);
  let readable = true;
  for (const [i, , host] of areaBytes(cpu)) {
    readable &&= host >= 0;
    area[i] = cpu.physical.u8[host] ?? 0xff;
  }
  const view = new DataView(area.buffer);
  const layout = areaOf(cpu);
  const control = layout.control(view);
  if (!smm.insideNmi) cpu.unmaskNmi();
  smm.reset();
  if (!readable || isInvalid(cpu, control)) {
    cpu.flushTlb(true);
    return cpu.exitAfter(CPU_SHUTDOWN);
  }
  s.set32(S.CR0, (Number(BigInt.asIntN(32, control.cr0)) & CR0_DEFINED) | S.CR0_ET);
  s.set64(S.CR3, control.cr3);
  s.set32(S.CR4, Number(control.cr4));
  const efer = Number(control.efer) & ~S.EFER_LMA;
  s.set32(S.EFER, (efer & S.EFER_LME) !== 0 && (s.cr0 & S.CR0_PG) !== 0 ? efer | S.EFER_LMA : efer);
  s.set64(S.DR + 6 * 8, debugRegister(6, control.dr6));
  s.set64(S.DR + 7 * 8, debugRegister(7, control.dr7));
  layout.load(cpu, view);
  refresh(cpu);
  cpu.stepTrap = false;
  if (smm.pending) cpu.requestAttention();
  if ((view.getUint8(layout.haltRestart) & 1) === 0) return cpu.jump(s.rip);
  return cpu.exitAt(s.rip, CPU_HLT);
}

export const SMM = { rsm } satisfies Record<string, SystemOp>;
