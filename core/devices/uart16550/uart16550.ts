/**
 * 16550A UART: the serial port of a PC.
 *
 * [NS16550] National Semiconductor PC16550D data sheet (June 1995).
 *
 * A byte written to THR is sent at once, whatever the divisor says; interrupts come in the data sheet's order. What
 * arrives is taken from the back end as there is room, so the line never overruns (loopback can). Not emulated: break,
 * parity and framing errors, DMA mode pins, the width of characters on the line (all eight bits pass).
 */

import type { Timer, TimerHost } from '../../base/clock.ts';
import { ByteDevice } from '../byte-device.ts';
import type { CharBackend, DeviceState, IrqLine } from '../device.ts';
import { bits, defineState, flag, list, type StateOf, timeNs, u8, uint } from '../state-shape.ts';
import * as R from './uart16550.regs.ts';

const CLOCK_HZ = 1_843_200;
const DIVISOR_OF_9600 = 12;
/** [NS16550] 8.11: the FIFO has been left alone for this long. */
const TIMEOUT_CHARACTERS = 4;
/** The other end of the cable is always there. */
const CABLE_MSR = R.MSR_CTS | R.MSR_DSR | R.MSR_DCD;

const STATE = defineState(
  'uart16550',
  1,
  {
    ier: bits(R.IER_MASK),
    fcr: bits(R.FCR_KEPT),
    lcr: u8,
    mcr: bits(R.MCR_MASK),
    scr: u8,
    divisor: uint(0xffff),
    overrun: flag,
    thrEmptyPending: flag,
    msrDeltas: bits(R.MSR_DELTAS),
    rx: list(R.FIFO_DEPTH, u8),
    /** When a byte last entered or left the receiver. */
    rxTouchedNs: timeNs,
  },
  (s) => {
    if (s.fcr & R.FCR_FIFO_ENABLE) return undefined;
    return s.fcr !== 0 || s.rx.length > 1 ? 'its FIFOs are in use but not enabled' : undefined;
  },
);

const powerOn = (): StateOf<typeof STATE> => ({
  ier: 0,
  fcr: 0,
  lcr: 0,
  mcr: 0,
  scr: 0,
  divisor: DIVISOR_OF_9600,
  overrun: false,
  thrEmptyPending: false,
  msrDeltas: 0,
  rx: [],
  rxTouchedNs: 0,
});

export interface Uart16550Ports {
  irq: IrqLine;
  out: CharBackend;
  timers: TimerHost;
}

export class Uart16550 extends ByteDevice {
  /** Told when receive() would take bytes again after it took fewer than it was offered. */
  onRoom?: () => void;
  #s = powerOn();
  /** receive() refused bytes, so the back end waits for onRoom. */
  #refused = false;
  readonly #timeout: Timer;

  constructor(readonly ports: Uart16550Ports) {
    super();
    this.#timeout = ports.timers.createTimer('uart16550 character time-out', () => this.#drive());
  }

  reset(): void {
    this.#s = powerOn();
    this.#drive();
    this.#offerRoom();
  }

  save(): DeviceState {
    return STATE.save(this.#s);
  }

  restore(state: DeviceState): void {
    this.#s = STATE.restore(state);
    this.#refused = true; // what the back end was told before belongs to another time
    this.#drive();
    this.#offerRoom();
  }

  /** Bytes from the line. Returns how many were taken; the caller keeps the rest until onRoom. */
  receive(bytes: Uint8Array): number {
    const looped = (this.#s.mcr & R.MCR_LOOP) !== 0;
    const taken = looped ? 0 : Math.min(bytes.length, this.#capacity - this.#s.rx.length);
    for (const byte of bytes.subarray(0, taken)) this.#s.rx.push(byte);
    if (taken < bytes.length) this.#refused = true;
    if (taken > 0) this.#touchRx();
    return taken;
  }

  protected readByte(offset: number): number {
    const s = this.#s;
    const dlab = (s.lcr & R.LCR_DLAB) !== 0;
    switch (offset) {
      case R.RBR:
        return dlab ? s.divisor & 0xff : this.#readRbr();
      case R.IER:
        return dlab ? s.divisor >> 8 : s.ier;
      case R.IIR:
        return this.#readIir();
      case R.LCR:
        return s.lcr;
      case R.MCR:
        return s.mcr;
      case R.LSR:
        return this.#readLsr();
      case R.MSR:
        return this.#readMsr();
      case R.SCR:
        return s.scr;
      default:
        return this.unknownRead();
    }
  }

  protected writeByte(offset: number, value: number): void {
    const s = this.#s;
    const dlab = (s.lcr & R.LCR_DLAB) !== 0;
    switch (offset) {
      case R.THR:
        if (dlab) s.divisor = (s.divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case R.IER:
        if (dlab) s.divisor = (s.divisor & 0x00ff) | (value << 8);
        else this.#writeIer(value);
        break;
      case R.FCR:
        this.#writeFcr(value);
        break;
      case R.LCR:
        s.lcr = value;
        break;
      case R.MCR:
        this.#writeMcr(value);
        break;
      case R.SCR:
        s.scr = value;
        return;
      default:
        this.unknownWrite(); // LSR and MSR are read only, [NS16550] 8.3 and 8.8
        return;
    }
    this.#drive();
  }

  get #fifo(): boolean {
    return (this.#s.fcr & R.FCR_FIFO_ENABLE) !== 0;
  }

  get #capacity(): number {
    return this.#fifo ? R.FIFO_DEPTH : 1;
  }

  get #triggered(): boolean {
    const level = this.#fifo ? (R.TRIGGER_LEVELS[this.#s.fcr >> R.FCR_TRIGGER_SHIFT] ?? 1) : 1;
    return this.#s.rx.length >= level;
  }

  /** When bytes below the trigger level, left alone since rxTouchedNs, become an interrupt; Infinity without such. */
  get #timeoutNs(): number {
    const s = this.#s;
    if (!this.#fifo || s.rx.length === 0) return Number.POSITIVE_INFINITY;
    const dataBits = 5 + (s.lcr & R.LCR_WLS);
    const bits = 1 + dataBits + (s.lcr & R.LCR_PEN ? 1 : 0) + (s.lcr & R.LCR_STB ? 2 : 1);
    const bitNs = (16 * (s.divisor || 1) * 1e9) / CLOCK_HZ;
    return s.rxTouchedNs + TIMEOUT_CHARACTERS * bits * bitNs;
  }

  /** The interrupt that IIR names. */
  #pending(nowNs: number = this.ports.timers.nowNs()): number {
    const { ier, overrun, thrEmptyPending, msrDeltas } = this.#s;
    if (ier & R.IER_ELSI && overrun) return R.IIR_LINE_STATUS;
    if (ier & R.IER_ERBFI && this.#triggered) return R.IIR_RECEIVED_DATA;
    if (ier & R.IER_ERBFI && nowNs >= this.#timeoutNs) return R.IIR_CHARACTER_TIMEOUT;
    if (ier & R.IER_ETBEI && thrEmptyPending) return R.IIR_THR_EMPTY;
    if (ier & R.IER_EDSSI && msrDeltas) return R.IIR_MODEM_STATUS;
    return R.IIR_NONE;
  }

  /** Interrupt level and time-out timer, from the registers. On a PC, OUT2 gates the line; loopback holds OUT2 off. */
  #drive(): void {
    const { ier, mcr } = this.#s;
    const nowNs = this.ports.timers.nowNs(); // read once: a time-out between two readings would be lost
    const pending = this.#pending(nowNs);
    this.ports.irq.set(pending !== R.IIR_NONE && (mcr & (R.MCR_OUT2 | R.MCR_LOOP)) === R.MCR_OUT2);
    const timeoutNs = this.#timeoutNs;
    const waiting = ier & R.IER_ERBFI && !this.#triggered && timeoutNs > nowNs;
    if (waiting && timeoutNs !== Number.POSITIVE_INFINITY) this.#timeout.arm(timeoutNs);
    else this.#timeout.cancel();
  }

  #touchRx(): void {
    this.#s.rxTouchedNs = this.ports.timers.nowNs();
    this.#drive();
  }

  #offerRoom(): void {
    if (!this.#refused || this.#s.mcr & R.MCR_LOOP || this.#s.rx.length >= this.#capacity) return;
    this.#refused = false;
    this.onRoom?.();
  }

  #readRbr(): number {
    const byte = this.#s.rx.shift();
    if (byte === undefined) return 0;
    this.#touchRx();
    this.#offerRoom();
    return byte;
  }

  #readIir(): number {
    const pending = this.#pending();
    if (pending === R.IIR_THR_EMPTY) {
      this.#s.thrEmptyPending = false;
      this.#drive();
    }
    return pending | (this.#fifo ? R.IIR_FIFOS_ENABLED : 0);
  }

  #readLsr(): number {
    const s = this.#s;
    const value = R.LSR_THRE | R.LSR_TEMT | (s.rx.length > 0 ? R.LSR_DR : 0) | (s.overrun ? R.LSR_OE : 0);
    s.overrun = false;
    this.#drive();
    return value;
  }

  /** In loopback the modem inputs are wired to the outputs. [NS16550] 8.7 bit 4 */
  #modemInputs(mcr: number): number {
    if (!(mcr & R.MCR_LOOP)) return CABLE_MSR;
    return (
      (mcr & R.MCR_RTS ? R.MSR_CTS : 0) |
      (mcr & R.MCR_DTR ? R.MSR_DSR : 0) |
      (mcr & R.MCR_OUT1 ? R.MSR_RI : 0) |
      (mcr & R.MCR_OUT2 ? R.MSR_DCD : 0)
    );
  }

  #readMsr(): number {
    const value = this.#modemInputs(this.#s.mcr) | this.#s.msrDeltas;
    this.#s.msrDeltas = 0;
    this.#drive();
    return value;
  }

  /** The register empties the moment it is filled: the interrupt goes and comes back, an edge for the PIC. */
  #transmit(byte: number): void {
    const s = this.#s;
    s.thrEmptyPending = false;
    this.#drive();
    if (s.mcr & R.MCR_LOOP) this.#loopBack(byte);
    else this.ports.out.write(Uint8Array.of(byte));
    s.thrEmptyPending = true;
  }

  /** A full FIFO keeps what it has; a full RBR is overwritten. [NS16550] 8.3 bit 1 */
  #loopBack(byte: number): void {
    const s = this.#s;
    if (s.rx.length >= this.#capacity) {
      s.overrun = true;
      if (!this.#fifo) s.rx[0] = byte;
    } else {
      s.rx.push(byte);
    }
    s.rxTouchedNs = this.ports.timers.nowNs();
  }

  /** Enabling the THRE interrupt while the register is empty raises it: drivers start transmission by that. */
  #writeIer(value: number): void {
    const s = this.#s;
    const ier = value & R.IER_MASK;
    if (ier & ~s.ier & R.IER_ETBEI) s.thrEmptyPending = true;
    s.ier = ier;
  }

  /** The other bits are taken only with bit 0 set; a change of bit 0 empties the FIFOs. [NS16550] 8.4 */
  #writeFcr(value: number): void {
    const s = this.#s;
    const fcr = value & R.FCR_FIFO_ENABLE ? value & R.FCR_KEPT : 0;
    const toggled = ((fcr ^ s.fcr) & R.FCR_FIFO_ENABLE) !== 0;
    s.fcr = fcr;
    if (toggled || (fcr && value & R.FCR_RCVR_RESET)) s.rx = [];
    this.#offerRoom();
  }

  #writeMcr(value: number): void {
    const s = this.#s;
    const before = this.#modemInputs(s.mcr);
    s.mcr = value & R.MCR_MASK;
    const after = this.#modemInputs(s.mcr);
    const changed = before ^ after;
    s.msrDeltas |=
      (changed & R.MSR_CTS ? R.MSR_DCTS : 0) |
      (changed & R.MSR_DSR ? R.MSR_DDSR : 0) |
      (before & ~after & R.MSR_RI ? R.MSR_TERI : 0) |
      (changed & R.MSR_DCD ? R.MSR_DDCD : 0);
    this.#offerRoom();
  }
}
