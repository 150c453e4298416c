import { describe, expect, it } from 'vitest';
import {
  APIC_BASE_ENABLE,
  APIC_DFR,
  APIC_ESR,
  APIC_ICR,
  APIC_ICR2,
  APIC_ID,
  APIC_IRR,
  APIC_ISR,
  APIC_LDR,
  APIC_LVR,
  APIC_LVT0,
  APIC_LVT1,
  APIC_LVTERR,
  APIC_LVTPC,
  APIC_LVTT,
  APIC_LVTTHMR,
  APIC_PROCPRI,
  APIC_SPIV,
  APIC_TASKPRI,
  APIC_TMR,
} from './lapic-regs.ts';
import { LAPIC_GPA, Rig } from './rig.ts';

const ASSERT = 1 << 14;
const LEVEL = 1 << 15;
const LOGICAL = 1 << 11;
const SELF = 1 << 18;
const ALL = 2 << 18;
const OTHERS = 3 << 18;

function enabledRig(vcpus = 1): Rig {
  const rig = new Rig(vcpus);
  rig.initPics(0);
  rig.enableApics();
  return rig;
}

/** A fixed IPI to oneself. */
const self = (rig: Rig, vector: number) => rig.write(APIC_ICR, SELF | ASSERT | vector);

const ipi = (rig: Rig, low: number, destination: number, from = 0) => {
  rig.write(APIC_ICR2, destination << 24, from);
  rig.write(APIC_ICR, low, from);
};

const takes = (rig: Rig) => rig.lapics.map((lapic) => rig.take(lapic.id));

describe('local APIC reset state', () => {
  it('has the values of the SDM; LINT0 of the boot vCPU is ExtINT as KVM sets it', () => {
    const rig = new Rig(2);
    expect(rig.read(APIC_ID, 1)).toBe(0x0100_0000);
    expect(rig.read(APIC_LVR)).toBe(0x0005_0014);
    expect(rig.read(APIC_SPIV)).toBe(0xff);
    expect(rig.read(APIC_DFR)).toBe(0xffff_ffff);
    expect(rig.read(APIC_LDR)).toBe(0);
    for (const lvt of [APIC_LVTT, APIC_LVTTHMR, APIC_LVTPC, APIC_LVT1, APIC_LVTERR])
      expect(rig.read(lvt)).toBe(0x1_0000);
    expect(rig.read(APIC_LVT0, 0)).toBe(0x700);
    expect(rig.read(APIC_LVT0, 1)).toBe(0x1_0000);
    expect(rig.lapic(0).apicBase).toBe(0xfee0_0900n);
    expect(rig.lapic(1).apicBase).toBe(0xfee0_0800n);
    expect([rig.lapic(0).isBsp, rig.lapic(1).isBsp]).toEqual([true, false]);
  });

  it('INIT clears pending and in-service vectors and registers but keeps base and id', () => {
    const rig = enabledRig();
    self(rig, 0x40);
    rig.take();
    self(rig, 0x60);
    rig.write(APIC_ID, 0x0500_0000);
    rig.write(APIC_TASKPRI, 0x30);
    rig.lapic().init();
    expect(rig.lapic().hasInterrupt()).toBe(false);
    expect(rig.read(APIC_ISR + 0x20)).toBe(0);
    expect(rig.read(APIC_TASKPRI)).toBe(0);
    expect(rig.read(APIC_SPIV)).toBe(0xff);
    expect(rig.read(APIC_ID)).toBe(0x0500_0000);
    expect(rig.lapic().apicBase).toBe(0xfee0_0900n);
    rig.lapic().reset();
    expect(rig.read(APIC_ID)).toBe(0);
  });
});

describe('local APIC priorities', () => {
  it('takes the highest vector, moves it from IRR to ISR and holds back its class until EOI', () => {
    const rig = enabledRig();
    self(rig, 0x41);
    self(rig, 0x52);
    expect(rig.read(APIC_IRR + 0x20)).toBe((1 << 1) | (1 << 18));
    expect(rig.take()).toBe(0x52);
    expect(rig.read(APIC_ISR + 0x20)).toBe(1 << 18);
    expect(rig.read(APIC_PROCPRI)).toBe(0x50);
    self(rig, 0x5f);
    expect(rig.take()).toBeUndefined();
    self(rig, 0x61);
    expect(rig.take()).toBe(0x61);
    expect(rig.read(APIC_PROCPRI)).toBe(0x60);
    rig.eoi();
    expect(rig.read(APIC_PROCPRI)).toBe(0x50);
    rig.eoi();
    expect(rig.take()).toBe(0x5f);
    rig.eoi();
    expect(rig.take()).toBe(0x41);
    rig.eoi();
    expect(rig.read(APIC_PROCPRI)).toBe(0);
    expect(rig.take()).toBeUndefined();
  });

  it('TPR and CR8 are one: a class at or below is held back, lowering it kicks the vCPU', () => {
    const rig = enabledRig();
    rig.lapic().cr8 = 4;
    expect(rig.read(APIC_TASKPRI)).toBe(0x40);
    rig.kicks = [];
    self(rig, 0x4f);
    expect(rig.take()).toBeUndefined();
    expect(rig.kicks).toEqual([]);
    rig.write(APIC_TASKPRI, 0x3f);
    expect(rig.kicks).toEqual([0]);
    expect(rig.lapic().cr8).toBe(3);
    expect(rig.read(APIC_PROCPRI)).toBe(0x3f);
    expect(rig.take()).toBe(0x4f);
  });

  it('EOI with nothing in service does nothing', () => {
    const rig = enabledRig();
    rig.eoi();
    self(rig, 0x40);
    expect(rig.take()).toBe(0x40);
  });

  it('hands out the spurious vector when the interrupt is gone by the time it is taken', () => {
    const rig = enabledRig();
    rig.write(APIC_SPIV, 0x1ef);
    self(rig, 0x40);
    rig.lapic().cr8 = 15;
    expect(rig.lapic().acknowledge()).toBe(0xef);
    expect(rig.read(APIC_ISR + 0x70)).toBe(0);
  });

  it('another thread may post: a bit set in IRR of the shared page is an interrupt', () => {
    const memory = new SharedArrayBuffer(4096);
    const rig = new Rig();
    const lapic = rig.chip.addVcpu(0, new DataView(memory));
    rig.lapics[0] = lapic;
    rig.enableApics();
    Atomics.or(new Int32Array(memory), (APIC_IRR + 0x10) >> 2, 1 << 5);
    expect(rig.take()).toBe(0x25);
  });
});

describe('local APIC software and hardware enable', () => {
  it('software-disabled: refuses fixed interrupts, keeps pending ones, masks every LVT entry, takes NMI and INIT', () => {
    const rig = enabledRig(2);
    ipi(rig, ASSERT | 0x40, 1);
    rig.write(APIC_LVT1, 0x400, 1);
    rig.write(APIC_SPIV, 0xff, 1);
    ipi(rig, ASSERT | 0x50, 1);
    expect(rig.read(APIC_LVT1, 1)).toBe(0x1_0400);
    rig.write(APIC_LVT1, 0x400, 1);
    expect(rig.read(APIC_LVT1, 1)).toBe(0x1_0400);
    expect(rig.take(1)).toBe(0x40);
    rig.eoi(1);
    expect(rig.take(1)).toBeUndefined();
    ipi(rig, ASSERT | 0x400, 1);
    ipi(rig, ASSERT | 0x500, 1);
    expect(rig.events).toEqual(['nmi 1', 'init 1']);
  });

  it('globally disabled: no MMIO, no messages, the PIC reaches the vCPU directly', () => {
    const rig = enabledRig(2);
    rig.initPics(1 << 4);
    const lapic = rig.lapic(1);
    expect(lapic.setApicBase(lapic.apicBase & ~APIC_BASE_ENABLE)).toBe(true);
    expect(rig.chip.mmio(LAPIC_GPA, 1)).toBe(false);
    ipi(rig, ASSERT | 0x40, 1);
    ipi(rig, ASSERT | 0x400, 1);
    expect(rig.take(1)).toBeUndefined();
    expect(rig.events).toEqual([]);
    rig.write(APIC_LVT0, 0x1_0000, 0);
    rig.kicks = [];
    rig.chip.setIrq(4, 1);
    expect(rig.kicks).toEqual([1]);
    expect(rig.take(0)).toBeUndefined();
    expect(rig.take(1)).toBe(0x0c);
  });

  it('moves with IA32_APIC_BASE', () => {
    const rig = enabledRig();
    expect(rig.lapic().setApicBase(0xfed0_0900n)).toBe(true);
    expect(rig.chip.mmio(LAPIC_GPA, 0)).toBe(false);
    expect(rig.chip.mmio(0xfed0_0ffc, 0)).toBe(true);
    expect(rig.chip.mmioRead(0, 0xfed0_0000 + APIC_LVR, 4)).toBe(0x0005_0014);
  });

  it('refuses illegal IA32_APIC_BASE values and changes nothing', () => {
    const lapic = enabledRig().lapic();
    for (const value of [0xfee0_0901n, 0xfee0_0b00n, 0xfee0_0500n, (1n << 40n) | 0xfee0_0900n, -1n]) {
      expect(lapic.setApicBase(value)).toBe(false);
      expect(lapic.apicBase).toBe(0xfee0_0900n);
    }
    lapic.cpuidX2apic = false;
    expect(lapic.setApicBase(0xfee0_0d00n)).toBe(false);
  });

  it('allows a guest only the steps xAPIC - x2APIC - disabled - xAPIC; the host may go anywhere', () => {
    const lapic = enabledRig().lapic();
    expect(lapic.setApicBase(0xfee0_0d00n)).toBe(true);
    expect(lapic.setApicBase(0xfee0_0900n)).toBe(false);
    expect(lapic.setApicBase(0xfee0_0100n)).toBe(true);
    expect(lapic.setApicBase(0xfee0_0d00n)).toBe(false);
    expect(lapic.setApicBase(0xfee0_0900n)).toBe(true);
    expect(lapic.setApicBase(0xfee0_0d00n, true)).toBe(true);
    expect(lapic.setApicBase(0xfee0_0900n, true)).toBe(true);
  });

  it('a disabled APIC comes back as after INIT', () => {
    const rig = enabledRig();
    rig.write(APIC_TASKPRI, 0x50);
    rig.lapic().setApicBase(0xfee0_0100n);
    rig.lapic().setApicBase(0xfee0_0900n);
    expect(rig.read(APIC_TASKPRI)).toBe(0);
    expect(rig.read(APIC_SPIV)).toBe(0xff);
  });
});

describe('local APIC MMIO shapes', () => {
  it('reads bytes and words inside a register, 0 across its end; writes only aligned 32 bits', () => {
    const rig = enabledRig();
    rig.write(APIC_LDR, 0xab00_0000);
    expect(rig.chip.mmioRead(0, LAPIC_GPA + APIC_LDR + 3, 1)).toBe(0xab);
    expect(rig.chip.mmioRead(0, LAPIC_GPA + APIC_LDR + 2, 2)).toBe(0xab00);
    expect(rig.chip.mmioRead(0, LAPIC_GPA + APIC_LDR + 1, 4)).toBe(0);
    expect(rig.chip.mmioRead(0, LAPIC_GPA + APIC_LDR, 8)).toBe(0);
    rig.chip.mmioWrite(0, LAPIC_GPA + APIC_LDR + 3, 1, 0xcd);
    rig.chip.mmioWrite(0, LAPIC_GPA + APIC_LDR, 8, 0);
    rig.chip.mmioWrite(0, LAPIC_GPA + APIC_LDR + 4, 4, 0);
    expect(rig.read(APIC_LDR)).toBe(0xab00_0000);
  });

  it('keeps only the bits a register has', () => {
    const rig = enabledRig();
    const written: [number, number][] = [
      [APIC_ID, 0xff00_0000],
      [APIC_LDR, 0xff00_0000],
      [APIC_DFR, 0xffff_ffff],
      [APIC_SPIV, 0x3ff],
      [APIC_TASKPRI, 0xff],
      [APIC_ICR2, 0xff00_0000],
      [APIC_LVTT, 0x7_00ff],
      [APIC_LVTTHMR, 0x1_07ff],
      [APIC_LVTPC, 0x1_07ff],
      [APIC_LVT0, 0x1_a7ff],
      [APIC_LVT1, 0x1_a7ff],
      [APIC_LVTERR, 0x1_00ff],
    ];
    for (const [offset, value] of written) {
      rig.write(offset, 0xffff_ffff);
      expect([offset, rig.read(offset)]).toEqual([offset, value]);
    }
    rig.write(APIC_DFR, 0);
    expect(rig.read(APIC_DFR)).toBe(0x0fff_ffff);
    for (const readOnly of [APIC_LVR, APIC_PROCPRI, APIC_IRR, APIC_ISR, APIC_TMR]) {
      const before = rig.read(readOnly);
      rig.write(readOnly, 0xffff_ffff);
      expect(rig.read(readOnly)).toBe(before);
    }
  });
});

describe('inter-processor interrupts', () => {
  it('fixed to a physical id, ICR reads back idle', () => {
    const rig = enabledRig(3);
    ipi(rig, ASSERT | 0x1041, 2);
    expect(takes(rig)).toEqual([undefined, undefined, 0x41]);
    expect(rig.read(APIC_ICR)).toBe(ASSERT | 0x41);
    expect(rig.read(APIC_ICR2)).toBe(0x0200_0000);
  });

  it('shorthands: self, all, all but self; physical 0xff is everyone', () => {
    const rig = enabledRig(3);
    ipi(rig, SELF | ASSERT | 0x41, 2);
    expect(takes(rig)).toEqual([0x41, undefined, undefined]);
    ipi(rig, ALL | ASSERT | 0x52, 2);
    expect(takes(rig)).toEqual([0x52, 0x52, 0x52]);
    ipi(rig, OTHERS | ASSERT | 0x63, 0, 1);
    expect(takes(rig)).toEqual([0x63, undefined, 0x63]);
    ipi(rig, ASSERT | 0x74, 0xff);
    expect(takes(rig)).toEqual([0x74, 0x74, 0x74]);
  });

  it('logical flat and cluster destinations; another model matches nobody', () => {
    const rig = enabledRig(2);
    rig.write(APIC_LDR, 0x0100_0000, 0);
    rig.write(APIC_LDR, 0x1200_0000, 1);
    ipi(rig, LOGICAL | ASSERT | 0x41, 0x02);
    expect(takes(rig)).toEqual([undefined, 0x41]);
    rig.write(APIC_DFR, 0, 1);
    ipi(rig, LOGICAL | ASSERT | 0x52, 0x02);
    expect(takes(rig)).toEqual([undefined, undefined]);
    ipi(rig, LOGICAL | ASSERT | 0x52, 0x12);
    expect(takes(rig)).toEqual([undefined, 0x52]);
    rig.write(APIC_DFR, 0x5000_0000, 1);
    ipi(rig, LOGICAL | ASSERT | 0x63, 0x12);
    expect(takes(rig)).toEqual([undefined, undefined]);
  });

  it('lowest priority: by class, then in turn; a physical broadcast reaches all', () => {
    const rig = enabledRig(2);
    rig.write(APIC_LDR, 0x0100_0000, 0);
    rig.write(APIC_LDR, 0x0200_0000, 1);
    rig.lapic(0).cr8 = 1;
    ipi(rig, LOGICAL | ASSERT | 0x141, 0x03);
    expect(takes(rig)).toEqual([undefined, 0x41]);
    rig.lapic(1).cr8 = 6;
    ipi(rig, LOGICAL | ASSERT | 0x152, 0x03);
    expect(takes(rig)).toEqual([0x52, undefined]);
    ipi(rig, ASSERT | 0x1f3, 0xff);
    expect(takes(rig)).toEqual([0xf3, 0xf3]);
  });

  it('NMI, INIT and SIPI reach the host with their target; INIT de-assert does not', () => {
    const rig = enabledRig(3);
    rig.kicks = [];
    ipi(rig, ASSERT | 0x400, 1);
    ipi(rig, ASSERT | LEVEL | 0x500, 2);
    ipi(rig, LEVEL | 0x500, 2);
    ipi(rig, ASSERT | 0x69f, 2);
    ipi(rig, OTHERS | ASSERT | 0x608, 0);
    expect(rig.events).toEqual(['nmi 1', 'init 2', 'sipi 2 159', 'sipi 1 8', 'sipi 2 8']);
    expect(rig.kicks).toEqual([1, 2, 2, 1, 2]);
  });

  it('a level IPI sets TMR, an edge one clears it again, a de-asserted one is dropped', () => {
    const rig = enabledRig();
    rig.write(APIC_ICR, SELF | ASSERT | LEVEL | 0x41);
    expect(rig.read(APIC_TMR + 0x20)).toBe(2);
    rig.write(APIC_ICR, SELF | ASSERT | 0x41);
    expect(rig.read(APIC_TMR + 0x20)).toBe(0);
    rig.write(APIC_ICR, SELF | LEVEL | 0x51);
    expect(rig.take()).toBe(0x41);
    rig.eoi();
    expect(rig.take()).toBeUndefined();
  });

  it('SMI, remote read and ExtINT IPIs raise nothing', () => {
    const rig = enabledRig();
    for (const mode of [0x200, 0x300, 0x700]) ipi(rig, ASSERT | mode | 0x41, 0);
    expect(rig.take()).toBeUndefined();
    expect(rig.events).toEqual([]);
  });
});

describe('local vector table', () => {
  it('LINT0 as ExtINT follows the level of INTR and the PIC comes before the APIC', () => {
    const rig = enabledRig();
    rig.initPics(1 << 4);
    rig.write(APIC_LVT0, 0x700);
    self(rig, 0xf0);
    rig.pulse(4);
    expect(rig.take()).toBe(0x0c);
    expect(rig.take()).toBe(0xf0);
    rig.out(0x20, 0x20);
    rig.pulse(4);
    rig.write(APIC_LVT0, 0x1_0700);
    expect(rig.take()).toBeUndefined();
    rig.kicks = [];
    rig.write(APIC_LVT0, 0x700);
    expect(rig.kicks).toEqual([0]);
    expect(rig.take()).toBe(0x0c);
  });

  it('ExtINT is taken whatever the task priority', () => {
    const rig = enabledRig();
    rig.initPics(1 << 4);
    rig.write(APIC_LVT0, 0x700);
    rig.lapic().cr8 = 15;
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x0c);
  });

  it('LINT0 as fixed or NMI takes the rises of INTR', () => {
    const rig = enabledRig();
    rig.initPics(1 << 4);
    rig.write(APIC_LVT0, 0x45);
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x45);
    expect(rig.take()).toBeUndefined();
    rig.out(0x21, 0xff);
    rig.write(APIC_LVT0, 0x400);
    rig.out(0x21, 0xef);
    expect(rig.events).toEqual(['nmi 0']);
  });

  it('LINT1, thermal and performance entries raise what they say, masked ones nothing', () => {
    const rig = enabledRig();
    const lapic = rig.lapic();
    expect(lapic.raiseLocal(APIC_LVT1)).toBe(false);
    rig.write(APIC_LVT1, 0x400);
    expect(lapic.raiseLocal(APIC_LVT1)).toBe(true);
    rig.write(APIC_LVT1, 0x500);
    lapic.raiseLocal(APIC_LVT1);
    expect(rig.events).toEqual(['nmi 0', 'init 0']);
    rig.write(APIC_LVTTHMR, 0xfa);
    expect(lapic.raiseLocal(APIC_LVTTHMR)).toBe(true);
    expect(rig.take()).toBe(0xfa);
  });

  it('a performance interrupt masks its own entry', () => {
    const rig = enabledRig();
    rig.write(APIC_LVTPC, 0xee);
    expect(rig.lapic().raiseLocal(APIC_LVTPC)).toBe(true);
    expect(rig.read(APIC_LVTPC)).toBe(0x1_00ee);
    expect(rig.lapic().raiseLocal(APIC_LVTPC)).toBe(false);
    expect(rig.take()).toBe(0xee);
  });
});

describe('error status', () => {
  it('logs illegal vectors sent and received, and reserved registers; a write of ESR latches and clears', () => {
    const rig = enabledRig();
    self(rig, 0x0f);
    expect(rig.read(APIC_ESR)).toBe(0);
    rig.write(APIC_ESR, 0);
    expect(rig.read(APIC_ESR)).toBe(1 << 5);
    rig.route(4, 0x05);
    rig.pulse(4);
    rig.read(0x2f0);
    rig.write(APIC_ESR, 0);
    expect(rig.read(APIC_ESR)).toBe((1 << 6) | (1 << 7));
    rig.write(APIC_ESR, 0);
    expect(rig.read(APIC_ESR)).toBe(0);
    expect(rig.take()).toBeUndefined();
  });

  it('raises the error entry once until ESR is written', () => {
    const rig = enabledRig();
    rig.write(APIC_LVTERR, 0xfe);
    self(rig, 3);
    expect(rig.take()).toBe(0xfe);
    rig.eoi();
    self(rig, 4);
    expect(rig.take()).toBeUndefined();
    rig.write(APIC_ESR, 0);
    self(rig, 4);
    expect(rig.take()).toBe(0xfe);
  });

  it('an error entry with an illegal vector ends in ESR', () => {
    const rig = enabledRig();
    rig.write(APIC_LVTERR, 0x02);
    self(rig, 3);
    rig.write(APIC_ESR, 0);
    expect(rig.read(APIC_ESR)).toBe((1 << 5) | (1 << 6));
  });
});

describe('x2APIC', () => {
  const x2rig = (vcpus = 1) => {
    const rig = enabledRig(vcpus);
    for (const lapic of rig.lapics) lapic.setApicBase(lapic.apicBase | (1n << 10n));
    return rig;
  };

  it('has 32-bit ids, a derived LDR, no MMIO', () => {
    const lapics = x2rig(20).lapics;
    expect(lapics[19]?.readX2apicMsr(0x802)).toBe(19n);
    expect(lapics[19]?.readX2apicMsr(0x80d)).toBe((1n << 16n) | (1n << 3n));
    expect(lapics[19]?.covers(LAPIC_GPA)).toBe(false);
  });

  it('faults outside x2APIC mode, on missing, read-only and write-only registers and on reserved bits', () => {
    expect(enabledRig().lapic().readX2apicMsr(0x802)).toBe(false);
    expect(enabledRig().lapic().writeX2apicMsr(0x80b, 0n)).toBe(false);
    const lapic = x2rig().lapic();
    for (const index of [0x80b, 0x80e, 0x831, 0x83f, 0x809, 0x82f, 0x840, 0x8ff]) {
      expect(lapic.readX2apicMsr(index)).toBe(false);
    }
    for (const index of [0x802, 0x803, 0x80a, 0x80d, 0x80e, 0x810, 0x831, 0x839, 0x840]) {
      expect(lapic.writeX2apicMsr(index, 0n)).toBe(false);
    }
    expect(lapic.writeX2apicMsr(0x80b, 1n)).toBe(false);
    expect(lapic.writeX2apicMsr(0x828, 1n)).toBe(false);
    expect(lapic.writeX2apicMsr(0x808, 1n << 32n)).toBe(false);
    expect(lapic.writeX2apicMsr(0x830, 1n << 20n)).toBe(false);
    expect(lapic.writeX2apicMsr(0x828, 0n)).toBe(true);
  });

  it('sends by the 64-bit ICR: physical, logical cluster, broadcast; and the self IPI', () => {
    const rig = x2rig(18);
    const lapic = rig.lapic();
    const taken = () => rig.lapics.filter((l) => l.hasInterrupt() && l.acknowledge() > 0).map((l) => l.id);
    const eoiAll = () => {
      for (const l of rig.lapics) l.writeX2apicMsr(0x80b, 0n);
    };
    expect(lapic.writeX2apicMsr(0x830, (17n << 32n) | 0x4041n)).toBe(true);
    expect(lapic.readX2apicMsr(0x830)).toBe((17n << 32n) | 0x4041n);
    expect(taken()).toEqual([17]);
    eoiAll();
    lapic.writeX2apicMsr(0x830, (0x0001_0003n << 32n) | 0x4841n);
    expect(taken()).toEqual([16, 17]);
    eoiAll();
    lapic.writeX2apicMsr(0x830, (0xffff_ffffn << 32n) | 0x4041n);
    expect(taken()).toHaveLength(18);
    eoiAll();
    expect(lapic.writeX2apicMsr(0x83f, 0x66n)).toBe(true);
    expect(rig.take()).toBe(0x66);
  });

  it('device messages still reach it by 8-bit ids and 0xff', () => {
    const rig = x2rig(2);
    rig.chip.signalMsi(LAPIC_GPA | (1 << 12), 0x41);
    expect(takes(rig)).toEqual([undefined, 0x41]);
    rig.chip.signalMsi(LAPIC_GPA | (0xff << 12), 0x52);
    expect(takes(rig)).toEqual([0x52, 0x52]);
  });
});

describe('KVM_GET_LAPIC and KVM_SET_LAPIC', () => {
  it('round-trip in the middle of everything, and delivery goes on', () => {
    const rig = enabledRig();
    rig.write(0x3e0, 0xb);
    rig.write(APIC_LVTT, 0x2_0040);
    rig.write(0x380, 1000);
    rig.advance(300);
    self(rig, 0x71);
    rig.take();
    self(rig, 0x62);
    rig.lapic().cr8 = 1;
    const saved = rig.lapic().getState();

    const other = new Rig();
    other.nowNs = 5_000_000;
    other.lapic().setState(saved);
    expect(other.lapic().getState()).toEqual(saved);
    expect(other.read(0x390)).toBe(700);
    expect(other.take()).toBeUndefined();
    other.eoi();
    expect(other.take()).toBe(0x62);
    other.eoi();
    other.advance(699);
    expect(other.take()).toBeUndefined();
    other.advance(1);
    expect(other.take()).toBe(0x40);
    other.eoi();
    other.advance(1_000_000);
    expect(other.take()).toBe(0x40);
  });

  it('an expired one-shot timer stays expired', () => {
    const rig = enabledRig();
    rig.write(APIC_LVTT, 0x40);
    rig.write(0x380, 100);
    rig.advance(1000);
    rig.take();
    rig.eoi();
    const saved = rig.lapic().getState();
    rig.lapic().setState(saved);
    rig.advance(10_000);
    expect(rig.take()).toBeUndefined();
    expect(rig.lapic().getState()).toEqual(saved);
  });

  it('an x2APIC has its id in the top byte', () => {
    const rig = new Rig(3);
    const lapic = rig.lapic(2);
    lapic.setApicBase(0xfee0_0c00n);
    const saved = lapic.getState();
    expect(saved[APIC_ID + 3]).toBe(2);
    lapic.setState(saved);
    expect(lapic.readX2apicMsr(0x802)).toBe(2n);
    expect(lapic.getState()).toEqual(saved);
  });

  it('refuses another size', () => {
    expect(() => new Rig().lapic().setState(new Uint8Array(1023))).toThrowError(/KVM_SET_LAPIC: EINVAL/);
  });
});
