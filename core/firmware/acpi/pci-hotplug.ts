/**
 * PCI slots that can be filled and emptied while the guest runs: their objects, and the general-purpose event that asks
 * the hot plug registers (core/devices/acpi-pci-hotplug) what has happened.
 *
 * References: [ACPI] ACPI Specification 6.5, 5.6.4.1 (GPE methods), 6.3.3 (_EJx); [PCIHP] QEMU's
 * docs/specs/acpi_pci_hotplug.rst.
 */
import { PCI_EJ, PCI_HOTPLUG_PORT, PCI_SEL } from '../../devices/acpi-pci-hotplug/acpi-pci-hotplug.regs.ts';
import { GPE_PCI_HOTPLUG } from '../../devices/acpi-pm/acpi-pm.regs.ts';
import { type Aml, concat, device, integer, name, scope } from './aml.ts';
import {
  and,
  arg,
  call,
  holding,
  method,
  mutex,
  notify,
  reference,
  registers,
  shiftLeftInto,
  store,
  when,
} from './aml-code.ts';

const DEVICE_CHECK = 1;
const EJECT_REQUEST = 3;
const BUS = 0;

const hex = (value: number): string => value.toString(16).toUpperCase().padStart(2, '0');
const slotName = (slot: number): string => `S${hex(slot)}`;

/** For the root bridge. */
export function hotplugSlots(slots: readonly number[]): Aml {
  const port = PCI_HOTPLUG_PORT;
  return concat(
    registers('PCST', 'io', port, 32, ['PCIU', 'PCID']),
    registers('SEJ', 'io', port + PCI_EJ, 32, ['B0EJ']),
    registers('BNMR', 'io', port + PCI_SEL, 32, ['BNUM']),
    mutex('BLCK'),
    ...slots.map((slot) =>
      device(
        slotName(slot),
        name('_ADR', integer((slot << 16) >>> 0)),
        name('_SUN', integer(slot)),
        method('_EJ0', 1, call('PCEJ', reference('_SUN'))),
      ),
    ),
    method('PCEJ', 1, holding('BLCK', store(integer(BUS), 'BNUM'), shiftLeftInto(integer(1), arg(0), 'B0EJ'))),
    method(
      'DVNT',
      2,
      ...slots.map((slot) => when(and(arg(0), integer((1 << slot) >>> 0)), notify(slotName(slot), arg(1)))),
    ),
    method(
      'PCNT',
      0,
      holding(
        'BLCK',
        store(integer(BUS), 'BNUM'),
        call('DVNT', reference('PCIU'), integer(DEVICE_CHECK)),
        call('DVNT', reference('PCID'), integer(EJECT_REQUEST)),
      ),
    ),
  );
}

/** For the root of the name space. */
export const hotplugEvent = (rootBridge: string): Aml =>
  scope('\\_GPE', method(`_E${hex(GPE_PCI_HOTPLUG)}`, 0, call(`${rootBridge}.PCNT`)));
