/**
 * KVM_SET_GUEST_DEBUG: single step, INT3 as an exit, the debugger's own debug registers, and exceptions it asks for. While
 * it steps or has registers, every #DB is an exit, the guest's too, as in KVM.
 */
import { type Cpu, CpuOffsets as S } from '../cpu/index.ts';
import * as A from './api.ts';

const KNOWN =
  A.KVM_GUESTDBG_ENABLE |
  A.KVM_GUESTDBG_SINGLESTEP |
  A.KVM_GUESTDBG_USE_SW_BP |
  A.KVM_GUESTDBG_USE_HW_BP |
  A.KVM_GUESTDBG_INJECT_DB |
  A.KVM_GUESTDBG_INJECT_BP |
  A.KVM_GUESTDBG_BLOCKIRQ;

export class GuestDebug {
  #control = 0;

  constructor(readonly cpu: Cpu) {}

  /** EINVAL for unknown control bits. `inject` is given the exception that the guest is to get, if one is asked for. */
  set(debug: A.KvmGuestDebug, inject: (vector: number) => void): void {
    if ((debug.control & ~KNOWN) !== 0)
      throw new A.KvmError('KVM_SET_GUEST_DEBUG', 'EINVAL', `control 0x${debug.control.toString(16)}`);
    if ((debug.control & A.KVM_GUESTDBG_INJECT_DB) !== 0) inject(S.DB);
    else if ((debug.control & A.KVM_GUESTDBG_INJECT_BP) !== 0) inject(S.BP);
    const { cpu } = this;
    this.#control = (debug.control & A.KVM_GUESTDBG_ENABLE) !== 0 ? debug.control : 0;
    const ownRegisters = this.#asks(A.KVM_GUESTDBG_USE_HW_BP);
    cpu.singleStep = this.#asks(A.KVM_GUESTDBG_SINGLESTEP);
    cpu.debugged = cpu.singleStep || ownRegisters;
    cpu.exitOnInt3 = this.#asks(A.KVM_GUESTDBG_USE_SW_BP);
    cpu.breakpoints.debugger = ownRegisters ? [...debug.debugreg] : undefined;
  }

  #asks(flag: number): boolean {
    return (this.#control & flag) !== 0;
  }

  /** Neither interrupts nor NMI nor SMI come to the guest. */
  get blocksInterrupts(): boolean {
    return this.#asks(A.KVM_GUESTDBG_BLOCKIRQ);
  }

  /** KVM reports linear addresses. */
  get linearIp(): bigint {
    const s = this.cpu.state;
    return s.code64 ? s.rip : (s.rip + s.segBase(S.CS)) & 0xffff_ffffn;
  }
}
