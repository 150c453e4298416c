/**
 * ACPI fixed hardware as in a PIIX4 or an ICH9: power button, sleep control, the power management timer, and the ports for ACPI
 * enable and for reset.
 *
 * [PIIX4] Intel 82371AB data sheet (April 1997), 7.2. [ACPI] ACPI Specification 6.5, 4.8.
 *
 * There is no system management mode behind SMI_CMD: the two commands that the FADT names switch SCI_EN, others are
 * kept. Not emulated: throttling, the bus master and device monitors, the global lock's release.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import { ByteDevice, byteRegion } from '../byte-device.ts';
import type { AccessSize, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { bits, defineState, type StateOf, timeNs, u8 } from '../state-shape.ts';
import { ticksAt, timeOfTick } from '../ticks.ts';
import * as R from './acpi-pm.regs.ts';

/** The overflow status follows the highest bit of the counter. [ACPI] 4.8.3.1.1 */
const HALF_TURN = 2 ** (R.PM_TMR_BITS - 1);

/** Why a guest wakes from S3. */
export type WakeReason = 'power-button' | 'rtc' | 'input';
const WAKE_STATUS: Readonly<Record<WakeReason, number>> = { 'power-button': R.PWRBTN_STS, rtc: R.RTC_STS, input: 0 };

const STATE = defineState('acpi-pm', 2, {
  pm1Sts: bits(R.PM1_STS_MASK),
  pm1En: bits(R.PM1_EN_MASK),
  pm1Cnt: bits(R.PM1_CNT_KEPT),
  gpe0Sts: bits(R.GPE0_MASK),
  gpe0En: bits(R.GPE0_MASK),
  apmc: u8,
  apms: u8,
  rcr: bits(R.RCR_SRST),
  /** Up to when TMR_STS has been brought up to date. */
  timerSeenNs: timeNs,
});

export interface AcpiPmPorts {
  sci: IrqLine;
  timers: TimerHost;
  /** The guest asked for S5, or has saved itself and asked for S4: the next start is a cold one. */
  powerOff(): void;
  /** The guest asked for S3, which ends with a reset and then `wake`; without it that is ignored. */
  suspend?(): void;
  /** The guest wrote the reset register. */
  reset(): void;
  /** PIIX4's when absent. */
  layout?: R.PmLayout;
}

/** The power management block is the device itself; the ports beside it are `smiCommand` and `resetControl`. */
export class AcpiPm extends ByteDevice {
  /** Two ports from SMI_CMD_PORT. */
  readonly smiCommand: IoRegion = byteRegion(
    (offset) => this.#readApm(offset),
    (offset, value) => this.#writeApm(offset, value),
  );
  /** One port at RESET_PORT. */
  readonly resetControl: IoRegion = byteRegion(
    (offset) => (offset === 0 ? this.#s.rcr : this.unknownRead()),
    (offset, value) => this.#writeReset(offset, value),
  );
  readonly #overflow: Timer;
  readonly #layout: R.PmLayout;
  #s: StateOf<typeof STATE>;

  constructor(readonly ports: AcpiPmPorts) {
    super();
    this.#layout = ports.layout ?? R.PIIX4_PM;
    this.#overflow = ports.timers.createTimer('acpi pm timer overflow', () => this.#drive());
    this.#s = this.#powerOn();
  }

  reset(): void {
    this.#s = this.#powerOn();
    this.#drive();
  }

  save(): DeviceState {
    this.#settle();
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    this.#s = STATE.restore(state);
    this.#drive();
  }

  /** What a guest that listens takes as "please shut down". */
  pressPowerButton(): void {
    this.#s.pm1Sts |= R.PWRBTN_STS;
    this.#drive();
  }

  /** A general-purpose event, 0 to 15, has happened. */
  raiseGpe(event: number): void {
    this.#s.gpe0Sts |= (1 << event) & R.GPE0_MASK;
    this.#drive();
  }

  /** The real-time clock interrupts. */
  rtcAlarm(): void {
    this.#s.pm1Sts |= R.RTC_STS;
    this.#drive();
  }

  /** What a guest that sleeps wants to be woken by, and has happened. */
  get pendingWake(): WakeReason | undefined {
    const happened = this.#s.pm1Sts & this.#s.pm1En;
    if (happened & R.PWRBTN_STS) return 'power-button';
    return happened & R.RTC_STS ? 'rtc' : undefined;
  }

  /** After the reset that ends S3: the status says what it was. [ACPI] 4.8.3.1.1 */
  wake(by: WakeReason): void {
    this.#s.pm1Sts |= R.WAK_STS | WAKE_STATUS[by];
    this.#drive();
  }

  /** Time may move on between two bytes of the counter: the status is settled and the time taken once per access. */
  override read(offset: number, size: AccessSize): number {
    this.#settle();
    // what guests do by the million when they wait
    return offset === R.PM_TMR && size === 4 ? this.#count : super.read(offset, size);
  }

  override write(offset: number, size: AccessSize, value: number): void {
    this.#settle();
    super.write(offset, size, value);
    this.#drive();
  }

  protected readByte(offset: number): number {
    if (offset >= R.PM_TMR && offset < R.PM_TMR + 4) {
      return (this.#count >>> (8 * (offset - R.PM_TMR))) & 0xff;
    }
    const word = this.#word(offset & ~1);
    return word === undefined ? this.unknownRead() : (word >> (8 * (offset & 1))) & 0xff;
  }

  protected writeByte(offset: number, byte: number): void {
    const s = this.#s;
    const shift = 8 * (offset & 1);
    const value = byte << shift;
    const replaced = (word: number, mask: number): number => (word & ~(0xff << shift)) | (value & mask);
    switch (offset & ~1) {
      case R.PM1_STS:
        s.pm1Sts &= ~value;
        break;
      case R.PM1_EN:
        s.pm1En = replaced(s.pm1En, R.PM1_EN_MASK);
        break;
      case R.PM1_CNT:
        s.pm1Cnt = replaced(s.pm1Cnt, R.PM1_CNT_KEPT);
        if (value & R.SLP_EN) this.#sleep((s.pm1Cnt & R.SLP_TYP_MASK) >> R.SLP_TYP_SHIFT);
        break;
      case this.#layout.GPE0_STS:
        s.gpe0Sts &= ~value;
        break;
      case this.#layout.GPE0_EN:
        s.gpe0En = replaced(s.gpe0En, R.GPE0_MASK);
        break;
      default:
        if (this.#constant(offset & ~1) === undefined) this.unknownWrite();
    }
  }

  /** Registers that writing does not change: general-purpose events beyond those there are, and a locked SMI_EN. */
  #constant(offset: number): number | undefined {
    const { GPE0_STS, GPE0_LENGTH, SMI_EN } = this.#layout;
    if (offset >= GPE0_STS && offset < GPE0_STS + GPE0_LENGTH) return 0;
    if (SMI_EN === undefined || (offset & ~3) !== SMI_EN) return undefined;
    return (R.SMI_EN_LOCKED >>> (8 * (offset - SMI_EN))) & 0xffff;
  }

  #powerOn(): StateOf<typeof STATE> {
    const timerSeenNs = this.ports.timers.nowNs();
    return { pm1Sts: 0, pm1En: 0, pm1Cnt: 0, gpe0Sts: 0, gpe0En: 0, apmc: 0, apms: 0, rcr: 0, timerSeenNs };
  }

  /** The power management timer, as of the last look. */
  get #count(): number {
    return ticksAt(this.#s.timerSeenNs, R.PM_TMR_HZ) % (2 * HALF_TURN);
  }

  /** The 16-bit register at an even offset. */
  #word(offset: number): number | undefined {
    const s = this.#s;
    switch (offset) {
      case R.PM1_STS:
        return s.pm1Sts;
      case R.PM1_EN:
        return s.pm1En;
      case R.PM1_CNT:
        return s.pm1Cnt;
      case this.#layout.GPE0_STS:
        return s.gpe0Sts;
      case this.#layout.GPE0_EN:
        return s.gpe0En;
      default:
        return this.#constant(offset);
    }
  }

  #halfTurns(nowNs: number): number {
    return Math.floor(ticksAt(nowNs, R.PM_TMR_HZ) / HALF_TURN);
  }

  /** Sets TMR_STS if the counter's highest bit changed since the last look. */
  #settle(): void {
    const s = this.#s;
    const nowNs = this.ports.timers.nowNs();
    if (this.#halfTurns(nowNs) > this.#halfTurns(s.timerSeenNs)) s.pm1Sts |= R.TMR_STS;
    s.timerSeenNs = nowNs;
  }

  /** SCI level, and the timer for the next overflow if that would raise it. */
  #drive(): void {
    this.#settle();
    const { pm1Sts, pm1En, pm1Cnt, gpe0Sts, gpe0En, timerSeenNs } = this.#s;
    const sci = (pm1Cnt & R.SCI_EN) !== 0;
    this.ports.sci.set(sci && ((pm1Sts & pm1En) !== 0 || (gpe0Sts & gpe0En) !== 0));
    if (sci && pm1En & ~pm1Sts & R.TMR_STS) {
      this.#overflow.arm(timeOfTick((this.#halfTurns(timerSeenNs) + 1) * HALF_TURN, R.PM_TMR_HZ));
    } else {
      this.#overflow.cancel();
    }
  }

  #sleep(type: number): void {
    if (type === R.SLP_TYP_S5 || type === R.SLP_TYP_S4) this.ports.powerOff();
    else if (type === R.SLP_TYP_S3) this.ports.suspend?.();
  }

  #readApm(offset: number): number {
    if (offset === R.APMC) return this.#s.apmc;
    return offset === R.APMS ? this.#s.apms : this.unknownRead();
  }

  #writeApm(offset: number, value: number): void {
    const s = this.#s;
    if (offset === R.APMS) {
      s.apms = value;
    } else if (offset === R.APMC) {
      s.apmc = value;
      if (value === R.ACPI_ENABLE) s.pm1Cnt |= R.SCI_EN;
      if (value === R.ACPI_DISABLE) s.pm1Cnt &= ~R.SCI_EN;
      this.#drive();
    } else {
      this.unknownWrite();
    }
  }

  #writeReset(offset: number, value: number): void {
    if (offset !== 0) {
      this.unknownWrite();
      return;
    }
    this.#s.rcr = value & R.RCR_SRST; // RCPU is over by the time anyone could read it
    if (value & R.RCR_RCPU) this.ports.reset();
  }
}
