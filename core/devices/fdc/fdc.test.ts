import { describe, expect, it } from 'vitest';
import { Drive } from '../../backends/block/drive.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import { numberedDisk } from '../../testing/memory-file.ts';
import type { IsaDmaProgress } from '../isa-dma.ts';
import * as R from './fdc.regs.ts';
import { Fdc } from './fdc.ts';

const SECTORS_1440 = 2880;

/** A DMA channel over an array. */
class FakeChannel {
  onOpen: (() => void) | undefined;
  memory: Uint8Array = new Uint8Array(0);
  position = 0;

  setUp(memory: Uint8Array): void {
    this.memory = memory;
    this.position = 0;
  }

  toMemory(bytes: Uint8Array): IsaDmaProgress {
    const part = bytes.subarray(0, this.memory.length - this.position);
    this.memory.set(part, this.position);
    return this.#moved(part.length);
  }

  fromMemory(target: Uint8Array): IsaDmaProgress {
    const part = this.memory.subarray(this.position, this.position + target.length);
    target.set(part);
    return this.#moved(part.length);
  }

  #moved(length: number): IsaDmaProgress {
    this.position += length;
    return { moved: length, terminalCount: length > 0 && this.position === this.memory.length };
  }
}

function rig(sectors = SECTORS_1440, readOnly = false) {
  const irq = new FakeLine();
  const dma = new FakeChannel();
  const { file, image } = numberedDisk(sectors, readOnly);
  const slot = new Drive(image);
  const fdc = new Fdc({ irq, dma, drives: [slot] });
  const command = (...bytes: number[]): void => {
    for (const byte of bytes) fdc.registers.write(R.FIFO, 1, byte);
  };
  const status = (): number => fdc.registers.read(R.MSR, 1);
  const results = (): number[] => {
    const bytes: number[] = [];
    while ((status() & (R.MSR_RQM | R.MSR_DIO)) === (R.MSR_RQM | R.MSR_DIO)) bytes.push(fdc.registers.read(R.FIFO, 1));
    return bytes;
  };
  const changed = (): boolean => (fdc.directory.read(0, 1) & R.DIR_DSKCHG) !== 0;
  const seek = (cylinder: number): void => {
    command(R.SEEK, 0, cylinder);
    command(R.SENSE_INTERRUPT);
    results();
  };
  fdc.registers.write(R.DOR, 1, 0x1c);
  for (let i = 0; i < 4; i++) {
    command(R.SENSE_INTERRUPT);
    expect(results()).toEqual([R.ST0_POLLING | i, 0]);
  }
  fdc.directory.write(0, 1, R.RATE_500K);
  return { irq, dma, file, slot, fdc, command, status, results, changed, seek };
}

const sectorsOf = (bytes: Uint8Array): number[] => {
  const words = new Uint32Array(bytes.buffer);
  return Array.from({ length: bytes.length / 512 }, (_, i) => words[i * 128] ?? -1);
};
const lba = (cylinder: number, head: number, sector: number): number => (cylinder * 2 + head) * 18 + sector - 1;

describe('82077AA floppy controller', () => {
  it('says who it is and refuses what it does not know', () => {
    const { command, results } = rig();
    command(R.VERSION);
    expect(results()).toEqual([0x90]);
    command(0x1f);
    expect(results()).toEqual([R.ST0_INVALID]);
    command(R.SENSE_INTERRUPT);
    expect(results()).toEqual([R.ST0_INVALID]);
  });

  it('recalibrates and seeks with an interrupt each, and then the diskette counts as seen', () => {
    const { irq, command, results, changed } = rig();
    expect(changed()).toBe(true);
    command(R.SEEK, 0, 12);
    expect(irq.level).toBe(true);
    command(R.SENSE_INTERRUPT);
    expect(results()).toEqual([R.ST0_SEEK_END, 12]);
    expect(irq.level).toBe(false);
    expect(changed()).toBe(false);
    command(R.RECALIBRATE, 0);
    command(R.SENSE_INTERRUPT);
    expect(results()).toEqual([R.ST0_SEEK_END, 0]);
  });

  it('reads by DMA across the heads until the terminal count', () => {
    const { irq, dma, command, results, seek } = rig();
    seek(5);
    const memory = new Uint8Array(20 * 512);
    dma.setUp(memory);
    command(0xe6, 0, 5, 0, 17, 2, 18, 0x1b, 0xff);
    expect(irq.level).toBe(true);
    expect(results()).toEqual([0, 0, 0, 6, 0, 1, 2]);
    expect(sectorsOf(memory)).toEqual(Array.from({ length: 20 }, (_, i) => lba(5, 0, 17) + i));
  });

  it('writes by DMA, and not to a protected diskette', () => {
    const { dma, file, command, results } = rig();
    dma.setUp(new Uint8Array(1024).fill(0xab));
    command(0x45, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
    expect(results().slice(0, 3)).toEqual([0, 0, 0]);
    expect([file.bytes[2 * 512], file.bytes[4 * 512 - 1], file.bytes[4 * 512]]).toEqual([0xab, 0xab, 4]);
    const guarded = rig(SECTORS_1440, true);
    guarded.command(0x45, 0, 0, 0, 3, 2, 18, 0x1b, 0xff);
    expect(guarded.results().slice(0, 2)).toEqual([R.ST0_ABNORMAL, R.ST1_NOT_WRITABLE]);
    guarded.command(R.SENSE_DRIVE_STATUS, 0);
    expect(guarded.results()).toEqual([R.ST3_ALWAYS | R.ST3_TRACK_0 | R.ST3_WRITE_PROTECTED]);
  });

  it('reads by the processor to the end of the track', () => {
    const { fdc, command, status, results } = rig();
    command(R.SPECIFY, 0xdf, 0x03);
    command(0x46, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
    const bytes = new Uint8Array(512);
    for (let i = 0; i < 512; i++) {
      expect(status() & (R.MSR_RQM | R.MSR_DIO | R.MSR_NONDMA)).toBe(R.MSR_RQM | R.MSR_DIO | R.MSR_NONDMA);
      bytes[i] = fdc.registers.read(R.FIFO, 1);
    }
    expect(sectorsOf(bytes)).toEqual([17]);
    expect(results().slice(0, 2)).toEqual([R.ST0_ABNORMAL, R.ST1_END_OF_CYLINDER]);
  });

  it('finds nothing at another data rate, so that drivers try until they know the diskette', () => {
    const { fdc, command, results } = rig(1440);
    command(R.READ_ID | 0x40, 0);
    expect(results().slice(0, 2)).toEqual([R.ST0_ABNORMAL, R.ST1_MISSING_ADDRESS]);
    fdc.directory.write(0, 1, R.RATE_250K);
    command(R.READ_ID | 0x40, 0);
    expect(results()).toEqual([0, 0, 0, 0, 0, 1, 2]);
  });

  it('reports a sector that is not there, a wrong cylinder and a bad sector', () => {
    const { file, command, results, seek } = rig();
    command(0x46, 0, 0, 0, 19, 2, 20, 0x1b, 0xff);
    expect(results().slice(0, 3)).toEqual([R.ST0_ABNORMAL, R.ST1_NO_DATA, 0]);
    command(0x46, 0, 3, 0, 1, 2, 18, 0x1b, 0xff);
    expect(results().slice(0, 3)).toEqual([R.ST0_ABNORMAL, R.ST1_NO_DATA, R.ST2_WRONG_CYLINDER]);
    seek(1);
    file.failing = { from: lba(1, 0, 1) * 512, to: lba(1, 0, 2) * 512, errno: 'EIO' };
    command(0x46, 0, 1, 0, 1, 2, 18, 0x1b, 0xff);
    expect(results().slice(0, 3)).toEqual([R.ST0_ABNORMAL, R.ST1_DATA_ERROR, R.ST2_DATA_ERROR]);
  });

  it('formats a track with the filler', () => {
    const { dma, file, command, results, seek } = rig();
    seek(2);
    dma.setUp(Uint8Array.from({ length: 72 }, (_, i) => [2, 1, (i >> 2) + 1, 2][i & 3] ?? 0));
    command(0x4d, R.HEAD, 2, 18, 0x54, 0xf6);
    expect(results().slice(0, 3)).toEqual([R.HEAD, 0, 0]);
    expect(file.bytes.slice(lba(2, 1, 1) * 512, lba(3, 0, 1) * 512).every((byte) => byte === 0xf6)).toBe(true);
    expect(file.bytes[lba(3, 0, 1) * 512]).toBe(lba(3, 0, 1) & 0xff);
  });

  it('shows that the diskette was changed, until the head moves over the new one', () => {
    const { slot, seek, changed } = rig();
    seek(1);
    slot.change(undefined);
    seek(2);
    expect(changed()).toBe(true);
    slot.change(numberedDisk(1440).image);
    expect(changed()).toBe(true);
    seek(3);
    expect(changed()).toBe(false);
  });

  it('keeps its configuration over a reset when it is locked', () => {
    const { fdc, command, results } = rig();
    command(R.CONFIGURE, 0, 0x57, 0x11);
    command(R.LOCK | R.LOCK_SET);
    expect(results()).toEqual([0x10]);
    fdc.registers.write(R.DOR, 1, 0);
    fdc.registers.write(R.DOR, 1, 0x0c);
    command(R.DUMPREG);
    expect(results().slice(7)).toEqual([R.LOCK_SET, 0x57, 0x11]);
  });
});
