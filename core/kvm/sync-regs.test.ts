/** KVM_CAP_SYNC_REGS: registers in kvm_run. */
import { describe, expect, it } from 'vitest';
import { CODE, hex, KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';
import { decodeRegs, decodeSregs, decodeVcpuEvents, encodeRegs, encodeSregs, encodeVcpuEvents } from './structs.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const OUT_HLT = hex('out 0x80, al ; inc eax ; hlt', 'e6 80 40 f4');

function synced(rig: KvmRig) {
  const { run } = rig.vcpu;
  const at = (offset: number, size: number) => new Uint8Array(run.buffer, run.byteOffset + offset, size);
  return {
    valid: (bits: number) => run.setBigUint64(A.RUN_KVM_VALID_REGS, BigInt(bits), true),
    dirty: (bits: number) => run.setBigUint64(A.RUN_KVM_DIRTY_REGS, BigInt(bits), true),
    isDirty: () => run.getBigUint64(A.RUN_KVM_DIRTY_REGS, true) !== 0n,
    regs: at(A.RUN_SYNC_REGS, 144),
    sregs: at(A.RUN_SYNC_SREGS, 312),
    events: at(A.RUN_SYNC_EVENTS, 64),
  };
}

describe('kvm_valid_regs', () => {
  it('asks for registers at every exit', () => {
    const rig = new KvmRig().start('protected', OUT_HLT);
    const sync = synced(rig);
    sync.valid(A.KVM_SYNC_X86_VALID_FIELDS);
    rig.run();
    expect(decodeRegs(sync.regs)).toEqual(rig.vcpu.getRegs());
    expect(decodeSregs(sync.sregs)).toEqual(rig.vcpu.getSregs());
    expect(decodeVcpuEvents(sync.events)).toEqual(rig.vcpu.getVcpuEvents());
    rig.run();
    expect(decodeRegs(sync.regs).rip).toBe(BigInt(CODE + 4));
  });

  it('leaves what is not asked for alone', () => {
    const rig = new KvmRig().start('protected', OUT_HLT);
    const sync = synced(rig);
    sync.valid(A.KVM_SYNC_X86_REGS);
    rig.run();
    expect(sync.regs.some((b) => b !== 0)).toBe(true);
    expect([...sync.sregs, ...sync.events].every((b) => b === 0)).toBe(true);
  });

  it('counts when a signal interrupts as well', () => {
    const rig = new KvmRig().start('protected', OUT_HLT);
    const sync = synced(rig);
    sync.valid(A.KVM_SYNC_X86_REGS);
    rig.thread.signal = true;
    expect(rig.run()).toEqual({ exit: 'EINTR' });
    expect(decodeRegs(sync.regs).rip).toBe(BigInt(CODE));
  });
});

describe('kvm_dirty_regs', () => {
  it('are taken over once, before the guest runs', () => {
    const rig = new KvmRig().start('protected', OUT_HLT);
    const sync = synced(rig);
    sync.regs.set(encodeRegs({ ...rig.vcpu.getRegs(), rax: 0x41n }));
    sync.sregs.set(encodeSregs({ ...rig.vcpu.getSregs(), cr2: 0x1234n }));
    sync.dirty(A.KVM_SYNC_X86_REGS | A.KVM_SYNC_X86_SREGS);
    expect(rig.run()).toMatchObject({ exit: 'IO', value: 0x41 });
    expect(rig.vcpu.getSregs().cr2).toBe(0x1234n);
    expect(sync.isDirty()).toBe(false);
    expect(rig.run()).toEqual({ exit: 'HLT' });
    expect(rig.vcpu.getRegs().rax).toBe(0x42n);
  });

  it('bring events', () => {
    const rig = new KvmRig().start('protected', OUT_HLT);
    const sync = synced(rig);
    const events = rig.vcpu.getVcpuEvents();
    sync.events.set(encodeVcpuEvents({ ...events, exception: { ...events.exception, injected: 1, nr: 6 } }));
    sync.dirty(A.KVM_SYNC_X86_EVENTS);
    expect(rig.exception()).toMatchObject({ vector: 6, ip: BigInt(CODE) });
  });

  it('with bits that mean nothing are refused, and nothing runs', () => {
    for (const at of [A.RUN_KVM_VALID_REGS, A.RUN_KVM_DIRTY_REGS]) {
      for (const bits of [8n, 1n << 63n]) {
        const rig = new KvmRig().start('protected', OUT_HLT);
        rig.vcpu.run.setBigUint64(at, bits | 1n, true);
        expect(() => rig.vcpu.kvmRun()).toThrow(errno('EINVAL'));
        expect(rig.vcpu.getRegs().rip).toBe(BigInt(CODE));
      }
    }
  });

  it('with registers that cannot be are refused', () => {
    const rig = new KvmRig().start('protected', OUT_HLT);
    const sync = synced(rig);
    sync.sregs.set(encodeSregs({ ...rig.vcpu.getSregs(), cr8: 16n }));
    sync.dirty(A.KVM_SYNC_X86_SREGS);
    expect(() => rig.vcpu.kvmRun()).toThrow(errno('EINVAL'));
  });
});
