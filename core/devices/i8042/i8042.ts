/**
 * i8042 keyboard controller of a PC, with a PS/2 keyboard and a PS/2 mouse plugged in.
 *
 * [PS2TR] IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
 *
 * Commands take no time; a device's next byte comes a cable's byte time after the guest read the one before, as
 * interrupt handlers that look twice at port 0x60 expect. Not emulated: the keyboard lock, the password, line errors
 * and time-outs, the diagnostic dump (0xac), multiplexed mouse ports.
 */
import type { Timer, TimerHost } from '../../base/clock.ts';
import { byteRegion } from '../byte-device.ts';
import type { AccessCounters, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import { byteArray, defineState, flag, int, type StateOf, timeNs, u8, uint } from '../state-shape.ts';
import * as R from './i8042.regs.ts';
import { keyboardState, Ps2Keyboard } from './ps2-keyboard.ts';
import { mouseState, Ps2Mouse } from './ps2-mouse.ts';
import { BREAK_PREFIX, translate } from './scan-codes.ts';

/** 11 bits at the PS/2 clock. */
const BYTE_TIME_NS = 1_000_000;
const FROM_AUX = 0x100;
const NONE = -1;

const STATE = defineState('i8042', 1, {
  ram: byteArray(R.RAM_SIZE),
  a20: flag,
  /** The command whose data byte comes next; 0 for none. */
  dataOf: u8,
  lastWasCommand: flag,
  /** The output buffer, which keeps its byte after it was read. */
  output: uint(0x1ff),
  full: flag,
  /** The controller's own answer, waiting for the output buffer; -1 for none. */
  answer: int(NONE, 0x1ff),
  /** Which half of the input port shows in the status: 0 none, 1 low, 2 high. */
  poll: uint(2),
  afterBreak: flag,
  /** The cable is busy until then. */
  busyUntilNs: timeNs,
  keyboard: keyboardState,
  mouse: mouseState,
});
type I8042State = StateOf<typeof STATE>;

function powerOn(): Omit<I8042State, 'keyboard' | 'mouse'> {
  const ram = new Uint8Array(R.RAM_SIZE);
  ram[0] = R.CCB_POWER_ON;
  return {
    ram,
    a20: true,
    dataOf: 0,
    lastWasCommand: false,
    output: 0,
    full: false,
    answer: NONE,
    poll: 0,
    afterBreak: false,
    busyUntilNs: 0,
  };
}

export interface I8042Ports {
  irq1: IrqLine;
  irq12: IrqLine;
  timers: TimerHost;
  /** The controller's A20 gate; see also core/devices/port92. */
  a20(enabled: boolean): void;
  resetCpu(): void;
}

/** Reached by two windows of one port each, since other devices lie between them. */
export class I8042 implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  /** Port 0x60: data. */
  readonly data: IoRegion = byteRegion(
    (offset) => (offset === 0 ? this.#readData() : this.#unknownRead()),
    (offset, value) => (offset === 0 ? this.#writeData(value) : this.#unknownWrite()),
  );
  /** Port 0x64: status when read, commands when written. */
  readonly command: IoRegion = byteRegion(
    (offset) => (offset === 0 ? this.#status() : this.#unknownRead()),
    (offset, value) => (offset === 0 ? this.#writeCommand(value) : this.#unknownWrite()),
  );
  readonly keyboard = new Ps2Keyboard(() => this.#load());
  readonly mouse = new Ps2Mouse(() => this.#load());
  readonly #cable: Timer;
  #s = powerOn();

  constructor(readonly ports: I8042Ports) {
    this.#cable = ports.timers.createTimer('i8042 byte time', () => this.#load());
  }

  reset(): void {
    this.#s = powerOn();
    this.keyboard.reset();
    this.mouse.reset();
    this.#driveAll();
  }

  save(): DeviceState {
    return STATE.save({ ...this.#s, keyboard: this.keyboard.state, mouse: this.mouse.state });
  }

  restore(state: DeviceState): void {
    const { keyboard, mouse, ...controller } = STATE.restore(state);
    this.#s = controller;
    this.keyboard.state = keyboard;
    this.mouse.state = mouse;
    this.#driveAll();
  }

  #unknownRead(): number {
    this.counters.unknownReads++;
    return 0xff;
  }

  #unknownWrite(): void {
    this.counters.unknownWrites++;
  }

  #writeCommand(value: number): void {
    Object.assign(this.#s, { lastWasCommand: true, poll: 0, dataOf: 0 });
    this.#command(value);
    this.#load();
    this.#drive();
  }

  #writeData(value: number): void {
    const command = this.#s.dataOf;
    Object.assign(this.#s, { lastWasCommand: false, poll: 0, dataOf: 0 });
    this.#data(command, value);
    this.#load();
    this.#drive();
  }

  get #ccb(): number {
    return this.#s.ram[0] ?? 0;
  }

  #setCcb(value: number): void {
    this.#s.ram[0] = value;
  }

  #status(): number {
    this.#load();
    const { full, output, lastWasCommand, poll } = this.#s;
    const low =
      (full ? R.STATUS_OBF : 0) | (this.#ccb & R.CCB_SYS ? R.STATUS_SYS : 0) | (lastWasCommand ? R.STATUS_A2 : 0);
    if (poll === 1) return low | ((R.INPUT_PORT << 4) & 0xf0);
    if (poll === 2) return low | (R.INPUT_PORT & 0xf0);
    return low | R.STATUS_UNLOCKED | (full && output & FROM_AUX ? R.STATUS_AUX : 0);
  }

  #readData(): number {
    this.#load();
    const s = this.#s;
    const byte = s.output & 0xff;
    if (s.full) {
      s.full = false;
      s.busyUntilNs = this.ports.timers.nowNs() + BYTE_TIME_NS;
      this.#drive(); // low in between, so that the next byte makes an edge
      this.#load();
    }
    return byte;
  }

  /** Fills the output buffer if it is empty: the controller's answer first, then keyboard, then mouse. */
  #load(): void {
    const s = this.#s;
    this.#cable.cancel();
    if (s.full) return;
    if (s.answer !== NONE) {
      this.#fill(s.answer);
      s.answer = NONE;
      return;
    }
    const keyboard = !(this.#ccb & R.CCB_KBD_DISABLE) && this.keyboard.hasData();
    const mouse = !(this.#ccb & R.CCB_AUX_DISABLE) && this.mouse.hasData();
    if (!keyboard && !mouse) return;
    if (this.ports.timers.nowNs() < s.busyUntilNs) {
      this.#cable.arm(s.busyUntilNs);
      return;
    }
    if (keyboard && this.#loadFromKeyboard()) return;
    const byte = mouse ? this.mouse.take() : undefined;
    if (byte !== undefined) this.#fill(byte | FROM_AUX);
  }

  /** False if all that the keyboard had was a break prefix, which translation keeps back. */
  #loadFromKeyboard(): boolean {
    const s = this.#s;
    for (let byte = this.keyboard.take(); byte !== undefined; byte = this.keyboard.take()) {
      if (!(this.#ccb & R.CCB_XLAT)) {
        s.afterBreak = false;
        this.#fill(byte);
        return true;
      }
      if (byte !== BREAK_PREFIX) {
        this.#fill(translate(byte, s.afterBreak));
        s.afterBreak = false;
        return true;
      }
      s.afterBreak = true;
    }
    return false;
  }

  #fill(output: number): void {
    this.#s.output = output;
    this.#s.full = true;
    this.#drive();
  }

  /** The controller's own answer goes out before what the devices have waiting. */
  #answer(byte: number): void {
    this.#s.answer = byte;
  }

  #drive(): void {
    const { full, output } = this.#s;
    const aux = (output & FROM_AUX) !== 0;
    this.ports.irq1.set(full && !aux && (this.#ccb & R.CCB_KBD_INT) !== 0);
    this.ports.irq12.set(full && aux && (this.#ccb & R.CCB_AUX_INT) !== 0);
  }

  #driveAll(): void {
    this.ports.a20(this.#s.a20);
    this.#drive();
    this.#load();
  }

  #setA20(enabled: boolean): void {
    this.#s.a20 = enabled;
    this.ports.a20(enabled);
  }

  #outputPort(): number {
    const { a20, full, output } = this.#s;
    const irq = full ? (output & FROM_AUX ? R.OUTPUT_IRQ12 : R.OUTPUT_IRQ1) : 0;
    return R.OUTPUT_LINES | R.OUTPUT_RUN | (a20 ? R.OUTPUT_A20 : 0) | irq;
  }

  #command(command: number): void {
    if (command >= R.CMD_PULSE_OUTPUT) {
      if (!(command & R.OUTPUT_RUN)) this.ports.resetCpu();
      return;
    }
    switch (command & 0xe0) {
      case R.CMD_READ_RAM:
        this.#answer(this.#s.ram[command & 0x1f] ?? 0);
        return;
      case R.CMD_WRITE_RAM:
        this.#s.dataOf = command;
        return;
    }
    if (!this.#portCommand(command) && !this.#deviceCommand(command)) this.#unknownWrite();
  }

  /** Commands about the controller's own pins and buffers. False for any other. */
  #portCommand(command: number): boolean {
    switch (command) {
      case R.CMD_READ_INPUT:
        this.#answer(R.INPUT_PORT);
        return true;
      case R.CMD_POLL_INPUT_LOW:
        this.#s.poll = 1;
        return true;
      case R.CMD_POLL_INPUT_HIGH:
        this.#s.poll = 2;
        return true;
      case R.CMD_READ_OUTPUT:
        this.#answer(this.#outputPort());
        return true;
      case R.CMD_WRITE_OUTPUT:
      case R.CMD_WRITE_KBD_BUFFER:
      case R.CMD_WRITE_AUX_BUFFER:
      case R.CMD_WRITE_AUX:
      case R.CMD_LOAD_PASSWORD:
        this.#s.dataOf = command;
        return true;
      case R.CMD_DISABLE_A20:
      case R.CMD_ENABLE_A20:
        this.#setA20(command === R.CMD_ENABLE_A20);
        return true;
      case R.CMD_READ_TEST:
        this.#answer(R.TEST_KBD_DATA | (this.#ccb & R.CCB_KBD_DISABLE ? 0 : R.TEST_KBD_CLOCK));
        return true;
      default:
        return false;
    }
  }

  /** Commands about the two devices, and tests. False for any other. */
  #deviceCommand(command: number): boolean {
    switch (command) {
      case R.CMD_TEST_PASSWORD:
        this.#answer(R.PASSWORD_NONE);
        return true;
      case R.CMD_ENABLE_PASSWORD:
        return true; // there is none to enable
      case R.CMD_DISABLE_AUX:
        this.#setCcb(this.#ccb | R.CCB_AUX_DISABLE);
        return true;
      case R.CMD_ENABLE_AUX:
        this.#setCcb(this.#ccb & ~R.CCB_AUX_DISABLE);
        return true;
      case R.CMD_DISABLE_KBD:
        this.#setCcb(this.#ccb | R.CCB_KBD_DISABLE);
        return true;
      case R.CMD_ENABLE_KBD:
        this.#setCcb(this.#ccb & ~R.CCB_KBD_DISABLE);
        return true;
      case R.CMD_SELF_TEST:
        this.#setCcb(this.#ccb | R.CCB_SYS);
        this.#answer(R.SELF_TEST_PASSED);
        return true;
      case R.CMD_TEST_AUX:
      case R.CMD_TEST_KBD:
        this.#answer(R.PORT_TEST_PASSED);
        return true;
      default:
        return false;
    }
  }

  /** A byte at the data port: for the command that waits for one, or (0) for the keyboard. */
  #data(command: number, value: number): void {
    switch (command) {
      case 0:
        this.#setCcb(this.#ccb & ~R.CCB_KBD_DISABLE); // sending lets the keyboard's clock run
        this.keyboard.write(value);
        break;
      case R.CMD_WRITE_OUTPUT:
        this.#setA20((value & R.OUTPUT_A20) !== 0);
        if (!(value & R.OUTPUT_RUN)) this.ports.resetCpu();
        break;
      case R.CMD_WRITE_KBD_BUFFER:
        this.#answer(value);
        break;
      case R.CMD_WRITE_AUX_BUFFER:
        this.#answer(value | FROM_AUX);
        break;
      case R.CMD_WRITE_AUX:
        this.#setCcb(this.#ccb & ~R.CCB_AUX_DISABLE);
        this.mouse.write(value);
        break;
      case R.CMD_LOAD_PASSWORD:
        if (value !== 0) this.#s.dataOf = command; // a zero ends it; nothing is stored
        break;
      default:
        this.#s.ram[command & 0x1f] = value;
    }
  }
}
