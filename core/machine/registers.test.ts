import { describe, expect, it } from 'vitest';
import { zeroRegs, zeroSregs } from '../testing/scripted-kvm.ts';
import { formatRegisters } from './registers.ts';

describe('formatRegisters', () => {
  it('shows registers, mode and flags the way the kernel does', () => {
    const sregs = zeroSregs();
    const text = formatRegisters(
      { ...zeroRegs(), rip: 0xffff_ffff_8100_0000n, rax: 0x1234n, rflags: 0x246n },
      { ...sregs, cr0: 0x8005_0033n, efer: 0xd01n, cs: { ...sregs.cs, selector: 0x10, l: 1, type: 0xb } },
      Uint8Array.of(0x0f, 0x0b),
    );
    expect(text).toContain('RIP: 0010:ffffffff81000000  long mode');
    expect(text).toContain('EFLAGS: 00000246 cf PF af ZF sf tf IF df of');
    expect(text).toContain('RAX: 0000000000001234');
    expect(text).toMatch(/^CS {2}0010 .* code 64-bit$/m);
    expect(text).toMatch(/^Code:\n {2}0xffffffff81000000: 0f 0b +ud2$/m);
  });

  it.each<[string, bigint, bigint, number]>([
    ['real mode', 0x10n, 2n, 0],
    ['virtual 8086 mode', 0x8000_0011n, 0x2_0002n, 0],
    ['16-bit protected mode, no paging', 0x11n, 2n, 0],
    ['32-bit protected mode', 0x8000_0011n, 2n, 1],
  ])('names %s', (mode, cr0, rflags, db) => {
    const sregs = zeroSregs();
    expect(formatRegisters({ ...zeroRegs(), rflags }, { ...sregs, cr0, cs: { ...sregs.cs, db } })).toMatch(
      new RegExp(`^RIP: .*  ${mode}$`, 'm'),
    );
  });

  it('says when there is no code to show', () => {
    expect(formatRegisters(zeroRegs(), zeroSregs(), new Uint8Array(0))).toContain('Code: RIP points to no memory');
  });
});
