/**
 * ACPI fixed hardware of the PIIX4, and the ports around it.
 *
 * [PIIX4] Intel 82371AB data sheet (April 1997), section 7.2 (power management I/O registers), 4.2.6 (APM), 4.2.9
 * (reset control). [ACPI] ACPI Specification 6.5, 4.8 (fixed hardware). Offsets from the base of the power management
 * block; RO read only, WO write only, W1C cleared by writing ones.
 */
/** Where firmware and PCI function 00:01.3 put the block. */
export const PM_IO_BASE = 0xb000;
export const PM_IO_SIZE = 64;

export const PM1_STS = 0x00; //         W1C  16 bits
export const PM1_EN = 0x02; //          RW   16 bits
export const TMR_STS = 1 << 0; //            bit 23 of the timer changed
const GBL_STS = 1 << 5; //            firmware wants attention; nothing here raises it
export const PWRBTN_STS = 1 << 8;
export const RTC_STS = 1 << 10; //           the real-time clock interrupted
export const WAK_STS = 1 << 15; //           no enable bit; the machine woke from S3
export const PM1_EN_MASK = TMR_STS | GBL_STS | PWRBTN_STS | RTC_STS;
export const PM1_STS_MASK = PM1_EN_MASK | WAK_STS;

export const PM1_CNT = 0x04; //         RW   16 bits; bit 2, GBL_RLS, is write only and does nothing
export const SCI_EN = 1 << 0; //             events raise SCI
const BM_RLD = 1 << 1;
export const SLP_TYP_SHIFT = 10;
export const SLP_TYP_MASK = 7 << SLP_TYP_SHIFT;
export const SLP_EN = 1 << 13; //       WO
export const PM1_CNT_KEPT = SCI_EN | BM_RLD | SLP_TYP_MASK;
/** SLP_TYP values, as the DSDT's _S5, _S3 and _S4 name them. [PIIX4] 7.2.3 */
export const SLP_TYP_S5 = 0;
export const SLP_TYP_S3 = 1;
export const SLP_TYP_S4 = 2; //              off, for the hardware

export const PM_TMR = 0x08; //          RO   32 bits
export const PM_TMR_HZ = 3_579_545;
export const PM_TMR_BITS = 24;

/** Where the south bridges differ. SMI_EN: where there is one, locked as firmware without SMM leaves it. */
export interface PmLayout {
  readonly GPE0_STS: number; //         W1C  16 bits; a wider block's others read zero
  readonly GPE0_EN: number; //          RW   likewise
  readonly GPE0_LENGTH: number;
  readonly SMI_EN?: number; //          RO   32 bits
}
export const PIIX4_PM: PmLayout = { GPE0_STS: 0x0c, GPE0_EN: 0x0e, GPE0_LENGTH: 4 };
/** [ICH9] Intel ICH9 data sheet (316972), 13.8.3. */
export const ICH9_PM: PmLayout = { GPE0_STS: 0x20, GPE0_EN: 0x28, GPE0_LENGTH: 16, SMI_EN: 0x30 };
export const ICH9_PM_IO_SIZE = 128;
/** General-purpose events 0 to 15. */
export const GPE0_MASK = 0xffff;
/** Which of them is PCI hot plug; the DSDT names it. */
export const GPE_PCI_HOTPLUG = 1;
const GBL_SMI_EN = 1 << 0;
const APMC_EN = 1 << 5; //                   writes to the APM control port raise SMI
export const SMI_EN_LOCKED = GBL_SMI_EN | APMC_EN;

// APM ports: the "SMI command" of the FADT
export const SMI_CMD_PORT = 0xb2;
export const APMC = 0; //               RW
export const APMS = 1; //               RW   scratch
export const ACPI_ENABLE = 0xf1;
export const ACPI_DISABLE = 0xf0;

// Reset control register
export const RESET_PORT = 0xcf9;
export const RCR_SRST = 1 << 1; //      hard (1) or soft (0) reset
export const RCR_RCPU = 1 << 2; //      a one resets
/** What the FADT's RESET_VALUE says. */
export const RESET_VALUE = RCR_SRST | RCR_RCPU;
