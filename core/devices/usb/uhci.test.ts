/** UHCI as a driver uses it: queue heads and transfer descriptors in memory, [UHCI] chapter 3. */
import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import { FakeMemory } from '../../testing/fake-memory.ts';
import { type Answer, FakeMedium, scsi, setupPacket, type UsbPipe } from '../../testing/usb-host.ts';
import * as P from '../pci-host/pci.regs.ts';
import { UsbKeyboard } from './hid-keyboard.ts';
import { UsbTablet } from './hid-tablet.ts';
import * as R from './uhci.regs.ts';
import { PIIX3_UHCI, Uhci } from './uhci.ts';
import { UsbHub } from './usb-hub.ts';
import { UsbStorage } from './usb-storage.ts';

const FRAME_LIST = 0x1000;
const QUEUE = 0x2000;
const TDS = 0x3000;
const DATA = 0x10000;
const MS = 1_000_000;

class UhciRig {
  readonly timers: FakeTimers;
  readonly memory: FakeMemory;
  readonly line = new FakeLine();
  readonly uhci: Uhci;

  constructor(startNs = 0, memory = new FakeMemory(1 << 20)) {
    this.timers = new FakeTimers(startNs);
    this.memory = memory;
    this.uhci = new Uhci(PIIX3_UHCI, { irq: this.line, memory: this.memory, timers: this.timers });
    this.uhci.configSpace.writeConfig(P.COMMAND, 2, P.COMMAND_IO | P.COMMAND_MASTER);
  }

  start(): this {
    for (let i = 0; i < R.FRAME_LIST_ENTRIES; i++) this.memory.write32(FRAME_LIST + 4 * i, QUEUE | R.LINK_Q);
    this.memory.write32(QUEUE, R.LINK_T, R.LINK_T);
    this.uhci.write(R.FRBASEADD, 4, FRAME_LIST);
    this.uhci.write(R.USBINTR, 2, R.USBINTR_MASK);
    this.uhci.write(R.USBCMD, 2, R.USBCMD_RS);
    return this;
  }

  enablePort(port = 0): void {
    const offset = R.PORTSC1 + 2 * port;
    this.uhci.write(offset, 2, R.PORTSC_PR);
    this.uhci.write(offset, 2, 0);
    this.uhci.write(offset, 2, R.PORTSC_PED | R.PORTSC_CSC);
  }

  /** One queue of these packets, each with its data; runs until it stops. */
  transfer(address: number, packets: { pid: number; endpoint: number; data?: Uint8Array; length: number }[]) {
    let at = DATA;
    packets.forEach(({ pid, endpoint, data, length }, i) => {
      const td = TDS + 32 * i;
      const link = i + 1 < packets.length ? td + 32 : R.LINK_T;
      const token = ((((length - 1) & 0x7ff) << 21) | (endpoint << 15) | (address << 8) | pid) >>> 0;
      const status = R.TD_ACTIVE | R.TD_SPD | (i + 1 < packets.length ? 0 : R.TD_IOC);
      this.memory.write32(td, link, status, token, at);
      if (data) this.memory.write(at, data);
      at += length;
    });
    this.memory.write32(QUEUE + 4, TDS);
    this.timers.advance(40 * MS);
    return packets.map((_, i) => this.memory.read32(TDS + 32 * i + R.TD_STATUS));
  }

  pipe(address: number, maxPacket = 64): UsbPipe {
    const split = (pid: number, endpoint: number, length: number, data?: Uint8Array) => {
      const packets = [];
      for (let at = 0; at < length || at === 0; at += maxPacket) {
        const part = Math.min(maxPacket, length - at);
        packets.push({ pid, endpoint, length: part, ...(data && { data: data.subarray(at, at + part) }) });
      }
      return packets;
    };
    const answer = (statuses: number[], length: number, first = 0): Answer => {
      let bytes = 0;
      for (const status of statuses.slice(first)) {
        if (status & R.TD_STALLED) return 'stall';
        if (status & R.TD_ACTIVE) return bytes > 0 ? this.memory.bytes.slice(DATA, DATA + bytes) : 'nak';
        bytes += (status + 1) & 0x7ff;
        if (((status + 1) & 0x7ff) < maxPacket) break;
      }
      return this.memory.bytes.slice(DATA + 8 * first, DATA + 8 * first + Math.min(bytes, length));
    };
    return {
      control: (setup, data) => {
        const length = (setup[6] ?? 0) | ((setup[7] ?? 0) << 8);
        const reads = ((setup[0] ?? 0) & 0x80) !== 0;
        const packets = [{ pid: R.PID_SETUP, endpoint: 0, length: 8, data: Uint8Array.from(setup) }];
        if (length > 0) packets.push(...(split(reads ? R.PID_IN : R.PID_OUT, 0, length, data) as typeof packets));
        const read = answer(this.transfer(address, packets), length, 1);
        const status = this.transfer(address, [{ pid: reads ? R.PID_OUT : R.PID_IN, endpoint: 0, length: 0 }]);
        if (read === 'stall' || (status[0] ?? 0) & R.TD_STALLED) return 'stall';
        return reads ? read : new Uint8Array(0);
      },
      in: (endpoint, length) => answer(this.transfer(address, split(R.PID_IN, endpoint, length)), length),
      out: (endpoint, data) => {
        const sent = answer(this.transfer(address, split(R.PID_OUT, endpoint, data.length, data)), data.length);
        return typeof sent === 'string' ? sent : 'ack';
      },
    };
  }

  /** Gives the device at address 0 an address and its configuration. */
  configure(address: number): UsbPipe {
    this.pipe(0).control(setupPacket(0, 5, address));
    const pipe = this.pipe(address);
    pipe.control(setupPacket(0, 9, 1));
    return pipe;
  }
}

describe('UHCI', () => {
  it('is a USB 1.0 controller with 32 ports of registers', () => {
    const { configSpace } = new UhciRig().uhci;
    expect(configSpace.readConfig(0, 4)).toBe(0x7020_8086);
    expect(configSpace.readConfig(8, 4) >>> 8).toBe(0x0c_03_00);
    expect(configSpace.readConfig(0x60, 1)).toBe(0x10);
    configSpace.writeConfig(0x20, 4, 0xffff_ffff);
    expect(configSpace.readConfig(0x20, 4)).toBe(0xffff_ffe1);
  });

  it('shows devices on its ports and resets them, 2.1.7', () => {
    const { uhci, timers } = new UhciRig();
    expect(uhci.read(R.PORTSC1, 2)).toBe(R.PORTSC_ONE);
    const tablet = new UsbTablet(timers);
    uhci.sockets[0]?.plug(tablet);
    expect(uhci.read(R.PORTSC1, 2)).toBe(R.PORTSC_ONE | R.PORTSC_CCS | R.PORTSC_CSC | R.PORTSC_LINE_DPLUS);
    uhci.write(R.PORTSC1, 2, R.PORTSC_CSC | R.PORTSC_PR);
    expect(uhci.read(R.PORTSC1, 2) & (R.PORTSC_CSC | R.PORTSC_PR)).toBe(R.PORTSC_PR);
    uhci.write(R.PORTSC1, 2, 0);
    uhci.write(R.PORTSC1, 2, R.PORTSC_PED);
    uhci.sockets[0]?.plug(undefined);
    const gone = R.PORTSC_ONE | R.PORTSC_CSC | R.PORTSC_PEDC;
    expect(uhci.read(R.PORTSC1, 2)).toBe(gone);
  });

  it('carries control transfers and interrupts at their end', () => {
    const rig = new UhciRig().start();
    rig.uhci.sockets[0]?.plug(new UsbKeyboard(rig.timers));
    rig.enablePort();
    const pipe = rig.configure(5);
    const descriptor = pipe.control(setupPacket(0x80, 6, 0x0100, 0, 64));
    expect(descriptor).toHaveLength(18);
    expect(rig.line.level).toBe(true);
    rig.uhci.write(R.USBSTS, 2, R.USBSTS_USBINT);
    expect(rig.line.level).toBe(false);
    expect(pipe.control(setupPacket(0xc0, 0x77, 0, 0, 4))).toBe('stall');
    expect(rig.uhci.read(R.USBSTS, 2) & R.USBSTS_ERROR).toBe(R.USBSTS_ERROR);
  });

  it('leaves a descriptor active while the device says NAK and completes it within a frame when there is a report', () => {
    const rig = new UhciRig().start();
    const keyboard = new UsbKeyboard(rig.timers);
    rig.uhci.sockets[0]?.plug(keyboard);
    rig.enablePort();
    const pipe = rig.configure(5);
    expect(pipe.in(1, 8)).toBe('nak');
    expect(rig.memory.read32(TDS + 4) & (R.TD_NAK | R.TD_ACTIVE)).toBe(R.TD_NAK | R.TD_ACTIVE);
    rig.timers.advance(1000 * MS);
    keyboard.press('KeyA');
    rig.timers.advance(1 * MS);
    expect(rig.memory.read32(TDS + 4) & R.TD_ACTIVE).toBe(0);
    expect(rig.memory.bytes[DATA + 2]).toBe(4);
  });

  it('wakes the machine 31 times a second while nothing happens, a thousand times while something does', () => {
    const rig = new UhciRig().start();
    rig.uhci.sockets[0]?.plug(new UsbTablet(rig.timers));
    rig.enablePort();
    rig.configure(5).in(1, 6);
    rig.timers.advance(1000 * MS);
    const fired = rig.timers.fired;
    rig.timers.advance(1000 * MS);
    expect(rig.timers.fired - fired).toBeLessThan(33);
    expect(rig.uhci.read(R.FRNUM, 2)).toBe(Math.floor(rig.timers.nowNs() / MS) & 0x7ff);
  });

  it('reads and writes a disk behind a hub', () => {
    const rig = new UhciRig().start();
    const hub = new UsbHub();
    const medium = new FakeMedium(1 << 20);
    hub.sockets[7]?.plug(new UsbStorage({ medium, serial: '1' }));
    rig.uhci.sockets[1]?.plug(hub);
    rig.enablePort(1);
    const hubPipe = rig.configure(2);
    hubPipe.control(setupPacket(0x23, 3, 8, 8));
    hubPipe.control(setupPacket(0x23, 3, 4, 8));
    const pipe = rig.configure(3);
    const read = scsi(pipe, [0x28, 0, 0, 0, 0, 9, 0, 0, 2, 0], { read: 1024 });
    expect(read).toMatchObject({ status: 0, residue: 0 });
    expect(read.data).toEqual(medium.bytes.slice(9 * 512, 11 * 512));
    const data = Uint8Array.from({ length: 512 }, (_, i) => i & 0xff);
    expect(scsi(pipe, [0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0], { write: data })).toMatchObject({ status: 0 });
    expect(medium.bytes.slice(512, 1024)).toEqual(data);
  });

  it('reports a device that is not there, and halts on a schedule that makes no sense', () => {
    const rig = new UhciRig().start();
    const [status = 0] = rig.transfer(9, [{ pid: R.PID_IN, endpoint: 0, length: 8 }]);
    expect(status & (R.TD_ACTIVE | R.TD_TIMEOUT | R.TD_STALLED)).toBe(R.TD_TIMEOUT | R.TD_STALLED);
    rig.transfer(9, [{ pid: 0x55, endpoint: 0, length: 8 }]);
    expect(rig.uhci.read(R.USBSTS, 2) & (R.USBSTS_HCPE | R.USBSTS_HCH)).toBe(R.USBSTS_HCPE | R.USBSTS_HCH);
    expect(rig.uhci.read(R.USBCMD, 2) & R.USBCMD_RS).toBe(0);
  });

  it('gets through a frame whose queues go round in a circle', () => {
    const rig = new UhciRig().start();
    rig.memory.write32(QUEUE, QUEUE | R.LINK_Q, R.LINK_T);
    rig.timers.advance(5 * MS);
    rig.memory.write32(QUEUE, QUEUE | R.LINK_Q, QUEUE | R.LINK_Q);
    rig.timers.advance(50 * MS);
    expect(rig.uhci.read(R.USBSTS, 2)).toBe(0);
  });

  it('goes on after save and restore with a transfer under way', () => {
    const rig = new UhciRig().start();
    const keyboard = new UsbKeyboard(rig.timers);
    rig.uhci.sockets[0]?.plug(keyboard);
    rig.enablePort();
    rig.configure(5).in(1, 8);
    const copy = new UhciRig(rig.timers.nowNs(), rig.memory);
    const again = new UsbKeyboard(copy.timers);
    copy.uhci.sockets[0]?.connect(again);
    copy.uhci.restore(structuredClone(rig.uhci.save()));
    again.restore(structuredClone(keyboard.save()));
    expect(copy.line.level).toBe(rig.line.level);
    again.press('KeyB');
    copy.timers.advance(32 * MS);
    expect(copy.memory.bytes[DATA + 2]).toBe(5);
  });

  it('touches no memory while it may not master the bus', () => {
    const rig = new UhciRig().start();
    rig.uhci.configSpace.writeConfig(P.COMMAND, 2, P.COMMAND_IO);
    const [status = 0] = rig.transfer(0, [{ pid: R.PID_IN, endpoint: 0, length: 8 }]);
    expect(status & R.TD_ACTIVE).toBe(R.TD_ACTIVE);
  });
});
