import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import * as R from './uart16550.regs.ts';
import { Uart16550 } from './uart16550.ts';

const TEXT = new TextEncoder();

function makeUart() {
  const timers = new FakeTimers();
  const irq = new FakeLine();
  const sent: number[] = [];
  const uart = new Uart16550({ irq, timers, out: { write: (bytes) => sent.push(...bytes) } });
  const read = (register: number) => uart.read(register, 1);
  const write = (register: number, value: number) => uart.write(register, 1, value);
  return { uart, timers, irq, sent, read, write };
}

/** With FIFOs on, a trigger level, OUT2 up and these interrupts enabled. */
function openUart(ier: number, fcr = R.FCR_FIFO_ENABLE) {
  const bench = makeUart();
  bench.write(R.FCR, fcr);
  bench.write(R.LCR, 0x03);
  bench.write(R.MCR, R.MCR_OUT2 | R.MCR_DTR | R.MCR_RTS);
  bench.write(R.IER, ier);
  return bench;
}

describe('Uart16550 transmitter', () => {
  it('sends a byte at once and is empty again', () => {
    const { read, write, sent } = makeUart();
    write(R.THR, 0x41);
    expect(sent).toEqual([0x41]);
    expect(read(R.LSR)).toBe(R.LSR_THRE | R.LSR_TEMT);
  });

  it('raises THRE when it is enabled while empty, and again each time it is enabled', () => {
    const { read, write, irq } = openUart(0);
    for (let i = 0; i < 2; i++) {
      write(R.IER, R.IER_ETBEI);
      expect(irq.level).toBe(true);
      expect(read(R.IIR)).toBe(R.IIR_FIFOS_ENABLED | R.IIR_THR_EMPTY);
      expect(irq.level).toBe(false);
      expect(read(R.IIR)).toBe(R.IIR_FIFOS_ENABLED | R.IIR_NONE);
      write(R.IER, 0);
    }
  });

  it('gives the PIC an edge for every byte sent, even with the line already up', () => {
    const { write, irq } = openUart(R.IER_ETBEI);
    const before = irq.edges;
    write(R.THR, 1);
    write(R.THR, 2);
    expect(irq.edges).toBe(before + 2);
    expect(irq.level).toBe(true);
  });
});

describe('Uart16550 receiver', () => {
  it('takes 16 bytes with FIFOs, one without, and asks for the rest when there is room', () => {
    const { uart, write, read } = makeUart();
    let asked = 0;
    uart.onRoom = () => asked++;
    expect(uart.receive(TEXT.encode('ab'))).toBe(1);
    write(R.FCR, R.FCR_FIFO_ENABLE);
    expect(asked).toBe(1);
    expect(uart.receive(TEXT.encode('0123456789abcdefgh'))).toBe(16);
    expect(read(R.RBR)).toBe(0x30);
    expect(asked).toBe(2);
    expect(read(R.RBR)).toBe(0x31);
    expect(asked).toBe(2); // nothing was refused since
  });

  it('hands over all of a long text through onRoom, in order', () => {
    const { uart, read, write } = makeUart();
    write(R.FCR, R.FCR_FIFO_ENABLE);
    let waiting = Uint8Array.from({ length: 100 }, (_, i) => i);
    const offer = () => {
      waiting = waiting.subarray(uart.receive(waiting));
    };
    uart.onRoom = offer;
    offer();
    const got: number[] = [];
    while (read(R.LSR) & R.LSR_DR) got.push(read(R.RBR));
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it.each([
    [0, 1],
    [1, 4],
    [2, 8],
    [3, 14],
  ])('interrupts at trigger level %i only from %i bytes on', (level, bytes) => {
    const { uart, irq, read } = openUart(R.IER_ERBFI, R.FCR_FIFO_ENABLE | (level << R.FCR_TRIGGER_SHIFT));
    uart.receive(new Uint8Array(bytes - 1));
    expect(irq.level).toBe(false);
    uart.receive(new Uint8Array(1));
    expect(irq.level).toBe(true);
    expect(read(R.IIR) & 0x0f).toBe(R.IIR_RECEIVED_DATA);
    read(R.RBR);
    expect(irq.level).toBe(false);
  });

  it('interrupts for bytes below the trigger level after four character times, until one is read', () => {
    const { uart, irq, read, timers } = openUart(R.IER_ERBFI, R.FCR_FIFO_ENABLE | (3 << R.FCR_TRIGGER_SHIFT));
    const fourCharactersNs = (4 * 10 * 1e9) / 9600;
    uart.receive(new Uint8Array(2));
    timers.advance(fourCharactersNs - 2);
    expect(irq.level).toBe(false);
    timers.advance(3);
    expect(irq.level).toBe(true);
    expect(read(R.IIR) & 0x0f).toBe(R.IIR_CHARACTER_TIMEOUT);
    read(R.RBR);
    expect(irq.level).toBe(false);
    timers.advance(fourCharactersNs + 1);
    expect(irq.level).toBe(true);
    read(R.RBR);
    timers.advance(1e9);
    expect(irq.level).toBe(false);
  });

  it('time-out is not missed when it comes while the guest uses another register', () => {
    for (let ns = 0; ns < 20; ns++) {
      const { uart, irq, write, timers } = openUart(R.IER_ERBFI, R.FCR_FIFO_ENABLE | (3 << R.FCR_TRIGGER_SHIFT));
      uart.receive(new Uint8Array(2));
      timers.advanceTo(Math.floor(timers.nextDeadlineNs()) - ns);
      timers.lookNs = 1;
      write(R.MCR, R.MCR_OUT2 | R.MCR_RTS);
      timers.advance(100);
      expect({ ns, level: irq.level }).toEqual({ ns, level: true });
    }
  });

  it('arms no timer while the guest does not want received-data interrupts', () => {
    const { uart, timers } = openUart(0, R.FCR_FIFO_ENABLE | (3 << R.FCR_TRIGGER_SHIFT));
    uart.receive(new Uint8Array(2));
    expect(timers.nextDeadlineNs()).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('Uart16550 interrupts', () => {
  it('come in the order line status, data, transmitter, modem status', () => {
    const { write, read } = openUart(R.IER_MASK);
    // Loopback makes all four: 17 bytes overrun the FIFO, dropping DTR and RTS changes the modem lines.
    write(R.MCR, R.MCR_LOOP | R.MCR_DTR | R.MCR_RTS);
    for (let i = 0; i < 17; i++) write(R.THR, i);
    write(R.MCR, R.MCR_LOOP);
    const cause = () => read(R.IIR) & 0x0f;
    expect(cause()).toBe(R.IIR_LINE_STATUS);
    expect(read(R.LSR) & R.LSR_OE).toBe(R.LSR_OE);
    expect(cause()).toBe(R.IIR_RECEIVED_DATA);
    write(R.FCR, R.FCR_FIFO_ENABLE | R.FCR_RCVR_RESET);
    expect(cause()).toBe(R.IIR_THR_EMPTY);
    expect(cause()).toBe(R.IIR_MODEM_STATUS);
    expect(read(R.MSR) & R.MSR_DELTAS).not.toBe(0);
    expect(cause()).toBe(R.IIR_NONE);
  });

  it('reach the bus only while OUT2 is up and loopback is off', () => {
    const { write, irq } = makeUart();
    write(R.IER, R.IER_ETBEI);
    expect(irq.level).toBe(false);
    write(R.MCR, R.MCR_OUT2);
    expect(irq.level).toBe(true);
    write(R.MCR, R.MCR_OUT2 | R.MCR_LOOP);
    expect(irq.level).toBe(false);
  });

  it('follow a restored state, without having been saved', () => {
    const { uart, irq } = openUart(R.IER_ERBFI);
    uart.receive(Uint8Array.of(7));
    const saved = uart.save();
    uart.reset();
    expect(irq.level).toBe(false);
    uart.restore(saved);
    expect(irq.level).toBe(true);
  });
});

describe('Uart16550 loopback', () => {
  it('feeds sent bytes back, sends nothing out and takes nothing in', () => {
    const { uart, write, read, sent } = openUart(0);
    write(R.MCR, R.MCR_LOOP);
    write(R.THR, 0x55);
    expect(uart.receive(TEXT.encode('x'))).toBe(0);
    expect(read(R.RBR)).toBe(0x55);
    expect(sent).toEqual([]);
  });

  it('keeps a full FIFO and marks the overrun once', () => {
    const { write, read } = openUart(0);
    write(R.MCR, R.MCR_LOOP);
    for (let i = 0; i < 20; i++) write(R.THR, i);
    expect(read(R.LSR) & R.LSR_OE).toBe(R.LSR_OE);
    expect(read(R.LSR) & R.LSR_OE).toBe(0);
    const got: number[] = [];
    while (read(R.LSR) & R.LSR_DR) got.push(read(R.RBR));
    expect(got).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it('offers room to the back end when it ends', () => {
    const { uart, write } = openUart(0);
    let asked = 0;
    uart.onRoom = () => asked++;
    write(R.MCR, R.MCR_LOOP);
    uart.receive(TEXT.encode('x'));
    write(R.MCR, 0);
    expect(asked).toBe(1);
  });
});

/** The questions that Linux asks in drivers/tty/serial/8250/8250_port.c before it calls the port a 16550A. */
describe('Uart16550 under the probe of Linux 8250', () => {
  it('has exactly the four interrupt enable bits', () => {
    const { read, write } = makeUart();
    write(R.IER, 0x00);
    expect(read(R.IER)).toBe(0x00);
    write(R.IER, 0xff);
    expect(read(R.IER)).toBe(0x0f);
  });

  it('loops OUT2 and RTS back as DCD and CTS', () => {
    const { read, write } = makeUart();
    write(R.MCR, R.MCR_LOOP | R.MCR_OUT2 | R.MCR_RTS);
    expect(read(R.MSR) & 0xf0).toBe(R.MSR_DCD | R.MSR_CTS);
  });

  it('is a 16550A: FIFO bits in IIR, no EFR, no 64-byte FIFO, no second register bank', () => {
    const { read, write } = makeUart();
    write(R.LCR, 0xbf);
    write(R.FCR, 0);
    write(R.LCR, 0);
    write(R.FCR, R.FCR_FIFO_ENABLE);
    expect(read(R.IIR) >> 6).toBe(3);
    for (const lcr of [R.LCR_DLAB, 0xbf, 0xe0]) {
      write(R.LCR, lcr);
      expect(read(R.IIR)).toBe(R.IIR_FIFOS_ENABLED | R.IIR_NONE);
    }
    write(R.LCR, R.LCR_DLAB);
    write(R.FCR, R.FCR_FIFO_ENABLE | 0x20);
    expect(read(R.IIR) >> 5).toBe(6);
  });

  it('holds 16 bytes of 256 looped back', () => {
    const { read, write } = makeUart();
    write(R.FCR, R.FCR_FIFO_ENABLE | R.FCR_RCVR_RESET | R.FCR_XMIT_RESET);
    write(R.MCR, R.MCR_LOOP);
    for (let i = 0; i < 256; i++) write(R.THR, i);
    let count = 0;
    while (read(R.LSR) & R.LSR_DR && count < 256) {
      read(R.RBR);
      count++;
    }
    expect(count).toBe(16);
  });

  it('keeps divisor, scratch and line control apart', () => {
    const { read, write } = makeUart();
    write(R.LCR, R.LCR_DLAB | 0x03);
    write(R.DLL, 0x34);
    write(R.DLM, 0x12);
    expect([read(R.DLL), read(R.DLM)]).toEqual([0x34, 0x12]);
    write(R.LCR, 0x03);
    write(R.SCR, 0xa5);
    expect([read(R.IER), read(R.SCR), read(R.LCR)]).toEqual([0, 0xa5, 0x03]);
  });
});

describe('Uart16550 wide accesses', () => {
  it('are split into bytes, lowest port first', () => {
    const { uart, read } = makeUart();
    uart.write(R.LCR, 2, (R.MCR_RTS << 8) | 0x1b);
    expect([read(R.LCR), read(R.MCR)]).toEqual([0x1b, R.MCR_RTS]);
    expect(uart.read(R.LCR, 2)).toBe((R.MCR_RTS << 8) | 0x1b);
    expect(uart.read(R.SCR, 4)).toBe(0xffff_ff00);
    expect(uart.counters.unknownReads).toBe(3);
  });
});
