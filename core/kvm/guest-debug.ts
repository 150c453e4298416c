/** KVM_SET_GUEST_DEBUG: single step, INT3 as an exit, and execution breakpoints in the debugger's own debug registers. */
import { type Cpu, CpuOffsets as S } from '../cpu/index.ts';
import * as A from './api.ts';

const KNOWN = A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_SINGLESTEP | A.KVM_GUESTDBG_USE_SW_BP | A.KVM_GUESTDBG_USE_HW_BP;

export class GuestDebug {
  #debug: A.KvmGuestDebug = { control: 0, debugreg: [] };
  /** Where the last breakpoint was reported: it is stepped over once. */
  #resumeFrom: bigint | undefined;

  constructor(readonly cpu: Cpu) {}

  /** EINVAL for unknown control bits. */
  set(debug: A.KvmGuestDebug): void {
    if ((debug.control & ~KNOWN) !== 0)
      throw new A.KvmError('KVM_SET_GUEST_DEBUG', 'EINVAL', `control 0x${debug.control.toString(16)}`);
    this.#debug = { control: debug.control, debugreg: [...debug.debugreg] };
    this.cpu.singleStep = this.#asked(A.KVM_GUESTDBG_SINGLESTEP) || this.#asked(A.KVM_GUESTDBG_USE_HW_BP);
    this.cpu.exitOnInt3 = this.#asked(A.KVM_GUESTDBG_USE_SW_BP);
    this.#resumeFrom = undefined;
  }

  #asked(flag: number): boolean {
    return (this.#debug.control & A.KVM_GUESTDBG_ENABLE) !== 0 && (this.#debug.control & flag) !== 0;
  }

  /** The debugger wants to hear of this CPU_DEBUG: steps that only look for breakpoints are not for it. */
  get reportsStep(): boolean {
    return this.cpu.debugException !== S.DB || this.#asked(A.KVM_GUESTDBG_SINGLESTEP);
  }

  /** KVM reports and compares linear addresses. */
  get linearIp(): bigint {
    const s = this.cpu.state;
    return s.code64 ? s.rip : (s.rip + s.segBase(S.CS)) & 0xffff_ffffn;
  }

  get dr7(): bigint {
    return this.#debug.debugreg[7] ?? 0n;
  }

  /** Number of the breakpoint at RIP that is to be reported now, or undefined. */
  hit(): number | undefined {
    if (!this.#asked(A.KVM_GUESTDBG_USE_HW_BP)) return undefined;
    const ip = this.linearIp;
    const resumed = this.#resumeFrom === ip;
    this.#resumeFrom = undefined;
    if (resumed) return undefined;
    for (let n = 0; n < 4; n++) {
      const enabled = ((this.dr7 >> BigInt(n * 2)) & 3n) !== 0n;
      const executes = ((this.dr7 >> BigInt(16 + n * 4)) & 15n) === 0n;
      if (!enabled || !executes || this.#debug.debugreg[n] !== ip) continue;
      this.#resumeFrom = ip;
      return n;
    }
    return undefined;
  }
}
