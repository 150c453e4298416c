import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import * as R from './acpi-pm.regs.ts';
import { AcpiPm } from './acpi-pm.ts';

const HALF_TURN_NS = (2 ** 23 / R.PM_TMR_HZ) * 1e9;

function makePm(startNs = 0) {
  const timers = new FakeTimers(startNs);
  const sci = new FakeLine();
  const calls: string[] = [];
  const pm = new AcpiPm({
    sci,
    timers,
    powerOff: () => calls.push('powerOff'),
    suspend: () => calls.push('suspend'),
    reset: () => calls.push('reset'),
  });
  const enable = () => pm.smiCommand.write(R.APMC, 1, R.ACPI_ENABLE);
  return { pm, timers, sci, calls, enable };
}

describe('AcpiPm SCI', () => {
  it('is switched on and off by the SMI commands of the FADT', () => {
    const { pm } = makePm();
    pm.smiCommand.write(R.APMC, 1, R.ACPI_ENABLE);
    expect(pm.read(R.PM1_CNT, 2) & R.SCI_EN).toBe(R.SCI_EN);
    pm.smiCommand.write(R.APMC, 1, R.ACPI_DISABLE);
    expect(pm.read(R.PM1_CNT, 2) & R.SCI_EN).toBe(0);
  });

  it('tells of the power button until the status is cleared', () => {
    const { pm, sci, enable } = makePm();
    enable();
    pm.write(R.PM1_EN, 2, R.PWRBTN_STS);
    pm.pressPowerButton();
    expect(sci.level).toBe(true);
    expect(pm.read(R.PM1_STS, 2)).toBe(R.PWRBTN_STS);
    pm.write(R.PM1_STS, 2, R.TMR_STS);
    expect(sci.level).toBe(true); // another bit was cleared
    pm.write(R.PM1_STS, 2, R.PWRBTN_STS);
    expect(sci.level).toBe(false);
    expect(pm.read(R.PM1_STS, 2)).toBe(0);
  });

  it.each(['event not enabled', 'ACPI not enabled'])('stays down with the %s', (which) => {
    const { pm, sci, enable } = makePm();
    if (which === 'ACPI not enabled') pm.write(R.PM1_EN, 2, R.PWRBTN_STS);
    else enable();
    pm.pressPowerButton();
    expect(sci.level).toBe(false);
    expect(pm.read(R.PM1_STS, 2)).toBe(R.PWRBTN_STS);
  });

  it('rises at once when a waiting event is enabled', () => {
    const { pm, sci, enable } = makePm();
    pm.pressPowerButton();
    enable();
    pm.write(R.PM1_EN, 2, R.PWRBTN_STS);
    expect(sci.level).toBe(true);
  });
});

describe('AcpiPm timer', () => {
  it('counts at 3.579545 MHz in 24 bits', () => {
    const { pm, timers } = makePm();
    timers.advance(1e9);
    expect(pm.read(R.PM_TMR, 4)).toBe(R.PM_TMR_HZ);
    timers.advance(9e9);
    expect(pm.read(R.PM_TMR, 4)).toBe((10 * R.PM_TMR_HZ) % 2 ** 24);
  });

  it('reads alike in parts while time stands', () => {
    const { pm, timers } = makePm();
    timers.advance(1.5e9);
    const whole = pm.read(R.PM_TMR, 4);
    const parts = [0, 1, 2, 3].map((i) => pm.read(R.PM_TMR + i, 1) * 256 ** i).reduce((a, b) => a + b, 0);
    expect(parts).toBe(whole);
  });

  it('sets its status when the top bit changes, and arms nothing for that', () => {
    const { pm, timers } = makePm();
    timers.advance(HALF_TURN_NS - 1000);
    expect(pm.read(R.PM1_STS, 2)).toBe(0);
    timers.advance(2000);
    expect(pm.read(R.PM1_STS, 2)).toBe(R.TMR_STS);
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('raises SCI at every change of the top bit when enabled and acknowledged', () => {
    const { pm, timers, sci, enable } = makePm(86_400e9);
    enable();
    pm.write(R.PM1_EN, 2, R.TMR_STS);
    for (let i = 1; i <= 5; i++) {
      timers.advance(HALF_TURN_NS);
      expect(sci.edges).toBe(i);
      expect(pm.read(R.PM_TMR, 4) % 2 ** 23).toBeLessThan(2 ** 23);
      pm.write(R.PM1_STS, 2, R.TMR_STS);
      expect(sci.level).toBe(false);
    }
    timers.advance(4 * HALF_TURN_NS);
    expect(sci.edges).toBe(6); // not acknowledged: one is all there is
  });
});

describe('AcpiPm sleep and reset', () => {
  it('powers off at SLP_EN with the type of S5, in one write or by bytes', () => {
    const { pm, calls } = makePm();
    pm.write(R.PM1_CNT, 2, R.SCI_EN | (R.SLP_TYP_S5 << R.SLP_TYP_SHIFT) | R.SLP_EN);
    pm.write(R.PM1_CNT + 1, 1, R.SLP_EN >> 8);
    expect(calls).toEqual(['powerOff', 'powerOff']);
    expect(pm.read(R.PM1_CNT, 2)).toBe(R.SCI_EN); // SLP_EN reads zero
  });

  it('suspends at the type of S3 and ignores types that the board does not have', () => {
    const { pm, calls } = makePm();
    pm.write(R.PM1_CNT, 2, (R.SLP_TYP_S3 << R.SLP_TYP_SHIFT) | R.SLP_EN);
    pm.write(R.PM1_CNT, 2, (6 << R.SLP_TYP_SHIFT) | R.SLP_EN);
    expect(calls).toEqual(['suspend']);
  });

  it('is off in S4', () => {
    const { pm, calls } = makePm();
    pm.write(R.PM1_CNT, 2, (R.SLP_TYP_S4 << R.SLP_TYP_SHIFT) | R.SLP_EN);
    expect(calls).toEqual(['powerOff']);
  });

  it('says after S3 that it woke, and by what', () => {
    const { pm } = makePm();
    pm.reset();
    pm.wake('power-button');
    expect(pm.read(R.PM1_STS, 2)).toBe(R.WAK_STS | R.PWRBTN_STS);
    pm.write(R.PM1_STS, 2, R.WAK_STS | R.PWRBTN_STS);
    pm.wake('input');
    expect(pm.read(R.PM1_STS, 2)).toBe(R.WAK_STS);
  });

  it('sets the status of the real-time clock, and says what is to wake the guest', () => {
    const { pm, sci, enable } = makePm();
    pm.rtcAlarm();
    expect([pm.read(R.PM1_STS, 2), sci.level, pm.pendingWake]).toEqual([R.RTC_STS, false, undefined]);
    enable();
    pm.write(R.PM1_EN, 2, R.RTC_STS | R.PWRBTN_STS);
    expect([sci.level, pm.pendingWake]).toEqual([true, 'rtc']);
    pm.write(R.PM1_STS, 2, R.RTC_STS);
    expect(pm.pendingWake).toBeUndefined();
    pm.pressPowerButton();
    expect(pm.pendingWake).toBe('power-button');
    pm.reset();
    pm.wake('rtc');
    expect(pm.read(R.PM1_STS, 2)).toBe(R.WAK_STS | R.RTC_STS);
  });

  it('does nothing for a sleep type without SLP_EN', () => {
    const { pm, calls } = makePm();
    pm.write(R.PM1_CNT, 2, R.SLP_TYP_S5 << R.SLP_TYP_SHIFT);
    expect(calls).toEqual([]);
  });

  it('resets by the register that the FADT names, and not by preparing it', () => {
    const { pm, calls } = makePm();
    pm.resetControl.write(0, 1, R.RCR_SRST);
    expect(calls).toEqual([]);
    expect(pm.resetControl.read(0, 1)).toBe(R.RCR_SRST);
    pm.resetControl.write(0, 1, R.RESET_VALUE);
    expect(calls).toEqual(['reset']);
  });

  it('has on an ICH9 a GPE block of 16 bytes elsewhere, and an SMI enable register that is locked', () => {
    const { GPE0_STS, GPE0_EN, SMI_EN = 0 } = R.ICH9_PM;
    const ports = { sci: new FakeLine(), timers: new FakeTimers(), powerOff: () => {}, reset: () => {} };
    const pm = new AcpiPm({ ...ports, layout: R.ICH9_PM });
    for (const offset of [GPE0_STS, GPE0_EN, SMI_EN]) pm.write(offset, 4, 0xffff_ffff);
    expect([pm.read(GPE0_STS, 4), pm.read(GPE0_EN, 4), pm.read(SMI_EN, 4)]).toEqual([0, 0xffff, 0x21]);
    expect(pm.counters).toEqual({ unknownReads: 0, unknownWrites: 0 });
    expect(pm.read(R.PIIX4_PM.GPE0_STS, 2)).toBe(0xffff);
  });

  it.each([
    ['PIIX4', R.PIIX4_PM],
    ['ICH9', R.ICH9_PM],
  ] as const)('raises SCI for an enabled general-purpose event until its status is cleared: %s', (_, layout) => {
    const sci = new FakeLine();
    const pm = new AcpiPm({ sci, timers: new FakeTimers(), powerOff: () => {}, reset: () => {}, layout });
    pm.smiCommand.write(R.APMC, 1, R.ACPI_ENABLE);
    pm.raiseGpe(R.GPE_PCI_HOTPLUG);
    expect([sci.level, pm.read(layout.GPE0_STS, 2)]).toEqual([false, 2]);
    pm.write(layout.GPE0_EN, 1, 2);
    expect(sci.level).toBe(true);
    pm.write(layout.GPE0_STS, 1, 1);
    expect(sci.level).toBe(true);
    pm.write(layout.GPE0_STS, 1, 2);
    expect([sci.level, pm.read(layout.GPE0_STS, 2)]).toEqual([false, 0]);
  });

  it('reads all ones where there is no register, and counts that', () => {
    const { pm } = makePm();
    expect(pm.read(0x20, 2)).toBe(0xffff);
    pm.write(0x20, 4, 0);
    expect(pm.counters).toEqual({ unknownReads: 2, unknownWrites: 4 });
  });
});
