/** kvm_run as Linux lays it out. */
import { type Cpu, CpuOffsets as S } from '../cpu/index.ts';
import * as A from './api.ts';

export class RunPage {
  readonly portData: Uint8Array;

  constructor(readonly view: DataView) {
    this.portData = new Uint8Array(view.buffer, view.byteOffset + A.RUN_PIO_DATA, A.RUN_PAGE_SIZE);
  }

  get immediateExit(): boolean {
    return this.view.getUint8(A.RUN_IMMEDIATE_EXIT) !== 0;
  }
  get requestInterruptWindow(): boolean {
    return this.view.getUint8(A.RUN_REQUEST_INTERRUPT_WINDOW) !== 0;
  }
  set exitReason(reason: number) {
    this.view.setUint32(A.RUN_EXIT_REASON, reason, true);
  }
  get cr8(): number {
    return this.view.getUint8(A.RUN_CR8) & 15;
  }
  set cr8(value: number) {
    this.view.setUint32(A.RUN_CR8, value, true);
    this.view.setUint32(A.RUN_CR8 + 4, 0, true);
  }

  /** What every exit tells. */
  describe(cpu: Cpu, apicBase: bigint, ready: boolean): void {
    const v = this.view;
    v.setUint8(A.RUN_READY_FOR_INTERRUPT_INJECTION, ready ? 1 : 0);
    v.setUint8(A.RUN_IF_FLAG, (cpu.state.get32(S.EFLAGS) & S.FLAG_IF) !== 0 ? 1 : 0);
    v.setUint16(A.RUN_FLAGS, cpu.smm.active ? A.KVM_RUN_X86_SMM : 0, true);
    v.setUint32(A.RUN_CR8, cpu.host.getCr8(), true);
    v.setUint32(A.RUN_CR8 + 4, 0, true);
    v.setBigUint64(A.RUN_APIC_BASE, apicBase, true);
  }

  io(access: Cpu['io']): void {
    const v = this.view;
    this.exitReason = A.KVM_EXIT_IO;
    v.setUint8(A.RUN_IO_DIRECTION, access.direction === 'in' ? A.KVM_EXIT_IO_IN : A.KVM_EXIT_IO_OUT);
    v.setUint8(A.RUN_IO_SIZE, access.size);
    v.setUint16(A.RUN_IO_PORT, access.port, true);
    v.setUint32(A.RUN_IO_COUNT, access.count, true);
    v.setUint32(A.RUN_IO_DATA_OFFSET, A.RUN_PIO_DATA, true);
    v.setUint32(A.RUN_IO_DATA_OFFSET + 4, 0, true);
    // nothing of an earlier access is there to be taken for an answer
    if (access.direction === 'in') this.portData.fill(0, 0, access.count * access.size);
  }

  mmio(access: { gpa: number; size: number; lo: number; hi: number }, isWrite: boolean): void {
    const v = this.view;
    this.exitReason = A.KVM_EXIT_MMIO;
    v.setUint32(A.RUN_MMIO_PHYS_ADDR, access.gpa, true);
    v.setUint32(A.RUN_MMIO_PHYS_ADDR + 4, Math.floor(access.gpa / 2 ** 32), true);
    v.setInt32(A.RUN_MMIO_DATA, access.lo, true);
    v.setInt32(A.RUN_MMIO_DATA + 4, access.hi, true);
    v.setUint32(A.RUN_MMIO_LEN, access.size, true);
    v.setUint8(A.RUN_MMIO_IS_WRITE, isWrite ? 1 : 0);
  }
  get mmioLow(): number {
    return this.view.getInt32(A.RUN_MMIO_DATA, true);
  }
  get mmioHigh(): number {
    return this.view.getInt32(A.RUN_MMIO_DATA + 4, true);
  }

  /** `reason`: bits of DR6. */
  debug(exception: number, pc: bigint, reason: number, dr7: bigint): void {
    const v = this.view;
    this.exitReason = A.KVM_EXIT_DEBUG;
    v.setUint32(A.RUN_DEBUG_EXCEPTION, exception, true);
    v.setBigUint64(A.RUN_DEBUG_PC, pc, true);
    v.setBigUint64(A.RUN_DEBUG_DR6, 0xffff0ff0n | BigInt(reason), true);
    v.setBigUint64(A.RUN_DEBUG_DR7, dr7, true);
  }

  /** The message does not fit into kvm_run: its first bytes are given as data, and stats() callers find it in the vCPU. */
  internalError(message: string): void {
    const v = this.view;
    this.exitReason = A.KVM_EXIT_INTERNAL_ERROR;
    v.setUint32(A.RUN_INTERNAL_SUBERROR, A.KVM_INTERNAL_ERROR_EMULATION, true);
    const bytes = new TextEncoder().encode(message).subarray(0, 128);
    v.setUint32(A.RUN_INTERNAL_NDATA, Math.ceil(bytes.length / 8), true);
    for (let i = 0; i < 128; i++) v.setUint8(A.RUN_INTERNAL_DATA + i, bytes[i] ?? 0);
  }
}
