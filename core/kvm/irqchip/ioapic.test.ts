import { describe, expect, it } from 'vitest';
import { APIC_DFR, APIC_LDR } from './lapic-regs.ts';
import { IOAPIC_GPA, LAPIC_GPA, Rig } from './rig.ts';

const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const REMOTE_IRR = 1 << 14;
const LOGICAL = 1 << 11;

function rigWithApics(vcpus = 1): Rig {
  const rig = new Rig(vcpus);
  rig.initPics(0);
  rig.enableApics();
  return rig;
}

const entry = (rig: Rig, pin: number) => rig.readIoapic(0x10 + pin * 2);

describe('82093AA registers', () => {
  it('version 0x11 with 24 pins, id and arbitration id of four bits', () => {
    const rig = rigWithApics();
    expect(rig.readIoapic(1)).toBe(0x0017_0011);
    rig.writeIoapic(0, 0xff00_0000);
    expect(rig.readIoapic(0)).toBe(0x0f00_0000);
    expect(rig.readIoapic(2)).toBe(0x0f00_0000);
    rig.writeIoapic(1, 0);
    rig.writeIoapic(2, 0);
    expect(rig.readIoapic(1)).toBe(0x0017_0011);
    expect(rig.readIoapic(2)).toBe(0x0f00_0000);
  });

  it('all entries are masked at power-on; there is nothing behind the last one', () => {
    const rig = rigWithApics();
    for (let pin = 0; pin < 24; pin++) expect(entry(rig, pin)).toBe(MASKED);
    expect(rig.readIoapic(0x40)).toBe(0xffff_ffff);
    rig.writeIoapic(0x40, 0);
    expect(rig.readIoapic(0x0f)).toBe(0xffff_ffff);
  });

  it('keeps what an entry can hold: reserved, delivery status and remote IRR are not written', () => {
    const rig = rigWithApics();
    rig.writeIoapic(0x16, 0xffff_ffff);
    rig.writeIoapic(0x17, 0xffff_ffff);
    expect(rig.readIoapic(0x16)).toBe(0x1_afff);
    expect(rig.readIoapic(0x17)).toBe(0xff00_0000);
  });

  it('selects by a byte, and answers 0 at other offsets of its window', () => {
    const rig = rigWithApics();
    rig.chip.mmioWrite(0, IOAPIC_GPA, 1, 1);
    expect(rig.chip.mmioRead(0, IOAPIC_GPA, 4)).toBe(1);
    expect(rig.chip.mmioRead(0, IOAPIC_GPA + 0x10, 2)).toBe(0x0011);
    expect(rig.chip.mmioRead(0, IOAPIC_GPA + 0x10, 8)).toBe(0x0017_0011);
    expect(rig.chip.mmioRead(0, IOAPIC_GPA + 0x20, 4)).toBe(0);
    expect(rig.chip.mmio(IOAPIC_GPA + 0xff, 0)).toBe(true);
    expect(rig.chip.mmio(IOAPIC_GPA + 0x100, 0)).toBe(false);
  });
});

describe('82093AA delivery', () => {
  it('an edge is delivered once, the line staying high adds nothing', () => {
    const rig = rigWithApics();
    rig.route(4, 0x34);
    rig.chip.setIrq(4, 1);
    rig.chip.setIrq(4, 1);
    expect(rig.kicks).toEqual([0]);
    expect(rig.take()).toBe(0x34);
    rig.eoi();
    expect(rig.take()).toBeUndefined();
    rig.pulse(4); // falls and stays low: no new edge before the next rise
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x34);
  });

  it('an edge on a masked pin is lost', () => {
    const rig = rigWithApics();
    rig.route(4, 0x34 | MASKED);
    rig.chip.setIrq(4, 1);
    rig.route(4, 0x34);
    expect(rig.take()).toBeUndefined();
  });

  it('a level waits for unmasking', () => {
    const rig = rigWithApics();
    rig.route(20, 0x44 | LEVEL | MASKED);
    rig.chip.setIrq(20, 1);
    expect(rig.take()).toBeUndefined();
    rig.route(20, 0x44 | LEVEL);
    expect(rig.take()).toBe(0x44);
  });

  it('a level sets remote IRR, is silent until EOI, and is delivered again while the line is high', () => {
    const rig = rigWithApics();
    rig.route(20, 0x44 | LEVEL);
    rig.chip.setIrq(20, 1);
    expect(entry(rig, 20)).toBe(0x44 | LEVEL | REMOTE_IRR);
    expect(rig.take()).toBe(0x44);
    rig.chip.setIrq(20, 1);
    expect(rig.take()).toBeUndefined();
    rig.eoi();
    expect(entry(rig, 20)).toBe(0x44 | LEVEL | REMOTE_IRR);
    expect(rig.take()).toBe(0x44);
    rig.chip.setIrq(20, 0);
    rig.eoi();
    expect(entry(rig, 20)).toBe(0x44 | LEVEL);
    expect(rig.take()).toBeUndefined();
  });

  it('the EOI of an edge vector leaves level entries of other vectors alone', () => {
    const rig = rigWithApics();
    rig.route(20, 0x44 | LEVEL);
    rig.route(4, 0x54);
    rig.chip.setIrq(20, 1);
    rig.chip.setIrq(4, 1);
    expect(rig.take()).toBe(0x54);
    rig.eoi();
    expect(entry(rig, 20) & REMOTE_IRR).toBe(REMOTE_IRR);
  });

  it('one EOI serves all pins that share the vector', () => {
    const rig = rigWithApics();
    rig.route(20, 0x44 | LEVEL);
    rig.route(21, 0x44 | LEVEL);
    rig.chip.setIrq(20, 1);
    rig.chip.setIrq(21, 1);
    rig.take();
    rig.chip.setIrq(20, 0);
    rig.eoi();
    expect(entry(rig, 20) & REMOTE_IRR).toBe(0);
    expect(entry(rig, 21) & REMOTE_IRR).toBe(REMOTE_IRR);
    expect(rig.take()).toBe(0x44);
  });

  it('turning a stuck entry to edge and back clears remote IRR and delivers again', () => {
    const rig = rigWithApics();
    rig.route(20, 0x44 | LEVEL);
    rig.chip.setIrq(20, 1);
    rig.writeIoapic(0x10 + 40, 0x44 | MASKED);
    expect(entry(rig, 20)).toBe(0x44 | MASKED);
    rig.writeIoapic(0x10 + 40, 0x45 | LEVEL);
    expect(rig.take()).toBe(0x45);
  });

  it('no local APIC takes it: remote IRR stays clear and a later assertion delivers', () => {
    const rig = new Rig();
    rig.initPics(0);
    rig.route(20, 0x44 | LEVEL);
    rig.chip.setIrq(20, 1);
    expect(entry(rig, 20) & REMOTE_IRR).toBe(0);
    rig.enableApics();
    rig.chip.setIrq(20, 1);
    expect(rig.take()).toBe(0x44);
  });

  it('routes GSI 0 to pin 2 and GSI 2 nowhere; GSIs beyond 23 are ignored', () => {
    const rig = rigWithApics();
    rig.route(0, 0x30);
    rig.route(2, 0x32);
    rig.pulse(2);
    rig.pulse(24);
    rig.pulse(200);
    expect(rig.take()).toBeUndefined();
    rig.pulse(0);
    expect(rig.take()).toBe(0x32);
  });
});

describe('82093AA destinations and modes', () => {
  it('physical: one id, or 0xff for all', () => {
    const rig = rigWithApics(3);
    rig.route(4, 0x34, 2);
    rig.pulse(4);
    expect([rig.take(0), rig.take(1), rig.take(2)]).toEqual([undefined, undefined, 0x34]);
    rig.route(4, 0x45, 0xff);
    rig.pulse(4);
    expect([rig.take(0), rig.take(1), rig.take(2)]).toEqual([0x45, 0x45, 0x45]);
  });

  it('logical flat: every APIC whose LDR shares a bit', () => {
    const rig = rigWithApics(3);
    rig.lapics.forEach((_, id) => {
      rig.write(APIC_LDR, 1 << (24 + id), id);
    });
    rig.route(4, 0x34 | LOGICAL, 0b101);
    rig.pulse(4);
    expect([rig.take(0), rig.take(1), rig.take(2)]).toEqual([0x34, undefined, 0x34]);
  });

  it('logical cluster: the cluster must be equal and a bit shared', () => {
    const rig = rigWithApics(3);
    [0x11, 0x12, 0x21].forEach((ldr, id) => {
      rig.write(APIC_DFR, 0x0fff_ffff, id);
      rig.write(APIC_LDR, ldr << 24, id);
    });
    rig.route(4, 0x34 | LOGICAL, 0x13);
    rig.pulse(4);
    expect([rig.take(0), rig.take(1), rig.take(2)]).toEqual([0x34, 0x34, undefined]);
  });

  it('lowest priority: the lowest class gets it, equal ones take turns, software-disabled ones never', () => {
    const rig = new Rig(3);
    rig.initPics(0);
    rig.write(0xf0, 0x1ff, 0);
    rig.write(0xf0, 0x1ff, 1);
    rig.lapics.forEach((_, id) => {
      rig.write(APIC_LDR, 1 << (24 + id), id);
    });
    rig.route(4, 0x34 | LOGICAL | 0x100, 0xff);
    rig.pulse(4);
    rig.pulse(4);
    expect([rig.take(0), rig.take(1), rig.take(2)]).toEqual([0x34, 0x34, undefined]);
    rig.eoi(0);
    rig.eoi(1);
    rig.lapic(0).cr8 = 2;
    rig.pulse(4);
    expect([rig.take(0), rig.take(1)]).toEqual([undefined, 0x34]);
  });

  it('NMI and INIT go to the vCPU', () => {
    const rig = rigWithApics(2);
    rig.route(4, 0x400, 1);
    rig.route(5, 0x500, 1);
    rig.pulse(4);
    rig.pulse(5);
    expect(rig.events).toEqual(['nmi 1', 'init 1']);
    expect(rig.kicks).toContain(1);
  });

  it('pin 0 as ExtINT passes the PIC on, one message for each INTR', () => {
    const rig = new Rig(2);
    rig.initPics(1 << 4);
    rig.enableApics();
    rig.write(0x350, 0x1_0700, 0); // LINT0 masked
    rig.route(0, 0x700, 1);
    rig.pulse(4);
    expect(rig.take(0)).toBeUndefined();
    expect(rig.take(1)).toBe(0x0c);
    expect(rig.take(1)).toBeUndefined();
    rig.out(0x20, 0x20);
    rig.pulse(4);
    expect(rig.take(1)).toBe(0x0c);
  });

  it('an ExtINT whose request was withdrawn is dropped', () => {
    const rig = new Rig();
    rig.initPics(1 << 4);
    rig.write(0x350, 0x1_0700);
    rig.route(0, 0x700);
    rig.chip.setIrq(4, 1);
    rig.out(0x21, 0xff);
    expect(rig.take()).toBeUndefined();
    rig.route(0, 0x700 | MASKED);
    rig.out(0x21, 0xef);
    expect(rig.take()).toBeUndefined();
  });
});

describe('MSI', () => {
  it('delivers by physical id, and by logical mask with lowest priority from the redirection hint', () => {
    const rig = rigWithApics(2);
    rig.chip.signalMsi(LAPIC_GPA | (1 << 12), 0x41);
    expect([rig.take(0), rig.take(1)]).toEqual([undefined, 0x41]);
    rig.write(APIC_LDR, 1 << 24, 0);
    rig.write(APIC_LDR, 2 << 24, 1);
    rig.chip.signalMsi(LAPIC_GPA | (3 << 12) | (1 << 2), 0x52);
    expect([rig.take(0), rig.take(1)]).toEqual([0x52, 0x52]);
    rig.chip.signalMsi(LAPIC_GPA | (3 << 12) | (1 << 3) | (1 << 2), 0x63);
    expect([rig.take(0), rig.take(1)].filter((v) => v === 0x63)).toHaveLength(1);
  });

  it('ignores addresses outside 0xfeexxxxx', () => {
    const rig = rigWithApics();
    rig.chip.signalMsi(0xfed0_0000, 0x41);
    rig.chip.signalMsi(0x1_fee0_0000, 0x41);
    expect(rig.take()).toBeUndefined();
  });
});
