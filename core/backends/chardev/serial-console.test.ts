import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { Scrollback } from './scrollback.ts';
import { MAX_PENDING_INPUT_BYTES, SCROLLBACK_BYTES, SerialConsole } from './serial-console.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

class Viewer {
  readonly messages: string[] = [];
  send = (data: Uint8Array): void => void this.messages.push(new TextDecoder().decode(data));
  get text(): string {
    return this.messages.join('');
  }
}

/** A UART with so much room. */
class Receiver {
  taken = '';
  constructor(public room: number) {}
  receive(data: Uint8Array): number {
    const count = Math.min(this.room, data.length);
    this.taken += new TextDecoder().decode(data.subarray(0, count));
    this.room -= count;
    return count;
  }
}

describe('serial output', () => {
  it('gathers single bytes for a moment and gives every viewer its own copy', () => {
    const timers = new FakeTimers();
    const serial = new SerialConsole(timers);
    const received: Uint8Array[] = [];
    const viewer = new Viewer();
    serial.attach(viewer);
    serial.attach({ send: (data) => received.push(data) });
    for (const letter of 'hello') serial.write(bytes(letter));
    expect(viewer.messages).toEqual([]);
    timers.advance(2_000_000);
    received[0]?.fill(0);
    expect(viewer.messages).toEqual(['hello']);
  });

  it('does not wait with a full buffer, nor when told to flush', () => {
    const serial = new SerialConsole(new FakeTimers());
    const viewer = new Viewer();
    serial.attach(viewer);
    serial.write(bytes('x'.repeat(5000)));
    expect(viewer.text).toHaveLength(4096);
    serial.flush();
    expect(viewer.text).toHaveLength(5000);
    serial.flush();
    expect(viewer.messages).toHaveLength(2);
  });

  it('has no timer armed while there is nothing to send', () => {
    const timers = new FakeTimers();
    const serial = new SerialConsole(timers);
    serial.write(bytes('x'));
    serial.flush();
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('replays the end of what was said to a viewer that comes later, each byte once', () => {
    const serial = new SerialConsole(new FakeTimers());
    serial.write(bytes('a'.repeat(10)));
    serial.write(bytes('b'.repeat(SCROLLBACK_BYTES - 1)));
    const viewer = new Viewer();
    serial.attach(viewer);
    expect(viewer.text).toBe(`a${'b'.repeat(SCROLLBACK_BYTES - 1)}`);
    serial.write(bytes('c'));
    serial.flush();
    expect(viewer.messages.at(-1)).toBe('c');
  });

  it('sends nothing to a viewer that left', () => {
    const serial = new SerialConsole(new FakeTimers());
    const viewer = new Viewer();
    serial.attach(viewer);
    serial.detach(viewer);
    serial.write(bytes('x'));
    serial.flush();
    expect(viewer.text).toBe('');
  });
});

describe('serial input', () => {
  it('waits for the guest to have room, in order', () => {
    const serial = new SerialConsole(new FakeTimers());
    const uart = new Receiver(3);
    serial.input(bytes('abc'));
    serial.connect(uart);
    serial.input(bytes('defg'));
    serial.input(bytes('h'));
    expect(uart.taken).toBe('abc');
    uart.room = 2;
    serial.offerInput();
    expect(uart.taken).toBe('abcde');
    uart.room = 100;
    serial.offerInput();
    expect(uart.taken).toBe('abcdefgh');
  });

  it('keeps a bounded amount for a guest that does not read, and says what was lost', () => {
    const serial = new SerialConsole(new FakeTimers());
    const uart = new Receiver(0);
    serial.connect(uart);
    expect(serial.input(new Uint8Array(MAX_PENDING_INPUT_BYTES))).toBe(0);
    expect(serial.input(bytes('abc'))).toBe(3);
    uart.room = 2;
    serial.offerInput();
    expect(serial.input(bytes('abc'))).toBe(1);
  });
});

describe('Scrollback', () => {
  it('keeps the last bytes whatever the sizes of the pieces', () => {
    const scrollback = new Scrollback(8);
    let all = '';
    for (const piece of ['', 'abc', 'defgh', 'i', 'jklmnopqrstuvw', 'xyz', '01234567', '8']) {
      scrollback.push(bytes(piece));
      all += piece;
      expect(new TextDecoder().decode(scrollback.contents())).toBe(all.slice(-8));
    }
  });
});
