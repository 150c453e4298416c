/** End of interrupt by memory, as the local APIC offers and takes it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { APIC_EOI, APIC_ICR, APIC_ISR, APIC_TMR } from './lapic-regs.ts';
import { PvEoi } from './pv-eoi.ts';
import { Rig } from './rig.ts';

const SELF = (1 << 18) | (1 << 14);
const GPA = 0x40;
const memory = new Uint8Array(0x100);

let rig: Rig;
beforeEach(() => {
  memory.fill(0);
  rig = new Rig(1);
  rig.initPics(0);
  rig.enableApics();
  rig.lapic().pvEoi = new PvEoi({
    readGuest: (gpa, size) => memory.slice(gpa, gpa + size),
    writeGuest: (gpa, bytes) => {
      memory.set(bytes, gpa);
      return true;
    },
  });
  rig.lapic().pvEoi?.setMsr(BigInt(GPA) | 1n);
});
const post = (vector: number): void => rig.write(APIC_ICR, SELF | vector);
/** ISR bit of 0x41, without looking through a register: a look takes the offer back. */
const inService = (): boolean =>
  (new DataView(rig.lapic().getState().buffer).getUint32(APIC_ISR + 0x20, true) & 2) !== 0;
const enter = (): void => rig.lapic().offerPvEoi();
const leave = (): void => rig.lapic().takePvEoi();

describe('an EOI by memory', () => {
  it('is offered for the interrupt in service, and ends it when the guest clears the bit', () => {
    post(0x41);
    expect(rig.take()).toBe(0x41);
    enter();
    expect(memory[GPA]).toBe(1);
    memory[GPA] = 0;
    expect(inService()).toBe(true);
    leave();
    expect(inService()).toBe(false);
  });

  it('is taken back unused when the guest leaves; the EOI register works as ever', () => {
    post(0x41);
    rig.take();
    enter();
    leave();
    expect([memory[GPA], inService()]).toEqual([0, true]);
    rig.write(APIC_EOI, 0);
    expect(inService()).toBe(false);
  });

  it('ends the inner of two nested interrupts, then the register the outer', () => {
    post(0x41);
    rig.take();
    post(0x61);
    expect(rig.take()).toBe(0x61);
    enter();
    memory[GPA] = 0;
    rig.write(APIC_EOI, 0);
    expect(inService()).toBe(false);
    expect(rig.lapic().hasInterrupt()).toBe(false);
  });

  it('lets the next interrupt of the same class through at once', () => {
    post(0x41);
    rig.take();
    enter();
    memory[GPA] = 0;
    post(0x42);
    expect(rig.take()).toBe(0x42);
  });

  it('is not offered while another interrupt waits, with none in service, or when it is off', () => {
    enter();
    post(0x41);
    post(0x42);
    rig.take();
    enter();
    expect(memory[GPA]).toBe(0);
    rig.take();
    rig.write(APIC_EOI, 0);
    rig.take();
    rig.lapic().pvEoi?.setMsr(0n);
    enter();
    expect(memory[GPA]).toBe(0);
  });

  it('is not offered for a level-triggered interrupt, of which an IOAPIC has to hear', () => {
    rig.lapic().accept((1 << 15) | (1 << 14) | 0x41);
    expect(rig.take()).toBe(0x41);
    expect(rig.read(APIC_TMR + 0x20) & 2).toBe(2);
    enter();
    expect(memory[GPA]).toBe(0);
  });

  it('kicks the vCPU for any interrupt while it is offered: the guest may be done with the last', () => {
    post(0x61);
    rig.take();
    enter();
    const before = rig.kicks.length;
    rig.lapic().accept((1 << 14) | 0x31);
    expect(rig.kicks.length).toBeGreaterThan(before);
  });
});
