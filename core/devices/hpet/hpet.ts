/**
 * High precision event timers: a 64-bit counter of guest time and three comparators, each one-shot or periodic, with
 * level, edge or message (FSB) delivery, or in the place of PIT and RTC.
 *
 * [HPET] IA-PC HPET Specification 1.0a (October 2004).
 *
 * Nothing ticks. Every access brings counter, comparators and status up to date ("settles"); a timer of the host is
 * armed only for an interrupt that can come. Periods that went by unseen are one interrupt. Registers are reached by
 * aligned 32 bits; of an access of 64 bits the halves come one after the other, the lower first.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { byteArray, defineState, int, type StateOf, timeNs } from '../state-shape.ts';
import * as R from './hpet.regs.ts';

const MIN_PERIOD_NS = R.FASTEST_PERIOD_TICKS * R.TICK_NS;
/** Nobody waits longer; what is farther away is not exact as a number. */
const MOST_TICKS = 2n ** 48n;
const NONE = -1;
const TIMERS = Array.from({ length: R.COMPARATORS }, (_, i) => i);
const TURN_64 = 2n ** 64n;
const TURN_32 = 2n ** 32n;

const STATE = defineState(
  'hpet',
  1,
  {
    /** GEN_CONF, GINTR_STA, MAIN_CNT and the timers, at their offsets. */
    registers: byteArray(R.REGISTERS_END),
    /** The value last written to each comparator, 64 bits: what a periodic one adds. */
    periods: byteArray(8 * R.COMPARATORS),
    /** When MAIN_CNT was what it says. */
    countedNs: timeNs,
    /** The counter's upper half as it was when the lower was read, for the access that follows. */
    latchedHigh: int(NONE, 0xffff_ffff),
    /** The timer whose comparator's lower half was just set under TN_VAL_SET: the upper half follows. */
    setsHigh: int(NONE, R.COMPARATORS - 1),
    /** The timer with TN_VAL_SET, one bit each. */
    valueSet: int(0, R.GINTR_STA_MASK),
  },
  ({ registers }) => impossible(new DataView(registers.buffer)),
);

export interface HpetPorts {
  timers: TimerHost;
  /** IRQ 0 and IRQ 8, for legacy replacement. */
  irq0: IrqLine;
  irq8: IrqLine;
  /** The IOAPIC inputs that timers can be led to. */
  inputs: ReadonlyMap<number, IrqLine>;
  /** A message: an interrupt by a memory write. */
  msi(addressLo: number, addressHi: number, data: number): void;
  /** Legacy replacement is on: PIT and RTC do not reach IRQ 0 and IRQ 8. */
  legacyReplacement(on: boolean): void;
}

/** HPET_SIZE bytes from HPET_BASE. */
export class Hpet implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly #hostTimers: readonly Timer[];
  readonly #routeCapability: number;
  #replaces = false;
  #s: StateOf<typeof STATE> = powerOn(0);
  #regs = new DataView(this.#s.registers.buffer);

  constructor(readonly ports: HpetPorts) {
    this.#routeCapability = [...ports.inputs.keys()].reduce((mask, input) => mask | (1 << input), 0) >>> 0;
    this.#hostTimers = TIMERS.map((n) =>
      ports.timers.createTimer(`hpet timer ${n}`, () => {
        this.#settle();
        this.#drive();
      }),
    );
    this.reset();
  }

  reset(): void {
    this.#take(powerOn(this.ports.timers.nowNs()));
  }

  save(): DeviceState {
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    this.#take(STATE.restore(state));
  }

  read(offset: number, size: AccessSize): number {
    this.#settle();
    const shift = 8 * (offset & 3);
    const crosses = (offset & 3) + size > 4;
    const value = crosses ? undefined : this.#readRegister(offset & ~3);
    this.#drive();
    const mask = 2 ** (8 * size) - 1;
    if (value !== undefined) return ((value >>> shift) & mask) >>> 0;
    this.counters.unknownReads++;
    return mask;
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.#settle();
    this.#s.latchedHigh = NONE;
    const setsHigh = this.#s.setsHigh;
    this.#s.setsHigh = NONE;
    if (size !== 4 || offset % 4 !== 0 || !this.#writeRegister(offset, value, setsHigh)) this.counters.unknownWrites++;
    this.#drive();
  }

  #take(state: StateOf<typeof STATE>): void {
    this.#s = state;
    this.#regs = new DataView(state.registers.buffer);
    this.#drive();
  }

  #u32(offset: number): number {
    return this.#regs.getUint32(offset, true);
  }

  #u64(offset: number): bigint {
    return this.#regs.getBigUint64(offset, true);
  }

  get #running(): boolean {
    return (this.#u32(R.GEN_CONF) & R.ENABLE_CNF) !== 0;
  }

  get #legacy(): boolean {
    return (this.#u32(R.GEN_CONF) & R.LEG_RT_CNF) !== 0;
  }

  #conf(n: number): number {
    return this.#u32(timerAt(n));
  }

  #period(n: number): bigint {
    return new DataView(this.#s.periods.buffer).getBigUint64(8 * n, true);
  }

  #readRegister(offset: number): number | undefined {
    const { latchedHigh } = this.#s;
    this.#s.latchedHigh = offset === R.MAIN_CNT ? this.#u32(R.MAIN_CNT + 4) : NONE;
    if (offset === R.MAIN_CNT + 4 && latchedHigh !== NONE) return latchedHigh;
    if (offset === R.GCAP_ID) return R.GCAP_ID_LO;
    if (offset === R.GCAP_ID + 4) return R.GCAP_ID_HI;
    if (offset >= R.REGISTERS_END) return undefined;
    if (offset < R.TIMERS) return this.#u32(offset); // what is reserved reads zero
    const register = (offset - R.TIMERS) % R.TIMER_STRIDE;
    if (register === R.TN_CONF_CAP) return this.#u32(offset) | R.TN_CAPABILITIES;
    return register === R.TN_CONF_CAP + 4 ? this.#routeCapability : this.#u32(offset);
  }

  /** False where nothing can be written. */
  #writeRegister(offset: number, value: number, setsHigh: number): boolean {
    const put = (at: number, word: number): void => this.#regs.setUint32(at, word >>> 0, true);
    switch (offset) {
      case R.GEN_CONF:
        put(R.GEN_CONF, value & R.GEN_CONF_MASK);
        return true;
      case R.GINTR_STA:
        put(R.GINTR_STA, this.#u32(R.GINTR_STA) & ~value);
        return true;
      case R.MAIN_CNT:
      case R.MAIN_CNT + 4:
        put(offset, value);
        return true;
    }
    const n = Math.floor((offset - R.TIMERS) / R.TIMER_STRIDE);
    if (n < 0 || n >= R.COMPARATORS) return false;
    const register = (offset - R.TIMERS) % R.TIMER_STRIDE;
    switch (register) {
      case R.TN_CONF_CAP:
        this.#configure(n, value);
        return true;
      case R.TN_COMPARATOR:
      case R.TN_COMPARATOR + 4:
        this.#writeComparator(n, register - R.TN_COMPARATOR, value, setsHigh);
        return true;
      case R.TN_FSB_VAL:
      case R.TN_FSB_ADDR:
        put(offset, value);
        return true;
      default:
        return false;
    }
  }

  #configure(n: number, value: number): void {
    const bit = 1 << n;
    this.#regs.setUint32(timerAt(n), value & R.TN_CONF_MASK, true);
    this.#s.valueSet = value & R.TN_VAL_SET ? this.#s.valueSet | bit : this.#s.valueSet & ~bit;
    // [HPET] 2.3.5: a timer that is not level-triggered has no status
    if (!(value & R.TN_INT_TYPE)) {
      this.#regs.setUint32(R.GINTR_STA, this.#u32(R.GINTR_STA) & ~bit, true);
    }
    if (value & R.TN_32MODE) this.#regs.setUint32(timerAt(n) + R.TN_COMPARATOR + 4, 0, true);
  }

  /** [HPET] 2.3.9.2.2: of a periodic timer the period is written, and under VAL_SET the comparator with it. */
  #writeComparator(n: number, half: number, value: number, setsHigh: number): void {
    const narrow = (this.#conf(n) & R.TN_32MODE) !== 0;
    if (narrow && half !== 0) return;
    const bit = 1 << n;
    const periodic = (this.#conf(n) & R.TN_TYPE) !== 0;
    const valueSet = (this.#s.valueSet & bit) !== 0 || (half !== 0 && setsHigh === n);
    new DataView(this.#s.periods.buffer).setUint32(8 * n + half, value, true);
    if (!periodic || valueSet) this.#regs.setUint32(timerAt(n) + R.TN_COMPARATOR + half, value, true);
    this.#s.valueSet &= ~bit;
    if (valueSet && half === 0) this.#s.setsHigh = n;
    if (!periodic && narrow === (half === 0)) this.#fireIfJustPassed(n);
  }

  /**
   * A guest reads the counter, adds, writes the comparator: here the counter gets further in that time than on the
   * hardware it was written for. A one-shot comparator that is behind the counter when it is complete has matched.
   */
  #fireIfJustPassed(n: number): void {
    if (!this.#running || !(this.#conf(n) & R.TN_INT_ENB)) return;
    const turn = this.#turn(n);
    const behind = BigInt.asUintN(64, this.#u64(R.MAIN_CNT) - this.#u64(timerAt(n) + R.TN_COMPARATOR)) % turn;
    if (behind < turn / 2n) this.#fire(n);
  }

  #turn(n: number): bigint {
    return this.#conf(n) & R.TN_32MODE ? TURN_32 : TURN_64;
  }

  /** Counts up to the next match from `count`: more than none. */
  #ticksToMatch(n: number, count: bigint): bigint {
    const turn = this.#turn(n);
    const ticks = BigInt.asUintN(64, this.#u64(timerAt(n) + R.TN_COMPARATOR) - count) % turn;
    return ticks === 0n ? turn : ticks;
  }

  /** Lets happen what was due up to now. */
  #settle(): void {
    const s = this.#s;
    const nowNs = this.ports.timers.nowNs();
    if (!this.#running) {
      s.countedNs = nowNs;
      return;
    }
    const elapsed = Math.max(0, Math.floor((nowNs - s.countedNs) / R.TICK_NS));
    const from = this.#u64(R.MAIN_CNT);
    s.countedNs += elapsed * R.TICK_NS;
    this.#regs.setBigUint64(R.MAIN_CNT, BigInt.asUintN(64, from + BigInt(elapsed)), true);
    for (const n of TIMERS) this.#match(n, from, BigInt(elapsed));
  }

  #match(n: number, from: bigint, elapsed: bigint): void {
    const ticks = this.#ticksToMatch(n, from);
    if (ticks > elapsed) return;
    const turn = this.#turn(n);
    const period = this.#period(n) % turn;
    if (this.#conf(n) & R.TN_TYPE && period > 0n) {
      const at = timerAt(n) + R.TN_COMPARATOR;
      const passed = (elapsed - ticks) / period + 1n;
      this.#regs.setBigUint64(at, (this.#u64(at) + passed * period) % turn, true);
    }
    this.#fire(n);
  }

  #fire(n: number): void {
    const conf = this.#conf(n);
    if (conf & R.TN_INT_TYPE) {
      this.#regs.setUint32(R.GINTR_STA, this.#u32(R.GINTR_STA) | (1 << n), true);
    }
    if (!(conf & R.TN_INT_ENB)) return;
    if (conf & R.TN_FSB_EN) {
      const at = timerAt(n);
      this.ports.msi(this.#u32(at + R.TN_FSB_ADDR), 0, this.#u32(at + R.TN_FSB_VAL));
    } else if (!(conf & R.TN_INT_TYPE)) {
      const line = this.#lineOf(n);
      line?.set(true); // the edge; #drive gives the line its level again
      line?.set(false);
    }
  }

  #lineOf(n: number): IrqLine | undefined {
    if (this.#legacy && n === 0) return this.ports.irq0;
    if (this.#legacy && n === 1) return this.ports.irq8;
    return this.ports.inputs.get((this.#conf(n) >> R.TN_INT_ROUTE_SHIFT) & 0x1f);
  }

  /** Levels, the route of PIT and RTC, and the timers for interrupts that can still come. */
  #drive(): void {
    const { irq0, irq8, inputs, legacyReplacement } = this.ports;
    if (this.#legacy !== this.#replaces) {
      this.#replaces = this.#legacy;
      legacyReplacement(this.#replaces);
    }
    const asserted = new Set(TIMERS.filter((n) => this.#holdsLine(n)).map((n) => this.#lineOf(n)));
    for (const line of [irq0, irq8, ...inputs.values()]) line.set(asserted.has(line));
    for (const n of TIMERS) this.#arm(n);
  }

  #holdsLine(n: number): boolean {
    const level = R.TN_INT_ENB | R.TN_INT_TYPE;
    const pending = (this.#u32(R.GINTR_STA) & (1 << n)) !== 0;
    return this.#running && pending && (this.#conf(n) & (level | R.TN_FSB_EN)) === level;
  }

  #arm(n: number): void {
    const timer = this.#hostTimers[n];
    const conf = this.#conf(n);
    const ticks = this.#ticksToMatch(n, this.#u64(R.MAIN_CNT));
    const told = (conf & R.TN_INT_TYPE) !== 0 && (this.#u32(R.GINTR_STA) & (1 << n)) !== 0;
    if (!this.#running || !(conf & R.TN_INT_ENB) || told || ticks > MOST_TICKS) {
      timer?.cancel();
      return;
    }
    const periodNs = Number(this.#period(n)) * R.TICK_NS;
    const tooFast = (conf & R.TN_TYPE) !== 0 && periodNs < MIN_PERIOD_NS;
    const waitNs = Number(ticks) * R.TICK_NS;
    timer?.arm(this.#s.countedNs + (tooFast ? Math.max(waitNs, MIN_PERIOD_NS) : waitNs));
  }
}

const timerAt = (n: number): number => R.TIMERS + n * R.TIMER_STRIDE;

function powerOn(countedNs: number): StateOf<typeof STATE> {
  const registers = new Uint8Array(R.REGISTERS_END);
  const view = new DataView(registers.buffer);
  for (const n of TIMERS) view.setBigUint64(timerAt(n) + R.TN_COMPARATOR, TURN_64 - 1n, true);
  const periods = new Uint8Array(8 * R.COMPARATORS);
  return { registers, periods, countedNs, latchedHigh: NONE, setsHigh: NONE, valueSet: 0 };
}

/** Bits that a guest can set, of the 32-bit register at an offset. */
function writableBits(offset: number): number {
  if (offset === R.GEN_CONF) return R.GEN_CONF_MASK;
  if (offset === R.GINTR_STA) return R.GINTR_STA_MASK;
  if (offset === R.MAIN_CNT || offset === R.MAIN_CNT + 4) return ~0;
  if (offset < R.TIMERS) return 0;
  const register = (offset - R.TIMERS) % R.TIMER_STRIDE;
  if (register === R.TN_CONF_CAP) return R.TN_CONF_MASK;
  return register >= R.TN_COMPARATOR && register <= R.TN_FSB_ADDR ? ~0 : 0;
}

function impossible(registers: DataView): string | undefined {
  for (let offset = 0; offset < R.REGISTERS_END; offset += 4) {
    const value = registers.getUint32(offset, true);
    if (value & ~writableBits(offset)) return `register 0x${offset.toString(16)} is ${value}`;
  }
  return undefined;
}
