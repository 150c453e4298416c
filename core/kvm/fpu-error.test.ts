/** FPU errors both ways: #MF with CR0.NE, IRQ 13 of the PC without. */
import { describe, expect, it } from 'vitest';
import { CODE, hex, KvmRig } from '../testing/kvm-rig.ts';

/** 8259s at vectors 0x20 and 0x28, all lines masked but the cascade and 13. */
const PIC = hex(
  'mov al, 0x11 ; out 0x20, al ; out 0xa0, al ; mov al, 0x20 ; out 0x21, al ; mov al, 0x28 ; out 0xa1, al ; mov al, 4 ; out 0x21, al ; mov al, 2 ; out 0xa1, al ; mov al, 1 ; out 0x21, al ; out 0xa1, al ; mov al, 0xfb ; out 0x21, al ; mov al, 0xdf ; out 0xa1, al',
  'b0 11 e6 20 e6 a0 b0 20 e6 21 b0 28 e6 a1 b0 04 e6 21 b0 02 e6 a1 b0 01 e6 21 e6 a1 b0 fb e6 21 b0 df e6 a1',
);
const DIVIDE = hex(
  'fninit ; mov word [0x3000], 0x37b ; fldcw [0x3000] ; fld1 ; fldz ; fdivp',
  'db e3 66 c7 05 00 30 00 00 7b 03 d9 2d 00 30 00 00 d9 e8 d9 ee de f9',
);
const NE = 0x31n;
const NO_NE = 0x11n;
const WAITING = CODE + PIC.length + DIVIDE.length;

/** A division by zero that is not masked, and `next`. */
const divide = (next: Uint8Array, { irqchip = true, cr0 = NO_NE, interrupts = true } = {}): KvmRig =>
  new KvmRig({ irqchip })
    .start('protected', [...(irqchip ? PIC : new Uint8Array(PIC.length).fill(0x90)), ...DIVIDE, ...next])
    .setControl({ cr0 })
    .set({ rflags: interrupts ? 0x202n : 2n });

describe('an FPU error without CR0.NE', () => {
  it.each([
    ['an x87 instruction', 'd9 d0'],
    ['FWAIT', '9b'],
  ])('is IRQ 13 before %s, which runs after a write to port 0xf0', (_name, bytes) => {
    const rig = divide(hex('fnop or fwait ; out 0x80, al', `${bytes} e6 80`));
    const handler = 'b0 00 e6 f0 b0 20 e6 a0 e6 20 e6 90 cf';
    rig.load(
      0x5000,
      hex('mov al, 0 ; out 0xf0, al ; mov al, 0x20 ; out 0xa0, al ; out 0x20, al ; out 0x90, al ; iret', handler),
    );
    rig.gate(0x2d, 0x5000);
    expect(rig.run()).toMatchObject({ port: 0x90 });
    expect(rig.run()).toMatchObject({ port: 0x80 });
  });

  it('leaves the instruction waiting while interrupts are off', () => {
    const rig = divide(hex('fnop', 'd9 d0'), { interrupts: false });
    expect(rig.run(20)).toEqual({ exit: 'EINTR' });
    expect(rig.vcpu.getRegs().rip).toBe(BigInt(WAITING));
    rig.set({ rflags: 0x202n });
    expect(rig.exception()).toMatchObject({ vector: 0x2d, ip: BigInt(WAITING) });
  });

  it('does not stop instructions that do not wait', () => {
    const rig = divide(hex('fnclex ; fnop ; out 0x81, al', 'db e2 d9 d0 e6 81'));
    expect(rig.run()).toMatchObject({ port: 0x81 });
  });

  it('comes again after the one that was ignored', () => {
    const again = hex('fnop ; fnclex ; fld1 ; fldz ; fdivp ; fnop', 'd9 d0 db e2 d9 e8 d9 ee de f9 d9 d0');
    const rig = divide(again);
    rig.load(
      0x5000,
      hex(
        'out 0xf0, al ; mov al, 0x20 ; out 0xa0, al ; out 0x20, al ; out 0x90, al ; iret',
        'e6 f0 b0 20 e6 a0 e6 20 e6 90 cf',
      ),
    );
    rig.gate(0x2d, 0x5000);
    for (const at of [0, 10]) {
      expect(rig.run()).toMatchObject({ port: 0x90 });
      expect(rig.view.getUint32(Number(rig.vcpu.getRegs().rsp), true)).toBe(WAITING + at);
    }
  });
});

it('is #MF with CR0.NE, and where there is no interrupt controller to tell', () => {
  expect(divide(hex('fnop', 'd9 d0'), { cr0: NE }).exception()).toMatchObject({ vector: 16, ip: BigInt(WAITING) });
  expect(divide(hex('fnop', 'd9 d0'), { irqchip: false }).exception()).toMatchObject({ vector: 16 });
});
