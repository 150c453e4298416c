/** The limit of the code segment within and between blocks, near transfers beyond it, and canonical targets. */
import { describe, expect, it } from 'vitest';
import { CODE, CODE64, FREE_SELECTOR, hex, KvmRig, STACK } from '../testing/kvm-rig.ts';

const HLT = { exit: 'HLT' };
const GP = { vector: 13, error: 0 };
const BASE = 0x1000;

/** 32-bit code in a segment of `size` bytes at BASE, from its first byte on. */
function limited(size: number, code: Uint8Array): KvmRig {
  const rig = new KvmRig().start('protected', code, BASE);
  const { cs } = rig.vcpu.getSregs();
  return rig.setControl({ cs: { ...cs, base: BigInt(BASE), limit: size - 1, g: 0 } }).set({ rip: 0n });
}
const registers = (rig: KvmRig) => {
  const { rax, rcx, rsp } = rig.vcpu.getRegs();
  return { rax, rcx, rsp };
};

describe('the limit of a code segment', () => {
  const COUNT = hex('inc eax ; inc eax ; mov ecx, 5 ; hlt', '40 40 b9 05 00 00 00 f4');
  it('lets code run up to its last byte', () => {
    expect(limited(8, COUNT).run()).toEqual(HLT);
  });
  it('raises #GP at an instruction behind it, and at one that straddles it', () => {
    const behind = limited(7, COUNT);
    expect(behind.exception()).toMatchObject({ ...GP, ip: 7n });
    expect(registers(behind)).toMatchObject({ rax: 2n, rcx: 5n });
    for (const size of [3, 4, 5, 6]) {
      const straddles = limited(size, COUNT);
      expect(straddles.exception()).toMatchObject({ ...GP, ip: 2n });
      expect(registers(straddles)).toMatchObject({ rax: 2n, rcx: 0n });
    }
  });
  it('is that of the segment, not of the bytes: the same code with another limit, and another base', () => {
    const rig = new KvmRig()
      .start(
        'protected',
        hex(
          'call 0x60:0x100 ; call 0x68:0x100 ; call 0x70:0 ; hlt',
          '9a 00 01 00 00 60 00 9a 00 01 00 00 68 00 9a 00 00 00 00 70 00 f4',
        ),
        0x1800,
      )
      .load(0x1100, hex('inc eax ; inc ecx ; retf', '40 41 cb'));
    rig.descriptor(FREE_SELECTOR, (BASE << 16) | 0x102, 0x409a00);
    rig.descriptor(FREE_SELECTOR + 8, (BASE << 16) | 0x101, 0x409a00);
    rig.descriptor(FREE_SELECTOR + 16, (0x1100 << 16) | 2, 0x409a00);
    expect(rig.exception()).toMatchObject({ ...GP, ip: 0x102n, cs: FREE_SELECTOR + 8 });
    expect(registers(rig)).toMatchObject({ rax: 2n, rcx: 2n });
  });
  it('comes before a page fault of the page behind it', () => {
    const rig = new KvmRig().start('paging', hex('nop ; mov ecx, 5', '90 b9 05 00 00 00'), 0x1ffd);
    rig.load32(0x15000 + 2 * 4, 0);
    const { cs } = rig.vcpu.getSregs();
    rig.setControl({ cs: { ...cs, limit: 0x1fff, g: 0 } });
    expect(rig.exception()).toMatchObject({ ...GP, ip: 0x1ffen });
  });
  it('is 64 KiB in real mode', () => {
    const rig = new KvmRig().start('real', hex('nop ; inc ax', '90 40'), 0xfffe);
    expect(rig.exception()).toMatchObject({ vector: 13, ip: 0n });
    expect(registers(rig).rax).toBe(1n);
    expect(new KvmRig().start('real', hex('nop ; mov ax, bx', '90 89 d8'), 0xfffe).exception()).toMatchObject({
      ip: 0xffffn,
    });
  });
  it('holds for single steps', () => {
    const rig = limited(4, COUNT).set({ rflags: 0x102n });
    expect(rig.exception()).toMatchObject({ vector: 1, ip: 1n });
  });
  it('wraps EIP at 4 GiB of flat code', () => {
    const rig = new KvmRig().start('paging', hex('nop', '90'), 0xfff);
    const high = 0x15000;
    rig
      .load32(0x14000 + 1023 * 4, 0x19007)
      .load32(0x19000 + 1023 * 4, 0x7)
      .load32(high, 0x7);
    rig.load(0xfff, [0x90]).load(0, [0xf4]).set({ rip: 0xffff_ffffn });
    expect(rig.run()).toEqual(HLT);
    expect(rig.vcpu.getRegs().rip).toBe(1n);
  });
});

describe('a near transfer beyond the limit is #GP of the transfer, and changes nothing', () => {
  it.each<[string, Uint8Array]>([
    ['JMP rel8', hex('jmp short $ + 0x40', 'eb 3e')],
    ['JMP rel32', hex('jmp near $ + 0x1000', 'e9 fb 0f 00 00')],
    ['JMP back', hex('jmp near $ - 0x1000', 'e9 fb ef ff ff')],
    ['JMP r32', hex('jmp eax', 'ff e0')],
    ['JMP m32', hex('jmp [0x3000]', 'ff 25 00 30 00 00')],
    ['CALL rel32', hex('call $ + 0x1000', 'e8 fb 0f 00 00')],
    ['CALL r32', hex('call eax', 'ff d0')],
    ['CALL m32', hex('call [0x3000]', 'ff 15 00 30 00 00')],
    ['RET', hex('ret', 'c3')],
    ['RET imm16', hex('ret 8', 'c2 08 00')],
    ['Jcc rel8', hex('jnz $ + 0x40', '0f 85 3a 00 00 00')],
    ['Jcc rel32', hex('jnz near $ + 0x1000', '0f 85 fa 0f 00 00')],
    ['LOOP', hex('loop $ + 0x40', 'e2 3e')],
    ['LOOPNE', hex('loopne $ + 0x40', 'e0 3e')],
  ])('%s', (_, code) => {
    const rig = limited(0x20, code).set({ rax: 0x20n, rcx: 3n }).load32(0x3000, 0x20).load32(STACK, 0x20, 7);
    expect(rig.exception()).toMatchObject({ ...GP, ip: 0n });
    // the frame of #GP: EFLAGS, CS, EIP and the error code
    expect(registers(rig)).toEqual({ rax: 0x20n, rcx: 3n, rsp: BigInt(STACK - 16) });
  });
  it.each<[string, Uint8Array]>([
    ['Jcc', hex('jz $ + 0x40 ; hlt', '0f 84 3a 00 00 00 f4')],
    ['LOOP', hex('mov ecx, 1 ; loop $ + 0x40 ; hlt', 'b9 01 00 00 00 e2 3e f4')],
    ['JCXZ', hex('inc ecx ; jecxz $ + 0x40 ; hlt', '41 e3 3e f4')],
  ])('%s that is not taken goes on', (_, code) => {
    expect(limited(0x20, code).run()).toEqual(HLT);
  });
  it('within the limit they go on, with 16 bits of the target at operand size 16', () => {
    const rig = limited(0x20, hex('mov eax, 0x50010 ; o16 jmp ax', 'b8 10 00 05 00 66 ff e0')).load(
      BASE + 0x10,
      [0xf4],
    );
    expect(rig.run()).toEqual(HLT);
    const near = limited(
      0x20,
      hex('call sub ; loop $ ; hlt ; sub: inc eax ; ret', 'e8 03 00 00 00 e2 fe f4 40 c3'),
    ).set({ rcx: 3n });
    expect(near.run()).toEqual(HLT);
    expect(registers(near)).toEqual({ rax: 1n, rcx: 0n, rsp: BigInt(STACK) });
  });
  it('a 32-bit jump in real mode', () => {
    const rig = new KvmRig().start('real', hex('mov eax, 0x10000 ; jmp eax', '66 b8 00 00 01 00 66 ff e0'));
    expect(rig.exception()).toMatchObject({ vector: 13, ip: BigInt(CODE + 6) });
  });
});

describe('a near transfer to a non-canonical address is #GP of the transfer', () => {
  const BAD = 0x8000_0000_0000n;
  it.each<[string, Uint8Array]>([
    ['JMP', hex('jmp rax', 'ff e0')],
    ['JMP m64', hex('jmp [0x3000]', 'ff 24 25 00 30 00 00')],
    ['CALL', hex('call rax', 'ff d0')],
    ['RET', hex('ret', 'c3')],
    ['RET imm16', hex('ret 16', 'c2 10 00')],
  ])('%s', (_, code) => {
    const rig = new KvmRig().start('long', code).set({ rax: BAD }).load64(0x3000, BAD).load64(STACK, BAD);
    expect(rig.exception()).toMatchObject({ ...GP, ip: BigInt(CODE), sp: BigInt(STACK) });
  });
  it('also by a displacement', () => {
    const rig = new KvmRig().start('long', hex('hlt', 'f4'));
    // the last page below the gap is the code's
    rig
      .load64(0x10000 + 255 * 8, 0x19007n)
      .load64(0x19000 + 511 * 8, 0x1a007n)
      .load64(0x1a000 + 511 * 8, 0x1b007n);
    rig.load64(0x1b000 + 511 * 8, BigInt(CODE) | 7n);
    const at = 0x7fff_ffff_f000n;
    for (const code of [
      hex('jmp $ + 0x2000', 'e9 fb 1f 00 00'),
      hex('call $ + 0x2000', 'e8 fb 1f 00 00'),
      hex('jnz $ + 0x2000', '0f 85 fa 1f 00 00'),
    ]) {
      rig.load(CODE, code).set({ rip: at, rsp: BigInt(STACK) });
      expect(rig.exception()).toMatchObject({ ...GP, ip: at, sp: BigInt(STACK), cs: CODE64 });
    }
  });
});
