import { describe, expect, it } from 'vitest';
import type { GuestMemory } from '../devices/device.ts';
import type { KvmSregs } from '../kvm/api.ts';
import { zeroRegs, zeroSregs } from '../testing/scripted-kvm.ts';
import { readCodeBytes } from './code-bytes.ts';

const PRESENT = 3n;

class PlainMemory implements GuestMemory {
  readonly bytes = new Uint8Array(0x10_0000);
  readonly view = new DataView(this.bytes.buffer);
  read(gpa: number, target: Uint8Array): void {
    target.fill(0);
    target.set(this.bytes.subarray(gpa, gpa + target.length));
  }
  write(): void {}
}

function setUp() {
  const memory = new PlainMemory();
  memory.bytes.set([1, 2, 3, 4], 0x5ffe);
  memory.bytes.set([5, 6, 7, 8], 0x8000);
  return memory;
}

const codeAt = (memory: GuestMemory, rip: bigint, sregs: Partial<KvmSregs>): number[] => {
  const base = zeroSregs();
  const cs = { ...base.cs, l: sregs.efer ? 1 : 0 };
  return [...readCodeBytes(memory, { ...zeroRegs(), rip }, { ...base, cs, ...sregs }, 4)];
};

describe('readCodeBytes', () => {
  it('reads CS:RIP without paging', () => {
    const base = zeroSregs();
    expect(codeAt(setUp(), 0xffen, { cs: { ...base.cs, base: 0x5000n } })).toEqual([1, 2, 3, 4]);
  });

  it('walks four levels and goes on in another frame', () => {
    const memory = setUp();
    memory.view.setBigUint64(0x1000 + 511 * 8, 0x2000n | PRESENT, true);
    memory.view.setBigUint64(0x2000 + 510 * 8, 0x3000n | PRESENT, true);
    memory.view.setBigUint64(0x3000, 0x4000n | PRESENT, true);
    memory.view.setBigUint64(0x4000, 0x5000n | PRESENT, true);
    memory.view.setBigUint64(0x4008, 0x8000n | PRESENT | (1n << 63n), true);
    const paging = { cr0: 0x8000_0001n, cr3: 0x1000n, cr4: 0x20n, efer: 0x500n };
    expect(codeAt(memory, 0xffff_ffff_8000_0ffen, paging)).toEqual([1, 2, 5, 6]);
    expect(codeAt(memory, 0xffff_ffff_8000_2000n, paging)).toEqual([]);
  });

  it('takes large pages of 32-bit paging only with CR4.PSE', () => {
    const memory = setUp();
    memory.view.setUint32(0x1000, 0x83, true);
    expect(codeAt(memory, 0x8000n, { cr0: 0x8000_0001n, cr3: 0x1000n, cr4: 0x10n })).toEqual([5, 6, 7, 8]);
    expect(codeAt(memory, 0x8000n, { cr0: 0x8000_0001n, cr3: 0x1000n })).toEqual([]);
  });
});
