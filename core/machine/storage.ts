/**
 * The drives of a machine: which controllers its boards get for them, and the names by which firmware is told the order
 * to boot them in.
 *
 * [OFW] paths as QEMU writes them into the file "bootorder", which SeaBIOS and OVMF read.
 */
import type { BlockBackend, MediumSlot } from '../backends/block/port.ts';
import type { DiskBus } from '../contracts/machine.ts';
import { AtaDisk } from '../devices/ata/ata-disk.ts';
import type { AtaDrive } from '../devices/ata/ata-drive.ts';
import { AtapiCdrom } from '../devices/ata/atapi-cdrom.ts';
import { DIR_PORT, FDC_DMA_CHANNEL, FDC_IRQ, FDC_PORT_COUNT, FDC_PORTS } from '../devices/fdc/fdc.regs.ts';
import { Fdc } from '../devices/fdc/fdc.ts';
import {
  CHANNEL_IRQS,
  COMMAND_PORT_COUNT,
  COMMAND_PORTS,
  CONTROL_PORT_COUNT,
  CONTROL_PORTS,
} from '../devices/ide/ide.regs.ts';
import { Ide, type IdeModel } from '../devices/ide/ide.ts';
import type { IsaDmaChannel } from '../devices/isa-dma.ts';
import type { CmosBootDevice, CmosMemory } from '../devices/mc146818/mc146818.ts';
import type { Board, DeviceRow } from './board.ts';

/** A drive and what is in it: a fixed medium, or a slot for removable ones. */
export interface MachineDrive {
  /** libvirt's target: its last letter is the place on the bus. */
  readonly target: string;
  readonly bus: DiskBus;
  readonly medium: { readonly fixed: BlockBackend } | { readonly slot: MediumSlot };
  /** 1 is tried first. */
  readonly bootOrder?: number;
}

/** A PCI slot and function. */
export type PciPlace = readonly [slot: number, functionNumber: number];

const FLOPPY_DRIVES = 2;
const FIRMWARE_REVISION = '1.0';

/** 0 for hda, sda, fda... */
export const placeOf = (target: string): number => target.charCodeAt(target.length - 1) - 'a'.charCodeAt(0);

function drivesByPlace(drives: readonly MachineDrive[], bus: DiskBus, places: number): (MachineDrive | undefined)[] {
  return Array.from({ length: places }, (_, place) =>
    drives.find((drive) => drive.bus === bus && placeOf(drive.target) === place),
  );
}

export function ideRow({ drives, lines, ram, timers, directBoot }: Board, model: IdeModel, place: PciPlace): DeviceRow {
  const [a, b, c, d] = drivesByPlace(drives, 'ide', 4).map((drive) => drive && ataDrive(drive, timers));
  const ide = new Ide(model, {
    irqs: [lines.input(CHANNEL_IRQS[0]), lines.input(CHANNEL_IRQS[1])],
    memory: ram,
    drives: [
      [a, b],
      [c, d],
    ],
    decodesAtPowerOn: directBoot,
  });
  const ports = ide.channels.flatMap(
    ({ command, control }, i) =>
      [
        [COMMAND_PORTS[i] ?? 0, COMMAND_PORT_COUNT, command],
        [CONTROL_PORTS[i] ?? 0, CONTROL_PORT_COUNT, control],
      ] as const,
  );
  return { id: 'ide', device: ide, pci: [...place, ide.configSpace], ports, irqs: CHANNEL_IRQS };
}

/** A floppy controller, where there are floppy drives. */
export function fdcRows({ drives, lines }: Board, dmaChannels: readonly IsaDmaChannel[]): DeviceRow[] {
  const floppies = drivesByPlace(drives, 'fdc', FLOPPY_DRIVES);
  const dma = dmaChannels[FDC_DMA_CHANNEL];
  if (!dma || floppies.every((drive) => drive === undefined)) return [];
  const slots = floppies.map((drive) => (drive && 'slot' in drive.medium ? drive.medium.slot : undefined));
  const fdc = new Fdc({ irq: lines.input(FDC_IRQ), dma, drives: slots });
  const ports = [
    [FDC_PORTS, FDC_PORT_COUNT, fdc.registers],
    [DIR_PORT, 1, fdc.directory],
  ] as const;
  return [{ id: 'fdc', device: fdc, ports, irqs: [FDC_IRQ] }];
}

/** What CMOS RAM tells of drives: how many and how large, and what to boot from. */
export function cmosDrives(drives: readonly MachineDrive[]): Omit<CmosMemory, 'below4gBytes' | 'above4gBytes'> {
  const ordered = drives.filter(({ bootOrder }) => bootOrder !== undefined);
  ordered.sort((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0));
  return {
    floppyDrives: drives.filter(({ bus }) => bus === 'fdc').length,
    ideDisks: drivesByPlace(drives, 'ide', 4).map((drive) =>
      drive && 'fixed' in drive.medium ? drive.medium.fixed.sizeBytes : undefined,
    ),
    bootOrder: [...new Set(ordered.map(cmosBootDevice))],
  };
}

function cmosBootDevice({ bus, medium }: MachineDrive): CmosBootDevice {
  if (bus === 'fdc') return 'floppy';
  return 'slot' in medium ? 'cdrom' : 'disk';
}

/** queueDepth: of a drive for SATA. */
export function ataDrive({ target, medium }: MachineDrive, timers: Board['timers'], queueDepth = 0): AtaDrive {
  const name = (model: string) => ({ model, serial: `VV-${target}`, firmware: FIRMWARE_REVISION });
  if ('slot' in medium) {
    return new AtapiCdrom({ timers, slot: medium.slot, name: name('VIVARIUM DVD-ROM'), serial: queueDepth > 0 });
  }
  return new AtaDisk({ timers, medium: medium.fixed, name: name('VIVARIUM HARDDISK'), queueDepth });
}

/** Where the controllers are on a board, as Open Firmware writes PCI places: slot, and function after a comma. */
export interface StoragePaths {
  readonly ide?: string;
  readonly ahci: string;
  readonly isaBridge: string;
  /** Of each USB disk's target, from its controller on. */
  readonly usb: ReadonlyMap<string, string>;
}

/** The file "bootorder": a path a line, ended by a zero byte. Empty where no order was given. */
export function bootOrderFile(drives: readonly MachineDrive[], paths: StoragePaths): Uint8Array {
  const ordered = drives
    .filter(({ bootOrder }) => bootOrder !== undefined)
    .sort((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0))
    .map((drive) => bootPath(drive, paths))
    .filter((path) => path !== undefined);
  return new TextEncoder().encode(ordered.length === 0 ? '' : `${ordered.join('\n')}\0`);
}

function bootPath({ bus, target }: MachineDrive, { ide, ahci, isaBridge, usb }: StoragePaths): string | undefined {
  const place = placeOf(target);
  switch (bus) {
    case 'ide':
      return ide && `/pci@i0cf8/${ide}/drive@${place >> 1}/disk@${place & 1}`;
    case 'sata':
      return `/pci@i0cf8/${ahci}/drive@${place}/disk@0`;
    case 'fdc':
      return `/pci@i0cf8/${isaBridge}/fdc@03f0/floppy@${place}`;
    case 'usb': {
      const path = usb.get(target);
      return path && `/pci@i0cf8/${path}/channel@0/disk@0,0`;
    }
  }
}
