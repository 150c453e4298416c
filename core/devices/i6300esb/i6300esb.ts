/**
 * The watchdog timer of Intel's 6300ESB as a PCI function: two stages, each a 20-bit count. The end of the first can
 * interrupt, the end of the second does what the user chose.
 *
 * [ESB] Intel 6300ESB I/O Controller Hub data sheet (300641), chapter 15. Not here: SMI for the first stage, the free
 * running mode's toggling output pin.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { defineState, flag, type StateOf, savedState, timeNs, uint } from '../state-shape.ts';
import * as R from './i6300esb.regs.ts';

const ALL_ONES: Readonly<Record<AccessSize, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff };
/** A stage takes at least as long: a guest may have it start again and again. */
const SHORTEST_STAGE_NS = 1e6;

const STATE = defineState('i6300esb', 1, {
  config: savedState,
  /** What the counters of the stages start from. */
  preload1: uint(R.PRELOAD_MASK),
  preload2: uint(R.PRELOAD_MASK),
  gintsr: uint(R.GINTSR_STAGE_1),
  /** The second stage has ended since a guest last cleared this; a reset does not. */
  timedOut: flag,
  /** How far the unlock sequence is: 2 allows a write. */
  unlock: uint(2),
  /** 0: it does not count. */
  stage: uint(2),
  /** When the stage ends. */
  endsNs: timeNs,
});

type WatchdogState = Omit<StateOf<typeof STATE>, 'config'>;

const powerOn = (timedOut: boolean): WatchdogState => ({
  preload1: R.PRELOAD_MASK,
  preload2: R.PRELOAD_MASK,
  gintsr: 0,
  timedOut,
  unlock: 0,
  stage: 0,
  endsNs: 0,
});

export interface I6300EsbPorts {
  timers: TimerHost;
  /** Active while the status of the first stage is set. */
  irq: IrqLine;
  /** The second stage has ended, and the guest did not switch its output off. */
  expired(): void;
}

/** BAR_BYTES of registers, and a PCI function. */
export class I6300Esb implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly configSpace: PciConfigSpace;
  readonly #timer: Timer;
  /** The lock register as it is in force; a locked one is put back whatever is written. */
  #lock = 0;
  #s = powerOn(false);

  constructor(readonly ports: I6300EsbPorts) {
    this.configSpace = new PciConfigSpace({
      name: 'i6300esb',
      vendorId: R.VENDOR_INTEL,
      deviceId: R.DEVICE_6300ESB_WDT,
      classCode: R.CLASS_SYSTEM_OTHER,
      bars: [{ index: 0, kind: 'memory32', sizeBytes: R.BAR_BYTES, region: this }],
    });
    this.configSpace.define(R.WDT_CONFIG, 2, 0, R.WDT_CONFIG_MASK);
    this.configSpace.define(R.WDT_LOCK, 1, 0, R.WDT_LOCK_MASK, { own: R.WDT_LOCK_MASK });
    this.#timer = ports.timers.createTimer('watchdog', () => this.#stageEnds());
    this.configSpace.onChange(() => this.#configured());
  }

  reset(): void {
    this.#lock = 0;
    this.configSpace.reset();
    this.#s = powerOn(this.#s.timedOut);
    this.#drive();
  }

  save(): DeviceState {
    return STATE.save({ ...this.#s, config: this.configSpace.save() });
  }

  restore(state: DeviceState): void {
    const { config, ...rest } = STATE.restore(state);
    const lock = this.#lock;
    this.#lock = 0;
    try {
      this.configSpace.restore(config);
    } catch (error) {
      this.#lock = lock;
      throw error;
    }
    this.#s = rest;
    this.#drive();
  }

  read(offset: number, size: AccessSize): number {
    const { preload1, preload2, gintsr, timedOut } = this.#s;
    const registers = [preload1, preload2, gintsr, timedOut ? R.RELOAD_WDT_TIMEOUT : 0];
    const register = registers[offset >> 2];
    const first = offset & 3;
    if (register === undefined || first + size > 4) {
      this.counters.unknownReads++;
      return ALL_ONES[size];
    }
    return ((register >>> (8 * first)) & ALL_ONES[size]) >>> 0;
  }

  /** [ESB] 15.5: what is written right after the unlock sequence counts, nothing else does. */
  write(offset: number, size: AccessSize, value: number): void {
    const s = this.#s;
    const unlocked = s.unlock === 2;
    if (offset === R.RELOAD && !unlocked) {
      if (value === R.RELOAD_UNLOCK_1) s.unlock = 1;
      else s.unlock = value === R.RELOAD_UNLOCK_2 && s.unlock === 1 ? 2 : 0;
      return;
    }
    s.unlock = 0;
    if (!unlocked || !this.#writeRegister(offset, size, value)) this.counters.unknownWrites++;
    this.#drive();
  }

  #writeRegister(offset: number, size: AccessSize, value: number): boolean {
    const s = this.#s;
    if (offset === R.RELOAD) {
      if (value & R.RELOAD_WDT_TIMEOUT) s.timedOut = false;
      if (value & R.RELOAD_WDT_RELOAD && this.#enabled) this.#start(1);
    } else if (offset === R.GINTSR) {
      s.gintsr &= ~value;
    } else if (offset === R.PRELOAD_1 && size === 4) {
      s.preload1 = value & R.PRELOAD_MASK;
    } else if (offset === R.PRELOAD_2 && size === 4) {
      s.preload2 = value & R.PRELOAD_MASK;
    } else {
      return false;
    }
    return true;
  }

  get #enabled(): boolean {
    return (this.#lock & R.WDT_LOCK_ENABLE) !== 0;
  }

  get #config(): number {
    return this.configSpace.readConfig(R.WDT_CONFIG, 2);
  }

  /** Configuration space was written. */
  #configured(): void {
    if (this.#lock & R.WDT_LOCK_LOCKED) this.configSpace.put(R.WDT_LOCK, 1, this.#lock);
    const wasEnabled = this.#enabled;
    this.#lock = this.configSpace.readConfig(R.WDT_LOCK, 1);
    if (!this.#enabled) this.#s.stage = 0;
    else if (!wasEnabled) this.#start(1);
    this.#drive();
  }

  #start(stage: 1 | 2): void {
    const s = this.#s;
    const prescaler = this.#config & R.WDT_PRE_SEL ? R.PRESCALER_1MHZ : R.PRESCALER_1KHZ;
    const ticks = (stage === 1 ? s.preload1 : s.preload2) * prescaler;
    s.stage = stage;
    s.endsNs = this.ports.timers.nowNs() + Math.max(SHORTEST_STAGE_NS, Math.ceil((ticks * 1e9) / R.PCI_CLOCK_HZ));
  }

  #stageEnds(): void {
    const s = this.#s;
    if (s.stage === 1) {
      s.gintsr |= R.GINTSR_STAGE_1;
      this.#start(2);
      this.#drive();
      return;
    }
    s.timedOut = true;
    s.stage = 0;
    if (this.#lock & R.WDT_LOCK_FREE_RUN) this.#start(1);
    this.#drive();
    if (!(this.#config & R.WDT_OUTPUT)) this.ports.expired();
  }

  #drive(): void {
    const s = this.#s;
    const interrupts = (this.#config & R.WDT_INT_TYPE) === R.INT_TYPE_IRQ;
    this.ports.irq.set(s.gintsr !== 0 && interrupts);
    if (s.stage !== 0 && this.#enabled) this.#timer.arm(s.endsNs);
    else this.#timer.cancel();
  }
}
