import { describe, expect, it } from 'vitest';
import { TestMemory } from '../../testing/disk-rig.ts';
import { I8237 } from './i8237.ts';

function rig() {
  const memory = new TestMemory(1 << 20);
  const dma = new I8237(memory);
  const out = (port: number, value: number): void => {
    if (port >= 0xc0) dma.controllers[1].write(port - 0xc0, 1, value);
    else if (port >= 0x81) dma.pages.write(port - 0x81, 1, value);
    else dma.controllers[0].write(port, 1, value);
  };
  const word = (port: number, value: number): void => {
    out(port, value & 0xff);
    out(port, value >> 8);
  };
  /** Channel 2, as the floppy's driver sets it up. */
  const setUp = (mode: number, address: number, bytes: number): void => {
    out(0x0a, 0x06);
    out(0x0c, 0);
    out(0x0b, mode | 2);
    word(0x04, address & 0xffff);
    out(0x81, address >> 16);
    word(0x05, bytes - 1);
    out(0x0a, 0x02);
  };
  const channel = (number: number) => {
    const found = dma.channels[number];
    if (!found) throw new RangeError(`no channel ${number}`);
    return found;
  };
  return { memory, dma, out, word, setUp, channel };
}

describe('8237 DMA', () => {
  it('moves bytes to memory until the count ends, then masks the channel and says so once', () => {
    const { memory, dma, setUp, channel } = rig();
    setUp(0x44, 0x1_2000, 600);
    expect(channel(2).toMemory(new Uint8Array(512).fill(7))).toEqual({ moved: 512, terminalCount: false });
    expect(channel(2).toMemory(new Uint8Array(512).fill(8))).toEqual({ moved: 88, terminalCount: true });
    expect([...memory.bytes.slice(0x1_21ff, 0x1_2201)]).toEqual([7, 8]);
    expect(memory.bytes[0x1_2000 + 600]).toBe(0);
    expect(channel(2).toMemory(new Uint8Array(4))).toEqual({ moved: 0, terminalCount: false });
    expect([dma.controllers[0].read(8, 1), dma.controllers[0].read(8, 1)]).toEqual([4, 0]);
  });

  it('begins again by itself with autoinitialize', () => {
    const { memory, setUp, channel } = rig();
    memory.bytes.set([1, 2, 3, 4], 0x500);
    setUp(0x58, 0x500, 4);
    const target = new Uint8Array(4);
    expect(channel(2).fromMemory(target).terminalCount).toBe(true);
    expect(channel(2).fromMemory(target)).toEqual({ moved: 4, terminalCount: true });
    expect([...target]).toEqual([1, 2, 3, 4]);
  });

  it('wraps within 64 KiB, and counts words on the second controller', () => {
    const { memory, setUp, channel, out, word } = rig();
    setUp(0x44, 0x1_fffe, 4);
    channel(2).toMemory(Uint8Array.of(1, 2, 3, 4));
    expect([memory.bytes[0x1_ffff], memory.bytes[0x1_0000]]).toEqual([2, 3]);
    out(0xd8, 0);
    out(0xd6, 0x45);
    word(0xc4, 0x4000);
    out(0x8b, 0x02);
    word(0xc6, 1);
    out(0xd4, 0x01);
    expect(channel(5).toMemory(Uint8Array.of(9, 8, 7, 6, 5, 4))).toEqual({ moved: 4, terminalCount: true });
    expect([...memory.bytes.slice(0x2_8000, 0x2_8005)]).toEqual([9, 8, 7, 6, 0]);
  });

  it('tells a device that its channel has been opened', () => {
    const { setUp, channel } = rig();
    let told = 0;
    channel(2).onOpen = () => told++;
    setUp(0x44, 0, 1);
    expect(told).toBe(1);
  });

  it('reads back what counts, low byte first', () => {
    const { dma, setUp, channel, out } = rig();
    setUp(0x44, 0x1234, 0x300);
    channel(2).toMemory(new Uint8Array(0x10));
    out(0x0c, 0);
    const read = (register: number): number => dma.controllers[0].read(register, 1);
    expect([read(4), read(4), read(5), read(5)]).toEqual([0x44, 0x12, 0xef, 0x02]);
  });
});
