import { expect, it } from 'vitest';
import { ENABLE_CNF, GEN_CONF, HPET_BASE, LEG_RT_CNF } from '../devices/hpet/hpet.regs.ts';
import { FakeTimers } from '../testing/fake-clock.ts';
import type { Board } from './board.ts';
import { hpet } from './hpet.ts';
import { IrqLines } from './irq-lines.ts';

const FLAGS = 72;

it('takes PIT and RTC off their lines while the HPET replaces them, and gives them back', () => {
  const levels = new Map<number, number>();
  let pitState = new Uint8Array(112).fill(0xee);
  pitState[FLAGS] = 2;
  const lines = new IrqLines({ irqLine: ({ irq, level }) => void levels.set(irq, level) });
  const setPit2 = (state: Uint8Array): void => {
    pitState = Uint8Array.from(state);
  };
  const pit = { getPit2: () => pitState.slice(), setPit2 };
  const { row, rtcLine } = hpet({ lines, pit, timers: new FakeTimers(), msi: () => {} } as unknown as Board);
  const [base, , region] = row.memory?.[0] ?? [];
  expect(base).toBe(HPET_BASE);
  rtcLine.set(true);
  expect(levels.get(8)).toBe(1);
  region?.write(GEN_CONF, 4, ENABLE_CNF | LEG_RT_CNF);
  expect([levels.get(8), pitState[FLAGS]]).toEqual([0, 3]);
  rtcLine.set(false);
  rtcLine.set(true);
  expect(levels.get(8)).toBe(0);
  region?.write(GEN_CONF, 4, ENABLE_CNF);
  expect([levels.get(8), pitState[FLAGS], pitState[0]]).toEqual([1, 2, 0xee]);
});
