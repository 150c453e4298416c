/**
 * DSDT: what cannot be discovered by probing. Sleep types, the PCI root bridge with its windows and interrupt wiring,
 * slots for hot plug, and the ISA devices. The power button is fixed hardware and so has no object here.
 *
 * References: [ACPI] ACPI Specification 6.5, 7.4.2 (_Sx), 8.4 (processors); [PCIFW] PCI Firmware Specification 3.0, 4.
 * Not here: power management of devices and processors.
 */
import { PCI_HOTPLUG_PORT, PCI_HOTPLUG_PORTS } from '../../devices/acpi-pci-hotplug/acpi-pci-hotplug.regs.ts';
import { SLP_TYP_S3, SLP_TYP_S4, SLP_TYP_S5 } from '../../devices/acpi-pm/acpi-pm.regs.ts';
import { FW_CFG_PORT, FW_CFG_PORTS } from '../../devices/fw-cfg/fw-cfg.regs.ts';
import { HPET_BASE, HPET_SIZE } from '../../devices/hpet/hpet.regs.ts';
import { PVPANIC_PORT } from '../../devices/pvpanic/pvpanic.regs.ts';
import {
  IRQ_COM1,
  IRQ_FDC,
  IRQ_KEYBOARD,
  IRQ_MOUSE,
  IRQ_RTC,
  PCI_MEMORY_END,
  VGA_WINDOW_END,
  VGA_WINDOW_START,
} from '../platform.ts';
import {
  type Aml,
  aPackage,
  concat,
  device,
  dma,
  dwordMemory,
  eisaId,
  integer,
  io,
  irqNoFlags,
  memory32Fixed,
  name,
  resourceTemplate,
  scope,
  text,
  wordBusNumber,
  wordIo,
} from './aml.ts';
import {
  type InterruptWiring,
  interruptModel,
  interruptRouting,
  linkDevices,
  routeRegisters,
} from './interrupt-links.ts';
import type { EcamWindow } from './mcfg.ts';
import { hotplugEvent, hotplugSlots } from './pci-hotplug.ts';
import { type Acpi, table } from './table.ts';

const PRESENT_AND_WORKING = 0x0f;
const PRESENT_NOT_SHOWN = 0x0b;
const FDC_DMA_CHANNEL = 2;
const MIB = 2 ** 20;
const ROOT_BRIDGE = '\\_SB.PCI0';

/** What a board has or has not. */
export interface BoardParts {
  readonly hpet?: boolean;
  readonly floppy?: boolean;
  readonly panic?: boolean;
  readonly fwCfg?: boolean;
  /** The hot plug registers are there. */
  readonly hotplug?: boolean;
}

/** Where the board has what the DSDT describes. */
export interface DsdtBoard extends InterruptWiring {
  readonly isaBridgeSlot: number;
  /** Where RAM ends below 4 GiB at most: PCI memory begins there. */
  readonly pciMemoryStart: number;
  /** Slots for hot plug. */
  readonly hotplugSlots: readonly number[];
  readonly pmIoBase: number;
  readonly vcpus: number;
  readonly ecam?: EcamWindow;
  readonly parts?: BoardParts;
}

export function dsdt(board: DsdtBoard): Acpi {
  const { parts = {} } = board;
  return table(
    'DSDT',
    2,
    concat(
      sleepState('\\_S3', SLP_TYP_S3),
      sleepState('\\_S4', SLP_TYP_S4),
      sleepState('\\_S5', SLP_TYP_S5),
      interruptModel(),
      scope(
        '\\_SB',
        device(
          'PCI0',
          ...rootBridge(board),
          ...(parts.hotplug ? [hotplugSlots(board.hotplugSlots)] : []),
          device('ISA', name('_ADR', integer(board.isaBridgeSlot << 16)), routeRegisters(board), isaDevices(parts)),
        ),
        linkDevices(board, `${ROOT_BRIDGE}.ISA`),
        motherboard(board),
        ...(parts.hpet ? [hpet()] : []),
        ...Array.from({ length: board.vcpus }, (_, id) => processor(id)),
      ),
      ...(parts.hotplug ? [hotplugEvent(ROOT_BRIDGE)] : []),
    ),
  );
}

const sleepState = (path: string, type: number): Aml =>
  name(path, aPackage(integer(type), integer(type), integer(0), integer(0)));

function rootBridge(board: DsdtBoard): Aml[] {
  const pci = eisaId('PNP0A03');
  return [
    ...(board.ecam ? [name('_HID', eisaId('PNP0A08')), name('_CID', pci)] : [name('_HID', pci)]),
    name('_UID', integer(0)),
    name(
      '_CRS',
      resourceTemplate(
        wordBusNumber(0, 0xff),
        io(0xcf8, 8),
        wordIo(0, 0xcf7),
        wordIo(0xd00, 0xffff),
        dwordMemory(VGA_WINDOW_START, VGA_WINDOW_END - 1, true),
        dwordMemory(board.pciMemoryStart, PCI_MEMORY_END - 1, false),
      ),
    ),
    interruptRouting(board),
  ];
}

/** A device whose registers are at fixed places. */
function fixedDevice(path: string, hid: Aml, ...resources: readonly (readonly number[])[]): Aml {
  return device(
    path,
    name('_HID', hid),
    name('_STA', integer(PRESENT_AND_WORKING)),
    name('_CRS', resourceTemplate(...resources)),
  );
}

function isaDevices({ floppy, panic, fwCfg }: BoardParts): Aml {
  const isa = (path: string, id: string, ...resources: readonly (readonly number[])[]): Aml =>
    fixedDevice(path, eisaId(id), ...resources);
  return concat(
    device(
      'COM1',
      name('_HID', eisaId('PNP0501')),
      name('_UID', integer(1)),
      name('_STA', integer(PRESENT_AND_WORKING)),
      name('_CRS', resourceTemplate(io(0x3f8, 8), irqNoFlags(IRQ_COM1))),
    ),
    isa('RTC', 'PNP0B00', io(0x70, 2), irqNoFlags(IRQ_RTC)),
    isa('KBD', 'PNP0303', io(0x60, 1), io(0x64, 1), irqNoFlags(IRQ_KEYBOARD)),
    isa('MOU', 'PNP0F13', irqNoFlags(IRQ_MOUSE)),
    isa('SPKR', 'PNP0800', io(0x61, 1)),
    ...(floppy ? [isa('FDC0', 'PNP0700', io(0x3f2, 4), io(0x3f7, 1), irqNoFlags(IRQ_FDC), dma(FDC_DMA_CHANNEL))] : []),
    ...(panic ? [fixedDevice('PEVT', text('QEMU0001'), io(PVPANIC_PORT, 1))] : []),
    ...(fwCfg ? [hidden('FWCF', text('QEMU0002'), io(FW_CFG_PORT, FW_CFG_PORTS))] : []),
  );
}

/** Not for people to see. */
function hidden(path: string, hid: Aml, ...resources: readonly (readonly number[])[]): Aml {
  return device(
    path,
    name('_HID', hid),
    name('_STA', integer(PRESENT_NOT_SHOWN)),
    name('_CRS', resourceTemplate(...resources)),
  );
}

function hpet(): Aml {
  return fixedDevice('HPET', eisaId('PNP0103'), memory32Fixed(HPET_BASE, HPET_SIZE));
}

/**
 * Addresses that are taken and belong to no other object. Firmware is told the size of the tables before it chooses some
 * of them: the size does not depend on that.
 */
function motherboard({ ecam, pmIoBase, parts }: DsdtBoard): Aml {
  const PM_PORTS = 64;
  return device(
    'MBRS',
    name('_HID', eisaId('PNP0C02')),
    name('_UID', integer(0)),
    name(
      '_CRS',
      resourceTemplate(
        io(pmIoBase, PM_PORTS),
        ...(parts?.hotplug ? [io(PCI_HOTPLUG_PORT, PCI_HOTPLUG_PORTS)] : []),
        ...(ecam ? [memory32Fixed(ecam.base, ecam.buses * MIB)] : []),
      ),
    ),
  );
}

const processor = (id: number): Aml =>
  device(
    `C${id.toString(16).toUpperCase().padStart(3, '0')}`,
    name('_HID', text('ACPI0007')),
    name('_UID', integer(id)),
  );
