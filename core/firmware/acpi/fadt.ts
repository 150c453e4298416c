/**
 * FADT (signature FACP) and FACS: where the fixed ACPI hardware of this board is.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.9 (FADT), 5.2.10 (FACS). Revision 3 of the FADT is written: the
 * last that has nothing this board lacks. Not here: C states, P states.
 */
import {
  ACPI_DISABLE,
  ACPI_ENABLE,
  PM_TMR,
  PM1_CNT,
  PM1_STS,
  type PmLayout,
  RESET_PORT,
  RESET_VALUE,
  SMI_CMD_PORT,
} from '../../devices/acpi-pm/acpi-pm.regs.ts';
import { IRQ_SCI } from '../platform.ts';
import { type Acpi, ascii, table } from './table.ts';

// IAPC_BOOT_ARCH
const LEGACY_DEVICES = 1 << 0;
const HAS_8042 = 1 << 1;
// A clear VGA_NOT_PRESENT (bit 2) and a clear CMOS_RTC_NOT_PRESENT (bit 5) say that both are there.

// Flags
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
// A clear PWR_BUTTON (bit 4) says that the power button is fixed hardware, in PM1.
const SLP_BUTTON = 1 << 5; // set: there is no fixed sleep button
// A clear FIX_RTC (bit 6) says that the RTC's wake status is in PM1.
// A clear TMR_VAL_EXT (bit 8) says that the timer has 24 bits.
const RESET_REG_SUP = 1 << 10;

const FADT_LENGTH = 244;
const HEADER_LENGTH = 36;
const ADDRESS_SPACE_IO = 1;
const UNSUPPORTED_LATENCY = 0xffff;

/** The power management block: whose it is, and where. */
export interface PmBlock {
  readonly pm: PmLayout;
  readonly pmIoBase: number;
}

export function fadt(facsAddress: number, dsdtAddress: number, { pm, pmIoBase }: PmBlock): Acpi {
  const block = (offset: number, length: number) => ({ port: pmIoBase + offset, length });
  const pm1Events = block(PM1_STS, 4);
  const pm1Control = block(PM1_CNT, 2);
  const pmTimer = block(PM_TMR, 4);
  const gpe0 = block(pm.GPE0_STS, pm.GPE0_LENGTH);
  const body = new Uint8Array(FADT_LENGTH - HEADER_LENGTH);
  const view = new DataView(body.buffer);
  // Offsets are the specification's, from the start of the table.
  const u8 = (offset: number, value: number): void => view.setUint8(offset - HEADER_LENGTH, value);
  const u16 = (offset: number, value: number): void => view.setUint16(offset - HEADER_LENGTH, value, true);
  const u32 = (offset: number, value: number): void => view.setUint32(offset - HEADER_LENGTH, value, true);
  const ioAddress = (offset: number, block: { port: number; length: number }): void => {
    u8(offset, ADDRESS_SPACE_IO);
    u8(offset + 1, block.length * 8);
    u32(offset + 4, block.port); // the upper half stays 0
  };

  u32(36, facsAddress);
  u32(40, dsdtAddress);
  u16(46, IRQ_SCI);
  u32(48, SMI_CMD_PORT);
  u8(52, ACPI_ENABLE);
  u8(53, ACPI_DISABLE);
  u32(56, pm1Events.port);
  u32(64, pm1Control.port);
  u32(76, pmTimer.port);
  u32(80, gpe0.port);
  u8(88, pm1Events.length);
  u8(89, pm1Control.length);
  u8(91, pmTimer.length);
  u8(92, gpe0.length);
  u16(96, UNSUPPORTED_LATENCY); // P_LVL2_LAT
  u16(98, UNSUPPORTED_LATENCY); // P_LVL3_LAT
  u8(108, 0x32); // CENTURY: CMOS index of the century
  u16(109, LEGACY_DEVICES | HAS_8042);
  u32(112, WBINVD | PROC_C1 | SLP_BUTTON | RESET_REG_SUP);
  ioAddress(116, { port: RESET_PORT, length: 1 });
  u8(128, RESET_VALUE);
  // X_FIRMWARE_CTRL (132) stays 0: only one of the two pointers to the FACS may be set
  u32(140, dsdtAddress); // X_DSDT
  ioAddress(148, pm1Events);
  ioAddress(172, pm1Control);
  ioAddress(208, pmTimer);
  ioAddress(220, gpe0);
  return table('FACP', 3, body);
}

/** 64 bytes without a checksum, 64-byte aligned: the global lock and the waking vector, both unused here. */
export function facs(): Acpi {
  const bytes = new Uint8Array(64);
  bytes.set(ascii('FACS', 4));
  bytes[4] = bytes.length;
  bytes[32] = 1; // version
  return bytes;
}
