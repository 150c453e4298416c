/**
 * WAET: the timers of this machine have none of the faults that guests work around by reading twice.
 *
 * Reference: [WAET] Windows ACPI Emulated Devices Table 1.0.
 */
import { type Acpi, table } from './table.ts';

const RTC_GOOD = 1 << 0;
const ACPI_PM_TIMER_GOOD = 1 << 1;

export const waet = (): Acpi => table('WAET', 1, Uint8Array.of(RTC_GOOD | ACPI_PM_TIMER_GOOD, 0, 0, 0));
