import { describe, expect, it, vi } from 'vitest';
import { Drive } from '../../backends/block/drive.ts';
import { RawImage } from '../../backends/block/raw-image.ts';
import { SlowDisk, TestMemory } from '../../testing/disk-rig.ts';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import { MemoryFile, numberedDisk } from '../../testing/memory-file.ts';
import * as A from '../ata/ata.regs.ts';
import { AtaDisk } from '../ata/ata-disk.ts';
import type { AtaDrive } from '../ata/ata-drive.ts';
import { AtapiCdrom } from '../ata/atapi-cdrom.ts';
import * as R from './ide.regs.ts';
import { Ide, PIIX3_IDE, PIIX4_IDE } from './ide.ts';

const NAME = { model: 'VIVARIUM HARDDISK', serial: 'VV0001', firmware: '1.0' };
const READY = A.DRDY | A.DSC;
const TABLE = 0x1000;
const BUFFER = 0x8000;

/** A controller on a board, with what a driver does to it. */
class Rig {
  readonly timers = new FakeTimers();
  readonly memory = new TestMemory(1 << 20);
  readonly irqs = [new FakeLine(), new FakeLine()] as const;
  readonly ide: Ide;

  constructor(make: (timers: FakeTimers) => readonly (AtaDrive | undefined)[]) {
    const [a, b, c, d] = make(this.timers);
    this.ide = new Ide(PIIX3_IDE, {
      irqs: this.irqs,
      memory: this.memory,
      drives: [
        [a, b],
        [c, d],
      ],
      decodesAtPowerOn: true,
    });
    this.ide.configSpace.writeConfig(4, 2, 5);
  }

  in(offset: number, size: 1 | 2 | 4 = 1, channel: 0 | 1 = 0): number {
    return this.ide.channels[channel].command.read(offset, size);
  }

  out(offset: number, value: number, channel: 0 | 1 = 0): void {
    this.ide.channels[channel].command.write(offset, 1, value);
  }

  get altStatus(): number {
    return this.ide.channels[0].control.read(0, 1);
  }

  control(value: number): void {
    this.ide.channels[0].control.write(0, 1, value);
  }

  command(command: number, lba: number, count: number, features = 0, device = A.LBA): void {
    this.out(R.FEATURES, features);
    this.out(R.COUNT, count & 0xff);
    for (let i = 0; i < 3; i++) this.out(R.LBA0 + i, (lba >> (8 * i)) & 0xff);
    this.out(R.DEVICE, device | ((lba >>> 24) & 0xf));
    this.out(R.COMMAND, command);
  }

  commandExt(command: number, lba: number, count: number, features = 0): void {
    const byte = (n: number): number => Math.floor(lba / 2 ** (8 * n)) & 0xff;
    this.out(R.FEATURES, features >> 8);
    this.out(R.FEATURES, features & 0xff);
    this.out(R.COUNT, count >> 8);
    this.out(R.COUNT, count & 0xff);
    for (let i = 0; i < 3; i++) {
      this.out(R.LBA0 + i, byte(i + 3));
      this.out(R.LBA0 + i, byte(i));
    }
    this.out(R.DEVICE, A.LBA);
    this.out(R.COMMAND, command);
  }

  readWords(bytes: number): Uint8Array {
    const data = new Uint8Array(bytes);
    const view = new DataView(data.buffer);
    for (let i = 0; i < bytes; i += 2) view.setUint16(i, this.in(R.DATA, 2), true);
    return data;
  }

  writeWords(data: Uint8Array): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let i = 0; i < data.length; i += 2) {
      this.ide.channels[0].command.write(R.DATA, 2, view.getUint16(i, true));
    }
  }

  packet(bytes: readonly number[], limit = 0xfffe, dma = false): void {
    this.out(R.FEATURES, dma ? 1 : 0);
    this.out(R.LBA1, limit & 0xff);
    this.out(R.LBA2, limit >> 8);
    this.out(R.COMMAND, A.PACKET);
    this.writeWords(Uint8Array.from({ length: 12 }, (_, i) => bytes[i] ?? 0));
  }

  regions(...regions: readonly (readonly [address: number, length: number])[]): void {
    regions.forEach(([address, length], i) => {
      const last = i === regions.length - 1 ? R.PRD_END : 0;
      this.memory.view.setUint32(TABLE + 8 * i, address, true);
      this.memory.view.setUint32(TABLE + 8 * i + 4, ((length & 0xffff) | (last << 16)) >>> 0, true);
    });
    this.ide.busMaster.write(R.BMIDTPX, 4, TABLE);
  }

  startDma(toMemory: boolean): void {
    this.ide.busMaster.write(R.BMICX, 1, (toMemory ? R.BMICX_RWCON : 0) | R.BMICX_SSBM);
  }

  get dmaStatus(): number {
    return this.ide.busMaster.read(R.BMISX, 1);
  }
}

const diskRig = (sectors: number, readOnly = false) => {
  const { file, image } = numberedDisk(sectors, readOnly);
  return { file, rig: new Rig((timers) => [new AtaDisk({ timers, medium: image, name: NAME })]) };
};

const sectorNumber = (bytes: Uint8Array, at = 0): number =>
  new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0, true);

describe('IDE with a disk', () => {
  it('shows who is there: signature, status of an absent drive, an empty cable', () => {
    const { rig } = diskRig(100);
    expect([R.COUNT, R.LBA0, R.LBA1, R.LBA2].map((register) => rig.in(register))).toEqual([1, 1, 0, 0]);
    expect(rig.in(R.STATUS)).toBe(READY);
    rig.out(R.DEVICE, A.DEV);
    expect(rig.in(R.STATUS)).toBe(0);
    expect(rig.in(R.STATUS, 1, 1)).toBe(0x7f);
  });

  it('identifies itself by PIO, one interrupt, a sum of zero', () => {
    const { rig } = diskRig(300_000);
    rig.command(A.IDENTIFY_DEVICE, 0, 0);
    expect(rig.irqs[0].level).toBe(true);
    expect(rig.in(R.STATUS)).toBe(READY | A.DRQ);
    expect(rig.irqs[0].level).toBe(false);
    const data = rig.readWords(512);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(rig.irqs[0].edges).toBe(1);
    expect(data.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
    const words = new DataView(data.buffer);
    expect(words.getUint32(120, true)).toBe(300_000);
    expect(words.getUint32(200, true)).toBe(300_000);
    expect(String.fromCharCode(data[55] ?? 0, data[54] ?? 0, data[57] ?? 0)).toBe('VIV');
  });

  it('reads and writes by PIO with an interrupt a sector, in LBA and CHS', () => {
    const { rig, file } = diskRig(2000);
    rig.command(A.READ_SECTORS, 70, 2);
    expect(rig.in(R.STATUS)).toBe(READY | A.DRQ);
    expect(sectorNumber(rig.readWords(512))).toBe(70);
    expect(rig.in(R.STATUS)).toBe(READY | A.DRQ);
    expect(sectorNumber(rig.readWords(512))).toBe(71);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(rig.irqs[0].edges).toBe(2);
    rig.command(A.READ_SECTORS, 1 | (1 << 8), 1, 0, 0x01); // cylinder 1, head 1, sector 1
    expect(sectorNumber(rig.readWords(512))).toBe((16 + 1) * 63);
    rig.command(A.WRITE_SECTORS, 5, 2);
    expect(rig.irqs[0].level).toBe(false); // room for the first block is not told by an interrupt
    rig.writeWords(new Uint8Array(512).fill(0xaa));
    expect(file.bytes[5 * 512]).toBe(0xaa);
    expect(file.bytes[6 * 512]).toBe(6);
    rig.writeWords(new Uint8Array(512).fill(0xbb));
    expect(file.bytes[6 * 512 + 511]).toBe(0xbb);
    expect(rig.in(R.STATUS)).toBe(READY);
  });

  it('takes a string instruction at once where it stays within the block', () => {
    const { rig, file } = diskRig(2000);
    const { command } = rig.ide.channels[0];
    const data = new Uint8Array(512);
    expect(command.readMany?.(R.DATA, 2, data)).toBe(false);
    rig.command(A.READ_SECTORS, 70, 2);
    expect(command.readMany?.(R.DATA, 2, new Uint8Array(1024))).toBe(false);
    expect(command.writeMany?.(R.DATA, 2, data)).toBe(false);
    expect(command.readMany?.(R.DATA, 2, data)).toBe(true);
    expect(sectorNumber(data)).toBe(70);
    expect(sectorNumber(rig.readWords(512))).toBe(71);
    rig.command(A.WRITE_SECTORS, 9, 1);
    expect(command.writeMany?.(R.DATA, 4, data.fill(0x99))).toBe(true);
    expect(file.bytes[9 * 512 + 511]).toBe(0x99);
  });

  it('moves several sectors a block in READ MULTIPLE', () => {
    const { rig } = diskRig(2000);
    rig.command(A.SET_MULTIPLE_MODE, 0, 8);
    rig.in(R.STATUS);
    rig.command(A.READ_MULTIPLE, 0, 20);
    let blocks = 0;
    while (rig.in(R.STATUS) & A.DRQ) {
      rig.readWords(Math.min(8, 20 - 8 * blocks) * 512);
      blocks++;
    }
    expect(blocks).toBe(3);
  });

  it('asks the medium once for what PIO then takes block by block', () => {
    const { rig, file } = diskRig(2000);
    const read = vi.spyOn(file, 'read');
    rig.command(A.READ_SECTORS, 100, 127);
    for (let sector = 100; sector < 227; sector++) expect(sectorNumber(rig.readWords(512))).toBe(sector);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(read).toHaveBeenCalledTimes(1);
    rig.command(A.SET_MULTIPLE_MODE, 0, 16);
    rig.commandExt(A.READ_MULTIPLE_EXT, 0, 300); // 256 sectors fit into the buffer
    for (let sector = 0; sector < 300; sector++) expect(sectorNumber(rig.readWords(512))).toBe(sector);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(read).toHaveBeenCalledTimes(3);
  });

  it('moves by DMA what comes before a sector that cannot be read, and names that one', () => {
    const { rig, file } = diskRig(1000);
    file.failing = { from: 12 * 512, to: 13 * 512, errno: 'EIO' };
    rig.regions([BUFFER, 2048]);
    rig.commandExt(A.READ_DMA_EXT, 10, 4);
    rig.startDma(true);
    expect([rig.in(R.STATUS), rig.in(R.ERROR), rig.in(R.LBA0)]).toEqual([READY | A.ERR, A.UNC, 12]);
    expect([0, 512, 1024].map((at) => rig.memory.view.getUint32(BUFFER + at, true))).toEqual([10, 11, 0]);
  });

  it('moves by DMA along a table of regions, and tells by both status registers', () => {
    const { rig } = diskRig(100_000);
    rig.regions([BUFFER, 512], [BUFFER + 0x4000, 1536], [BUFFER + 0x8000, 0]);
    rig.commandExt(A.READ_DMA_EXT, 50_000, 8);
    expect(rig.in(R.STATUS) & A.DRQ).toBe(A.DRQ);
    rig.startDma(true);
    expect(rig.dmaStatus).toBe(R.BMISX_INTERRUPT);
    expect(rig.irqs[0].level).toBe(true);
    expect(rig.in(R.STATUS)).toBe(READY);
    const at = (address: number): number => rig.memory.view.getUint32(address, true);
    expect([at(BUFFER), at(BUFFER + 0x4000), at(BUFFER + 0x4400), at(BUFFER + 0x8000)]).toEqual([
      50_000, 50_001, 50_003, 50_004,
    ]);
    rig.ide.busMaster.write(R.BMISX, 1, R.BMISX_INTERRUPT);
    rig.ide.busMaster.write(R.BMICX, 1, 0);
    expect(rig.dmaStatus).toBe(0);
  });

  it('writes by DMA, with FUA to stable storage', () => {
    const { rig, file } = diskRig(1000);
    rig.memory.bytes.fill(0xcd, BUFFER, BUFFER + 2048);
    rig.regions([BUFFER, 2048]);
    rig.commandExt(A.WRITE_DMA_FUA_EXT, 10, 4);
    rig.startDma(false);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(file.bytes.slice(10 * 512, 14 * 512).every((byte) => byte === 0xcd)).toBe(true);
    expect(file.bytes[14 * 512]).toBe(14);
    expect(file.flushes).toBe(1);
  });

  it('waits where the table is too short, and goes on with another', () => {
    const { rig } = diskRig(1000);
    rig.regions([BUFFER, 512]);
    rig.command(A.READ_DMA, 3, 2);
    rig.startDma(true);
    expect(rig.dmaStatus).toBe(0);
    expect(rig.irqs[0].level).toBe(false);
    rig.ide.busMaster.write(R.BMICX, 1, 0);
    rig.regions([BUFFER + 512, 512]);
    rig.startDma(true);
    expect(rig.memory.view.getUint32(BUFFER + 512, true)).toBe(4);
    expect(rig.in(R.STATUS)).toBe(READY);
  });

  it('gives the processor its turn within a long command', () => {
    const { rig } = diskRig(70_000);
    for (let i = 0; i < 512; i++) rig.memory.view.setUint32(TABLE + 8 * i, BUFFER, true);
    rig.ide.busMaster.write(R.BMIDTPX, 4, TABLE);
    rig.commandExt(A.READ_DMA_EXT, 0, 0);
    rig.startDma(true);
    expect(rig.in(R.STATUS) & A.BSY).toBe(A.BSY);
    rig.timers.advance(1);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(rig.timers.fired).toBeGreaterThan(10);
  });

  it('answers what is out of range, unknown or unreadable with the right error', () => {
    const { rig, file } = diskRig(1000);
    const ends = (status: number, error: number): void => {
      expect([rig.in(R.STATUS), rig.in(R.ERROR)]).toEqual([status, error]);
    };
    rig.command(A.READ_SECTORS, 999, 2);
    ends(READY | A.ERR, A.IDNF);
    rig.command(0xfe, 0, 0);
    ends(READY | A.ERR, A.ABRT);
    file.failing = { from: 20 * 512, to: 21 * 512, errno: 'EIO' };
    rig.command(A.READ_SECTORS, 19, 4);
    rig.readWords(512);
    ends(READY | A.ERR, A.UNC);
    expect(rig.in(R.LBA0)).toBe(20);
    rig.command(A.FLUSH_CACHE, 0, 0);
    ends(READY, 0);
    const guarded = diskRig(100, true).rig;
    guarded.command(A.WRITE_SECTORS, 0, 1);
    expect([guarded.in(R.STATUS), guarded.in(R.ERROR)]).toEqual([READY | A.ERR, A.ABRT]);
  });

  it('discards what TRIM names', () => {
    const { rig, file } = diskRig(1000);
    rig.memory.view.setUint32(BUFFER, 100, true);
    rig.memory.view.setUint16(BUFFER + 6, 8, true);
    rig.regions([BUFFER, 512]);
    rig.commandExt(A.DATA_SET_MANAGEMENT, 0, 1, A.DSM_TRIM);
    rig.startDma(false);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(file.discarded).toEqual([[51200, 4096]]);
  });

  it('keeps quiet with nIEN, and resets both drives by SRST', () => {
    const { rig } = diskRig(100);
    rig.control(A.NIEN);
    rig.command(A.IDENTIFY_DEVICE, 0, 0);
    expect(rig.irqs[0].level).toBe(false);
    rig.control(A.NIEN | A.SRST);
    expect(rig.altStatus).toBe(A.BSY);
    rig.control(0);
    expect(rig.altStatus).toBe(READY);
    expect(rig.in(R.ERROR)).toBe(A.DIAGNOSTIC_PASSED);
    expect(rig.in(R.COUNT)).toBe(1);
  });

  it('shows what was written before with HOB', () => {
    const { rig } = diskRig(100);
    rig.out(R.LBA0, 0x12);
    rig.out(R.LBA0, 0x34);
    expect(rig.in(R.LBA0)).toBe(0x34);
    rig.control(A.HOB);
    expect(rig.in(R.LBA0)).toBe(0x12);
    rig.out(R.COUNT, 0);
    expect(rig.in(R.LBA0)).toBe(0x34);
  });

  it('does no DMA without bus mastering, and does it when that is allowed', () => {
    const { rig } = diskRig(100);
    rig.ide.configSpace.writeConfig(4, 2, 1);
    rig.regions([BUFFER, 512]);
    rig.command(A.READ_DMA, 7, 1);
    rig.startDma(true);
    expect(rig.irqs[0].level).toBe(false);
    rig.ide.configSpace.writeConfig(4, 2, 5);
    expect(rig.memory.view.getUint32(BUFFER, true)).toBe(7);
  });

  it('is the function of either south bridge, with the Ultra DMA registers of PIIX4', () => {
    const none = [undefined, undefined] as const;
    const make = (model: typeof PIIX3_IDE) => {
      const irqs = [new FakeLine(), new FakeLine()] as const;
      return new Ide(model, { irqs, memory: new TestMemory(0), drives: [none, none] }).configSpace;
    };
    const [piix3, piix4] = [make(PIIX3_IDE), make(PIIX4_IDE)];
    expect([piix3.readConfig(0, 4), piix4.readConfig(0, 4)]).toEqual([0x7010_8086, 0x7111_8086]);
    for (const space of [piix3, piix4]) space.writeConfig(R.UDMACTL, 1, 0xff);
    expect([piix3.readConfig(R.UDMACTL, 1), piix4.readConfig(R.UDMACTL, 1)]).toEqual([0, 0x0f]);
  });

  it('is silent on a channel that the configuration does not decode', () => {
    const { rig } = diskRig(100);
    rig.ide.configSpace.writeConfig(R.IDETIM, 2, 0);
    expect(rig.in(R.STATUS)).toBe(0xff);
  });
});

describe('IDE over a back end that takes its time', () => {
  const slowRig = () => {
    const slow = new SlowDisk(numberedDisk(5000).image);
    return { slow, rig: new Rig((timers) => [new AtaDisk({ timers, medium: slow, name: NAME })]) };
  };

  it('is busy until the data comes', () => {
    const { slow, rig } = slowRig();
    rig.command(A.READ_SECTORS, 9, 1);
    expect(rig.in(R.STATUS) & A.BSY).toBe(A.BSY);
    slow.releaseAll();
    expect(rig.in(R.STATUS)).toBe(READY | A.DRQ);
    expect(sectorNumber(rig.readWords(512))).toBe(9);
  });

  it('does a request again that was in flight when its state was saved', () => {
    const { rig } = slowRig();
    rig.regions([BUFFER, 0], [BUFFER, 0], [BUFFER, 0], [BUFFER, 0]);
    rig.command(A.READ_DMA, 100, 200);
    rig.startDma(true);
    const copy = slowRig();
    copy.rig.memory.bytes.set(rig.memory.bytes);
    copy.rig.ide.restore(structuredClone(rig.ide.save()));
    copy.rig.timers.advance(1);
    copy.slow.releaseAll();
    expect(copy.rig.in(R.STATUS)).toBe(READY);
    expect(copy.rig.irqs[0].edges).toBe(1);
    expect(copy.rig.memory.view.getUint32(BUFFER, true)).toBe(100 + 128);
  });

  it('forgets a request whose command was reset away', () => {
    const { slow, rig } = slowRig();
    rig.command(A.READ_SECTORS, 9, 1);
    rig.control(A.SRST);
    rig.control(0);
    rig.command(A.READ_SECTORS, 11, 1);
    expect(slow.waiting).toHaveLength(1);
    slow.releaseAll();
    expect(sectorNumber(rig.readWords(512))).toBe(11);
    expect(slow.waiting).toHaveLength(0);
  });
});

describe('IDE with a CD-ROM', () => {
  const cdBytes = (frames: number, fill: number): RawImage =>
    new RawImage(new MemoryFile(new Uint8Array(frames * 2048).fill(fill), true));
  const cdRig = (medium?: RawImage) => {
    const slot = new Drive(medium);
    const rig = new Rig((timers) => [new AtapiCdrom({ timers, slot, name: { ...NAME, model: 'VIVARIUM CD-ROM' } })]);
    return { slot, rig };
  };
  const sense = (rig: Rig): number[] => {
    rig.packet([0x03, 0, 0, 0, 18]);
    const bytes = rig.readWords(18);
    return [bytes[2] ?? 0, bytes[12] ?? 0, bytes[13] ?? 0];
  };
  const testReady = (rig: Rig): number[] => {
    rig.packet([0x00]);
    return rig.in(R.STATUS) & A.ERR ? sense(rig) : [];
  };

  it('shows its signature and refuses a disk’s commands', () => {
    const { rig } = cdRig(cdBytes(10, 1));
    expect([rig.in(R.LBA1), rig.in(R.LBA2)]).toEqual([0x14, 0xeb]);
    rig.command(A.IDENTIFY_DEVICE, 0, 0);
    expect([rig.in(R.STATUS), rig.in(R.ERROR), rig.in(R.LBA1)]).toEqual([READY | A.ERR, A.ABRT, 0x14]);
    rig.command(A.IDENTIFY_PACKET_DEVICE, 0, 0);
    expect(new DataView(rig.readWords(512).buffer).getUint16(0, true)).toBe(0x85c0);
  });

  it('tells of the power-on first, then it is ready', () => {
    const { rig } = cdRig(cdBytes(10, 1));
    expect(testReady(rig)).toEqual([6, 0x29, 0]);
    expect(testReady(rig)).toEqual([]);
  });

  it('reads in blocks no larger than asked for, and says so in its registers', () => {
    const { rig } = cdRig(cdBytes(10, 0x5a));
    testReady(rig);
    rig.packet([0x28, 0, 0, 0, 0, 2, 0, 0, 3], 3000);
    const sizes: number[] = [];
    while (rig.in(R.STATUS) & A.DRQ) {
      expect(rig.in(R.COUNT)).toBe(A.IO);
      const size = rig.in(R.LBA1) | (rig.in(R.LBA2) << 8);
      sizes.push(size);
      expect(rig.readWords(size).every((byte) => byte === 0x5a)).toBe(true);
    }
    expect(sizes).toEqual([2048, 2048, 2048]);
    expect(rig.in(R.COUNT)).toBe(A.IO | A.COD);
    rig.packet([0x28, 0, 0, 0, 0, 2, 0, 0, 1], 1000);
    const parts: number[] = [];
    while (rig.in(R.STATUS) & A.DRQ) {
      const size = rig.in(R.LBA1) | (rig.in(R.LBA2) << 8);
      parts.push(size);
      rig.readWords(size);
    }
    expect(parts).toEqual([1000, 1000, 48]);
  });

  it('reads by DMA', () => {
    const { rig } = cdRig(cdBytes(100, 0x77));
    testReady(rig);
    rig.regions([BUFFER, 0]);
    rig.packet([0x28, 0, 0, 0, 0, 0, 0, 0, 32], 0, true);
    rig.startDma(true);
    expect(rig.in(R.STATUS)).toBe(READY);
    expect(rig.memory.bytes.slice(BUFFER, BUFFER + 65536).every((byte) => byte === 0x77)).toBe(true);
    expect(rig.dmaStatus & R.BMISX_INTERRUPT).toBe(R.BMISX_INTERRUPT);
  });

  it('answers with the sense codes of MMC', () => {
    const { rig, slot } = cdRig(cdBytes(10, 1));
    testReady(rig);
    const check = (packet: number[]): number[] => {
      rig.packet(packet);
      expect(rig.in(R.STATUS) & A.ERR).toBe(A.ERR);
      return sense(rig);
    };
    expect(check([0x28, 0, 0, 0, 0, 10, 0, 0, 1])).toEqual([5, 0x21, 0]);
    expect(check([0xff])).toEqual([5, 0x20, 0]);
    expect(check([0x12, 1, 0, 0, 36])).toEqual([5, 0x24, 0]);
    rig.packet([0x1e, 0, 0, 0, 1]);
    expect(check([0x1b, 0, 0, 0, 2])).toEqual([5, 0x53, 2]);
    expect(slot.change(undefined)).toBe(false);
    rig.packet([0x1e, 0, 0, 0, 0]);
    rig.packet([0x1b, 0, 0, 0, 2]);
    expect(slot.trayOpen).toBe(true);
    expect(testReady(rig)).toEqual([2, 0x3a, 2]);
  });

  it('tells of another medium: not ready, then a unit attention, and an event', () => {
    const { rig, slot } = cdRig(cdBytes(10, 1));
    testReady(rig);
    slot.change(undefined);
    expect(testReady(rig)).toEqual([2, 0x3a, 1]);
    slot.change(cdBytes(20, 2));
    rig.packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8]);
    expect([...rig.readWords(8)].slice(2, 6)).toEqual([4, 0x10, 2, 2]);
    expect(testReady(rig)).toEqual([6, 0x28, 0]);
    rig.packet([0x25]);
    expect([...rig.readWords(8)]).toEqual([0, 0, 0, 19, 0, 0, 8, 0]);
    rig.packet([0x43, 0, 0, 0, 0, 0, 0, 0, 20]);
    expect([...rig.readWords(20)]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0, 20]);
  });
});
