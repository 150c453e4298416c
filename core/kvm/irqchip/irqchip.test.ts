import { describe, expect, it } from 'vitest';
import { KVM_IRQCHIP_IOAPIC, KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE } from '../api.ts';
import { KVM_APIC_REG_SIZE, KVM_IRQCHIP_SIZE, KVM_PIT_STATE2_SIZE } from './irqchip.ts';
import { IOAPIC_GPA, LAPIC_GPA, Rig } from './rig.ts';

const CHIPS = [KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC];

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

function randomBytes(next: (below: number) => number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => next(256));
}

describe('ports and addresses', () => {
  it('owns the ports of PIC and ELCR, and those of the PIT once it exists', () => {
    const rig = new Rig();
    const owned = () => Array.from({ length: 0x1_0000 }, (_, port) => port).filter((port) => rig.chip.pio(port));
    const pic = [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1];
    expect(owned()).toEqual(pic);
    rig.chip.createPit();
    expect(owned()).toEqual([...pic, 0x40, 0x41, 0x42, 0x43, 0x61].sort((a, b) => a - b));
  });

  it('owns the IOAPIC window and the page of each local APIC', () => {
    const rig = new Rig(2);
    expect(rig.chip.mmio(IOAPIC_GPA, 1)).toBe(true);
    expect(rig.chip.mmio(LAPIC_GPA + 0xfff, 1)).toBe(true);
    expect(rig.chip.mmio(LAPIC_GPA + 0x1000, 1)).toBe(false);
    expect(rig.chip.mmio(LAPIC_GPA, 7)).toBe(false);
    expect(rig.chip.mmioRead(1, LAPIC_GPA + 0x20, 4)).toBe(0x0100_0000);
  });
});

describe('an idle irqchip', () => {
  it('arms no timer', () => {
    const rig = new Rig(2);
    rig.chip.createPit();
    rig.initPics(0xffff);
    rig.enableApics();
    rig.advance(1e12);
    expect(rig.fired).toBe(0);
    expect(rig.queue.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('struct layouts', () => {
  it('have the sizes of linux/kvm.h', () => {
    expect([KVM_IRQCHIP_SIZE, KVM_PIT_STATE2_SIZE, KVM_APIC_REG_SIZE]).toEqual([520, 112, 1024]);
  });

  it('kvm_pic_state: fields in their order', () => {
    const rig = new Rig();
    rig.initPics(0xfbef, 0x13);
    rig.out(0x20, 0xc2); // lowest priority 2
    rig.out(0x20, 0x80); // rotate in automatic EOI mode
    rig.out(0x20, 0x6b); // special mask, read ISR
    rig.out(0x20, 0x0c); // poll
    rig.out(0x4d0, 0x28);
    rig.chip.setIrq(4, 1);
    const master = rig.chip.getChip(KVM_IRQCHIP_PIC_MASTER);
    expect([...master.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...master.subarray(8, 24)]).toEqual([0x10, 0x10, 0x10, 0, 3, 8, 1, 1, 1, 0, 1, 1, 1, 1, 0x28, 0xf8]);
    const slave = rig.chip.getChip(KVM_IRQCHIP_PIC_SLAVE);
    expect([slave[0], slave[8 + 2], slave[8 + 5], slave[8 + 15]]).toEqual([1, 0x04, 0x70, 0xde]);
  });

  it('kvm_ioapic_state: base, select, id, lines, 24 entries', () => {
    const rig = new Rig();
    rig.enableApics();
    rig.writeIoapic(0, 0x0700_0000);
    rig.route(20, 0x1_8044, 3);
    rig.chip.setIrq(20, 1);
    const view = new DataView(rig.chip.getChip(KVM_IRQCHIP_IOAPIC).buffer);
    expect(view.getUint32(0, true)).toBe(2);
    expect(view.getBigUint64(8, true)).toBe(0xfec0_0000n);
    expect(view.getUint32(16, true)).toBe(0x38);
    expect(view.getUint32(20, true)).toBe(7);
    expect(view.getUint32(24, true)).toBe(1 << 20);
    expect(view.getBigUint64(32 + 20 * 8, true)).toBe(0x0300_0000_0001_8044n);
  });

  it('kvm_pit_state2: channels of 24 bytes and flags', () => {
    const rig = new Rig();
    rig.chip.createPit();
    rig.advance(1_000_000);
    rig.out(0x43, 0x35);
    rig.out(0x40, 0x34, 0x12);
    rig.out(0x43, 0x00, 0xe2);
    rig.out(0x40, 0x77);
    rig.out(0x61, 0x03);
    const view = new DataView(rig.chip.getPit2().buffer);
    expect(view.getUint32(0, true)).toBe(0x1234);
    expect(view.getUint16(4, true)).toBe(0x1234);
    expect(Array.from({ length: 10 }, (_, i) => view.getUint8(6 + i))).toEqual([3, 1, 0xb5, 3, 4, 0x77, 3, 2, 1, 1]);
    expect(view.getBigInt64(16, true)).toBe(1_000_000n);
    expect(view.getUint8(48 + 15)).toBe(1);
    expect(view.getUint32(72, true)).toBe(2);
  });

  it('refuse another size, another chip, and chips that are not there', () => {
    const rig = new Rig();
    expect(() => rig.chip.getChip(3)).toThrowError(/KVM_GET_IRQCHIP: EINVAL/);
    expect(() => rig.chip.setChip(3, new Uint8Array(520))).toThrowError(/KVM_SET_IRQCHIP: EINVAL/);
    expect(() => rig.chip.setChip(0, new Uint8Array(519))).toThrowError(/KVM_SET_IRQCHIP: EINVAL/);
    expect(() => rig.chip.setChip(1, rig.chip.getChip(0))).toThrowError(/KVM_SET_IRQCHIP: EINVAL/);
    expect(() => rig.chip.getPit2()).toThrowError(/KVM_GET_PIT2: ENXIO/);
    rig.chip.createPit();
    expect(() => rig.chip.setPit2(new Uint8Array(111))).toThrowError(/KVM_SET_PIT2: EINVAL/);
  });
});

describe('state', () => {
  it('moves to another VM in the middle of a count and of interrupts, and goes on alike', () => {
    const setUp = () => {
      const rig = new Rig();
      rig.chip.createPit();
      return rig;
    };
    const rig = setUp();
    rig.initPics(0x11);
    rig.enableApics();
    rig.route(20, 0x8044);
    rig.chip.setIrq(20, 1);
    rig.out(0x43, 0x34);
    rig.out(0x40, 0x1a, 0x04); // 1050 counts, 880 us
    rig.out(0x61, 1);
    rig.out(0x43, 0xb0);
    rig.out(0x42, 0xff, 0xff);
    rig.out(0x43, 0x74);
    rig.out(0x41, 0x12); // half a count
    rig.advance(900_000);
    expect(rig.take()).toBe(0x08);
    rig.out(0x20, 0x20);
    rig.advance(100_000);
    rig.out(0x61, 0);
    rig.out(0x43, 0x80);
    rig.in(0x42); // half a latched count
    rig.chip.setIrq(4, 1);

    const other = setUp();
    other.nowNs = rig.nowNs;
    for (const id of CHIPS) other.chip.setChip(id, rig.chip.getChip(id));
    other.chip.setPit2(rig.chip.getPit2());
    other.lapic().setState(rig.lapic().getState());
    for (const id of CHIPS) expect(other.chip.getChip(id)).toEqual(rig.chip.getChip(id));
    expect(other.chip.getPit2()).toEqual(rig.chip.getPit2());

    const goesOn = (it: Rig) => {
      const seen: (number | undefined)[] = [it.in(0x42), it.in(0x61)];
      it.out(0x41, 0x34);
      it.out(0x61, 1);
      for (let i = 0; i < 200; i++) {
        it.advance(100_000);
        const vector = it.take();
        if (vector === 0x44) it.eoi();
        else if (vector !== undefined) it.out(0x20, 0x20);
        if (i === 50) it.chip.setIrq(20, 0);
        seen.push(vector, it.in(0x42), it.in(0x41), it.in(0x61));
      }
      return seen;
    };
    const from = goesOn(rig);
    const to = goesOn(other);
    expect(to).toEqual(from);
    expect(to).toContain(0x44);
    expect(to).toContain(0x08);
  });

  it('takes any bytes of the right size', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const next = random(seed);
      const rig = new Rig();
      rig.chip.createPit();
      for (const id of CHIPS) {
        const bytes = randomBytes(next, KVM_IRQCHIP_SIZE);
        bytes.set([id, 0, 0, 0]);
        rig.chip.setChip(id, bytes);
        const once = rig.chip.getChip(id);
        rig.chip.setChip(id, once);
        expect(rig.chip.getChip(id)).toEqual(once);
      }
      rig.chip.setPit2(randomBytes(next, KVM_PIT_STATE2_SIZE));
      rig.lapic().setState(randomBytes(next, KVM_APIC_REG_SIZE));
      for (let i = 0; i < 20; i++) {
        rig.stall(next(1_000_000));
        rig.take();
        for (const port of [0x40, 0x41, 0x42, 0x61, 0x20, 0xa0]) expect(rig.in(port)).toBeLessThan(256);
      }
    }
  });

  it('reset brings PIC, IOAPIC and PIT back to power-on', () => {
    const fresh = new Rig();
    fresh.chip.createPit();
    const rig = new Rig();
    rig.chip.createPit();
    rig.initPics(0xffff);
    rig.route(5, 0x8055);
    rig.chip.setIrq(5, 1);
    rig.out(0x43, 0x34);
    rig.out(0x40, 0x34, 0x12);
    rig.out(0x61, 3);
    rig.chip.reset();
    for (const id of CHIPS) expect(rig.chip.getChip(id)).toEqual(fresh.chip.getChip(id));
    expect(rig.chip.getPit2()).toEqual(fresh.chip.getPit2());
    expect(rig.queue.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    expect(rig.lapic().hasInterrupt()).toBe(false);
  });
});

describe('a hostile guest', () => {
  const PORTS = [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61];

  it.each(Array.from({ length: 20 }, (_, i) => i + 1))('random accesses never throw, seed %i', (seed) => {
    const next = random(seed * 7919);
    const rig = new Rig(3);
    rig.chip.createPit();
    if (seed % 2 === 0) {
      rig.initPics(0xffff);
      rig.enableApics();
    }
    const value = () => next(0x1_0000_0000);
    const size = () => [1, 2, 4, 8][next(4)] ?? 1;
    const address = () =>
      next(3) === 0 ? IOAPIC_GPA + next(0x20) : LAPIC_GPA + (next(8) === 0 ? next(0x1000) : next(0x40) << 4);
    const msr = () => 0x800 + next(0x100);
    const actions: ((vcpu: number) => unknown)[] = [
      () => rig.chip.pioWrite(PORTS[next(PORTS.length)] ?? 0x20, size(), value()),
      () => rig.chip.pioRead(PORTS[next(PORTS.length)] ?? 0x20, size()),
      (vcpu) => rig.chip.mmioWrite(vcpu, address(), size(), value()),
      (vcpu) => rig.chip.mmioWrite(vcpu, address() & ~3, 4, value()),
      (vcpu) => rig.chip.mmioRead(vcpu, address(), size()),
      () => rig.chip.setIrq(next(30), next(2) === 0 ? 0 : 1),
      () => rig.chip.signalMsi(value(), value()),
      (vcpu) => rig.lapic(vcpu).writeX2apicMsr(msr(), BigInt(value()) << BigInt(next(2) * 32)),
      (vcpu) => rig.lapic(vcpu).readX2apicMsr(msr()),
      (vcpu) => next(50) === 0 && rig.lapic(vcpu).setApicBase(BigInt(value())),
      (vcpu) => next(50) === 0 && rig.lapic(vcpu).setApicBase(0xfee0_0800n | (next(2) === 0 ? 0n : 1n << 10n), true),
      (vcpu) => rig.write(0xf0, 0x100 | next(0x200), vcpu),
      (vcpu) => {
        rig.lapic(vcpu).tscDeadline = BigInt(value()) << BigInt(next(32));
      },
      (vcpu) => {
        rig.lapic(vcpu).cr8 = next(16);
      },
      (vcpu) => rig.take(vcpu),
      (vcpu) => rig.eoi(vcpu),
      () => rig.stall(next(3_000_000)),
    ];
    for (let i = 0; i < 5000; i++) {
      const vector = actions[next(actions.length)]?.(next(3));
      if (typeof vector === 'number') expect(vector).toBeLessThanOrEqual(0xffff_ffff);
    }
    const firedBefore = rig.fired;
    rig.advance(100_000_000);
    // Four periodic timers at most, each no more than once in 200 us.
    expect(rig.fired - firedBefore).toBeLessThanOrEqual(4 * 501);
  });
});
