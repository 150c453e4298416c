/**
 * The MultiProcessor tables, for guests from before ACPI: processors, buses, the IOAPIC and what is wired to it.
 *
 * Reference: [MP] Intel MultiProcessor Specification 1.4 (May 1997), chapter 4.
 */
import { concat } from './acpi/aml.ts';
import { ascii } from './acpi/table.ts';
import { IOAPIC_BASE, IRQ_SCI, IRQ_TIMER, LAPIC_BASE } from './platform.ts';
import { dword, word } from './smbios/structure.ts';

export interface MpBoard {
  readonly vcpus: number;
  /** The IOAPIC pin that INTA..INTD (0..3) of a PCI slot is wired to. */
  pciInterrupt(slot: number, pin: number): number;
}

const POINTER_BYTES = 16;
const HEADER_BYTES = 44;
const SPEC_REVISION = 4;

// Entry types
const PROCESSOR = 0;
const BUS = 1;
const IOAPIC = 2;
const IO_INTERRUPT = 3;
const LOCAL_INTERRUPT = 4;

// Interrupt types
const INT = 0;
const NMI = 1;
const EXT_INT = 3;
/** Polarity and trigger as the bus has them. */
const BUS_DEFAULT = 0;
const ACTIVE_HIGH_LEVEL = 0x01 | (3 << 2);

const LAPIC_VERSION = 0x14;
const IOAPIC_VERSION = 0x11;
const ENABLED = 1;
const BOOT_PROCESSOR = 2;
/** On this board's processors there are an FPU, the exception that goes with it, and a local APIC. */
const FEATURES = 0x201;
const PCI_BUS = 0;
const ISA_BUS = 1;
const IOAPIC_ID = 0;
const TIMER_PIN = 2;
const CASCADE = 2;
const ISA_INTERRUPTS = 16;
const PCI_SLOTS = 32;
const PCI_PINS = 4;
const ALL_LAPICS = 0xff;

/** For the address they are put to, a multiple of 16: the floating pointer structure, and right behind it the table. */
export function mpTables(address: number, board: MpBoard): Uint8Array {
  return concat(floatingPointer(address + POINTER_BYTES), configurationTable(board));
}

/** [MP] 4.1 */
function floatingPointer(table: number): Uint8Array {
  const bytes = Uint8Array.of(...ascii('_MP_', 4), ...dword(table), 1, SPEC_REVISION, 0, 0, 0, 0, 0, 0);
  return summingToZero(bytes, 10);
}

/** [MP] 4.2 */
function configurationTable(board: MpBoard): Uint8Array {
  const entries = [
    ...Array.from({ length: board.vcpus }, (_, id) => processor(id)),
    [BUS, PCI_BUS, ...ascii('PCI', 6)],
    [BUS, ISA_BUS, ...ascii('ISA', 6)],
    [IOAPIC, IOAPIC_ID, IOAPIC_VERSION, ENABLED, ...dword(IOAPIC_BASE)],
    ...isaInterrupts(),
    ...pciInterrupts(board),
    [LOCAL_INTERRUPT, EXT_INT, ...word(BUS_DEFAULT), ISA_BUS, 0, 0, 0],
    [LOCAL_INTERRUPT, NMI, ...word(BUS_DEFAULT), ISA_BUS, 0, ALL_LAPICS, 1],
  ];
  const body = entries.flat();
  const header = [
    ...ascii('PCMP', 4),
    ...word(HEADER_BYTES + body.length),
    SPEC_REVISION,
    0,
    ...ascii('VIVARIUM', 8),
    ...ascii('PC', 12),
    ...dword(0), // no OEM table
    ...word(0),
    ...word(entries.length),
    ...dword(LAPIC_BASE),
    ...word(0), // no extended table
    0,
    0,
  ];
  return summingToZero(Uint8Array.of(...header, ...body), 7);
}

function processor(id: number): number[] {
  const flags = ENABLED | (id === 0 ? BOOT_PROCESSOR : 0);
  return [PROCESSOR, id, LAPIC_VERSION, flags, ...dword(0), ...dword(FEATURES), ...dword(0), ...dword(0)];
}

const ioInterrupt = (bus: number, source: number, pin: number, flags = BUS_DEFAULT): number[] => [
  IO_INTERRUPT,
  INT,
  ...word(flags),
  bus,
  source,
  IOAPIC_ID,
  pin,
];

/** Each to the pin of its number, but the timer's; the cascade is no interrupt. */
function isaInterrupts(): number[][] {
  const irqs = Array.from({ length: ISA_INTERRUPTS }, (_, irq) => irq).filter((irq) => irq !== CASCADE);
  return irqs.map((irq) => {
    if (irq === IRQ_TIMER) return ioInterrupt(ISA_BUS, irq, TIMER_PIN);
    return ioInterrupt(ISA_BUS, irq, irq, irq === IRQ_SCI ? ACTIVE_HIGH_LEVEL : BUS_DEFAULT);
  });
}

/** [MP] D.3: the source is slot and pin. */
function pciInterrupts(board: MpBoard): number[][] {
  return Array.from({ length: PCI_SLOTS * PCI_PINS }, (_, source) =>
    ioInterrupt(PCI_BUS, source, board.pciInterrupt(source >> 2, source & 3)),
  );
}

function summingToZero(bytes: Uint8Array, checksumAt: number): Uint8Array {
  bytes[checksumAt] = 0;
  bytes[checksumAt] = -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return bytes;
}
