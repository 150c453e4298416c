/**
 * The ISA DMA controllers of a PC: two 8237A in cascade, channels 0 to 3 for bytes and 5 to 7 for words, with the page
 * registers for address bits 16 to 23.
 *
 * [8237] Intel 8237A data sheet (1993). [PIIX] Intel 82371SB data sheet, 5.1. A device moves what it has at once, whatever
 * the transfer mode (single, block, demand). Not here: memory-to-memory transfers and requests by software, which PIIX
 * does not have either (5.1.1), timing and priority.
 */
import { byteRegion } from '../byte-device.ts';
import type { AccessCounters, Device, DeviceState, GuestMemory, IoRegion } from '../device.ts';
import type { IsaDmaChannel, IsaDmaProgress } from '../isa-dma.ts';
import { byteArray, defineState, flag, list, record, type StateOf, u8, uint } from '../state-shape.ts';
import * as R from './i8237.regs.ts';

const u16 = uint(0xffff);
const CHANNEL = record({ baseAddress: u16, baseCount: u16, address: u16, count: u16, mode: u8, masked: flag });
const CONTROLLER = record({
  channels: list(R.CHANNELS, CHANNEL),
  command: u8,
  /** Channels that have reached their terminal count since status was read. */
  ended: uint(0x0f),
  /** The next byte of a 16-bit register is its high one. */
  high: flag,
});
type ChannelState = StateOf<typeof CHANNEL> & object;
type ControllerState = StateOf<typeof CONTROLLER> & object;

const STATE = defineState(
  'i8237',
  1,
  { controllers: list(2, CONTROLLER), pages: byteArray(R.PAGE_PORT_COUNT) },
  ({ controllers }) =>
    controllers.length === 2 && controllers.every(({ channels }) => channels.length === R.CHANNELS)
      ? undefined
      : 'not all channels are there',
);

const idle = (): ChannelState => ({ baseAddress: 0, baseCount: 0, address: 0, count: 0, mode: 0, masked: true });
const powerOn = (): ControllerState => ({
  channels: Array.from({ length: R.CHANNELS }, idle),
  command: 0,
  ended: 0,
  high: false,
});

export class I8237 implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  /** Ports of the two controllers, and of the page registers. */
  readonly controllers: readonly [IoRegion, IoRegion];
  readonly pages: IoRegion;
  /** By number; 4 is the cascade. */
  readonly channels: readonly IsaDmaChannel[];
  #controllers = [powerOn(), powerOn()];
  #pages = new Uint8Array(R.PAGE_PORT_COUNT);

  constructor(readonly memory: GuestMemory) {
    this.controllers = [this.#region(0, 0), this.#region(1, 1)];
    this.pages = byteRegion(
      (offset) => this.#pages[offset] ?? this.#unknownRead(),
      (offset, value) => {
        if (offset < R.PAGE_PORT_COUNT) this.#pages[offset] = value;
        else this.counters.unknownWrites++;
      },
    );
    this.channels = Array.from({ length: 2 * R.CHANNELS }, (_, number) => this.#channel(number));
  }

  reset(): void {
    this.#controllers = [powerOn(), powerOn()];
    this.#pages.fill(0);
  }

  save(): DeviceState {
    return STATE.save({ controllers: this.#controllers, pages: this.#pages });
  }

  restore(state: DeviceState): void {
    const { controllers, pages } = STATE.restore(state);
    this.#controllers = controllers;
    this.#pages.set(pages);
  }

  /** stride: a register at every 2^stride ports. */
  #region(index: 0 | 1, stride: number): IoRegion {
    return byteRegion(
      (offset) => this.#read(index, offset >> stride),
      (offset, value) => this.#write(index, offset >> stride, value),
    );
  }

  #channel(number: number): IsaDmaChannel {
    const channel: IsaDmaChannel = {
      onOpen: undefined,
      toMemory: (bytes) => this.#move(number, bytes, R.MODE_WRITE, (address, part) => this.memory.write(address, part)),
      fromMemory: (target) =>
        this.#move(number, target, R.MODE_READ, (address, part) => this.memory.read(address, part)),
    };
    return channel;
  }

  #unknownRead(): number {
    this.counters.unknownReads++;
    return 0xff;
  }

  #state(index: number): ControllerState {
    return this.#controllers[index] ?? powerOn();
  }

  #read(index: number, register: number): number {
    const controller = this.#state(index);
    const channel = controller.channels[register >> 1];
    if (channel && register < 2 * R.CHANNELS) {
      const value = register & 1 ? channel.count : channel.address;
      controller.high = !controller.high;
      return controller.high ? value & 0xff : value >> 8;
    }
    if (register === R.STATUS) {
      const { ended } = controller;
      controller.ended = 0;
      return ended;
    }
    if (register === R.ALL_MASK) {
      return controller.channels.reduce((mask, { masked }, i) => mask | (masked ? 1 << i : 0), 0xf0);
    }
    return this.#unknownRead();
  }

  #write(index: number, register: number, value: number): void {
    const controller = this.#state(index);
    const { channels } = controller;
    if (register < 2 * R.CHANNELS) {
      this.#writeWord(controller, register, value);
      return;
    }
    const channel = channels[value & 3];
    switch (register) {
      case R.COMMAND:
        controller.command = value;
        break;
      case R.SINGLE_MASK:
        if (channel) channel.masked = (value & R.SINGLE_MASK_SET) !== 0;
        break;
      case R.MODE:
        if (channel) channel.mode = value & 0xfc;
        break;
      case R.CLEAR_BYTE_POINTER:
        controller.high = false;
        return;
      case R.MASTER_CLEAR: // addresses, counts and modes stay
        Object.assign(controller, { command: 0, ended: 0, high: false });
        for (const each of channels) each.masked = true;
        return;
      case R.CLEAR_MASK:
        for (const each of channels) each.masked = false;
        break;
      case R.ALL_MASK:
        channels.forEach((each, i) => {
          each.masked = (value & (1 << i)) !== 0;
        });
        break;
      default:
        this.counters.unknownWrites++; // REQUEST among them: see above
        return;
    }
    this.#tellOpen(index);
  }

  /** Base and current registers are written together. [8237] "Programming the 8237A" */
  #writeWord(controller: ControllerState, register: number, value: number): void {
    const channel = controller.channels[register >> 1];
    if (!channel) return;
    const merge = (word: number): number =>
      controller.high ? (word & 0x00ff) | (value << 8) : (word & 0xff00) | value;
    if (register & 1) channel.count = channel.baseCount = merge(channel.baseCount);
    else channel.address = channel.baseAddress = merge(channel.baseAddress);
    controller.high = !controller.high;
  }

  #tellOpen(index: number): void {
    this.#state(index).channels.forEach(({ masked }, i) => {
      if (!masked) this.channels[index * R.CHANNELS + i]?.onOpen?.();
    });
  }

  #move(
    number: number,
    bytes: Uint8Array,
    type: number,
    move: (gpa: number, part: Uint8Array) => void,
  ): IsaDmaProgress {
    const index = number >> 2;
    const controller = this.#state(index);
    const channel = controller.channels[number & 3];
    if (!channel || channel.masked || controller.command & R.COMMAND_DISABLE) return { moved: 0, terminalCount: false };
    const shift = index; // the second controller counts words
    const wanted = Math.min(bytes.length >> shift, channel.count + 1);
    const transfer = channel.mode & R.MODE_TYPE;
    if (transfer === type) this.#copy(number, channel, bytes.subarray(0, wanted << shift), shift, move);
    const step = channel.mode & R.MODE_DECREMENT ? -wanted : wanted;
    channel.address = (channel.address + step) & 0xffff;
    const terminalCount = wanted > channel.count;
    channel.count = (channel.count - wanted) & 0xffff;
    if (terminalCount) this.#terminal(controller, channel, number & 3);
    return { moved: wanted << shift, terminalCount };
  }

  /** In pieces that stay within the page: the address counter has 16 bits. */
  #copy(
    number: number,
    channel: ChannelState,
    bytes: Uint8Array,
    shift: number,
    move: (gpa: number, part: Uint8Array) => void,
  ): void {
    const page = (this.#pages[R.PAGE_OF_CHANNEL[number] ?? 0] ?? 0) & (shift ? 0xfe : 0xff);
    const unit = 1 << shift;
    if (channel.mode & R.MODE_DECREMENT) {
      for (let i = 0; i < bytes.length; i += unit) {
        const address = (channel.address - (i >> shift)) & 0xffff;
        move((page << 16) + (address << shift), bytes.subarray(i, i + unit));
      }
      return;
    }
    const untilWrap = (0x1_0000 - channel.address) << shift;
    move((page << 16) + (channel.address << shift), bytes.subarray(0, untilWrap));
    if (bytes.length > untilWrap) move(page << 16, bytes.subarray(untilWrap));
  }

  /** [8237] "Autoinitialize": either it begins again, or it is masked. */
  #terminal(controller: ControllerState, channel: ChannelState, bit: number): void {
    controller.ended |= 1 << bit;
    if (channel.mode & R.MODE_AUTOINITIALIZE) {
      channel.address = channel.baseAddress;
      channel.count = channel.baseCount;
    } else {
      channel.masked = true;
    }
  }
}
