import { describe, expect, it } from 'vitest';
import { Drive } from '../../backends/block/drive.ts';
import { RawImage } from '../../backends/block/raw-image.ts';
import { PatternDisk, SlowDisk, TestMemory } from '../../testing/disk-rig.ts';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import { MemoryFile, numberedDisk } from '../../testing/memory-file.ts';
import { SeededRandom } from '../../testing/seeded-random.ts';
import * as A from '../ata/ata.regs.ts';
import { AtaDisk } from '../ata/ata-disk.ts';
import type { AtaDrive } from '../ata/ata-drive.ts';
import { AtapiCdrom } from '../ata/atapi-cdrom.ts';
import * as R from './ahci.regs.ts';
import { Ahci } from './ahci.ts';

const NAME = { model: 'VIVARIUM HARDDISK', serial: 'VV0001', firmware: '1.0' };
const LIST = 0x1000;
const RECEIVED = 0x2000;
const TABLES = 0x4000;
const TABLE_BYTES = 0x400;
const BUFFER = 0x2_0000;
const READY = A.DRDY | A.DSC;

interface Command {
  command: number;
  lba?: number;
  count?: number;
  features?: number;
  regions?: readonly (readonly [address: number, length: number])[];
  packet?: readonly number[];
  control?: number;
}

/** A controller with a drive at port 0, and what a driver does to it. */
class Rig {
  readonly timers = new FakeTimers();
  readonly memory = new TestMemory(1 << 20);
  readonly irq = new FakeLine();
  readonly messages: number[][] = [];
  readonly ahci: Ahci;

  constructor(make: (timers: FakeTimers) => AtaDrive) {
    const msi = (...message: number[]): void => void this.messages.push(message);
    this.ahci = new Ahci({ irq: this.irq, msi, memory: this.memory, drives: [make(this.timers)] });
    this.ahci.configSpace.writeConfig(4, 2, 6);
    this.ahci.write(R.GHC, 4, R.GHC_IE);
    this.port(R.PXCLB, LIST);
    this.port(R.PXFB, RECEIVED);
    this.port(R.PXIE, 0xffff_ffff);
    this.port(R.PXSERR, 0xffff_ffff);
    this.port(R.PXCMD, R.PXCMD_FRE);
    this.port(R.PXCMD, R.PXCMD_FRE | R.PXCMD_ST);
  }

  port(register: number, value: number): void {
    this.ahci.write(R.PORTS + register, 4, value);
  }

  read(register: number): number {
    return this.ahci.read(R.PORTS + register, 4);
  }

  /** Puts a command into a slot of the list. */
  prepare(
    slot: number,
    { command, lba = 0, count = 0, features = 0, regions = [], packet = [], control }: Command,
  ): void {
    const table = TABLES + slot * TABLE_BYTES;
    const { view, bytes } = this.memory;
    view.setUint32(LIST + 32 * slot, 5 | (regions.length << 16), true);
    view.setUint32(LIST + 32 * slot + 8, table, true);
    const byte = (value: number, n: number): number => Math.floor(value / 2 ** (8 * n)) & 0xff;
    const lbaBytes = Array.from({ length: 6 }, (_, i) => byte(lba, i));
    const frame = [R.FIS_REGISTER_H2D, control === undefined ? R.FIS_COMMAND : 0, command, features & 0xff];
    frame.push(
      ...lbaBytes.slice(0, 3),
      A.LBA,
      ...lbaBytes.slice(3),
      features >> 8,
      count & 0xff,
      count >> 8,
      0,
      control ?? 0,
    );
    bytes.set(frame, table);
    bytes.set(packet, table + R.TABLE_ACMD);
    regions.forEach(([address, length], i) => {
      view.setUint32(table + R.TABLE_PRDT + 16 * i, address, true);
      view.setUint32(table + R.TABLE_PRDT + 16 * i + 12, length - 1, true);
    });
  }

  run(command: Command): void {
    this.prepare(0, command);
    this.port(R.PXCI, 1);
  }

  get transferred(): number {
    return this.memory.view.getUint32(LIST + 4, true);
  }

  at(address: number): number {
    return this.memory.view.getUint32(address, true);
  }
}

const diskRig = (sectors: number, queueDepth = 32) => {
  const { file, image } = numberedDisk(sectors);
  return { file, rig: new Rig((timers) => new AtaDisk({ timers, medium: image, name: NAME, queueDepth })) };
};

describe('AHCI with a disk', () => {
  it('says what it is and who is there', () => {
    const { rig } = diskRig(100);
    expect(rig.ahci.read(R.CAP, 4) & 0x1f).toBe(5);
    expect(rig.ahci.read(R.PI, 4)).toBe(0x3f);
    expect(rig.read(R.PXSSTS)).toBe(R.PXSSTS_UP);
    expect(rig.read(R.PXSIG)).toBe(0x101);
    expect(rig.read(R.PXTFD)).toBe(READY | (1 << 8));
    expect(rig.memory.bytes[RECEIVED + R.RFIS_REGISTER]).toBe(R.FIS_REGISTER_D2H);
    expect(rig.ahci.read(R.PORTS + R.PORT_BYTES + R.PXSSTS, 4)).toBe(0);
    expect(rig.ahci.read(R.PORTS + R.PORT_BYTES + R.PXTFD, 4)).toBe(R.PXTFD_NO_DEVICE);
  });

  it('identifies by PIO, with a setup frame', () => {
    const { rig } = diskRig(5000);
    rig.run({ command: A.IDENTIFY_DEVICE, regions: [[BUFFER, 512]] });
    expect(rig.read(R.PXCI)).toBe(0);
    expect(rig.read(R.PXIS)).toBe(R.PXIS_PSS);
    expect(rig.at(BUFFER + 120)).toBe(5000);
    expect(rig.transferred).toBe(512);
    expect(rig.memory.bytes[RECEIVED + R.RFIS_PIO_SETUP]).toBe(R.FIS_PIO_SETUP);
  });

  it('reads and writes by DMA over several regions, with one interrupt', () => {
    const { rig, file } = diskRig(5000);
    rig.run({ command: A.READ_DMA_EXT, lba: 100, count: 4, regions: [[BUFFER, 600], [BUFFER + 0x1000, 1448]] }); // biome-ignore format: one line
    expect(rig.irq.edges).toBe(1);
    expect(rig.ahci.read(R.IS, 4)).toBe(1);
    expect(rig.read(R.PXIS)).toBe(R.PXIS_DHRS);
    expect([rig.at(BUFFER), rig.at(BUFFER + 512), rig.at(BUFFER + 0x1000 + 424)]).toEqual([100, 101, 102]);
    expect(rig.transferred).toBe(2048);
    rig.port(R.PXIS, 0xffff_ffff);
    rig.ahci.write(R.IS, 4, 1);
    expect(rig.irq.level).toBe(false);
    rig.memory.bytes.fill(0xee, BUFFER, BUFFER + 512);
    rig.run({ command: A.WRITE_DMA_EXT, lba: 7, count: 1, regions: [[BUFFER, 512]] });
    expect(file.bytes.slice(7 * 512, 8 * 512).every((byte) => byte === 0xee)).toBe(true);
    rig.run({ command: A.FLUSH_CACHE_EXT });
    expect(file.flushes).toBe(1);
  });

  it('takes queued commands and finishes each by its tag', () => {
    const { rig } = diskRig(5000);
    for (let tag = 0; tag < 3; tag++) {
      rig.prepare(tag, { command: A.READ_FPDMA_QUEUED, lba: 10 * tag, features: 2, count: tag << 3, regions: [[BUFFER + 0x1000 * tag, 1024]] }); // biome-ignore format: one line
    }
    rig.port(R.PXSACT, 7);
    rig.port(R.PXCI, 7);
    expect([rig.read(R.PXCI), rig.read(R.PXSACT)]).toEqual([0, 0]);
    expect([0, 1, 2].map((tag) => rig.at(BUFFER + 0x1000 * tag + 512))).toEqual([1, 11, 21]);
    expect(rig.read(R.PXIS)).toBe(R.PXIS_SDBS);
  });

  it('stops at an error, tells the tag in the log, and goes on after a restart', () => {
    const { rig, file } = diskRig(5000);
    file.failing = { from: 10 * 512, to: 11 * 512, errno: 'EIO' };
    for (let tag = 0; tag < 2; tag++) {
      rig.prepare(tag, { command: A.READ_FPDMA_QUEUED, lba: 10 + 10 * tag, features: 1, count: tag << 3, regions: [[BUFFER, 512]] }); // biome-ignore format: one line
    }
    rig.port(R.PXSACT, 3);
    rig.port(R.PXCI, 3);
    expect(rig.read(R.PXIS) & R.PXIS_TFES).toBe(R.PXIS_TFES);
    expect(rig.read(R.PXSACT)).toBe(3);
    expect(rig.read(R.PXTFD)).toBe(READY | A.ERR | (A.UNC << 8));
    rig.port(R.PXCMD, R.PXCMD_FRE);
    expect([rig.read(R.PXCI), rig.read(R.PXSACT)]).toEqual([0, 0]);
    rig.port(R.PXCMD, R.PXCMD_FRE | R.PXCMD_ST);
    rig.run({ command: A.READ_LOG_EXT, lba: A.LOG_NCQ_ERROR, count: 1, regions: [[BUFFER, 512]] });
    expect([...rig.memory.bytes.slice(BUFFER, BUFFER + 4)]).toEqual([0, 0, READY | A.ERR, A.UNC]);
    file.failing = undefined;
    rig.run({ command: A.READ_DMA_EXT, lba: 10, count: 1, regions: [[BUFFER, 512]] });
    expect(rig.at(BUFFER)).toBe(10);
  });

  it('resets by software and by the link', () => {
    const { rig } = diskRig(100);
    rig.run({ command: 0, control: A.SRST });
    rig.run({ command: 0, control: 0 });
    expect(rig.read(R.PXTFD)).toBe(READY | (1 << 8));
    rig.port(R.PXCMD, R.PXCMD_FRE);
    rig.port(R.PXSCTL, R.DET_RESET);
    expect(rig.read(R.PXSSTS)).toBe(0);
    rig.port(R.PXSCTL, 0);
    expect(rig.read(R.PXSSTS)).toBe(R.PXSSTS_UP);
    expect(rig.read(R.PXIS) & (R.PXIS_PCS | R.PXIS_PRCS)).toBe(R.PXIS_PCS | R.PXIS_PRCS);
    rig.port(R.PXSERR, 0xffff_ffff);
    expect(rig.read(R.PXIS)).toBe(0);
    rig.ahci.write(R.GHC, 4, R.GHC_HR);
    expect(rig.read(R.PXCMD) & R.PXCMD_ST).toBe(0);
    expect(rig.read(R.PXCLB)).toBe(LIST);
  });

  it('notes what does not fit and drops it', () => {
    const { rig } = diskRig(100);
    rig.run({ command: A.READ_DMA_EXT, lba: 1, count: 8, regions: [[BUFFER, 512]] });
    expect(rig.read(R.PXIS) & R.PXIS_OFS).toBe(R.PXIS_OFS);
    expect(rig.at(BUFFER + 512)).toBe(0);
    expect(rig.read(R.PXCI)).toBe(0);
  });

  it('sends messages instead of its pin, one for each that is left', () => {
    const { rig } = diskRig(100);
    const space = rig.ahci.configSpace;
    space.writeConfig(R.MSI_OFFSET + 4, 4, 0xfee0_0000);
    space.writeConfig(R.MSI_OFFSET + 12, 2, 0x41);
    space.writeConfig(R.MSI_OFFSET + 2, 2, 1);
    rig.run({ command: A.READ_DMA_EXT, lba: 1, count: 1, regions: [[BUFFER, 512]] });
    expect(rig.messages).toEqual([[0xfee0_0000, 0, 0x41]]);
    expect(rig.irq.edges).toBe(0);
    rig.ahci.write(R.IS, 4, 1); // but the port still has its reason
    expect(rig.messages).toHaveLength(2);
  });

  it('tells of a drive that is pulled out and of one that is plugged in', () => {
    const { rig } = diskRig(100);
    rig.ahci.plug(0, undefined);
    expect(rig.irq.level).toBe(true);
    expect(rig.read(R.PXSSTS)).toBe(0);
    expect(rig.read(R.PXIS) & R.PXIS_PRCS).toBe(R.PXIS_PRCS);
    rig.port(R.PXSERR, 0xffff_ffff);
    rig.ahci.plug(0, new AtaDisk({ timers: rig.timers, medium: numberedDisk(9).image, name: NAME }));
    expect(rig.read(R.PXSSTS)).toBe(R.PXSSTS_UP);
    expect(rig.read(R.PXIS) & R.PXIS_PCS).toBe(R.PXIS_PCS);
  });

  it('does a command again that was in flight when its state was saved', () => {
    const slowRig = () => {
      const slow = new SlowDisk(numberedDisk(5000).image);
      return { slow, rig: new Rig((timers) => new AtaDisk({ timers, medium: slow, name: NAME })) };
    };
    const { rig } = slowRig();
    rig.run({ command: A.READ_DMA_EXT, lba: 40, count: 2, regions: [[BUFFER, 1024]] });
    expect(rig.read(R.PXTFD) & A.BSY).toBe(A.BSY);
    const copy = slowRig();
    copy.rig.memory.bytes.set(rig.memory.bytes);
    copy.rig.ahci.restore(structuredClone(rig.ahci.save()));
    copy.rig.timers.advance(1);
    copy.slow.releaseAll();
    expect(copy.rig.read(R.PXCI)).toBe(0);
    expect(copy.rig.at(BUFFER + 512)).toBe(41);
  });

  it('survives lists of every kind', () => {
    const random = new SeededRandom(7);
    const rig = new Rig((timers) => new AtaDisk({ timers, medium: new PatternDisk(5000), name: NAME, queueDepth: 32 }));
    const commands = Object.values(A).filter((value): value is number => typeof value === 'number' && value < 256);
    for (let round = 0; round < 3000; round++) {
      const slot = random.below(32);
      const region = () => [random.uint32() >>> random.below(20), 2 * (1 + random.below(40_000))] as const;
      rig.prepare(slot, {
        command: random.pick(commands),
        lba: random.below(6000),
        count: random.below(40),
        features: random.below(40),
        regions: Array.from({ length: random.below(5) }, region),
        packet: Array.from({ length: 12 }, () => random.below(256)),
        ...(random.below(8) === 0 && { control: random.below(8) }),
      });
      rig.port(R.PXSACT, random.uint32());
      rig.port(R.PXCI, 1 << slot);
      if (random.below(4) === 0) rig.port(R.PXCMD, R.PXCMD_FRE);
      rig.port(R.PXCMD, R.PXCMD_FRE | R.PXCMD_ST | (random.below(4) ? 0 : R.PXCMD_CLO));
      rig.timers.advance(1000);
      rig.port(R.PXCLB, LIST);
    }
    expect(rig.timers.created).toBe(1);
  });
});

describe('AHCI with a CD-ROM', () => {
  it('passes packets on, with data by DMA and by PIO', () => {
    const slot = new Drive(new RawImage(new MemoryFile(new Uint8Array(40 * 2048).fill(0x33), true)));
    const rig = new Rig((timers) => new AtapiCdrom({ timers, slot, name: NAME, serial: true }));
    expect(rig.read(R.PXSIG)).toBe(0xeb14_0101);
    rig.run({ command: A.PACKET });
    expect(rig.read(R.PXTFD)).toBe(READY | A.ERR | (0x64 << 8)); // unit attention
    const restart = (): void => {
      rig.port(R.PXCMD, R.PXCMD_FRE);
      rig.port(R.PXCMD, R.PXCMD_FRE | R.PXCMD_ST);
      rig.port(R.PXIS, 0xffff_ffff);
    };
    restart();
    const read = [0x28, 0, 0, 0, 0, 1, 0, 0, 2];
    rig.run({ command: A.PACKET, features: A.PACKET_DMA, packet: read, regions: [[BUFFER, 4096]] });
    expect(rig.read(R.PXIS)).toBe(R.PXIS_DHRS);
    expect(rig.transferred).toBe(4096);
    expect(rig.at(BUFFER + 4092)).toBe(0x3333_3333);
    rig.run({ command: A.PACKET, lba: 2 << 8, packet: read, regions: [[BUFFER + 0x2000, 4096]] }); // blocks of two bytes
    expect(rig.transferred).toBe(4096);
    expect(rig.at(BUFFER + 0x2000 + 4092)).toBe(0x3333_3333);
  });
});
