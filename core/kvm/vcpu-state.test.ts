/** State ioctls of a vCPU: KVM_GET/SET_SREGS2, KVM_GET/SET_DEBUGREGS, KVM_TRANSLATE. */
import { describe, expect, it } from 'vitest';
import {
  hex,
  KvmRig,
  MODES,
  PAGE_DIRECTORY_PAE,
  PAGE_TABLE_PAE,
  PAGE_TABLE32,
  PAGE_TABLE64,
  PDPT_PAE,
} from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const errno = (errno: A.Errno) => expect.objectContaining({ name: 'KvmError', errno });
const NOPS = hex('nop ; hlt', '90 f4');

describe('KVM_GET_SREGS2', () => {
  it.each(MODES)('has what KVM_GET_SREGS has in %s mode, and page-directory pointers in PAE mode', (mode) => {
    const { vcpu } = new KvmRig().start(mode, NOPS);
    const { interruptBitmap: _, ...sregs } = vcpu.getSregs();
    const pae = mode === 'pae';
    expect(vcpu.getSregs2()).toEqual({
      ...sregs,
      flags: pae ? A.KVM_SREGS2_FLAGS_PDPTRS_VALID : 0,
      pdptrs: pae ? [BigInt(PAGE_DIRECTORY_PAE) | 1n, 0n, 0n, 0n] : [0n, 0n, 0n, 0n],
    });
  });
});

describe('KVM_SET_SREGS2', () => {
  it('takes the pointers from the structure, whatever memory says', () => {
    const rig = new KvmRig().start('pae', NOPS);
    const sregs = rig.vcpu.getSregs2();
    rig.load32(PDPT_PAE, 0, 0);
    rig.vcpu.setSregs2(sregs);
    expect(rig.vcpu.getSregs2()).toEqual(sregs);
    expect(rig.run()).toEqual({ exit: 'HLT' });
  });

  it('reads them from memory without the flag', () => {
    const rig = new KvmRig().start('pae', NOPS);
    const sregs = rig.vcpu.getSregs2();
    rig.load32(PDPT_PAE + 8, PAGE_DIRECTORY_PAE | 1, 0);
    rig.vcpu.setSregs2({ ...sregs, flags: 0 });
    expect(rig.vcpu.getSregs2().pdptrs.slice(0, 2)).toEqual([sregs.pdptrs[0], sregs.pdptrs[0]]);
  });

  it('keeps the pending interrupt, which it does not name', () => {
    const { vcpu } = new KvmRig().start('long', NOPS);
    vcpu.interrupt(0x31);
    vcpu.setSregs2(vcpu.getSregs2());
    expect(vcpu.getVcpuEvents().interrupt).toMatchObject({ injected: 1, nr: 0x31 });
  });

  it('refuses unknown flags, pointers outside PAE paging, and what KVM_SET_SREGS refuses', () => {
    const { vcpu } = new KvmRig().start('long', NOPS);
    const sregs = vcpu.getSregs2();
    for (const over of [{ flags: 2 }, { flags: A.KVM_SREGS2_FLAGS_PDPTRS_VALID }, { cr8: 16n }, { efer: 3n }])
      expect(() => vcpu.setSregs2({ ...sregs, ...over })).toThrow(errno('EINVAL'));
    expect(vcpu.getSregs2()).toEqual(sregs);
  });
});

describe('KVM_GET_DEBUGREGS and KVM_SET_DEBUGREGS', () => {
  const regs = { db: [0x1000n, 0xffff_8000_0000_2000n, 3n, 4n], dr6: 0xffff_4ff1n, dr7: 0x455n, flags: 0 };

  it('are at their reset values at power-on', () => {
    const { vcpu } = new KvmRig();
    expect(vcpu.getDebugRegs()).toEqual({ db: [0n, 0n, 0n, 0n], dr6: 0xffff_0ff0n, dr7: 0x400n, flags: 0 });
  });

  it('hold what the guest reads', () => {
    const rig = new KvmRig();
    rig.vcpu.setDebugRegs(regs);
    expect(rig.vcpu.getDebugRegs()).toEqual(regs);
    rig.vcpu.setDebugRegs({ ...regs, dr7: 0x400n });
    rig.start('long', hex('mov rax, dr1 ; mov rbx, dr6 ; hlt', '0f 21 c8 0f 21 f3 f4')).run();
    expect(rig.vcpu.getRegs()).toMatchObject({ rax: regs.db[1], rbx: regs.dr6 });
  });

  it('refuse flags and upper halves of DR6 and DR7', () => {
    const { vcpu } = new KvmRig();
    const before = vcpu.getDebugRegs();
    for (const over of [{ flags: 1 }, { dr6: 1n << 32n }, { dr7: 1n << 63n }])
      expect(() => vcpu.setDebugRegs({ ...regs, ...over })).toThrow(errno('EINVAL'));
    expect(vcpu.getDebugRegs()).toEqual(before);
  });
});

describe('KVM_TRANSLATE', () => {
  it.each([
    ['long', PAGE_TABLE64 + 5 * 8],
    ['pae', PAGE_TABLE_PAE + 5 * 8],
    ['paging', PAGE_TABLE32 + 5 * 4],
  ] as const)('walks the page tables of %s mode', (mode, entry) => {
    const rig = new KvmRig().start(mode, NOPS);
    rig.load32(entry, 0x8_0007);
    rig.setControl({});
    const at = { writeable: true, usermode: false };
    expect(rig.vcpu.translate(0x5678n)).toEqual({ physicalAddress: 0x8_0678n, valid: true, ...at });
    rig.load32(entry, 0);
    rig.setControl({});
    expect(rig.vcpu.translate(0x5678n).valid).toBe(false);
  });

  it('gives the address itself without paging', () => {
    const rig = new KvmRig().start('protected', NOPS);
    expect(rig.vcpu.translate(0xfee0_0000n)).toMatchObject({ physicalAddress: 0xfee0_0000n, valid: true });
  });

  it('finds nothing at addresses that are not canonical', () => {
    const rig = new KvmRig().start('long', NOPS);
    expect(rig.vcpu.translate(1n << 47n)).toMatchObject({ physicalAddress: 0xffff_ffff_ffff_ffffn, valid: false });
  });
});
