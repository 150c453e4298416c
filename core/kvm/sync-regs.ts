/**
 * KVM_CAP_SYNC_REGS: registers in kvm_run itself. What userspace marks dirty is taken over when KVM_RUN begins, once; what
 * it declares valid is there when KVM_RUN returns.
 */
import * as A from './api.ts';
import {
  decodeRegs,
  decodeSregs,
  decodeVcpuEvents,
  encodeRegs,
  encodeSregs,
  encodeVcpuEvents,
  REGS_SIZE,
  SREGS_SIZE,
  VCPU_EVENTS_SIZE,
} from './structs.ts';

type StateIoctls = Pick<A.KvmVcpu, 'getRegs' | 'setRegs' | 'getSregs' | 'setSregs' | 'getVcpuEvents' | 'setVcpuEvents'>;

export class SyncRegs {
  constructor(
    readonly run: DataView,
    readonly vcpu: StateIoctls,
  ) {}

  #flags(at: number): number {
    const flags = this.run.getUint32(at, true);
    if ((flags & ~A.KVM_SYNC_X86_VALID_FIELDS) !== 0 || this.run.getUint32(at + 4, true) !== 0)
      throw new A.KvmError('KVM_RUN', 'EINVAL', 'kvm_valid_regs or kvm_dirty_regs name what there is not');
    return flags;
  }
  #at(offset: number, size: number): Uint8Array {
    return new Uint8Array(this.run.buffer, this.run.byteOffset + offset, size);
  }

  /** EINVAL for bits that mean nothing, before anything is taken over. */
  apply(): void {
    this.#flags(A.RUN_KVM_VALID_REGS);
    const dirty = this.#flags(A.RUN_KVM_DIRTY_REGS);
    if (dirty === 0) return;
    if ((dirty & A.KVM_SYNC_X86_REGS) !== 0) this.vcpu.setRegs(decodeRegs(this.#at(A.RUN_SYNC_REGS, REGS_SIZE)));
    if ((dirty & A.KVM_SYNC_X86_SREGS) !== 0) this.vcpu.setSregs(decodeSregs(this.#at(A.RUN_SYNC_SREGS, SREGS_SIZE)));
    if ((dirty & A.KVM_SYNC_X86_EVENTS) !== 0)
      this.vcpu.setVcpuEvents(decodeVcpuEvents(this.#at(A.RUN_SYNC_EVENTS, VCPU_EVENTS_SIZE)));
    this.run.setUint32(A.RUN_KVM_DIRTY_REGS, 0, true);
  }

  store(): void {
    const valid = this.run.getUint32(A.RUN_KVM_VALID_REGS, true);
    if (valid === 0) return;
    const { vcpu } = this;
    if ((valid & A.KVM_SYNC_X86_REGS) !== 0) this.#at(A.RUN_SYNC_REGS, REGS_SIZE).set(encodeRegs(vcpu.getRegs()));
    if ((valid & A.KVM_SYNC_X86_SREGS) !== 0) this.#at(A.RUN_SYNC_SREGS, SREGS_SIZE).set(encodeSregs(vcpu.getSregs()));
    if ((valid & A.KVM_SYNC_X86_EVENTS) !== 0)
      this.#at(A.RUN_SYNC_EVENTS, VCPU_EVENTS_SIZE).set(encodeVcpuEvents(vcpu.getVcpuEvents()));
  }
}
