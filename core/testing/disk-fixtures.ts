/** The disk controllers' rows of the device suite. */
import { Drive } from '../backends/block/drive.ts';
import type { TimerHost } from '../base/clock.ts';
import { ABAR_BYTES } from '../devices/ahci/ahci.regs.ts';
import { Ahci } from '../devices/ahci/ahci.ts';
import * as A from '../devices/ata/ata.regs.ts';
import { AtaDisk } from '../devices/ata/ata-disk.ts';
import type { AtaDrive } from '../devices/ata/ata-drive.ts';
import { AtapiCdrom } from '../devices/ata/atapi-cdrom.ts';
import type { IoRegion } from '../devices/device.ts';
import { FDC_PORT_COUNT } from '../devices/fdc/fdc.regs.ts';
import { Fdc } from '../devices/fdc/fdc.ts';
import { CONTROLLER_PORT_COUNTS, PAGE_PORT_COUNT } from '../devices/i8237/i8237.regs.ts';
import { I8237 } from '../devices/i8237/i8237.ts';
import { BUS_MASTER_PORTS } from '../devices/ide/ide.regs.ts';
import { Ide, PIIX3_IDE } from '../devices/ide/ide.ts';
import type { PciConfigSpace } from '../devices/pci-host/pci-config-space.ts';
import type { DeviceFixture } from './device-suite.ts';
import { PatternDisk, PatternMemory } from './disk-rig.ts';
import { SeededRandom } from './seeded-random.ts';

const NAME = { model: 'VIVARIUM TEST', serial: '1', firmware: '1' };
const disk = (timers: TimerHost): AtaDisk => new AtaDisk({ timers, medium: new PatternDisk(20_000), name: NAME });

function cdrom(timers: TimerHost): { drive: AtapiCdrom; slot: Drive } {
  const slot = new Drive(new PatternDisk(4000, true));
  return { drive: new AtapiCdrom({ timers, slot, name: NAME }), slot };
}

/** Media that come and go; always the same ones. */
function mediaStimuli(slot: Drive, sectors: number) {
  const medium = new PatternDisk(sectors);
  return [() => void slot.change(medium), () => void slot.change(undefined, true)];
}

/** What a guest does with the command register, mostly: commands that the drive knows. */
function commandBlock(region: IoRegion): IoRegion {
  const known: number[] = Object.values(A).filter((value): value is number => typeof value === 'number' && value < 256);
  return {
    read: (offset, size) => region.read(offset, size),
    write: (offset, size, value) =>
      region.write(offset, size, offset === 7 ? (known[value % known.length] ?? 0) : value),
  };
}

function config(space: PciConfigSpace) {
  const region: IoRegion = {
    read: (offset, size) => space.readConfig(offset & ~(size - 1), size),
    write: (offset, size, value) => space.writeConfig(offset & ~(size - 1), size, value),
  };
  return { region, length: 256 };
}

/** Lists and tables of every kind, at every address, that make sense now and then. */
function listMemory(): PatternMemory {
  const random = new SeededRandom(99);
  const bytes = new Uint8Array(1024);
  const view = new DataView(bytes.buffer);
  const commands = [0x25, 0x35, 0xc8, 0xca, 0x20, 0x30, 0xc4, 0xec, 0xa0, 0xa1, 0x60, 0x61, 0xef, 0xe7, 0xea, 0x2f];
  for (let at = 0; at < bytes.length; at += 32) {
    // A command header, a register frame and two descriptors at once.
    bytes.set([0x27, random.below(4) ? 0x80 : 0, random.pick(commands), random.below(4)], at);
    view.setUint32(at + 4, random.below(65536), true);
    view.setUint32(at + 8, random.below(32) * 128, true);
    view.setUint32(at + 12, random.pick([1, 8, 300]), true);
    view.setUint32(at + 16, random.uint32(), true);
    view.setUint32(at + 28, random.below(2) ? 0x8000_0000 + random.below(4096) : random.below(0x40_0000), true);
  }
  return new PatternMemory(bytes);
}

export const DISK_FIXTURES: readonly DeviceFixture[] = [
  {
    name: 'ide',
    create: (timers, line) => {
      const { drive, slot } = cdrom(timers);
      const ide = new Ide(PIIX3_IDE, {
        irqs: [line(), line()],
        memory: listMemory(),
        drives: [
          [disk(timers), drive],
          [undefined, disk(timers)],
        ],
        decodesAtPowerOn: true,
      });
      const windows = [
        ...ide.channels.flatMap(({ command, control }) => [
          { region: commandBlock(command), length: 8 },
          { region: control, length: 1 },
        ]),
        { region: ide.busMaster, length: BUS_MASTER_PORTS },
        config(ide.configSpace),
      ];
      return { device: ide, windows, stimuli: mediaStimuli(slot, 8000) };
    },
  },
  {
    name: 'ahci',
    create: (timers, line) => {
      const { drive, slot } = cdrom(timers);
      const drives: AtaDrive[] = [disk(timers), drive];
      const ahci = new Ahci({ irq: line(), msi: () => {}, memory: listMemory(), drives });
      ahci.configSpace.writeConfig(4, 2, 6);
      const start = 0x100;
      return {
        device: ahci,
        windows: [
          { region: ahci, length: ABAR_BYTES },
          { region: windowOf(ahci, start), length: 0x100 },
          config(ahci.configSpace),
        ],
        stimuli: [
          ...mediaStimuli(slot, 8000),
          () => ahci.configSpace.writeConfig(4, 2, 6),
          (random) => ahci.write(start + 0x80 * random.below(2) + 0x18, 4, 0x11),
          (random) => ahci.write(start + 0x80 * random.below(2) + 0x38, 4, random.uint32()),
        ],
      };
    },
  },
  {
    name: 'i8237',
    create: () => {
      const dma = new I8237(listMemory());
      const windows = dma.controllers.map((region, i) => ({ region, length: CONTROLLER_PORT_COUNTS[i] ?? 0 }));
      const bytes = new Uint8Array(600);
      return {
        device: dma,
        windows: [...windows, { region: dma.pages, length: PAGE_PORT_COUNT }],
        stimuli: [
          (random) => void dma.channels[random.below(8)]?.toMemory(bytes),
          (random) => void dma.channels[random.below(8)]?.fromMemory(bytes),
        ],
      };
    },
  },
  {
    name: 'fdc',
    create: (_timers, line) => {
      const slot = new Drive(new PatternDisk(2880));
      // A channel that is always open, and ends transfers by their length.
      const dma = {
        onOpen: undefined,
        toMemory: (bytes: Uint8Array) => ({ moved: bytes.length, terminalCount: bytes.length % 3 === 0 }),
        fromMemory: (bytes: Uint8Array) => {
          bytes.fill(0x5a);
          return { moved: bytes.length, terminalCount: bytes.length === 4 };
        },
      };
      const device = new Fdc({ irq: line(), dma, drives: [slot] });
      const windows = [
        { region: device.registers, length: FDC_PORT_COUNT },
        { region: device.registers, length: FDC_PORT_COUNT },
        { region: device.directory, length: 1 },
      ];
      const enable = (): void => device.registers.write(2, 1, 0x1c);
      return { device, windows, stimuli: [...mediaStimuli(slot, 1440), enable, enable] };
    },
  },
];

const windowOf = (region: IoRegion, start: number): IoRegion => ({
  read: (offset, size) => region.read(start + offset, size),
  write: (offset, size, value) => region.write(start + offset, size, value),
});
