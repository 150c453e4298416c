import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { directPipe, setupPacket } from '../../testing/usb-host.ts';
import { UsbKeyboard } from './hid-keyboard.ts';
import { UsbMouse } from './hid-mouse.ts';
import { UsbTablet } from './hid-tablet.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbHub } from './usb-hub.ts';

function configured<D extends UsbDevice>(device: D) {
  const pipe = directPipe(device);
  pipe.control(setupPacket(0, 5, 7));
  pipe.control(setupPacket(0, 9, 1));
  return { device, pipe };
}

const report = (pipe: ReturnType<typeof directPipe>, length = 8): unknown => {
  const answer = pipe.in(1, length);
  return typeof answer === 'string' ? answer : [...answer];
};

describe('standard requests', () => {
  it('take a device from the default to the configured state, [USB2] 9.1.1', () => {
    const device = new UsbKeyboard(new FakeTimers());
    const pipe = directPipe(device);
    expect(device.find(0)).toBe(device);
    expect(pipe.control(setupPacket(0, 5, 7))).toHaveLength(0);
    expect([device.find(0), device.find(7)]).toEqual([undefined, device]);
    expect(pipe.in(1, 8)).toBe('stall');
    expect(pipe.control(setupPacket(0, 9, 1))).toHaveLength(0);
    expect(pipe.control(setupPacket(0x80, 8, 0, 0, 1))).toEqual(Uint8Array.of(1));
    expect(pipe.in(1, 8)).toBe('nak');
    expect(pipe.control(setupPacket(0, 9, 2))).toBe('stall');
    device.busReset();
    expect(device.find(0)).toBe(device);
    expect(device.configured).toBe(false);
  });

  it('give descriptors, cut to what the host asks for, [USB2] 9.4.3', () => {
    const pipe = directPipe(new UsbTablet(new FakeTimers()));
    expect(pipe.control(setupPacket(0x80, 6, 0x0100, 0, 8))).toEqual(Uint8Array.of(18, 1, 0x00, 0x02, 0, 0, 0, 64));
    const configuration = pipe.control(setupPacket(0x80, 6, 0x0200, 0, 255));
    expect(configuration).toHaveLength(34);
    expect([...configuration.slice(0, 4)]).toEqual([9, 2, 34, 0]);
    expect([...configuration.slice(-7)]).toEqual([7, 5, 0x81, 3, 6, 0, 4]);
    const product = pipe.control(setupPacket(0x80, 6, 0x0302, 0x409, 255));
    expect(new TextDecoder('utf-16le').decode(Uint8Array.from(product as Uint8Array).slice(2))).toBe('USB Tablet');
    expect(pipe.control(setupPacket(0x80, 6, 0x0304, 0x409, 255))).toBe('stall');
    expect(pipe.control(setupPacket(0x80, 6, 0x0600, 0, 10))).toBe('stall'); // full speed only: no qualifier
  });

  it('halt an endpoint and go on after its clear, [USB2] 9.4.5', () => {
    const { pipe } = configured(new UsbMouse(new FakeTimers()));
    expect(pipe.control(setupPacket(0x02, 3, 0, 0x81))).toHaveLength(0);
    expect(pipe.in(1, 4)).toBe('stall');
    expect(pipe.control(setupPacket(0x82, 0, 0, 0x81, 2))).toEqual(Uint8Array.of(1, 0));
    pipe.control(setupPacket(0x02, 1, 0, 0x81));
    expect(pipe.in(1, 4)).toBe('nak');
  });

  it('refuse what no specification knows, and data that is not announced', () => {
    const { device, pipe } = configured(new UsbKeyboard(new FakeTimers()));
    expect(pipe.control(setupPacket(0xc0, 0x55, 0, 0, 8))).toBe('stall');
    expect(pipe.control(setupPacket(0x40, 0x55))).toBe('stall');
    device.setup(Uint8Array.from(setupPacket(0x21, 9, 0x0200, 0, 1)));
    expect(device.packetOut(0, Uint8Array.of(1, 2))).toBe('stall');
    device.setup(Uint8Array.from(setupPacket(0x21, 9, 0x0200, 0, 0xffff)));
    expect(device.packetOut(0, Uint8Array.of(1))).toBe('stall');
  });

  it('remember remote wake-up, [USB2] figure 9-4', () => {
    const { device, pipe } = configured(new UsbKeyboard(new FakeTimers()));
    pipe.control(setupPacket(0, 3, 1));
    expect(device.mayWakeUp).toBe(true);
    expect(pipe.control(setupPacket(0x80, 0, 0, 0, 2))).toEqual(Uint8Array.of(2, 0));
  });

  it('survive save and restore in the middle of a control transfer', () => {
    const original = new UsbTablet(new FakeTimers());
    original.setup(Uint8Array.from(setupPacket(0x80, 6, 0x0200, 0, 255)));
    const copy = new UsbTablet(new FakeTimers());
    copy.restore(structuredClone(original.save()));
    expect(copy.packetIn(0)).toEqual(original.packetIn(0));
    expect(copy.packetOut(0, new Uint8Array(0))).toBe('ack');
  });
});

describe('keyboard', () => {
  it('reports modifiers and up to six keys, more as roll-over, [HID] B.1 and appendix C', () => {
    const { device, pipe } = configured(new UsbKeyboard(new FakeTimers()));
    device.press('ShiftLeft');
    device.press('KeyA');
    device.press('KeyA');
    expect([report(pipe), report(pipe), report(pipe)]).toEqual([
      [2, 0, 0, 0, 0, 0, 0, 0],
      [2, 0, 4, 0, 0, 0, 0, 0],
      'nak',
    ]);
    for (const key of ['KeyB', 'KeyC', 'KeyD', 'KeyE', 'KeyF', 'KeyG']) device.press(key);
    const reports = Array.from({ length: 6 }, () => report(pipe));
    expect(reports[4]).toEqual([2, 0, 4, 5, 6, 7, 8, 9]);
    expect(reports[5]).toEqual([2, 0, 1, 1, 1, 1, 1, 1]);
    device.release('KeyA');
    expect(report(pipe)).toEqual([2, 0, 5, 6, 7, 8, 9, 10]);
  });

  it('never keeps a key down that was released while nobody read', () => {
    const { device, pipe } = configured(new UsbKeyboard(new FakeTimers()));
    for (let i = 0; i < 500; i++) {
      device.press('KeyA');
      device.release('KeyA');
    }
    let last: unknown;
    for (let answer = report(pipe); answer !== 'nak'; answer = report(pipe)) last = answer;
    expect(last).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('shows LEDs, tells protocol and idle rate, [HID] 7.2', () => {
    const { device, pipe } = configured(new UsbKeyboard(new FakeTimers()));
    pipe.control(setupPacket(0x21, 9, 0x0200, 0, 1), Uint8Array.of(0x02));
    expect(device.leds).toBe(2);
    expect(pipe.control(setupPacket(0xa1, 3, 0, 0, 1))).toEqual(Uint8Array.of(1));
    pipe.control(setupPacket(0x21, 11, 0));
    expect(pipe.control(setupPacket(0xa1, 3, 0, 0, 1))).toEqual(Uint8Array.of(0));
    pipe.control(setupPacket(0x21, 10, 0x0500));
    expect(pipe.control(setupPacket(0xa1, 2, 0, 0, 1))).toEqual(Uint8Array.of(5));
  });

  it('repeats its report after the idle time, and says when that is over', () => {
    const timers = new FakeTimers();
    const { device, pipe } = configured(new UsbKeyboard(timers));
    let readyCalls = 0;
    device.upstream = { ready: () => readyCalls++ };
    pipe.control(setupPacket(0x21, 10, 0x0500)); // 20 ms
    expect(report(pipe)).toBe('nak');
    timers.advance(20_000_000);
    expect(readyCalls).toBe(1);
    expect(report(pipe)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    timers.advance(19_000_000);
    expect(report(pipe)).toBe('nak');
    timers.advance(1_000_000);
    expect(report(pipe)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('mouse', () => {
  it('adds movement up and splits what is more than a report holds', () => {
    const { device, pipe } = configured(new UsbMouse(new FakeTimers()));
    device.input({ dx: 300, dy: -5, wheel: 0, buttons: 0 });
    device.input({ dx: 10, dy: 0, wheel: 1, buttons: 0 });
    expect([report(pipe, 4), report(pipe, 4), report(pipe, 4), report(pipe, 4)]).toEqual([
      [0, 127, 251, 0],
      [0, 127, 0, 255],
      [0, 56, 0, 0],
      'nak',
    ]);
  });

  it('reports three bytes in boot protocol, [HID] B.2', () => {
    const { device, pipe } = configured(new UsbMouse(new FakeTimers()));
    pipe.control(setupPacket(0x21, 11, 0));
    device.input({ dx: 1, dy: 2, wheel: 3, buttons: 0x19 });
    expect([report(pipe, 4), report(pipe, 4)]).toEqual([[1, 1, 2], 'nak']);
  });
});

describe('tablet', () => {
  it('reports buttons, absolute position and wheel', () => {
    const { device, pipe } = configured(new UsbTablet(new FakeTimers()));
    device.input({ x: 0x1234, y: 40000, wheel: -2, buttons: 3 });
    expect([report(pipe, 6), report(pipe, 6)]).toEqual([[3, 0x34, 0x12, 0xff, 0x7f, 2], 'nak']);
  });

  it('forgets positions that nobody read, but no click and no notch', () => {
    const { device, pipe } = configured(new UsbTablet(new FakeTimers()));
    for (let x = 0; x <= 1000; x++) device.input({ x, y: 0, wheel: 0, buttons: 0 });
    device.input({ x: 1000, y: 0, wheel: 0, buttons: 1 });
    for (let x = 1000; x <= 2000; x++) device.input({ x, y: 0, wheel: x % 100 === 1 ? 1 : 0, buttons: 1 });
    device.input({ x: 2000, y: 0, wheel: 0, buttons: 0 });
    const reports: number[][] = [];
    for (let answer = report(pipe, 6); answer !== 'nak'; answer = report(pipe, 6)) reports.push(answer as number[]);
    const at = (r: number[] = []) => [r[0], (r[1] ?? 0) | ((r[2] ?? 0) << 8)];
    expect(reports.map(at)).toEqual([
      [0, 0],
      [0, 1000],
      [1, 1000],
      [1, 2000],
      [0, 2000],
    ]);
    expect(reports.reduce((sum, r) => sum + ((256 - (r[5] ?? 0)) & 0xff), 0)).toBe(10);
  });
});

describe('hub', () => {
  const portStatus = (pipe: ReturnType<typeof directPipe>, port: number) => {
    const [s0 = 0, s1 = 0, c0 = 0, c1 = 0] = pipe.control(setupPacket(0xa3, 0, 0, port, 4)) as Uint8Array;
    return { status: s0 | (s1 << 8), change: c0 | (c1 << 8) };
  };

  it('shows a device once its port has power and reaches it after a reset, [USB2] 11.24', () => {
    const { device: hub, pipe } = configured(new UsbHub());
    const mouse = new UsbMouse(new FakeTimers());
    hub.sockets[2]?.plug(mouse);
    expect(portStatus(pipe, 3)).toEqual({ status: 0, change: 0 });
    expect(pipe.in(1, 2)).toBe('nak');
    pipe.control(setupPacket(0x23, 3, 8, 3)); // PORT_POWER
    expect(portStatus(pipe, 3)).toEqual({ status: 0x101, change: 1 });
    expect(pipe.in(1, 2)).toEqual(Uint8Array.of(0x08, 0));
    pipe.control(setupPacket(0x23, 1, 16, 3)); // C_PORT_CONNECTION
    expect(pipe.in(1, 2)).toBe('nak');
    expect(hub.find(0)).toBeUndefined();
    pipe.control(setupPacket(0x23, 3, 4, 3)); // PORT_RESET
    expect(portStatus(pipe, 3)).toEqual({ status: 0x103, change: 0x10 });
    expect([hub.find(0), hub.downstream(3)]).toEqual([mouse, mouse]);
    pipe.control(setupPacket(0x23, 1, 20, 3)); // C_PORT_RESET
    hub.sockets[2]?.plug(undefined);
    expect(portStatus(pipe, 3)).toEqual({ status: 0x100, change: 1 });
    expect(hub.find(0)).toBeUndefined();
  });

  it('has no port 0 and no port 9', () => {
    const { pipe } = configured(new UsbHub());
    expect(pipe.control(setupPacket(0xa3, 0, 0, 9, 4))).toBe('stall');
    expect(pipe.control(setupPacket(0x23, 3, 8, 0))).toBe('stall');
    const [length, type, ports] = pipe.control(setupPacket(0xa0, 6, 0x2900, 0, 64)) as Uint8Array;
    expect([length, type, ports]).toEqual([11, 0x29, 8]);
  });
});
