/** Devices by which a board learns that its guest is lost: the watchdog, where the user chose one, and the panic device. */
import type { WatchdogAction } from '../contracts/machine.ts';
import { I6300Esb } from '../devices/i6300esb/i6300esb.ts';
import { PVPANIC_PORT } from '../devices/pvpanic/pvpanic.regs.ts';
import { Pvpanic } from '../devices/pvpanic/pvpanic.ts';
import type { Board, DeviceRow } from './board.ts';

/** As in the 6300ESB, where it is input 10 of an IOAPIC. */
const WATCHDOG_IRQ = 10;
export const WATCHDOG_SLOT = 5;

export function watchdogRow(
  { lines, timers, watchdogExpired }: Board,
  action: WatchdogAction,
  slot: number,
): DeviceRow {
  const device = new I6300Esb({ timers, irq: lines.input(WATCHDOG_IRQ), expired: () => watchdogExpired(action) });
  return { id: 'i6300esb', device, pci: [slot, 0, device.configSpace], irqs: [WATCHDOG_IRQ] };
}

export function panicRows({ panic }: Board): DeviceRow[] {
  if (!panic) return [];
  const device = new Pvpanic(panic);
  return [{ id: 'pvpanic', device, ports: [[PVPANIC_PORT, 1, device]] }];
}
