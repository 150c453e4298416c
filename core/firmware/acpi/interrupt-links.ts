/**
 * The interrupt wiring of PCI slots: hard-wired to the IOAPIC, or, for a guest that uses the 8259s, through link devices
 * whose ISA interrupt is in a register of the ISA bridge.
 *
 * References: [ACPI] ACPI Specification 6.5, 5.8.1 (_PIC), 6.2.13 (_PRT). [PIIX] Intel 82371SB data sheet, 2.3.4
 * (PIRQRC). [ICH9] Intel ICH9 data sheet (316972), 13.1.11 (PIRQ_ROUT).
 */
import { type Aml, aPackage, concat, device, eisaId, integer, name, resourceTemplate, sharedInterrupt } from './aml.ts';
import {
  and,
  arg,
  call,
  createDwordField,
  isLess,
  method,
  orInto,
  reference,
  registers,
  returns,
  serializedMethod,
  store,
  when,
} from './aml-code.ts';

const PCI_SLOTS = 32;
const PCI_PINS = 4;
const PIRQ_OFF = 0x80;
/** ISA interrupts that no device of the board has. */
const FREE_IRQS = [5, 10, 11];
/** Where the first interrupt is in a resource template of one extended interrupt descriptor. */
const INTERRUPT_AT = 5;
const PRESENT = 0x0b;
const PRESENT_AND_OFF = 0x09;

export interface InterruptWiring {
  /** The IOAPIC pin (GSI) that INTA..INTD (0..3) of a PCI slot is wired to. */
  pciInterrupt(slot: number, pin: number): number;
  /** The PIRQ line, from 0, that it is wired to. */
  pirq(slot: number, pin: number): number;
  /** Configuration registers of the ISA bridge that lead a PIRQ line to an ISA interrupt. */
  readonly pirqRegisters: readonly number[];
}

/** Which interrupt controllers the guest uses, told by itself before it looks at _PRT: 0 for the 8259s. */
export function interruptModel(): Aml {
  return concat(name('\\PICF', integer(0)), method('\\_PIC', 1, store(arg(0), '\\PICF')));
}

/** For the root bridge: every pin of every slot, whatever is plugged in. */
export function interruptRouting(wiring: InterruptWiring): Aml {
  return concat(
    name(
      'PRTA',
      routing((slot, pin) => [integer(0), integer(wiring.pciInterrupt(slot, pin))]),
    ),
    name(
      'PRTP',
      routing((slot, pin) => [reference(`\\_SB.${link(wiring.pirq(slot, pin))}`), integer(0)]),
    ),
    method('_PRT', 0, when(reference('\\PICF'), returns(reference('PRTA'))), returns(reference('PRTP'))),
  );
}

function routing(entry: (slot: number, pin: number) => readonly Aml[]): Aml {
  const entries: Aml[] = [];
  for (let slot = 0; slot < PCI_SLOTS; slot++) {
    for (let pin = 0; pin < PCI_PINS; pin++) {
      entries.push(aPackage(integer(((slot << 16) | 0xffff) >>> 0), integer(pin), ...entry(slot, pin)));
    }
  }
  return aPackage(...entries);
}

const letter = (pirq: number): string => String.fromCharCode('A'.charCodeAt(0) + pirq);
const link = (pirq: number): string => `LNK${letter(pirq)}`;
const register = (pirq: number): string => `PRQ${letter(pirq)}`;

/** For the ISA bridge: its route registers as fields. */
export function routeRegisters({ pirqRegisters }: InterruptWiring): Aml {
  const [first = 0] = pirqRegisters;
  const last = pirqRegisters.at(-1) ?? first;
  const units = Array.from({ length: last - first + 1 }, (_, i) => {
    const pirq = pirqRegisters.indexOf(first + i);
    return pirq < 0 ? undefined : register(pirq);
  });
  return registers('PIRQ', 'pci-config', first, 8, units);
}

/** For \_SB: a link device a PIRQ line. `bridge`: the path of the ISA bridge. */
export function linkDevices({ pirqRegisters }: InterruptWiring, bridge: string): Aml {
  const current = serializedMethod(
    'IQCR',
    1,
    name('PRR0', resourceTemplate(sharedInterrupt(0))),
    createDwordField(reference('PRR0'), INTERRUPT_AT, 'PRRI'),
    when(isLess(arg(0), integer(PIRQ_OFF)), store(arg(0), 'PRRI')),
    returns(reference('PRR0')),
  );
  const links = pirqRegisters.map((_, pirq) => {
    const route = `${bridge}.${register(pirq)}`;
    return device(
      link(pirq),
      name('_HID', eisaId('PNP0C0F')),
      name('_UID', integer(pirq)),
      name('_PRS', resourceTemplate(sharedInterrupt(...FREE_IRQS))),
      method(
        '_STA',
        0,
        when(and(reference(route), integer(PIRQ_OFF)), returns(integer(PRESENT_AND_OFF))),
        returns(integer(PRESENT)),
      ),
      method('_DIS', 0, orInto(reference(route), integer(PIRQ_OFF), route)),
      method('_CRS', 0, returns(call('IQCR', reference(route)))),
      serializedMethod('_SRS', 1, createDwordField(arg(0), INTERRUPT_AT, 'PRRI'), store(reference('PRRI'), route)),
    );
  });
  return concat(current, ...links);
}
