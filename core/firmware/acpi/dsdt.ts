/**
 * DSDT: what cannot be discovered by probing. The sleep type for soft off, the PCI root bridge with its windows and
 * interrupt wiring, and the ISA devices. The power button is fixed hardware and so has no object here.
 *
 * References: [ACPI] ACPI Specification 6.5, 6.2.13 (_PRT), 7.4.2 (_Sx); [PCIFW] PCI Firmware Specification 3.0, 4.
 * Not here: interrupt links, hot plug, processors (the MADT has them), anything with a method.
 */
import {
  IRQ_COM1,
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
  dwordMemory,
  eisaId,
  integer,
  io,
  irqNoFlags,
  name,
  resourceTemplate,
  scope,
  wordBusNumber,
  wordIo,
} from './aml.ts';
import { type Acpi, table } from './table.ts';

const PRESENT_AND_WORKING = 0x0f;
/** SLP_TYP of S5 in PM1a_CNT. */
const S5_SLEEP_TYPE = 0;
const PCI_SLOTS = 32;
const PCI_PINS = 4;

/** Where the board has what the DSDT describes. */
export interface DsdtBoard {
  readonly isaBridgeSlot: number;
  /** Where RAM ends below 4 GiB at most: PCI memory begins there. */
  readonly pciMemoryStart: number;
  /** The IOAPIC pin (GSI) that INTA..INTD (0..3) of a PCI slot is wired to. */
  pciInterrupt(slot: number, pin: number): number;
}

export function dsdt(board: DsdtBoard): Acpi {
  return table(
    'DSDT',
    2,
    concat(
      name('\\_S5', aPackage(integer(S5_SLEEP_TYPE), integer(S5_SLEEP_TYPE), integer(0), integer(0))),
      scope(
        '\\_SB',
        device(
          'PCI0',
          ...rootBridge(board),
          device('ISA', name('_ADR', integer(board.isaBridgeSlot << 16)), isaDevices()),
        ),
      ),
    ),
  );
}

function rootBridge(board: DsdtBoard): Aml[] {
  return [
    name('_HID', eisaId('PNP0A03')),
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
    name('_PRT', interruptRouting(board)),
  ];
}

/** Every pin of every slot, whatever is plugged in. */
function interruptRouting(board: DsdtBoard): Aml {
  const entries: Aml[] = [];
  for (let slot = 0; slot < PCI_SLOTS; slot++) {
    for (let pin = 0; pin < PCI_PINS; pin++) {
      const address = integer(((slot << 16) | 0xffff) >>> 0);
      entries.push(aPackage(address, integer(pin), integer(0), integer(board.pciInterrupt(slot, pin))));
    }
  }
  return aPackage(...entries);
}

function isaDevices(): Aml {
  const isa = (path: string, hid: string, ...resources: readonly (readonly number[])[]): Aml =>
    device(
      path,
      name('_HID', eisaId(hid)),
      name('_STA', integer(PRESENT_AND_WORKING)),
      name('_CRS', resourceTemplate(...resources)),
    );
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
  );
}
