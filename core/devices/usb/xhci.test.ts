/** xHCI as a driver uses it: command, transfer and event rings in memory. [XHCI] 4.2, 4.3, 4.6, 4.9. */
import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import { FakeMemory } from '../../testing/fake-memory.ts';
import { type Answer, FakeMedium, scsi, setupPacket, type UsbPipe } from '../../testing/usb-host.ts';
import * as P from '../pci-host/pci.regs.ts';
import { UsbKeyboard } from './hid-keyboard.ts';
import { UsbTablet } from './hid-tablet.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbHub } from './usb-hub.ts';
import { UsbStorage } from './usb-storage.ts';
import * as R from './xhci.regs.ts';
import { Xhci } from './xhci.ts';

const DCBAA = 0x1000;
const COMMANDS = 0x2000;
const ERST = 0x3000;
const EVENTS = 0x4000;
const INPUT = 0x5000;
const CONTEXTS = 0x8000; //  0x400 a slot
const RINGS = 0x2_0000; //   0x400 an endpoint, 0x8000 a slot
const DATA = 0x10_0000;
const RING_BLOCKS = 64;
const EVENT_BLOCKS = 32;

interface Event {
  type: number;
  pointer: number;
  code: number;
  length: number;
  endpoint: number;
  slot: number;
}

class XhciRig {
  readonly timers: FakeTimers;
  readonly memory: FakeMemory;
  readonly line = new FakeLine();
  readonly messages: number[] = [];
  readonly xhci: Xhci;
  /** Enqueue index and cycle of each ring, by address. */
  readonly #rings = new Map<number, { index: number; cycle: number }>();
  #event = { index: 0, cycle: 1 };
  readonly seen: Event[] = [];

  constructor(startNs = 0, memory = new FakeMemory(4 << 20)) {
    this.timers = new FakeTimers(startNs);
    this.memory = memory;
    const msi = (_lo: number, _hi: number, data: number) => this.messages.push(data);
    this.xhci = new Xhci({ irq: this.line, memory, timers: this.timers, msi });
    this.xhci.configSpace.writeConfig(P.COMMAND, 2, P.COMMAND_MEMORY | P.COMMAND_MASTER);
  }

  op(offset: number): number {
    return this.xhci.read(R.CAPLENGTH_VALUE + offset, 4);
  }

  set(offset: number, value: number): void {
    this.xhci.write(R.CAPLENGTH_VALUE + offset, 4, value >>> 0);
  }

  interrupter(offset: number, value: number): void {
    this.xhci.write(R.RUNTIME_OFFSET + R.IR0 + offset, 4, value >>> 0);
  }

  portsc(port: number): number {
    return this.xhci.read(R.PORTS_OFFSET + 16 * (port - 1), 4);
  }

  setPort(port: number, value: number): void {
    this.xhci.write(R.PORTS_OFFSET + 16 * (port - 1), 4, value >>> 0);
  }

  start(): this {
    this.set(R.CONFIG, 64);
    this.set(R.DCBAAP_LO, DCBAA);
    this.set(R.DCBAAP_HI, 0);
    this.set(R.CRCR_LO, COMMANDS | R.CRCR_RCS);
    this.set(R.CRCR_HI, 0);
    this.memory.write32(ERST, EVENTS, 0, EVENT_BLOCKS, 0);
    this.interrupter(R.ERSTSZ, 1);
    this.interrupter(R.ERDP_LO, EVENTS);
    this.interrupter(R.ERDP_HI, 0);
    this.interrupter(R.ERSTBA_LO, ERST);
    this.interrupter(R.ERSTBA_HI, 0);
    this.interrupter(R.IMAN, R.IMAN_IE);
    this.set(R.USBCMD, R.USBCMD_RS | R.USBCMD_INTE);
    return this;
  }

  /** Puts a block on a ring, with a link at its end; gives its address. */
  enqueue(ring: number, low: number, high: number, status: number, control: number): number {
    const place = this.#rings.get(ring) ?? { index: 0, cycle: 1 };
    const at = ring + 16 * place.index;
    this.memory.write32(at, low, high, status, control | place.cycle);
    place.index++;
    if (place.index === RING_BLOCKS - 1) {
      const chain = control & R.TRB_CHAIN;
      this.memory.write32(at + 16, ring, 0, 0, (R.LINK << R.TRB_TYPE_SHIFT) | R.TRB_TOGGLE | chain | place.cycle);
      place.index = 0;
      place.cycle ^= 1;
    }
    this.#rings.set(ring, place);
    return at;
  }

  doorbell(slot: number, target = 0): void {
    this.xhci.write(R.DOORBELL_OFFSET + 4 * slot, 4, target);
  }

  /** The events since the last call, as an interrupt handler takes them. */
  events(): Event[] {
    const found: Event[] = [];
    for (;;) {
      const at = EVENTS + 16 * this.#event.index;
      const control = this.memory.read32(at + 12);
      if ((control & 1) !== this.#event.cycle) break;
      const status = this.memory.read32(at + 8);
      found.push({
        type: (control >>> R.TRB_TYPE_SHIFT) & 0x3f,
        pointer: this.memory.read32(at),
        code: status >>> 24,
        length: status & 0xff_ffff,
        endpoint: (control >>> 16) & 0x1f,
        slot: control >>> 24,
      });
      this.#event.index = (this.#event.index + 1) % EVENT_BLOCKS;
      if (this.#event.index === 0) this.#event.cycle ^= 1;
    }
    this.set(R.USBSTS, R.USBSTS_EINT);
    this.interrupter(R.IMAN, R.IMAN_IE | R.IMAN_IP);
    this.interrupter(R.ERDP_LO, (EVENTS + 16 * this.#event.index) | R.ERDP_EHB);
    this.interrupter(R.ERDP_HI, 0);
    this.seen.push(...found);
    return found;
  }

  command(type: number, low = 0, control = 0): Event | undefined {
    const at = this.enqueue(COMMANDS, low, 0, 0, ((type << R.TRB_TYPE_SHIFT) | control) >>> 0);
    this.doorbell(0);
    return this.events().find((event) => event.type === R.COMMAND_COMPLETION && event.pointer === at);
  }

  ring(slot: number, index: number): number {
    return RINGS + 0x8000 * slot + 0x400 * index;
  }

  /** Enable Slot and Address Device; gives the slot. */
  address(port: number, route = 0, speed = 1): number {
    const slot = this.command(R.ENABLE_SLOT)?.slot ?? 0;
    this.memory.write32(DCBAA + 8 * slot, CONTEXTS + 0x400 * slot, 0);
    this.memory.write32(INPUT, 0, 3);
    this.memory.write32(INPUT + 32, (1 << 27) | (speed << 20) | route, port << 16, 0, 0);
    this.memory.write32(INPUT + 64, 0, (64 << 16) | (4 << 3) | (3 << 1), this.ring(slot, 1) | 1, 0);
    expect(this.command(R.ADDRESS_DEVICE, INPUT, slot << 24)?.code).toBe(R.CC_SUCCESS);
    return slot;
  }

  /** Configure Endpoint with these, and SET_CONFIGURATION. */
  configure(slot: number, endpoints: { index: number; type: number; packet: number }[]): UsbPipe {
    this.memory.write32(
      INPUT,
      0,
      endpoints.reduce((set, { index }) => set | (1 << index), 1),
    );
    for (const { index, type, packet } of endpoints) {
      this.memory.write32(INPUT + 32 * (index + 1), 0, (packet << 16) | (type << 3), this.ring(slot, index) | 1, 0);
    }
    expect(this.command(R.CONFIGURE_ENDPOINT, INPUT, slot << 24)?.code).toBe(R.CC_SUCCESS);
    const pipe = this.pipe(slot);
    pipe.control(setupPacket(0, 9, 1));
    return pipe;
  }

  endpointState(slot: number, index: number): number {
    return this.memory.read32(CONTEXTS + 0x400 * slot + 32 * index) & R.EP_STATE;
  }

  /** As a driver does after a halt. */
  recover(slot: number, index: number): void {
    const target = (slot << 24) | (index << 16);
    expect(this.command(R.RESET_ENDPOINT, 0, target)?.code).toBe(R.CC_SUCCESS);
    const place = this.#rings.get(this.ring(slot, index)) ?? { index: 0, cycle: 1 };
    const dequeue = this.ring(slot, index) + 16 * place.index;
    expect(this.command(R.SET_TR_DEQUEUE, dequeue | place.cycle, target)?.code).toBe(R.CC_SUCCESS);
  }

  pipe(slot: number): UsbPipe {
    const normal = R.NORMAL << R.TRB_TYPE_SHIFT;
    const bulk = (index: number, length: number): Event | undefined => {
      const half = length > 4096 ? 4000 : 0; // blocks that end within a packet
      if (half) this.enqueue(this.ring(slot, index), DATA, 0, half, normal | R.TRB_CHAIN | R.TRB_ISP);
      this.enqueue(this.ring(slot, index), DATA + half, 0, length - half, normal | R.TRB_IOC | R.TRB_ISP);
      this.doorbell(slot, index);
      return this.events().find((event) => event.type === R.TRANSFER_EVENT && event.endpoint === index);
    };
    const outcome = (event: Event | undefined, index: number, length: number): Answer => {
      if (!event) return 'nak';
      if (event.code !== R.CC_SUCCESS && event.code !== R.CC_SHORT_PACKET) {
        this.recover(slot, index);
        return 'stall';
      }
      return this.memory.bytes.slice(DATA, DATA + length - event.length);
    };
    return {
      control: (setup, data) => {
        const length = (setup[6] ?? 0) | ((setup[7] ?? 0) << 8);
        const inward = ((setup[0] ?? 0) & 0x80) !== 0 ? R.TRB_DIR_IN : 0;
        const word = (i: number) =>
          ((setup[i] ?? 0) | ((setup[i + 1] ?? 0) << 8) | ((setup[i + 2] ?? 0) << 16) | ((setup[i + 3] ?? 0) << 24)) >>>
          0;
        const ring = this.ring(slot, 1);
        if (data) this.memory.write(DATA, data);
        this.enqueue(ring, word(0), word(4), 8, (R.SETUP_STAGE << R.TRB_TYPE_SHIFT) | R.TRB_IDT);
        const stage = (R.DATA_STAGE << R.TRB_TYPE_SHIFT) | R.TRB_ISP | inward;
        if (length > 0) this.enqueue(ring, DATA, 0, length, stage);
        const status = length > 0 && inward ? 0 : R.TRB_DIR_IN;
        this.enqueue(ring, 0, 0, 0, (R.STATUS_STAGE << R.TRB_TYPE_SHIFT) | R.TRB_IOC | status);
        this.doorbell(slot, 1);
        const events = this.events().filter((event) => event.type === R.TRANSFER_EVENT);
        const short = events.find((event) => event.code === R.CC_SHORT_PACKET);
        const last = outcome(events.at(-1), 1, 0);
        if (typeof last === 'string') return last;
        return inward ? this.memory.bytes.slice(DATA, DATA + length - (short?.length ?? 0)) : last;
      },
      in: (endpoint, length) => outcome(bulk(2 * endpoint + 1, length), 2 * endpoint + 1, length),
      out: (endpoint, data) => {
        this.memory.write(DATA, data);
        const sent = outcome(bulk(2 * endpoint, data.length), 2 * endpoint, data.length);
        return typeof sent === 'string' ? sent : 'ack';
      },
    };
  }
}

const INTERRUPT_IN = (packet: number) => [{ index: 3, type: 7, packet }];
const BULK = (packet: number) => [
  { index: 3, type: 6, packet },
  { index: 4, type: 2, packet },
];

function keyboardRig() {
  const rig = new XhciRig();
  const keyboard = new UsbKeyboard(rig.timers);
  rig.xhci.sockets[0]?.plug(keyboard);
  rig.start();
  rig.setPort(1, R.PORTSC_PP | R.PORTSC_PR);
  rig.events();
  const slot = rig.address(1);
  return { rig, keyboard, slot, pipe: rig.configure(slot, INTERRUPT_IN(8)) };
}

describe('xHCI', () => {
  it('describes itself: slots, ports, protocols, [XHCI] 5.3, 7.2', () => {
    const { xhci } = new XhciRig();
    expect(xhci.read(0, 1)).toBe(0x40);
    expect(xhci.read(2, 2)).toBe(0x0100);
    expect(xhci.read(R.HCSPARAMS1, 4)).toBe(0x0800_0140);
    expect(xhci.read(R.HCCPARAMS1, 4)).toBe(0x0008_0001);
    expect([xhci.read(0x20, 4), xhci.read(0x28, 4)]).toEqual([0x0200_0402, 0x0401]);
    expect([xhci.read(0x30, 4), xhci.read(0x38, 4)]).toEqual([0x0300_0002, 0x0405]);
    expect(xhci.configSpace.readConfig(0, 4)).toBe(0x000d_1b36);
  });

  it('tells of devices on its ports, and enables a USB 2 port by reset, a USB 3 port at once, 4.19', () => {
    const rig = new XhciRig().start();
    rig.xhci.sockets[0]?.plug(new UsbTablet(rig.timers));
    rig.xhci.sockets[4]?.plug(new UsbStorage({ medium: new FakeMedium(512), serial: '1' }));
    expect(rig.events().map(({ type, pointer }) => [type, pointer >>> 24])).toEqual([
      [R.PORT_STATUS_CHANGE, 1],
      [R.PORT_STATUS_CHANGE, 5],
    ]);
    expect(rig.portsc(1)).toBe(R.PORTSC_CCS | R.PORTSC_CSC | R.PORTSC_PP | (1 << 10) | (7 << 5));
    expect(rig.portsc(5)).toBe(R.PORTSC_CCS | R.PORTSC_CSC | R.PORTSC_PP | R.PORTSC_PED | (4 << 10));
    rig.setPort(1, R.PORTSC_PP | R.PORTSC_CSC | R.PORTSC_PR);
    expect(rig.portsc(1)).toBe(R.PORTSC_CCS | R.PORTSC_PED | R.PORTSC_PRC | R.PORTSC_PP | (1 << 10));
    rig.xhci.sockets[0]?.plug(undefined);
    expect(rig.portsc(1) & (R.PORTSC_CCS | R.PORTSC_PED | R.PORTSC_CSC)).toBe(R.PORTSC_CSC);
  });

  it('takes a keyboard from slot to report without any timer', () => {
    const { rig, keyboard, slot, pipe } = keyboardRig();
    expect(rig.memory.read32(CONTEXTS + 0x400 * slot + 12)).toBe(((R.SLOT_CONFIGURED << 27) | slot) >>> 0);
    expect(pipe.control(setupPacket(0x80, 6, 0x0100, 0, 18))).toHaveLength(18);
    expect(pipe.control(setupPacket(0x80, 6, 0x0200, 0, 255))).toHaveLength(34); // a short data stage
    expect(pipe.in(1, 8)).toBe('nak');
    expect(rig.line.level).toBe(false);
    keyboard.press('KeyA');
    expect(rig.line.level).toBe(true);
    expect(rig.op(R.USBSTS) & R.USBSTS_EINT).toBe(R.USBSTS_EINT);
    expect(rig.events()).toMatchObject([{ type: R.TRANSFER_EVENT, code: R.CC_SUCCESS, length: 0, endpoint: 3, slot }]);
    expect(rig.line.level).toBe(false);
    expect([...rig.memory.bytes.slice(DATA, DATA + 3)]).toEqual([0, 0, 4]);
    expect(rig.timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [0, 'high', 512],
    [4, 'super', 1024],
  ] as const)('reads and writes a disk at socket %i (%s speed)', (socket, speed, packet) => {
    const rig = new XhciRig();
    const medium = new FakeMedium(1 << 20);
    const disk: UsbDevice = new UsbStorage({ medium, serial: '1' });
    rig.xhci.sockets[socket]?.plug(disk);
    expect(disk.speed).toBe(speed);
    rig.start();
    rig.setPort(socket + 1, R.PORTSC_PP | R.PORTSC_PR);
    rig.events();
    const slot = rig.address(socket + 1);
    const pipe = rig.configure(slot, BULK(packet));
    const read = scsi(pipe, [0x28, 0, 0, 0, 0, 9, 0, 1, 0, 0], { read: 131072 });
    expect(read).toMatchObject({ status: 0, residue: 0 });
    expect(Buffer.compare(read.data as Uint8Array, medium.bytes.slice(9 * 512, 9 * 512 + 131072))).toBe(0);
    const data = Uint8Array.from({ length: 129 * 512 }, (_, i) => i % 253);
    expect(scsi(pipe, [0x2a, 0, 0, 0, 0, 1, 0, 0, 129, 0], { write: data })).toMatchObject({ status: 0, residue: 0 });
    expect(Buffer.compare(medium.bytes.slice(512, 512 + data.length), data)).toBe(0);
    expect(scsi(pipe, [0x55, 0, 0, 0, 0, 0], { read: 8 })).toMatchObject({ status: 1, data: 'stall' });
    expect(scsi(pipe, [0x12, 0, 0, 0, 36, 0], { read: 255 })).toMatchObject({ status: 0, residue: 219 });
  });

  it('waits for a back end and goes on in the middle of a transfer', () => {
    const rig = new XhciRig();
    const medium = new FakeMedium(1 << 20);
    rig.xhci.sockets[4]?.plug(new UsbStorage({ medium, serial: '1' }));
    rig.start().events();
    const slot = rig.address(5);
    const pipe = rig.configure(slot, BULK(1024));
    medium.wait = true;
    const cbw = [0x55, 0x53, 0x42, 0x43, 0, 0, 0, 0, 0, 0, 2, 0, 0x80, 0, 10, 0x28, 0, 0, 0, 0, 0, 0, 1, 0];
    expect(
      pipe.out(
        2,
        Uint8Array.from({ length: 31 }, (_, i) => cbw[i] ?? 0),
      ),
    ).toBe('ack');
    expect(pipe.in(1, 131072)).toBe('nak');
    medium.end();
    expect(rig.events()).toEqual([]);
    const stop = rig.command(R.STOP_ENDPOINT, 0, (slot << 24) | (3 << 16));
    expect(stop?.code).toBe(R.CC_SUCCESS);
    expect(rig.seen.find(({ code }) => code === R.CC_STOPPED)).toMatchObject({ endpoint: 3, slot });
    rig.doorbell(slot, 3);
    medium.end();
    expect(rig.events()).toMatchObject([{ code: R.CC_SUCCESS, length: 0, endpoint: 3 }]);
    expect(Buffer.compare(rig.memory.bytes.slice(DATA, DATA + 131072), medium.bytes.slice(0, 131072))).toBe(0);
  });

  it('reaches a tablet behind a hub by its route string', () => {
    const rig = new XhciRig();
    const hub = new UsbHub();
    const tablet = new UsbTablet(rig.timers);
    hub.sockets[5]?.plug(tablet);
    rig.xhci.sockets[1]?.plug(hub);
    rig.start();
    rig.setPort(2, R.PORTSC_PP | R.PORTSC_PR);
    rig.events();
    const hubPipe = rig.configure(rig.address(2), INTERRUPT_IN(2));
    hubPipe.control(setupPacket(0x23, 3, 8, 6));
    hubPipe.control(setupPacket(0x23, 3, 4, 6));
    const slot = rig.address(2, 6);
    const pipe = rig.configure(slot, INTERRUPT_IN(6));
    expect(pipe.in(1, 6)).toBe('nak');
    tablet.input({ x: 1, y: 2, wheel: 0, buttons: 1 });
    expect(rig.events()).toMatchObject([{ endpoint: 3, slot, code: R.CC_SUCCESS }]);
    expect([...rig.memory.bytes.slice(DATA, DATA + 6)]).toEqual([1, 1, 0, 2, 0, 0]);
  });

  it('halts an endpoint whose device is gone or stalls, until it is reset, 4.10.2', () => {
    const { rig, slot, pipe } = keyboardRig();
    expect(pipe.control(setupPacket(0xc0, 0x77, 0, 0, 4))).toBe('stall');
    expect(rig.endpointState(slot, 1)).toBe(R.EP_STOPPED);
    expect(pipe.control(setupPacket(0x80, 8, 0, 0, 1))).toEqual(Uint8Array.of(1));
    rig.xhci.sockets[0]?.plug(undefined);
    expect(pipe.in(1, 8)).toBe('stall');
    expect(rig.seen.at(-3)).toMatchObject({ code: R.CC_TRANSACTION_ERROR });
  });

  it('refuses commands that make no sense, 6.4.5', () => {
    const { rig, slot } = keyboardRig();
    expect(rig.command(R.NO_OP_COMMAND)?.code).toBe(R.CC_SUCCESS);
    expect(rig.command(62)?.code).toBe(R.CC_TRB_ERROR);
    expect(rig.command(R.DISABLE_SLOT, 0, 9 << 24)?.code).toBe(R.CC_SLOT_NOT_ENABLED);
    expect(rig.command(R.RESET_ENDPOINT, 0, (slot << 24) | (3 << 16))?.code).toBe(R.CC_CONTEXT_STATE_ERROR);
    expect(rig.command(R.STOP_ENDPOINT, 0, (slot << 24) | (7 << 16))?.code).toBe(R.CC_ENDPOINT_NOT_ENABLED);
    expect(rig.command(R.RESET_DEVICE, 0, slot << 24)?.code).toBe(R.CC_SUCCESS);
    expect(rig.command(R.DISABLE_SLOT, 0, slot << 24)?.code).toBe(R.CC_SUCCESS);
    for (let i = 0; i < 64; i++) expect(rig.command(R.ENABLE_SLOT)?.code).toBe(R.CC_SUCCESS);
    expect(rig.command(R.ENABLE_SLOT)?.code).toBe(R.CC_NO_SLOTS);
  });

  it('holds events back while their ring is full and goes on when the guest has taken some', () => {
    const { rig } = keyboardRig();
    for (let i = 0; i < 50; i++) rig.enqueue(COMMANDS, 0, 0, 0, R.NO_OP_COMMAND << R.TRB_TYPE_SHIFT);
    rig.doorbell(0);
    let completed = 0;
    for (let round = 0; round < 5; round++) completed += rig.events().length;
    expect(completed).toBe(50);
  });

  it('sends a message instead of its pin when the guest has chosen MSI-X', () => {
    const { rig, keyboard, pipe } = keyboardRig();
    rig.xhci.write(R.MSIX_TABLE_OFFSET, 4, 0xfee0_0000);
    rig.xhci.write(R.MSIX_TABLE_OFFSET + 8, 4, 0x42);
    rig.xhci.write(R.MSIX_TABLE_OFFSET + 12, 4, 0);
    const at = rig.xhci.configSpace.readConfig(P.CAPABILITIES_POINTER, 1);
    rig.xhci.configSpace.writeConfig(at + 2, 2, 0x8000);
    pipe.in(1, 8);
    keyboard.press('KeyA');
    expect([rig.messages, rig.line.level]).toEqual([[0x42], false]);
    keyboard.press('KeyB');
    rig.events();
    pipe.in(1, 8);
    expect(rig.messages).toEqual([0x42, 0x42]);
  });

  it('gets through rings that lead into themselves', () => {
    const { rig, slot } = keyboardRig();
    const ring = rig.ring(slot, 3);
    rig.memory.write32(ring, ring, 0, 0, (R.LINK << R.TRB_TYPE_SHIFT) | 1);
    rig.doorbell(slot, 3);
    rig.memory.write32(ring, 0, 0, 0, (R.NO_OP << R.TRB_TYPE_SHIFT) | 1, ring, 0, 0, (R.LINK << R.TRB_TYPE_SHIFT) | 1);
    rig.doorbell(slot, 3);
    const fired = rig.timers.fired;
    rig.timers.advance(10_000_000);
    expect(rig.timers.fired - fired).toBeLessThan(100);
    rig.memory.write32(ring, DATA, 0, 8, (R.NORMAL << R.TRB_TYPE_SHIFT) | R.TRB_CHAIN | 1);
    rig.timers.advance(1_000_000);
    expect(rig.endpointState(slot, 3)).toBe(R.EP_HALTED);
  });

  it('goes on after save and restore with a transfer that waits', () => {
    const { rig, keyboard, pipe } = keyboardRig();
    pipe.in(1, 8);
    const copy = new XhciRig(rig.timers.nowNs(), rig.memory);
    const again = new UsbKeyboard(copy.timers);
    copy.xhci.sockets[0]?.connect(again);
    copy.xhci.restore(structuredClone(rig.xhci.save()));
    again.restore(structuredClone(keyboard.save()));
    expect(copy.xhci.save()).toEqual(rig.xhci.save());
    again.press('KeyC');
    expect(copy.line.level).toBe(true);
    expect(copy.memory.bytes[DATA + 2]).toBe(6);
  });
});
