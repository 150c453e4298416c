/**
 * A local APIC, xAPIC and x2APIC, as KVM emulates it: version 0x14 with six LVT entries, no CMCI, no suppression of
 * EOI broadcasts, LINT0 of the boot vCPU set to ExtINT at reset (KVM_X86_QUIRK_LINT0_REENABLED).
 * [SDM] Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller".
 *
 * Registers live in the vCPU's page of shared memory at the SDM's offsets. IRR, TMR and PPR are read and written with
 * Atomics: another thread may post a vector by setting its IRR bit and kicking the vCPU. A poster sets IRR and then
 * reads PPR; this side writes PPR and then reads IRR; so one of the two sees what is deliverable.
 *
 * Beyond KVM: the error status register works as in the SDM (illegal vectors sent and received, reserved registers),
 * x2APIC writes to EOI of anything but 0 fault. Not emulated: SMI, remote read, arbitration priority, focus processor.
 */

import { KvmError } from '../api.ts';
import type { IrqchipHost } from './host.ts';
import { LocalVectorTable } from './lapic-lvt.ts';
import { LAPIC_PAGE_SIZE, LapicPage } from './lapic-page.ts';
import {
  APIC_BASE_BSP,
  APIC_BASE_DEFAULT_GPA,
  APIC_BASE_ENABLE,
  APIC_BASE_EXTD,
  APIC_BASE_RESERVED,
  APIC_DFR,
  APIC_EOI,
  APIC_ESR,
  APIC_ICR,
  APIC_ICR2,
  APIC_ID,
  APIC_IRR,
  APIC_ISR,
  APIC_LDR,
  APIC_LVR,
  APIC_LVT0,
  APIC_LVTERR,
  APIC_LVTPC,
  APIC_LVTT,
  APIC_PROCPRI,
  APIC_SELF_IPI,
  APIC_SPIV,
  APIC_TASKPRI,
  APIC_TDCR,
  APIC_TMCCT,
  APIC_TMICT,
  APIC_TMR,
  DELIVERY_MODE_MASK,
  ESR_ILLEGAL_REGISTER,
  ESR_RECEIVE_ILLEGAL_VECTOR,
  ESR_SEND_ILLEGAL_VECTOR,
  ICR_MASK,
  INT_ASSERT,
  LVR_VALUE,
  LVT_MASKED,
  MODE_EXTINT,
  MODE_FIXED,
  MODE_INIT,
  MODE_LOWEST,
  MODE_NMI,
  MODE_STARTUP,
  READ_X2APIC,
  READ_XAPIC,
  REGISTER_ACCESS,
  SHORTHAND_SELF,
  SPIV_ENABLED,
  SPIV_MASK,
  TRIGGER_LEVEL,
  VECTOR_MASK,
  WRITE_X2APIC,
  WRITE_XAPIC,
  X2APIC_ICR_RESERVED,
} from './lapic-regs.ts';
import { LapicTimer } from './lapic-timer.ts';
import type { PvEoi } from './pv-eoi.ts';

/** sizeof(struct kvm_lapic_state) */
export const KVM_APIC_REG_SIZE = 0x400;

const X2APIC_MSR_FIRST = 0x800;

export interface LapicPorts {
  readonly host: IrqchipHost;
  /** INTR of the 8259A pair. */
  readonly picOutput: boolean;
  /** The INTA cycle: the vector of the 8259A pair. */
  picAcknowledge(): number;
  /** An IPI onto the bus: a word laid out as ICR's low half. */
  send(message: number, destination: number, source: Lapic): void;
  /** End of interrupt for the vector; `level`: tell the IOAPIC. */
  eoi(vector: number, level: boolean): void;
}

export class Lapic {
  readonly timer: LapicTimer;
  readonly isBsp: boolean;
  /** What the vCPU's CPUID offers; KVM_SET_CPUID2 sets these and cpuidTscDeadline. */
  cpuidX2apic = true;
  maxPhysAddrBits = 40;
  /** The guest may end interrupts by memory. */
  pvEoi: PvEoi | undefined;
  /** Expiries of the timer; interrupts that were ended, and those of them that were ended by memory. */
  timerFires = 0;
  eois = 0;
  pvEois = 0;

  readonly #ports: LapicPorts;
  readonly #page: LapicPage;
  readonly #lvt: LocalVectorTable;
  #apicBase = 0n;
  #baseGpa = 0;
  #enabled = false;
  #x2apic = false;
  /** Lowest-priority interrupts taken, to take turns. */
  #arbitration = 0;
  /** Errors since the last write of ESR. */
  #errors = 0;
  #extIntPending = false;

  /** @param page LAPIC_PAGE_SIZE bytes of the VM's shared memory, 4-aligned */
  constructor(
    readonly id: number,
    page: DataView,
    ports: LapicPorts,
  ) {
    this.#ports = ports;
    this.#page = new LapicPage(page);
    this.isBsp = id === ports.host.bootCpuId();
    this.timer = new LapicTimer(`lapic${id}`, {
      timers: ports.host.timers,
      tscToNs: (tsc) => ports.host.tscToNs(id, tsc),
      expired: () => {
        this.timerFires++;
        this.raiseLocal(APIC_LVTT);
      },
    });
    this.#lvt = new LocalVectorTable(this.#page, this.timer);
    this.reset();
  }

  set cpuidTscDeadline(offered: boolean) {
    this.#lvt.cpuidTscDeadline = offered;
  }

  /** Power-on. */
  reset(): void {
    this.#applyBase(APIC_BASE_DEFAULT_GPA | APIC_BASE_ENABLE | (this.isBsp ? APIC_BASE_BSP : 0n));
    this.#page.set(APIC_ID, this.id << 24);
    this.init();
  }

  /** INIT: as power-on, but the id and IA32_APIC_BASE stay. */
  init(): void {
    this.timer.reset();
    this.#lvt.reset(this.isBsp);
    for (let bank = 0; bank < 0x80; bank += 0x10) {
      this.#page.set(APIC_ISR + bank, 0);
      this.#page.set(APIC_TMR + bank, 0);
      this.#page.set(APIC_IRR + bank, 0);
    }
    for (const offset of [APIC_TASKPRI, APIC_ESR, APIC_ICR, APIC_ICR2, APIC_TMICT, APIC_TDCR])
      this.#page.set(offset, 0);
    this.#page.set(APIC_LVR, LVR_VALUE);
    this.#page.set(APIC_DFR, 0xffff_ffff);
    this.#page.set(APIC_SPIV, 0xff);
    if (!this.#x2apic) this.#page.set(APIC_LDR, 0);
    this.#errors = 0;
    this.#arbitration = 0;
    this.#extIntPending = false;
    this.#page.updateProcessorPriority();
  }

  // ---- what the vCPU asks at its block boundaries

  /** A vector above PPR is pending, or the PIC's INTR comes through. @hot */
  hasInterrupt(): boolean {
    if (this.#hasExtInt()) return true;
    return this.#enabled && this.#deliverable() >= 0;
  }

  /**
   * Takes the interrupt: the PIC's first, as KVM does. When nothing is left to take it is the spurious vector of SPIV, or,
   * with the APIC disabled, the PIC's.
   * @returns the vector, 0 to 255 @hot
   */
  acknowledge(): number {
    if (this.#hasExtInt()) {
      this.#extIntPending = false;
      return this.#ports.picAcknowledge();
    }
    const vector = this.#enabled ? this.#deliverable() : -1;
    if (vector < 0) return this.#enabled ? this.#page.get(APIC_SPIV) & VECTOR_MASK : this.#ports.picAcknowledge();
    this.#page.clearBit(APIC_IRR, vector);
    this.#page.setBit(APIC_ISR, vector);
    this.#page.updateProcessorPriority();
    return vector;
  }

  /** The PIC's INTR reaches this vCPU: LINT0 unmasked as ExtINT, or the APIC globally disabled. */
  get acceptsPicIntr(): boolean {
    return !this.#enabled || (this.#page.get(APIC_LVT0) & (LVT_MASKED | DELIVERY_MODE_MASK)) === MODE_EXTINT;
  }

  /** Before the guest goes on: may it end the interrupt in service by memory? */
  offerPvEoi(): void {
    if (this.pvEoi?.enabled !== true || this.pvEoi.offered) return;
    const vector = this.#page.highest(APIC_ISR);
    if (vector < 0 || this.#page.testBit(APIC_TMR, vector) || this.#page.highest(APIC_IRR) >= 0) return;
    this.pvEoi.offer();
  }

  /** Before anyone looks at this APIC's state: an EOI that the guest gave by memory takes effect. */
  takePvEoi(): void {
    if (this.pvEoi?.take() !== true) return;
    this.pvEois++;
    this.#eoi();
  }

  /** TPR bits 7:4. */
  get cr8(): number {
    return (this.#page.get(APIC_TASKPRI) >> 4) & 0xf;
  }

  set cr8(value: number) {
    this.#setTpr((value & 0xf) << 4);
  }

  // ---- IA32_APIC_BASE and IA32_TSC_DEADLINE

  get apicBase(): bigint {
    return this.#apicBase;
  }

  /**
   * WRMSR or KVM_SET_SREGS of IA32_APIC_BASE. False, and nothing changed, for reserved bits, x2APIC without CPUID or
   * without the enable bit, and for a guest also for the steps the SDM forbids: disabled to x2APIC, x2APIC to xAPIC.
   * A disabled APIC comes back as after INIT.
   */
  setApicBase(value: bigint, hostInitiated = false): boolean {
    const reserved = APIC_BASE_RESERVED | (this.cpuidX2apic ? 0n : APIC_BASE_EXTD);
    if (value < 0n || (value & reserved) !== 0n || value >> BigInt(this.maxPhysAddrBits) !== 0n) return false;
    const enable = (value & APIC_BASE_ENABLE) !== 0n;
    const extended = (value & APIC_BASE_EXTD) !== 0n;
    if (extended && !enable) return false;
    if (!hostInitiated) {
      if (this.#x2apic && enable && !extended) return false;
      if (!this.#enabled && extended) return false;
    }
    this.#applyBase(value);
    this.#wake();
    return true;
  }

  get tscDeadline(): bigint {
    return this.timer.tscDeadline;
  }

  set tscDeadline(tsc: bigint) {
    this.timer.tscDeadline = BigInt.asUintN(64, tsc);
  }

  get hardwareEnabled(): boolean {
    return this.#enabled;
  }

  get softwareEnabled(): boolean {
    return (this.#page.get(APIC_SPIV) & SPIV_ENABLED) !== 0;
  }

  get x2apic(): boolean {
    return this.#x2apic;
  }

  // ---- register access

  /** The register page of an enabled xAPIC covers the address. @hot */
  covers(gpa: number): boolean {
    return this.#enabled && !this.#x2apic && gpa >= this.#baseGpa && gpa < this.#baseGpa + LAPIC_PAGE_SIZE;
  }

  /** Reads within one 32-bit register; others give 0, as KVM has it. */
  mmioRead(gpa: number, size: number): number {
    const offset = gpa - this.#baseGpa;
    const within = offset & 0xf;
    if (within + size > 4) return 0;
    const value = this.#read(offset & ~0xf, READ_XAPIC) ?? 0;
    const shifted = value >>> (within * 8);
    return size === 4 ? shifted : shifted & ((1 << (size * 8)) - 1);
  }

  /** Aligned 32-bit writes; others are dropped, as KVM does. @hot */
  mmioWrite(gpa: number, size: number, value: number): void {
    const offset = gpa - this.#baseGpa;
    if (size === 4 && (offset & 0xf) === 0) this.#write(offset, WRITE_XAPIC, value, 0);
  }

  /** MSR 0x800 to 0x8ff; false: #GP. */
  readX2apicMsr(index: number): bigint | false {
    if (!this.#x2apic) return false;
    const offset = (index - X2APIC_MSR_FIRST) << 4;
    const low = this.#read(offset, READ_X2APIC);
    if (low === undefined) return false;
    return offset === APIC_ICR ? BigInt(low) | (BigInt(this.#page.get(APIC_ICR2) >>> 0) << 32n) : BigInt(low);
  }

  /** MSR 0x800 to 0x8ff; false: #GP. */
  writeX2apicMsr(index: number, value: bigint): boolean {
    if (!this.#x2apic) return false;
    const offset = (index - X2APIC_MSR_FIRST) << 4;
    const high = Number((value >> 32n) & 0xffff_ffffn);
    if (high !== 0 && offset !== APIC_ICR) return false;
    return this.#write(offset, WRITE_X2APIC, Number(value & 0xffff_ffffn), high);
  }

  // ---- interrupts coming in

  /** A message that names this APIC. False: not accepted (software-disabled, a deassert). @hot */
  accept(message: number): boolean {
    const asserted = (message & INT_ASSERT) !== 0 || (message & TRIGGER_LEVEL) === 0;
    switch (message & DELIVERY_MODE_MASK) {
      case MODE_LOWEST:
        this.#arbitration++;
        return asserted && this.#post(message & VECTOR_MASK, (message & TRIGGER_LEVEL) !== 0);
      case MODE_FIXED:
        return asserted && this.#post(message & VECTOR_MASK, (message & TRIGGER_LEVEL) !== 0);
      case MODE_NMI:
        this.#ports.host.nmi(this.id);
        break;
      case MODE_INIT:
        if (!asserted) return false; // INIT level de-assert only ever synchronised arbitration ids
        this.#ports.host.init(this.id);
        break;
      case MODE_STARTUP:
        this.#ports.host.sipi(this.id, message & VECTOR_MASK);
        break;
      case MODE_EXTINT:
        this.#extIntPending = true;
        break;
      default:
        return false;
    }
    this.#ports.host.kickVcpu(this.id);
    return true;
  }

  /** A local source fires: the LVT entry at `lvt` says what it does. True when something was raised. */
  raiseLocal(lvt: number): boolean {
    const entry = this.#page.get(lvt);
    if (!this.#enabled || (entry & LVT_MASKED) !== 0) return false;
    const mode = entry & DELIVERY_MODE_MASK;
    // ExtINT follows the level of INTR (acceptsPicIntr); lowest priority and start-up are not for LVT entries.
    if (mode === MODE_EXTINT || mode === MODE_LOWEST || mode === MODE_STARTUP) return false;
    const accepted = this.accept((entry & (VECTOR_MASK | DELIVERY_MODE_MASK | TRIGGER_LEVEL)) | INT_ASSERT);
    if (lvt === APIC_LVTPC && accepted) this.#page.set(lvt, entry | LVT_MASKED);
    return accepted;
  }

  /** INTR of the PIC rose. */
  picIntrRaised(): void {
    if (this.acceptsPicIntr) this.#ports.host.kickVcpu(this.id);
    else this.raiseLocal(APIC_LVT0);
  }

  /** INTR of the PIC fell: an ExtINT message not taken yet has nothing to fetch any more. */
  picIntrLowered(): void {
    this.#extIntPending = false;
  }

  matchesPhysical(destination: number): boolean {
    const id = this.#page.get(APIC_ID) >>> 0;
    return destination === (this.#x2apic ? id : id >>> 24);
  }

  matchesLogical(destination: number): boolean {
    const ldr = this.#page.get(APIC_LDR) >>> 0;
    if (this.#x2apic) return ldr >>> 16 === destination >>> 16 && (ldr & destination & 0xffff) !== 0;
    const logicalId = ldr >>> 24;
    const model = this.#page.get(APIC_DFR) >>> 28;
    if (model === 0xf) return (logicalId & destination) !== 0;
    return model === 0 && logicalId >> 4 === destination >> 4 && (logicalId & destination & 0xf) !== 0;
  }

  /** Negative when this APIC comes before the other in lowest-priority arbitration. */
  comparePriority(other: Lapic): number {
    const byClass = (this.#page.get(APIC_PROCPRI) & 0xf0) - (other.#page.get(APIC_PROCPRI) & 0xf0);
    return byClass !== 0 ? byClass : this.#arbitration - other.#arbitration;
  }

  // ---- KVM_GET_LAPIC, KVM_SET_LAPIC

  /** struct kvm_lapic_state: the register page, the id in bits 31:24 also for an x2APIC (no KVM_CAP_X2APIC_API). */
  getState(): Uint8Array {
    const bytes = new Uint8Array(KVM_APIC_REG_SIZE);
    const view = new DataView(bytes.buffer);
    for (let offset = 0; offset < KVM_APIC_REG_SIZE; offset += 4) view.setInt32(offset, this.#page.get(offset), true);
    view.setUint32(APIC_TMCCT, this.timer.currentCount(), true);
    if (this.#x2apic) view.setInt32(APIC_ID, this.#page.get(APIC_ID) << 24, true);
    return bytes;
  }

  /** Set IA32_APIC_BASE before, IA32_TSC_DEADLINE after. Throws KvmError EINVAL for another size. */
  setState(state: Uint8Array): void {
    if (state.byteLength !== KVM_APIC_REG_SIZE) {
      const size = `${state.byteLength} bytes given, struct kvm_lapic_state has ${KVM_APIC_REG_SIZE}`;
      throw new KvmError('KVM_SET_LAPIC', 'EINVAL', size);
    }
    const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
    for (let offset = 0; offset < KVM_APIC_REG_SIZE; offset += 4) this.#page.set(offset, view.getInt32(offset, true));
    this.#page.set(APIC_LVR, LVR_VALUE);
    this.#page.set(APIC_TASKPRI, this.#page.get(APIC_TASKPRI) & 0xff);
    this.#page.set(APIC_SPIV, this.#page.get(APIC_SPIV) & SPIV_MASK);
    this.#page.set(APIC_DFR, this.#page.get(APIC_DFR) | 0x0fff_ffff);
    this.#lvt.sanitize();
    if (this.#x2apic) this.#page.set(APIC_ID, this.#page.get(APIC_ID) >>> 24);
    this.#deriveX2apicLdr();
    this.#errors = 0;
    this.#page.updateProcessorPriority();

    this.timer.reset();
    this.timer.setDivide(this.#page.get(APIC_TDCR));
    this.#lvt.updateTimer(this.#enabled);
    const initialCount = this.#page.get(APIC_TMICT) >>> 0;
    this.timer.start(initialCount, Math.min(this.#page.get(APIC_TMCCT) >>> 0, initialCount));
    this.#wake();
  }

  // ---- registers

  /** Undefined: no register to read at this offset in this mode. */
  #read(offset: number, access: number): number | undefined {
    this.takePvEoi();
    if (!this.#allowed(offset, access)) return undefined;
    if (offset === APIC_TMCCT) return this.timer.currentCount();
    return this.#page.get(offset) >>> 0;
  }

  /** False: no register to write at this offset in this mode, or a value x2APIC refuses. */
  #write(offset: number, access: number, value: number, high: number): boolean {
    this.takePvEoi();
    if (!this.#allowed(offset, access)) return false;
    switch (offset) {
      case APIC_EOI:
        if (access === WRITE_X2APIC && value !== 0) return false;
        this.#eoi();
        break;
      case APIC_TASKPRI:
        this.#setTpr(value & 0xff);
        break;
      case APIC_ID:
      case APIC_LDR:
      case APIC_ICR2:
        this.#page.set(offset, value & 0xff00_0000);
        break;
      case APIC_DFR:
        this.#page.set(offset, value | 0x0fff_ffff);
        break;
      case APIC_SPIV:
        this.#writeSpiv(value);
        break;
      case APIC_ESR:
        if (access === WRITE_X2APIC && value !== 0) return false;
        this.#page.set(offset, this.#errors);
        this.#errors = 0;
        break;
      case APIC_ICR:
        if (access === WRITE_X2APIC) {
          if ((value & X2APIC_ICR_RESERVED) !== 0) return false;
          this.#page.set(APIC_ICR2, high);
        }
        this.#page.set(offset, value & ICR_MASK);
        this.#sendIpi(value & ICR_MASK);
        break;
      case APIC_SELF_IPI:
        this.#sendIpi(SHORTHAND_SELF | INT_ASSERT | MODE_FIXED | (value & VECTOR_MASK));
        break;
      case APIC_TMICT:
        if (this.timer.mode === 'tsc-deadline') break;
        this.#page.set(offset, value);
        this.timer.start(value >>> 0);
        break;
      case APIC_TDCR:
        this.#page.set(offset, value & 0xb);
        this.timer.setDivide(value & 0xb);
        break;
      default:
        this.#lvt.write(offset, value, this.#enabled, this.softwareEnabled);
        if (offset === APIC_LVT0) this.#wake();
    }
    return true;
  }

  /** Refuses what is no register of this mode; in an xAPIC a reserved register is an error for ESR. */
  #allowed(offset: number, access: number): boolean {
    const allowed = REGISTER_ACCESS[offset >> 4] ?? 0;
    if ((allowed & access) !== 0) return true;
    const xapic = READ_XAPIC | WRITE_XAPIC;
    if ((access & xapic) !== 0 && (allowed & xapic) === 0) this.#error(ESR_ILLEGAL_REGISTER);
    return false;
  }

  /** Software disable masks every LVT entry; interrupts pending already stay. */
  #writeSpiv(value: number): void {
    this.#page.set(APIC_SPIV, value & SPIV_MASK);
    if (!this.softwareEnabled) this.#lvt.maskAll(this.#enabled);
  }

  #sendIpi(message: number): void {
    const mode = message & DELIVERY_MODE_MASK;
    if ((mode === MODE_FIXED || mode === MODE_LOWEST) && (message & VECTOR_MASK) < 16) {
      this.#error(ESR_SEND_ILLEGAL_VECTOR);
      return;
    }
    const icr2 = this.#page.get(APIC_ICR2) >>> 0;
    this.#ports.send(message, this.#x2apic ? icr2 : icr2 >>> 24, this);
  }

  /** Logs an error; the first of its kind since ESR was written raises the error interrupt. */
  #error(bit: number): void {
    if ((this.#errors & bit) !== 0) return;
    this.#errors |= bit;
    this.raiseLocal(APIC_LVTERR);
  }

  #applyBase(value: bigint): void {
    this.timer.settle();
    const enabled = (value & APIC_BASE_ENABLE) !== 0n;
    const x2apic = (value & APIC_BASE_EXTD) !== 0n;
    const wasDisabled = !this.#enabled;
    const modeChanged = enabled !== this.#enabled || x2apic !== this.#x2apic;
    this.#apicBase = value;
    this.#baseGpa = Number(value & ~0xfffn);
    this.#enabled = enabled;
    this.#x2apic = x2apic;
    if (!modeChanged) return;
    if (wasDisabled && enabled) this.init();
    if (enabled) this.#page.set(APIC_ID, x2apic ? this.id : this.id << 24);
    this.#deriveX2apicLdr();
    this.#lvt.updateTimer(this.#enabled);
  }

  /** [SDM] "Logical Destination Mode in x2APIC Mode": cluster in bits 31:16, one bit of 16. */
  #deriveX2apicLdr(): void {
    if (!this.#x2apic) return;
    const id = this.#page.get(APIC_ID);
    this.#page.set(APIC_LDR, ((id >>> 4) << 16) | (1 << (id & 0xf)));
  }

  // ---- vectors and priorities

  #hasExtInt(): boolean {
    return this.#ports.picOutput && (this.#extIntPending || this.acceptsPicIntr);
  }

  /** The highest pending vector whose class is above PPR's, or -1. */
  #deliverable(): number {
    const vector = this.#page.highest(APIC_IRR);
    if (vector < 0) return -1;
    return (vector & 0xf0) > (this.#page.get(APIC_PROCPRI) & 0xf0) ? vector : -1;
  }

  #post(vector: number, level: boolean): boolean {
    if (!this.#enabled || !this.softwareEnabled) return false;
    if (vector < 16) {
      this.#error(ESR_RECEIVE_ILLEGAL_VECTOR);
      return false;
    }
    if (level) this.#page.setBit(APIC_TMR, vector);
    else this.#page.clearBit(APIC_TMR, vector);
    this.#page.setBit(APIC_IRR, vector);
    this.#wake();
    return true;
  }

  #eoi(): void {
    const vector = this.#page.highest(APIC_ISR);
    if (vector < 0) return;
    this.eois++;
    this.#page.clearBit(APIC_ISR, vector);
    this.#page.updateProcessorPriority();
    this.#ports.eoi(vector, this.#page.testBit(APIC_TMR, vector));
    this.#wake();
  }

  #setTpr(tpr: number): void {
    this.#page.set(APIC_TASKPRI, tpr);
    this.#page.updateProcessorPriority();
    this.#wake();
  }

  #wake(): void {
    // with an EOI offered the priority is known only once the vCPU looks
    if (this.pvEoi?.offered === true || this.hasInterrupt()) this.#ports.host.kickVcpu(this.id);
  }
}
