/** Devices by which a board learns that its guest is lost: the watchdog, where the user chose one, and the panic device. */
import { I6300Esb } from '../devices/i6300esb/i6300esb.ts';
import { PVPANIC_PORT } from '../devices/pvpanic/pvpanic.regs.ts';
import { Pvpanic } from '../devices/pvpanic/pvpanic.ts';
import type { Board, DeviceRow } from './board.ts';

/** As in the 6300ESB, where it is input 10 of an IOAPIC. */
const WATCHDOG_IRQ = 10;
const WATCHDOG_SLOT = 5;

export function guards({ lines, timers, watchdogExpired, panic }: Board): DeviceRow[] {
  const rows: DeviceRow[] = [];
  if (watchdogExpired) {
    const device = new I6300Esb({ timers, irq: lines.input(WATCHDOG_IRQ), expired: watchdogExpired });
    rows.push({ id: 'i6300esb', device, pci: [WATCHDOG_SLOT, 0, device.configSpace], irqs: [WATCHDOG_IRQ] });
  }
  if (panic) {
    const device = new Pvpanic(panic);
    rows.push({ id: 'pvpanic', device, ports: [[PVPANIC_PORT, 1, device]] });
  }
  return rows;
}
