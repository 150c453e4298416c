import { describe, expect, it } from 'vitest';
import { APIC_LVTT, APIC_SPIV, APIC_TDCR, APIC_TMCCT, APIC_TMICT } from './lapic-regs.ts';
import { Rig, TSC_PER_NS } from './rig.ts';

const VECTOR = 0x40;
const MASKED = 1 << 16;
const PERIODIC = 1 << 17;
const TSC_DEADLINE = 2 << 17;
const IDLE = Number.POSITIVE_INFINITY;

/** Divide by 1: one count is 1 ns. */
function timerRig(lvtt: number): Rig {
  const rig = new Rig();
  rig.initPics(0);
  rig.startTimer(lvtt);
  rig.write(APIC_TDCR, 0xb);
  return rig;
}

function taken(rig: Rig): boolean {
  if (rig.take() === undefined) return false;
  rig.eoi();
  return true;
}

describe('one-shot', () => {
  it('fires once, exactly when the count reaches zero', () => {
    const rig = timerRig(VECTOR);
    rig.write(APIC_TMICT, 1000);
    expect(rig.read(APIC_TMCCT)).toBe(1000);
    rig.advance(999);
    expect(rig.read(APIC_TMCCT)).toBe(1);
    expect(rig.take()).toBeUndefined();
    rig.advance(1);
    expect(rig.read(APIC_TMCCT)).toBe(0);
    expect(rig.take()).toBe(VECTOR);
    rig.eoi();
    rig.advance(1_000_000);
    expect(rig.take()).toBeUndefined();
    expect(rig.read(APIC_TMICT)).toBe(1000);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it.each([
    [0x0, 2],
    [0x1, 4],
    [0x2, 8],
    [0x3, 16],
    [0x8, 32],
    [0x9, 64],
    [0xa, 128],
    [0xb, 1],
  ])('divide configuration %i counts every %i ns', (tdcr, divide) => {
    const rig = timerRig(VECTOR);
    rig.write(APIC_TDCR, tdcr | 0xff4);
    expect(rig.read(APIC_TDCR)).toBe(tdcr);
    rig.write(APIC_TMICT, 100);
    rig.advance(50 * divide);
    expect(rig.read(APIC_TMCCT)).toBe(50);
    expect(rig.queue.nextDeadlineNs()).toBe(100 * divide);
  });

  it('a new divider keeps the current count, a new initial count starts over, 0 stops', () => {
    const rig = timerRig(VECTOR);
    rig.write(APIC_TMICT, 1000);
    rig.advance(400);
    rig.write(APIC_TDCR, 0x1);
    expect(rig.read(APIC_TMCCT)).toBe(600);
    expect(rig.queue.nextDeadlineNs()).toBe(400 + 600 * 4);
    rig.write(APIC_TMICT, 10);
    expect(rig.queue.nextDeadlineNs()).toBe(440);
    rig.write(APIC_TMICT, 0);
    expect(rig.read(APIC_TMCCT)).toBe(0);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('counts the full 32 bits', () => {
    const rig = timerRig(VECTOR);
    rig.write(APIC_TDCR, 0xa);
    rig.write(APIC_TMICT, 0xffff_ffff);
    expect(rig.read(APIC_TMCCT)).toBe(0xffff_ffff);
    expect(rig.queue.nextDeadlineNs()).toBe(0xffff_ffff * 128);
  });
});

describe('arming', () => {
  it('a masked timer counts but arms nothing; an expiry while masked is lost', () => {
    const rig = timerRig(VECTOR | MASKED);
    rig.write(APIC_TMICT, 1000);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    rig.advance(600);
    expect(rig.read(APIC_TMCCT)).toBe(400);
    rig.write(APIC_LVTT, VECTOR);
    expect(rig.queue.nextDeadlineNs()).toBe(1000);
    rig.write(APIC_LVTT, VECTOR | MASKED);
    rig.advance(600);
    rig.write(APIC_LVTT, VECTOR);
    expect(rig.take()).toBeUndefined();
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('software or hardware disable disarms it', () => {
    const rig = timerRig(VECTOR | PERIODIC);
    rig.write(APIC_TMICT, 1_000_000);
    rig.write(APIC_SPIV, 0xff);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    const hardware = timerRig(VECTOR | PERIODIC);
    hardware.write(APIC_TMICT, 1_000_000);
    hardware.lapic().setApicBase(0xfee0_0100n);
    expect(hardware.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('an expiry that is due but has not fired is raised before a change could lose it', () => {
    const rig = timerRig(VECTOR);
    rig.write(APIC_TMICT, 1000);
    rig.nowNs = 1500;
    rig.write(APIC_LVTT, VECTOR | MASKED);
    expect(rig.take()).toBe(VECTOR);
  });

  it('INIT stops it', () => {
    const rig = timerRig(VECTOR | PERIODIC);
    rig.write(APIC_TMICT, 1_000_000);
    rig.lapic().init();
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    expect(rig.read(APIC_TMCCT)).toBe(0);
  });
});

describe('periodic', () => {
  it('fires at every multiple of the period, the count reloading', () => {
    const rig = timerRig(VECTOR | PERIODIC);
    rig.write(APIC_TMICT, 1_000_000);
    for (let n = 1; n <= 5; n++) {
      rig.advance(999_999);
      expect(rig.read(APIC_TMCCT)).toBe(1);
      expect(taken(rig)).toBe(false);
      rig.advance(1);
      expect(rig.read(APIC_TMCCT)).toBe(1_000_000);
      expect(taken(rig)).toBe(true);
    }
  });

  it('a late timer fires once for all missed periods and keeps its phase', () => {
    const rig = timerRig(VECTOR | PERIODIC);
    rig.write(APIC_TMICT, 1_000_000);
    rig.stall(7_300_000);
    expect(taken(rig)).toBe(true);
    expect(taken(rig)).toBe(false);
    expect(rig.queue.nextDeadlineNs()).toBe(8_000_000);
  });

  it('a period of 1 ns raises no more than one interrupt in 200 us', () => {
    const rig = timerRig(VECTOR | PERIODIC);
    rig.write(APIC_TMICT, 1);
    let interrupts = 0;
    for (let i = 0; i < 100; i++) {
      rig.advance(100_000);
      if (taken(rig)) interrupts++;
    }
    expect(interrupts).toBeLessThanOrEqual(51);
    expect(rig.fired).toBeLessThanOrEqual(51);
    expect(interrupts).toBeGreaterThan(45);
  });

  it('switching between periodic and one-shot keeps the running count; an expired one stays stopped', () => {
    const rig = timerRig(VECTOR | PERIODIC);
    rig.write(APIC_TMICT, 1_000_000);
    rig.advance(2_300_000);
    rig.take();
    rig.eoi();
    rig.write(APIC_LVTT, VECTOR);
    expect(rig.read(APIC_TMCCT)).toBe(700_000);
    rig.advance(700_000);
    expect(taken(rig)).toBe(true);
    rig.write(APIC_LVTT, VECTOR | PERIODIC);
    expect(rig.read(APIC_TMCCT)).toBe(0);
    rig.advance(5_000_000);
    expect(taken(rig)).toBe(false);
  });
});

describe('while time passes between two looks at the clock', () => {
  const moments = Array.from({ length: 40 }, (_, ns) => ns);

  it('no TSC deadline is missed, however near it is', () => {
    for (const ns of moments) {
      const rig = timerRig(VECTOR | TSC_DEADLINE);
      rig.nowNs = 1000;
      rig.lookNs = 1;
      rig.lapic().tscDeadline = BigInt((rig.nowNs + ns) * TSC_PER_NS);
      rig.advance(1000);
      expect({ ns, taken: taken(rig) }).toEqual({ ns, taken: true });
    }
  });

  it('a periodic timer goes on, wherever in a period it fires late', () => {
    const periodNs = 1_000_000;
    const rig = timerRig(VECTOR | PERIODIC);
    rig.lookNs = 1;
    rig.write(APIC_TMICT, periodNs);
    for (const ns of moments) {
      rig.stall(rig.queue.nextDeadlineNs() + periodNs - ns - rig.nowNs);
      expect({ ns, taken: taken(rig) }).toEqual({ ns, taken: true });
    }
  });
});

describe('TSC deadline', () => {
  it('fires when the TSC reaches the deadline, which then reads 0', () => {
    const rig = timerRig(VECTOR | TSC_DEADLINE);
    rig.lapic().tscDeadline = BigInt(5000 * TSC_PER_NS);
    expect(rig.lapic().tscDeadline).toBe(BigInt(5000 * TSC_PER_NS));
    rig.advance(4999);
    expect(taken(rig)).toBe(false);
    rig.advance(1);
    expect(taken(rig)).toBe(true);
    expect(rig.lapic().tscDeadline).toBe(0n);
    rig.advance(1_000_000);
    expect(taken(rig)).toBe(false);
  });

  it('a deadline in the past fires at once; 0 disarms', () => {
    const rig = timerRig(VECTOR | TSC_DEADLINE);
    rig.nowNs = 10_000;
    rig.lapic().tscDeadline = 1n;
    expect(taken(rig)).toBe(true);
    rig.lapic().tscDeadline = BigInt(50_000 * TSC_PER_NS);
    rig.lapic().tscDeadline = 0n;
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('the initial count is ignored and reads 0; outside the mode the deadline is ignored', () => {
    const rig = timerRig(VECTOR | TSC_DEADLINE);
    rig.write(APIC_TMICT, 1000);
    expect([rig.read(APIC_TMICT), rig.read(APIC_TMCCT)]).toEqual([0, 0]);
    rig.write(APIC_LVTT, VECTOR);
    rig.lapic().tscDeadline = 1_000_000n;
    expect(rig.lapic().tscDeadline).toBe(0n);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('changing the mode disarms the other one', () => {
    const rig = timerRig(VECTOR);
    rig.write(APIC_TMICT, 1_000_000);
    rig.write(APIC_LVTT, VECTOR | TSC_DEADLINE);
    expect(rig.read(APIC_TMICT)).toBe(0);
    rig.lapic().tscDeadline = 2_000_000n;
    rig.write(APIC_LVTT, VECTOR | PERIODIC);
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
  });

  it('masked: arms nothing, and a deadline that passes is gone', () => {
    const rig = timerRig(VECTOR | TSC_DEADLINE | MASKED);
    rig.lapic().tscDeadline = 2000n;
    expect(rig.queue.nextDeadlineNs()).toBe(IDLE);
    expect(rig.lapic().tscDeadline).toBe(2000n);
    rig.advance(1000);
    expect(rig.lapic().tscDeadline).toBe(0n);
    rig.write(APIC_LVTT, VECTOR | TSC_DEADLINE);
    expect(taken(rig)).toBe(false);
  });

  it('follows the TSC when that is written', () => {
    let offset = 0;
    const rig = timerRig(VECTOR | TSC_DEADLINE);
    rig.tscToNs = (tsc) => Number(tsc) / TSC_PER_NS - offset;
    rig.lapic().tscDeadline = 20_000n;
    expect(rig.queue.nextDeadlineNs()).toBe(10_000);
    offset = 4000;
    rig.lapic().timer.tscChanged();
    expect(rig.queue.nextDeadlineNs()).toBe(6000);
    offset = 20_000;
    rig.lapic().timer.tscChanged();
    expect(taken(rig)).toBe(true);
  });

  it('is absent without its CPUID bit', () => {
    const rig = timerRig(VECTOR);
    rig.lapic().cpuidTscDeadline = false;
    rig.write(APIC_LVTT, VECTOR | TSC_DEADLINE);
    expect(rig.read(APIC_LVTT)).toBe(VECTOR);
  });
});
