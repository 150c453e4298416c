/**
 * One counter of an 8254, computed from guest time. [8254] Intel 8254 data sheet; section names are quoted.
 *
 * The clock is the PC's 14.318181 MHz / 12 = 13125000/11 Hz, so 21 counts last exactly 17600 ns and no rounding builds
 * up. A new count takes effect when its last byte is written, also in the middle of a cycle, and without the one-clock
 * delay of loading, as in KVM.
 */

const RW_LSB = 1;
const RW_MSB = 2;
const RW_WORD0 = 3; // low byte, then high byte
const RW_WORD1 = 4; // the high byte comes next

const COUNTS_PER_BLOCK = 21;
const NS_PER_BLOCK = 17600;

/** Counts in `ns`, rounded down. */
export function nsToCounts(ns: number): number {
  const blocks = Math.floor(ns / NS_PER_BLOCK);
  return blocks * COUNTS_PER_BLOCK + Math.floor(((ns - blocks * NS_PER_BLOCK) * COUNTS_PER_BLOCK) / NS_PER_BLOCK);
}

/** The first ns at which nsToCounts is `counts`. */
export function countsToNs(counts: number): number {
  const blocks = Math.floor(counts / COUNTS_PER_BLOCK);
  return blocks * NS_PER_BLOCK + Math.ceil(((counts - blocks * COUNTS_PER_BLOCK) * NS_PER_BLOCK) / COUNTS_PER_BLOCK);
}

/** The fields of struct kvm_pit_channel_state, all numbers. */
export interface PitChannelState {
  /** As written, 0x10000 for 0; 0: the control word came, the count has not. */
  count: number;
  latchedCount: number;
  /** RW_LSB, RW_MSB or RW_WORD0: what is left to read of a latched count; 0: none. */
  countLatched: number;
  statusLatched: number;
  status: number;
  readState: number;
  writeState: number;
  writeLatch: number;
  rwMode: number;
  mode: number;
  bcd: number;
  gate: number;
  /**
   * Guest time in ns at which counting began; modes 1 and 5 before their trigger: NOT_TRIGGERED; while the gate holds
   * counting: how many ns it had counted.
   */
  countLoadTime: number;
}

const NOT_TRIGGERED = -1;

const STATUS_NULL_COUNT = 1 << 6;

export class PitChannel implements PitChannelState {
  count = 0;
  latchedCount = 0;
  countLatched = 0;
  statusLatched = 0;
  status = 0;
  readState = RW_WORD0;
  writeState = RW_WORD0;
  writeLatch = 0;
  rwMode = RW_WORD0;
  mode = 0;
  bcd = 0;
  gate: number;
  countLoadTime = 0;

  constructor(gate: number) {
    this.gate = gate;
  }

  /** Takes over saved state; values no channel can have are cut to those it can. */
  restore(state: Readonly<PitChannelState>): void {
    this.count = Math.min(state.count, 0x10000);
    this.latchedCount = state.latchedCount & 0xffff;
    this.countLatched = state.countLatched & 3;
    this.statusLatched = state.statusLatched & 1;
    this.status = state.status & 0xff;
    this.rwMode = (state.rwMode & 3) === 0 ? RW_WORD0 : state.rwMode & 3;
    this.readState = byteState(state.readState, this.rwMode);
    this.writeState = byteState(state.writeState, this.rwMode);
    this.writeLatch = state.writeLatch & 0xff;
    this.mode = modeOf(state.mode);
    this.bcd = state.bcd & 1;
    this.gate = state.gate & 1;
    this.countLoadTime = Math.max(NOT_TRIGGERED, state.countLoadTime);
  }

  /** "Control Word Format", with a mode: counting stops until a count is written, OUT goes to its first level. */
  writeControl(control: number): void {
    this.rwMode = (control >> 4) & 3;
    this.readState = this.rwMode;
    this.writeState = this.rwMode;
    this.mode = modeOf(control >> 1);
    this.bcd = control & 1;
    this.count = 0;
    this.countLatched = 0;
    this.statusLatched = 0;
    this.countLoadTime = this.#triggered ? NOT_TRIGGERED : 0;
  }

  writeByte(value: number, nowNs: number): void {
    switch (this.writeState) {
      case RW_LSB:
        this.#load(value, nowNs);
        break;
      case RW_MSB:
        this.#load(value << 8, nowNs);
        break;
      case RW_WORD0:
        this.writeLatch = value;
        this.writeState = RW_WORD1;
        if (this.mode === 0) this.count = 0; // "Mode 0": the first byte stops counting and sets OUT low
        break;
      default:
        this.writeState = RW_WORD0;
        this.#load(this.writeLatch | (value << 8), nowNs);
    }
  }

  readByte(nowNs: number): number {
    if (this.statusLatched !== 0) {
      this.statusLatched = 0;
      return this.status;
    }
    if (this.countLatched !== 0) {
      const latched = this.countLatched;
      this.countLatched = latched === RW_WORD0 ? RW_MSB : 0;
      return latched === RW_MSB ? this.latchedCount >> 8 : this.latchedCount & 0xff;
    }
    const count = this.counter(nowNs);
    if (this.readState === RW_WORD0) this.readState = RW_WORD1;
    else if (this.readState === RW_WORD1) {
      this.readState = RW_WORD0;
      return count >> 8;
    }
    return this.readState === RW_MSB ? count >> 8 : count & 0xff;
  }

  /** "Counter Latch Command": ignored while a count is still latched. */
  latchCount(nowNs: number): void {
    if (this.countLatched !== 0) return;
    this.latchedCount = this.counter(nowNs);
    this.countLatched = this.rwMode;
  }

  /** "Read-Back Command" for status. */
  latchStatus(nowNs: number): void {
    if (this.statusLatched !== 0) return;
    const waiting = this.count === 0 || this.#waitsForTrigger;
    const nullCount = waiting ? STATUS_NULL_COUNT : 0;
    this.status = (this.out(nowNs) << 7) | nullCount | (this.rwMode << 4) | (this.mode << 1) | this.bcd;
    this.statusLatched = 1;
  }

  /** "Gate": holds counting in modes 0, 2, 3 and 4; its rise starts over in 2 and 3 and triggers 1 and 5. */
  setGate(gate: number, nowNs: number): void {
    if (gate === this.gate) return;
    const elapsedNs = this.#elapsedNs(nowNs);
    this.gate = gate;
    if (this.#triggered) {
      if (gate !== 0 && this.count !== 0) this.countLoadTime = nowNs;
    } else if (gate === 0) {
      this.countLoadTime = elapsedNs;
    } else {
      this.countLoadTime = this.#reloads ? nowNs : nowNs - elapsedNs;
    }
  }

  /** The initial count, 1 to 65536, or to 10000 in BCD. Meaningful once a count is written. */
  get initialCount(): number {
    if (this.bcd === 0) return this.count;
    return this.count === 0x10000 ? 10000 : fromBcd(this.count);
  }

  /** The counting element as a read gives it: 16 bits, or 4 BCD digits. */
  counter(nowNs: number): number {
    if (this.count === 0) return 0;
    const initial = this.initialCount;
    const counted = this.#counted(nowNs);
    const modulus = this.bcd === 0 ? 0x10000 : 10000;
    let value: number;
    if (this.mode === 2) value = initial - (counted % initial);
    else if (this.mode === 3) value = squareWaveCount(initial, counted % initial);
    else value = modulus - ((counted + modulus - initial) % modulus); // it counts on past zero
    value %= modulus;
    return this.bcd === 0 ? value : toBcd(value);
  }

  /** OUT, 0 or 1. */
  out(nowNs: number): number {
    if (this.count === 0) return this.mode === 0 ? 0 : 1;
    const counted = this.#counted(nowNs);
    const initial = this.initialCount;
    switch (this.mode) {
      case 0:
        return counted >= initial ? 1 : 0;
      case 1:
        return !this.#waitsForTrigger && counted < initial ? 0 : 1;
      case 2:
        return this.gate !== 0 && counted % initial === initial - 1 ? 0 : 1;
      case 3:
        return this.gate !== 0 && counted % initial >= (initial + 1) >> 1 ? 0 : 1;
      default:
        return !this.#waitsForTrigger && counted === initial ? 0 : 1;
    }
  }

  /** How often OUT has risen since the count was written, by now. */
  risesUntil(nowNs: number): number {
    const first = this.#firstRise();
    const counted = this.#counted(nowNs);
    if (counted < first) return 0;
    return this.#reloads ? Math.floor(counted / first) : 1;
  }

  /** Guest time of the rise with the number (the first is 1), Infinity when there is none. */
  riseNs(number: number): number {
    if (!this.#reloads && number > 1) return Number.POSITIVE_INFINITY;
    return this.countLoadTime + countsToNs(this.#firstRise() * number);
  }

  /** Time between rises in ns; Infinity for the modes that count once. */
  get periodNs(): number {
    return this.#reloads && this.count !== 0 ? countsToNs(this.initialCount) : Number.POSITIVE_INFINITY;
  }

  /** Counts until OUT first rises: for a channel whose gate is always high. */
  #firstRise(): number {
    if (this.count === 0 || this.#triggered) return Number.POSITIVE_INFINITY;
    return this.mode === 4 ? this.initialCount + 1 : this.initialCount;
  }

  #load(value: number, nowNs: number): void {
    this.count = value === 0 ? 0x10000 : value;
    if (!this.#triggered) this.countLoadTime = this.gate === 0 ? 0 : nowNs;
  }

  /** Modes 1 and 5 count from a rising gate. */
  get #triggered(): boolean {
    return this.mode === 1 || this.mode === 5;
  }

  get #reloads(): boolean {
    return this.mode === 2 || this.mode === 3;
  }

  get #waitsForTrigger(): boolean {
    return this.#triggered && this.countLoadTime === NOT_TRIGGERED;
  }

  #elapsedNs(nowNs: number): number {
    if (this.count === 0 || this.#waitsForTrigger) return 0;
    if (this.gate === 0 && !this.#triggered) return Math.max(0, this.countLoadTime);
    return Math.max(0, nowNs - this.countLoadTime);
  }

  #counted(nowNs: number): number {
    return nsToCounts(this.#elapsedNs(nowNs));
  }
}

/** Modes 6 and 7 are 2 and 3. */
function modeOf(bits: number): number {
  const mode = bits & 7;
  return mode > 5 ? mode - 4 : mode;
}

function byteState(state: number, rwMode: number): number {
  return rwMode === RW_WORD0 && state === RW_WORD1 ? RW_WORD1 : rwMode;
}

/** "Mode 3": counts by two from an even number, once for the high half (an odd count's has one clock more), once low. */
function squareWaveCount(initial: number, phase: number): number {
  const high = (initial + 1) >> 1;
  return (initial & ~1) - 2 * (phase < high ? phase : phase - high);
}

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: number): number {
  const thousands = Math.floor(value / 1000);
  const hundreds = Math.floor(value / 100) % 10;
  return (thousands << 12) | (hundreds << 8) | ((Math.floor(value / 10) % 10) << 4) | (value % 10);
}
