/**
 * MC146818A real-time clock with the 128 bytes of battery-backed CMOS RAM of a PC.
 *
 * [MC146818A] Motorola MC146818A data sheet (1984).
 *
 * The time is the wall clock plus what the guest set; nothing ticks. Flags are brought up to date when they are looked
 * at, and a timer runs only for an interrupt that is enabled and not yet signalled. Periodic ticks are at whole
 * multiples of the period in guest time. Not emulated: the square-wave pin, daylight saving (DSE is kept, without
 * effect), time bases other than 32 768 Hz.
 */
import type { Timer, TimerHost, WallClock } from '../../base/clock.ts';
import { ByteDevice } from '../byte-device.ts';
import type { DeviceState, IrqLine } from '../device.ts';
import { bits, byteArray, defineState, flag, int, type StateOf, timeNs, uint } from '../state-shape.ts';
import { ticksAt, timeOfTick } from '../ticks.ts';
import * as R from './mc146818.regs.ts';
import { decodeTime, encodeTime, nextAlarm, TIME_REGISTERS } from './rtc-time.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const BASE_MEMORY_IN_KIB = 640;
/** 1024 cylinders, 16 heads, 63 sectors: as far as a BIOS gets without translation. */
const LARGEST_CHS_BYTES = 1024 * 16 * 63 * 512;
const CRYSTAL_HZ = 32_768;
const NS_PER_MS = 1e6;
/** [MC146818A] "Update cycle": UIP rises 244 us before the 1984 us in which the bytes change. */
const UPDATE_MS = 2.228;
/** [MC146818A] "Divider control": the first update comes half a second after the divider is released. */
const DIVIDER_RELEASE_MS = 500;
/** Far beyond any date the registers can hold, and within what Date can. */
const MAX_OFFSET_MS = 1e15;

const STATE = defineState('mc146818', 1, {
  index: uint(R.INDEX_MASK),
  nmiMask: flag,
  /** RAM, alarm, REG_A (without UIP) and REG_B; the time bytes count only while the clock is held. */
  cmos: byteArray(R.CMOS_SIZE),
  /** PF, AF, UF. */
  flags: bits(R.REG_C_FLAGS),
  /** RTC time minus wall-clock time. */
  offsetMs: int(-MAX_OFFSET_MS, MAX_OFFSET_MS),
  weekdayShift: uint(6),
  /** Up to where the flags have been brought up to date: RTC seconds, and guest time for the periodic flag. */
  seenSecond: int(-MAX_OFFSET_MS, MAX_OFFSET_MS),
  seenNs: timeNs,
});

export type CmosBootDevice = keyof typeof R.BOOT_DEVICES;

/** What a set-up program would have written. */
export interface CmosMemory {
  /** RAM in bytes, below and above 4 GiB. */
  below4gBytes: number;
  above4gBytes: number;
  /** Of 1.44 MB. */
  floppyDrives?: number;
  /** Sizes in bytes of the IDE disks by their place; a place without a disk is undefined. */
  ideDisks?: readonly (number | undefined)[];
  /** Kinds of devices, the first to boot from first; at most three count. */
  bootOrder?: readonly CmosBootDevice[];
  /** 1 when absent. */
  vcpus?: number;
}

export interface Mc146818Ports {
  irq: IrqLine;
  timers: TimerHost;
  wall: WallClock;
  memory: CmosMemory;
}

export class Mc146818 extends ByteDevice {
  readonly #timer: Timer;
  #s: StateOf<typeof STATE>;

  constructor(readonly ports: Mc146818Ports) {
    super();
    this.#timer = ports.timers.createTimer('mc146818', () => {
      this.#update();
      this.#drive();
    });
    this.#s = {
      index: 0,
      nmiMask: false,
      cmos: new Uint8Array(R.CMOS_SIZE),
      flags: 0,
      offsetMs: 0,
      weekdayShift: 0,
      seenSecond: 0,
      seenNs: 0,
    };
    this.reset();
  }

  /** The next reset ends S3: firmware is to resume the guest and not to boot. */
  resumeAfterReset(): void {
    this.#s.cmos[R.SHUTDOWN_STATUS] = R.SHUTDOWN_RESUME;
  }

  /** RESET# and what firmware then sets up. The battery keeps the time and the rest of the RAM. */
  reset(): void {
    const s = this.#s;
    this.#writeRegA(R.REG_A_POWER_ON);
    this.#writeRegB(R.REG_B_24);
    this.#writeMemorySizes();
    this.#writeDrives();
    s.index = R.REG_D; // a PC leaves the index at a byte that a stray write cannot change
    s.nmiMask = false;
    s.flags = 0;
    s.seenSecond = this.#second();
    s.seenNs = this.ports.timers.nowNs();
    this.#drive();
  }

  save(): DeviceState {
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    this.#s = STATE.restore(state);
    this.#drive();
  }

  /** Bit 7 of port 0x70: the guest has masked NMI. */
  get nmiMasked(): boolean {
    return this.#s.nmiMask;
  }

  protected readByte(offset: number): number {
    if (offset !== R.DATA_PORT) return this.unknownRead(); // the index port is write only
    this.#update();
    const { index, cmos } = this.#s;
    if (index === R.REG_A) return this.#byte(R.REG_A) | (this.#updateInProgress() ? R.REG_A_UIP : 0);
    if (index === R.REG_C) return this.#readRegC();
    if (index === R.REG_D) return R.REG_D_VRT;
    if (this.#running && TIME_REGISTERS.includes(index)) this.#latchTime();
    return cmos[index] ?? 0;
  }

  protected writeByte(offset: number, value: number): void {
    const s = this.#s;
    if (offset === R.INDEX_PORT) {
      s.index = value & R.INDEX_MASK;
      s.nmiMask = (value & R.INDEX_NMI_MASK) !== 0;
      return;
    }
    if (offset !== R.DATA_PORT || s.index === R.REG_C || s.index === R.REG_D) {
      this.unknownWrite();
      return;
    }
    this.#update();
    if (s.index === R.REG_A) this.#writeRegA(value);
    else if (s.index === R.REG_B) this.#writeRegB(value);
    else if (TIME_REGISTERS.includes(s.index)) this.#writeTime(s.index, value);
    else s.cmos[s.index] = value;
    this.#drive();
  }

  #byte(register: number): number {
    return this.#s.cmos[register] ?? 0;
  }

  /** Updates happen: neither SET nor a held divider stops them. */
  get #running(): boolean {
    return !(this.#byte(R.REG_B) & R.REG_B_SET) && this.#dividerRuns;
  }

  get #dividerRuns(): boolean {
    return (this.#byte(R.REG_A) & R.REG_A_DV_RESET) !== R.REG_A_DV_RESET;
  }

  /** The RTC's time in ms since 1970, as it is while running. */
  #nowMs(): number {
    return this.ports.wall.nowMs() + this.#s.offsetMs;
  }

  #second(): number {
    return Math.floor(this.#nowMs() / 1000);
  }

  /** Milliseconds from the last update. */
  #phaseMs(): number {
    return this.#nowMs() - this.#second() * 1000;
  }

  #updateInProgress(): boolean {
    return this.#running && this.#phaseMs() >= 1000 - UPDATE_MS;
  }

  /** Fills the time bytes with the present time. */
  #latchTime(): void {
    encodeTime(this.#s.cmos, this.#second(), this.#s.weekdayShift, this.#byte(R.REG_B));
  }

  /** Lets the clock run on from the time bytes, phaseMs into that second. */
  #startFromBytes(phaseMs: number): void {
    const s = this.#s;
    const { epochSeconds, weekdayShift } = decodeTime(s.cmos, this.#byte(R.REG_B));
    s.offsetMs = Math.round(epochSeconds * 1000 + phaseMs - this.ports.wall.nowMs());
    s.weekdayShift = weekdayShift;
    s.seenSecond = this.#second();
  }

  #writeTime(register: number, value: number): void {
    const running = this.#running;
    if (running) this.#latchTime();
    this.#s.cmos[register] = value;
    if (running) this.#startFromBytes(this.#phaseMs());
  }

  #writeRegA(value: number): void {
    const wasRunning = this.#running;
    const dividerRan = this.#dividerRuns;
    if (wasRunning) this.#latchTime();
    this.#s.cmos[R.REG_A] = value & ~R.REG_A_UIP;
    this.#s.seenNs = this.ports.timers.nowNs(); // a new rate starts without a tick
    if (this.#dividerRuns && !dividerRan) {
      // With SET still up only the phase is taken from here; the bytes count when SET falls.
      this.#startFromBytes(DIVIDER_RELEASE_MS);
    }
  }

  #writeRegB(value: number): void {
    const wasRunning = this.#running;
    const phaseMs = this.#phaseMs();
    if (wasRunning && value & R.REG_B_SET) this.#latchTime();
    // [MC146818A] "SET": a one clears UIE.
    this.#s.cmos[R.REG_B] = value & R.REG_B_SET ? value & ~R.REG_B_UIE : value;
    if (!wasRunning && this.#running) this.#startFromBytes(phaseMs);
  }

  /** Reading clears the flags, and with them the interrupt. */
  #readRegC(): number {
    const { flags } = this.#s;
    const value = flags | (flags & this.#byte(R.REG_B) ? R.REG_C_IRQF : 0);
    this.#s.flags = 0;
    this.#drive();
    return value;
  }

  /** The period in ticks of the crystal, or Infinity when none is selected. [MC146818A] table 5, 32 768 Hz column */
  get #periodTicks(): number {
    const rate = this.#byte(R.REG_A) & R.REG_A_RS;
    if (rate === 0 || !this.#dividerRuns) return Number.POSITIVE_INFINITY;
    return 1 << (rate < 3 ? rate + 6 : rate - 1);
  }

  #periodsAt(nowNs: number): number {
    return Math.floor(ticksAt(nowNs, CRYSTAL_HZ) / this.#periodTicks);
  }

  /** Sets the flags of all that happened since the last look. */
  #update(): void {
    const s = this.#s;
    const nowNs = this.ports.timers.nowNs();
    if (this.#periodsAt(nowNs) > this.#periodsAt(s.seenNs)) s.flags |= R.REG_C_PF;
    s.seenNs = nowNs;
    if (!this.#running) return;
    const second = this.#second();
    if (second === s.seenSecond) return;
    s.flags |= R.REG_C_UF;
    if (nextAlarm(s.cmos, s.seenSecond, this.#byte(R.REG_B)) <= second) s.flags |= R.REG_C_AF;
    s.seenSecond = second;
  }

  /** Interrupt level, and the timer for the next interrupt that can still come. */
  #drive(): void {
    const { flags, cmos } = this.#s;
    const regB = this.#byte(R.REG_B);
    this.ports.irq.set((flags & regB & R.REG_C_FLAGS) !== 0);
    const awaited = regB & ~flags;
    const nowNs = this.ports.timers.nowNs();
    let deadlineNs = Number.POSITIVE_INFINITY;
    if (awaited & R.REG_B_PIE) {
      deadlineNs = timeOfTick((this.#periodsAt(nowNs) + 1) * this.#periodTicks, CRYSTAL_HZ);
    }
    if (this.#running && awaited & (R.REG_B_UIE | R.REG_B_AIE)) {
      const second = this.#second();
      const due = awaited & R.REG_B_UIE ? second + 1 : nextAlarm(cmos, second, regB);
      // Whole milliseconds, at least one: the wall clock may not be finer.
      const inMs = Math.max(1, Math.ceil(due * 1000 - this.#nowMs()));
      deadlineNs = Math.min(deadlineNs, nowNs + inMs * NS_PER_MS);
    }
    if (Number.isFinite(deadlineNs)) this.#timer.arm(deadlineNs);
    else this.#timer.cancel();
  }

  #writeMemorySizes(): void {
    const { below4gBytes, above4gBytes } = this.ports.memory;
    const { cmos } = this.#s;
    const put = (register: number, bytes: number, value: number): void => {
      const capped = Math.min(value, 2 ** (8 * bytes) - 1);
      for (let i = 0; i < bytes; i++) cmos[register + i] = (capped >>> (8 * i)) & 0xff;
    };
    const unitsAbove = (start: number, unit: number): number => Math.max(0, Math.floor((below4gBytes - start) / unit));
    put(R.BASE_MEMORY_KIB, 2, BASE_MEMORY_IN_KIB);
    put(R.EXTENDED_MEMORY_KIB, 2, unitsAbove(MIB, KIB));
    put(R.EXTENDED_MEMORY_KIB_2, 2, unitsAbove(MIB, KIB));
    put(R.MEMORY_ABOVE_16M, 2, unitsAbove(16 * MIB, 64 * KIB));
    put(R.MEMORY_ABOVE_4G, 3, Math.floor(above4gBytes / (64 * KIB)));
  }
  #writeDrives(): void {
    const { floppyDrives = 0, ideDisks = [], bootOrder = [], vcpus = 1 } = this.ports.memory;
    const { cmos } = this.#s;
    cmos[R.FLOPPY_TYPES] = floppyDrives === 0 ? 0 : (R.FLOPPY_1440K << 4) | (floppyDrives > 1 ? R.FLOPPY_1440K : 0);
    const floppies = (floppyDrives > 0 ? R.EQUIPMENT_FLOPPY : 0) | (floppyDrives > 1 ? R.EQUIPMENT_SECOND_FLOPPY : 0);
    cmos[R.EQUIPMENT] = R.EQUIPMENT_FPU | R.EQUIPMENT_MOUSE | floppies;
    const type = (present: boolean, value: number): number => (present ? value : 0);
    const disks = ideDisks.filter((size) => size !== undefined).length;
    cmos[R.DISK_TYPES] = (type(disks > 0, R.DISK_TYPE_EXTENDED) << 4) | type(disks > 1, R.DISK_TYPE_EXTENDED);
    cmos[R.FIRST_DISK_TYPE] = type(disks > 0, R.DISK_TYPE_OF_USER);
    cmos[R.SECOND_DISK_TYPE] = type(disks > 1, R.DISK_TYPE_OF_USER);
    cmos[R.DISK_TRANSLATION] = ideDisks
      .slice(0, 4)
      .reduce<number>((bits, size = 0, n) => bits | (size > LARGEST_CHS_BYTES ? R.TRANSLATION_LBA << (2 * n) : 0), 0);
    const [one = 0, two = 0, three = 0] = bootOrder.map((device) => R.BOOT_DEVICES[device]);
    cmos[R.BOOT_FLAG_1] = (two << 4) | one;
    cmos[R.BOOT_FLAG_2] = three << 4;
    cmos[R.SMP_COUNT] = vcpus - 1;
  }
}
