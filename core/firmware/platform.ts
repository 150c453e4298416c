/**
 * The addresses of this board: the one place where firmware (which describes them to the guest) and machine
 * (which puts devices there) agree. It is the shape of Intel's 440FX with PIIX, as most guests know it.
 */

/** RAM lies below this address; what does not fit continues at 4 GiB. PCI memory begins here; behind it IOAPIC, LAPIC. */
export const RAM_HOLE_START = 0xc000_0000;
export const HIGH_RAM_START = 0x1_0000_0000;

/** VGA's legacy window, no RAM. */
export const VGA_WINDOW_START = 0xa_0000;
export const VGA_WINDOW_END = 0xc_0000;
export const VGA_TEXT_START = 0xb_8000;

/** The last KiB of low memory, where a BIOS keeps its extended data area. */
export const EBDA_START = 0x9_fc00;

/** The ACPI tables, in the area where guests without boot_params look for the RSDP. */
export const ACPI_TABLES_START = 0xe_0000;
/** SMBIOS and MP tables: guests look for them from here on. */
export const BIOS_TABLES_START = 0xf_0000;
export const BIOS_AREA_END = 0x10_0000;

export const PCI_MEMORY_END = 0xfec0_0000;
export const IOAPIC_BASE = 0xfec0_0000;
export const LAPIC_BASE = 0xfee0_0000;
/** Three pages of TSS and one of page tables that KVM on some Intel hosts needs for real mode (KVM_SET_TSS_ADDR). */
export const KVM_IDENTITY_MAP = 0xfeff_c000;
export const KVM_TSS = 0xfeff_d000;
export const KVM_RESERVED_END = 0xff00_0000;

export const IRQ_TIMER = 0;
export const IRQ_KEYBOARD = 1;
export const IRQ_COM1 = 4;
export const IRQ_FDC = 6;
export const IRQ_RTC = 8;
export const IRQ_SCI = 9;
export const IRQ_MOUSE = 12;
