/** EHCI as a driver uses it: queue heads and descriptors in memory, [EHCI] chapter 3; its companions beside it. */
import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import { FakeMemory } from '../../testing/fake-memory.ts';
import { type Answer, FakeMedium, scsi, setupPacket, type UsbPipe } from '../../testing/usb-host.ts';
import * as P from '../pci-host/pci.regs.ts';
import * as R from './ehci.regs.ts';
import { Ehci } from './ehci.ts';
import { UsbTablet } from './hid-tablet.ts';
import * as U from './uhci.regs.ts';
import { ICH9_UHCI, Uhci } from './uhci.ts';
import { UsbStorage } from './usb-storage.ts';

const QUEUE = 0x2000;
const TDS = 0x3000;
const DATA = 0x1_0800; // not at the start of a page
const MS = 1_000_000;
const OP = R.CAPLENGTH_VALUE;

class EhciRig {
  readonly timers: FakeTimers;
  readonly memory: FakeMemory;
  readonly line = new FakeLine();
  readonly companions: Uhci[];
  readonly ehci: Ehci;

  constructor(startNs = 0, memory = new FakeMemory(1 << 20)) {
    this.timers = new FakeTimers(startNs);
    this.memory = memory;
    const ports = { memory, timers: this.timers };
    this.companions = ICH9_UHCI.map((model) => new Uhci(model, { ...ports, irq: new FakeLine() }));
    this.ehci = new Ehci({ ...ports, irq: this.line, companions: this.companions });
    this.ehci.configSpace.writeConfig(P.COMMAND, 2, P.COMMAND_MEMORY | P.COMMAND_MASTER);
  }

  op(offset: number): number {
    return this.ehci.read(OP + offset, 4);
  }

  set(offset: number, value: number): void {
    this.ehci.write(OP + offset, 4, value >>> 0);
  }

  start(): this {
    this.set(R.CONFIGFLAG, 1);
    this.memory.write32(QUEUE, QUEUE | R.LINK_QH, 0, 0, 0, R.LINK_T, R.LINK_T, R.TOKEN_HALTED);
    this.set(R.ASYNCLISTADDR, QUEUE);
    this.set(R.USBINTR, R.USBINTR_MASK & ~R.USBSTS_FLR);
    this.set(R.USBCMD, R.USBCMD_POWER_ON | R.USBCMD_RS | R.USBCMD_ASE);
    return this;
  }

  enablePort(port = 0): void {
    this.set(R.PORTSC1 + 4 * port, R.PORTSC_CSC | R.PORTSC_PR);
    this.set(R.PORTSC1 + 4 * port, 0);
  }

  /** A chain of descriptors on the one queue head; gives their tokens. */
  transfer(address: number, endpoint: number, parts: { pid: number; length: number; data?: Uint8Array }[]) {
    let at = DATA;
    parts.forEach(({ pid, length, data }, i) => {
      const td = TDS + 64 * i;
      const last = i + 1 === parts.length;
      const token =
        (length << R.TOKEN_BYTES_SHIFT) | R.TOKEN_ACTIVE | (pid << R.TOKEN_PID_SHIFT) | (last ? R.TOKEN_IOC : 0);
      const pages = [1, 2, 3, 4].map((page) => (at & ~0xfff) + page * 0x1000);
      // What follows the data of a short read is the last descriptor, the status stage.
      const alternate = parts.length === 3 && i === 1 ? TDS + 128 : R.LINK_T;
      this.memory.write32(td, last ? R.LINK_T : td + 64, alternate, token, at, ...pages);
      if (data) this.memory.write(at, data);
      at += length;
    });
    const characteristics = (512 << 16) | R.QH_DTC | R.QH_HIGH_SPEED | (endpoint << 8) | address;
    this.memory.write32(QUEUE, QUEUE | R.LINK_QH, characteristics, 1 << 30, 0, TDS, R.LINK_T, 0);
    this.timers.advance(40 * MS);
    return parts.map((_, i) => this.memory.read32(TDS + 64 * i + 8));
  }

  pipe(address: number): UsbPipe {
    const answer = (token: number, length: number, at = DATA): Answer => {
      if (token & R.TOKEN_HALTED) return 'stall';
      if (token & R.TOKEN_ACTIVE) return 'nak';
      const bytes = length - ((token >>> R.TOKEN_BYTES_SHIFT) & R.TOKEN_BYTES);
      return this.memory.bytes.slice(at, at + bytes);
    };
    return {
      control: (setup, data) => {
        const length = (setup[6] ?? 0) | ((setup[7] ?? 0) << 8);
        const reads = ((setup[0] ?? 0) & 0x80) !== 0;
        const stage = { pid: reads ? R.PID_IN : R.PID_OUT, length, ...(data && { data }) };
        const parts = [
          { pid: R.PID_SETUP, length: 8, data: Uint8Array.from(setup) },
          ...(length > 0 ? [stage] : []),
          { pid: reads ? R.PID_OUT : R.PID_IN, length: 0 },
        ];
        const tokens = this.transfer(address, 0, parts);
        if (tokens.some((token) => token & R.TOKEN_HALTED)) return 'stall';
        return reads ? answer(tokens[1] ?? 0, length, DATA + 8) : new Uint8Array(0);
      },
      in: (endpoint, length) => {
        const [token = 0] = this.transfer(address, endpoint, [{ pid: R.PID_IN, length }]);
        return answer(token, length);
      },
      out: (endpoint, data) => {
        const [token = 0] = this.transfer(address, endpoint, [{ pid: R.PID_OUT, length: data.length, data }]);
        const sent = answer(token, data.length);
        return typeof sent === 'string' ? sent : 'ack';
      },
    };
  }

  configure(address: number): UsbPipe {
    this.pipe(0).control(setupPacket(0, 5, address));
    const pipe = this.pipe(address);
    pipe.control(setupPacket(0, 9, 1));
    return pipe;
  }
}

describe('EHCI', () => {
  it('has six ports, two for each of three companions, 2.2', () => {
    const { ehci } = new EhciRig();
    expect(ehci.read(0, 1)).toBe(0x20);
    expect(ehci.read(2, 2)).toBe(0x0100);
    expect(ehci.read(R.HCSPARAMS, 4)).toBe(0x3206);
    expect(ehci.configSpace.readConfig(0, 4)).toBe(0x293a_8086);
    expect(ehci.configSpace.readConfig(R.SBRN, 1)).toBe(0x20);
  });

  it('leaves all ports to the companions until it is configured, 4.2', () => {
    const rig = new EhciRig();
    rig.ehci.sockets[3]?.plug(new UsbTablet(rig.timers));
    expect(rig.op(R.PORTSC1 + 12)).toBe(R.PORTSC_PO | R.PORTSC_PP);
    const companionPort = () => rig.companions[1]?.read(U.PORTSC1 + 2, 2) ?? 0;
    expect(companionPort() & (U.PORTSC_CCS | U.PORTSC_CSC)).toBe(U.PORTSC_CCS | U.PORTSC_CSC);
    rig.set(R.CONFIGFLAG, 1);
    expect(companionPort() & U.PORTSC_CCS).toBe(0);
    expect(rig.op(R.PORTSC1 + 12)).toBe(R.PORTSC_PP | R.PORTSC_CCS | R.PORTSC_CSC | R.PORTSC_LINE_J);
  });

  it('enables a port with a high-speed device only; the driver gives the others to a companion, 4.2.2', () => {
    const rig = new EhciRig().start();
    const tablet = new UsbTablet(rig.timers);
    rig.ehci.sockets[0]?.plug(tablet);
    rig.ehci.sockets[1]?.plug(new UsbStorage({ medium: new FakeMedium(512), serial: '1' }));
    expect(rig.line.level).toBe(true);
    rig.enablePort(0);
    rig.enablePort(1);
    expect(rig.op(R.PORTSC1) & R.PORTSC_PED).toBe(0);
    expect(rig.op(R.PORTSC1 + 4) & R.PORTSC_PED).toBe(R.PORTSC_PED);
    rig.set(R.PORTSC1, R.PORTSC_PO);
    expect(rig.op(R.PORTSC1) & R.PORTSC_CCS).toBe(0);
    expect(rig.companions[0]?.sockets[0]?.device).toBe(tablet);
    rig.ehci.sockets[0]?.plug(undefined);
    expect(rig.op(R.PORTSC1) & (R.PORTSC_PO | R.PORTSC_CCS)).toBe(0);
    expect(rig.companions[0]?.sockets[0]?.device).toBeUndefined();
  });

  it('carries control and bulk transfers to a disk, over page borders', () => {
    const rig = new EhciRig().start();
    const medium = new FakeMedium(1 << 20);
    rig.ehci.sockets[5]?.plug(new UsbStorage({ medium, serial: '1' }));
    rig.enablePort(5);
    const pipe = rig.configure(9);
    const descriptor = pipe.control(setupPacket(0x80, 6, 0x0100, 0, 64)) as Uint8Array;
    expect([...descriptor.slice(0, 8)]).toEqual([18, 1, 0, 2, 0, 0, 0, 64]);
    expect(rig.memory.read32(TDS + 128 + 8) & R.TOKEN_ACTIVE).toBe(0); // the status stage by the alternate link
    expect(pipe.control(setupPacket(0x80, 6, 0x0600, 0, 10))).toHaveLength(10);
    const read = scsi(pipe, [0x28, 0, 0, 0, 0, 9, 0, 0, 32, 0], { read: 16384 });
    expect(read).toMatchObject({ status: 0, residue: 0 });
    expect(Buffer.compare(read.data as Uint8Array, medium.bytes.slice(9 * 512, 41 * 512))).toBe(0);
    const data = Uint8Array.from({ length: 8192 }, (_, i) => i % 253);
    expect(scsi(pipe, [0x2a, 0, 0, 0, 0, 1, 0, 0, 16, 0], { write: data })).toMatchObject({ status: 0 });
    expect(Buffer.compare(medium.bytes.slice(512, 512 + 8192), data)).toBe(0);
    expect(scsi(pipe, [0x55, 0, 0, 0, 0, 0], { read: 8 })).toMatchObject({ status: 1, data: 'stall' });
  });

  it('waits for a slow disk at 31 wake-ups a second and goes on at once', () => {
    const rig = new EhciRig().start();
    const medium = new FakeMedium(1 << 20);
    rig.ehci.sockets[0]?.plug(new UsbStorage({ medium, serial: '1' }));
    rig.enablePort();
    const pipe = rig.configure(1);
    medium.wait = true;
    const cbw = Uint8Array.of(
      0x55,
      0x53,
      0x42,
      0x43,
      0,
      0,
      0,
      0,
      0,
      2,
      0,
      0,
      0x80,
      0,
      10,
      0x28,
      ...Array(7).fill(0),
      1,
    );
    pipe.out(
      2,
      Uint8Array.from({ length: 31 }, (_, i) => cbw[i] ?? 0),
    );
    expect(pipe.in(1, 512)).toBe('nak');
    rig.timers.advance(1000 * MS);
    const fired = rig.timers.fired;
    rig.timers.advance(1000 * MS);
    expect(rig.timers.fired - fired).toBeLessThan(33);
    medium.end();
    rig.timers.advance(MS);
    expect(rig.memory.read32(TDS + 8) & R.TOKEN_ACTIVE).toBe(0);
    expect(rig.line.level).toBe(true);
  });

  it('answers the doorbell, and has no timer without a schedule', () => {
    const rig = new EhciRig().start();
    rig.set(R.USBCMD, R.USBCMD_RS | R.USBCMD_ASE | R.USBCMD_IAAD);
    rig.timers.advance(MS);
    expect(rig.op(R.USBSTS) & R.USBSTS_IAA).toBe(R.USBSTS_IAA);
    expect(rig.op(R.USBCMD) & R.USBCMD_IAAD).toBe(0);
    rig.set(R.USBCMD, R.USBCMD_RS);
    expect(rig.timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
    const before = rig.op(R.FRINDEX);
    rig.timers.advance(100 * MS);
    expect(rig.op(R.FRINDEX) - before).toBe(800);
  });

  it('halts a queue to a device that is not there', () => {
    const rig = new EhciRig().start();
    const [token = 0] = rig.transfer(3, 0, [{ pid: R.PID_IN, length: 8 }]);
    expect(token & (R.TOKEN_HALTED | R.TOKEN_XACTERR | R.TOKEN_ACTIVE)).toBe(R.TOKEN_HALTED | R.TOKEN_XACTERR);
    expect(rig.op(R.USBSTS) & R.USBSTS_ERROR).toBe(R.USBSTS_ERROR);
  });

  it('gives a port to the same owner after save and restore', () => {
    const rig = new EhciRig().start();
    const [tablet, copyTablet] = [new UsbTablet(rig.timers), new UsbTablet(rig.timers)];
    rig.ehci.sockets[0]?.plug(tablet);
    rig.set(R.PORTSC1, R.PORTSC_PO);
    const copy = new EhciRig(rig.timers.nowNs(), rig.memory);
    copy.ehci.sockets[0]?.plug(copyTablet);
    for (const [i, companion] of rig.companions.entries()) copy.companions[i]?.restore(companion.save());
    copy.ehci.restore(structuredClone(rig.ehci.save()));
    expect(copy.ehci.save()).toEqual(rig.ehci.save());
    expect(copy.companions[0]?.save()).toEqual(rig.companions[0]?.save());
    expect(copy.companions[0]?.sockets[0]?.device).toBe(copyTablet);
  });
});
