/**
 * PCI configuration space, and the registers of this board's chipset functions.
 *
 * [PCI] PCI Local Bus Specification 3.0, chapter 6 and 3.2.2.3.2 (configuration mechanism 1). [440FX] Intel 82441FX
 * data sheet (May 1996), 3.2. [PIIX] Intel 82371SB / 82371AB data sheets. Offsets in configuration space.
 */
// Configuration mechanism 1
export const CONFIG_ADDRESS_PORT = 0xcf8;
export const CONFIG_PORTS = 8;
export const CONFIG_ADDRESS = 0; //         32-bit accesses only
export const RESET_CONTROL = 1; //          8-bit accesses: not the host bridge's but the ISA bridge's
export const CONFIG_DATA = 4;
export const CONFIG_ENABLE = 0x8000_0000;
export const CONFIG_ADDRESS_MASK = 0x80ff_fffc;

// Header type 0, [PCI] 6.1 and 6.2
export const VENDOR_ID = 0x00;
export const DEVICE_ID = 0x02;
export const COMMAND = 0x04;
export const COMMAND_IO = 1 << 0;
export const COMMAND_MEMORY = 1 << 1;
export const COMMAND_MASTER = 1 << 2;
export const COMMAND_PARITY = 1 << 6;
export const COMMAND_SERR = 1 << 8;
export const COMMAND_INTX_DISABLE = 1 << 10;
export const STATUS = 0x06;
export const STATUS_INTERRUPT = 1 << 3; //  INTx is asserted, disabled or not
export const STATUS_CAPABILITIES = 1 << 4;
export const STATUS_DEVSEL_MEDIUM = 1 << 9;
export const REVISION_ID = 0x08; // followed by interface, sub-class and base class
export const HEADER_TYPE = 0x0e;
export const HEADER_MULTIFUNCTION = 1 << 7;
export const BAR0 = 0x10;
export const BAR_COUNT = 6;
export const BAR_IO = 1 << 0;
export const BAR_MEMORY_64 = 1 << 2;
export const BAR_PREFETCHABLE = 1 << 3;
export const SUBSYSTEM_VENDOR_ID = 0x2c;
export const SUBSYSTEM_ID = 0x2e;
export const EXPANSION_ROM = 0x30; //       bit 0: it decodes
export const EXPANSION_ROM_ENABLE = 1 << 0;
export const CAPABILITIES_POINTER = 0x34;
export const INTERRUPT_LINE = 0x3c;
export const INTERRUPT_PIN = 0x3d;
export const CONFIG_SPACE_SIZE = 256;
/** Of a PCI Express function. The upper part is reached by memory-mapped configuration only. */
export const EXTENDED_CONFIG_SPACE_SIZE = 4096;

// Capabilities: identifier, offset of the next one, body. [PCI] 6.7
export const FIRST_CAPABILITY = 0x40;
export const CAP_ID_MSI = 0x05;
export const CAP_ID_MSIX = 0x11;

// MSI, [PCI] 6.8.1: offsets from the capability, with 64-bit addresses
export const MSI_CONTROL = 2;
export const MSI_CONTROL_ENABLE = 1 << 0;
export const MSI_CONTROL_CAPABLE_SHIFT = 1; // log2 of the messages wanted
export const MSI_CONTROL_GRANTED_SHIFT = 4; // log2 of the messages granted
export const MSI_CONTROL_GRANTED = 7 << MSI_CONTROL_GRANTED_SHIFT;
export const MSI_CONTROL_64BIT = 1 << 7;
export const MSI_CONTROL_MASKING = 1 << 8;
export const MSI_ADDRESS_LO = 4;
export const MSI_ADDRESS_HI = 8;
export const MSI_DATA = 12;
export const MSI_MASK = 16;
export const MSI_PENDING = 20;
export const MSI_LENGTH = 24;

// MSI-X, [PCI] 6.8.2
export const MSIX_CONTROL = 2;
export const MSIX_CONTROL_MASK_ALL = 1 << 14;
export const MSIX_CONTROL_ENABLE = 1 << 15;
export const MSIX_TABLE = 4; //             offset in a BAR, its number in bits 2..0
export const MSIX_PBA = 8;
export const MSIX_LENGTH = 12;
export const MSIX_ENTRY_SIZE = 16; //       address, upper address, data, vector control
export const MSIX_ENTRY_DATA = 8;
export const MSIX_ENTRY_CONTROL = 12;
export const MSIX_ENTRY_MASKED = 1 << 0;
export const MSIX_MAX_VECTORS = 2048;

// 00:00.0, the 440FX host bridge
export const PAM0 = 0x59; //                7 bytes: where 0xc0000..0xfffff reads and writes go
export const PAM_COUNT = 7;
export const PAM_WRITABLE = 0x33; //        of each half: bit 0 reads, bit 1 writes are RAM's
export const SMRAM = 0x72;
export const SMRAM_POWER_ON = 0x02;
export const SMRAM_WRITABLE = 0x78;
export const SMRAM_D_CLS = 1 << 5; //       closed for data, whatever D_OPEN says
export const SMRAM_D_OPEN = 1 << 6;

// 00:01.0, the PIIX3 ISA bridge
export const XBCS = 0x4e; //                16 bits: which chip selects decode
export const PIRQRCA = 0x60; //             4 bytes: ISA interrupt of PIRQA..D
export const PIRQRC_DISABLED = 0x80;
export const PIRQRC_IRQ = 0x0f;
export const PIRQRC_MASK = PIRQRC_DISABLED | PIRQRC_IRQ;

// 00:01.3, the PIIX4 power management function
export const PMBA = 0x40; //                32 bits: I/O base of the power management block
export const PMBA_MASK = 0xffc0;
export const DEVACTB = 0x58;
export const DEVACTB_APMC_EN = 1 << 25; //  writes to the APM control port raise SMI
export const PMREGMISC = 0x80; //           bit 0: the block decodes
export const PMREGMISC_PMIOSE = 1 << 0;

// Q35, [MCH] and [ICH9]: 00:00.0, the MCH
export const PCIEXBAR = 0x60; //            64 bits: base of memory-mapped configuration space
export const PCIEXBAR_ENABLE = 1 << 0;
export const PCIEXBAR_LENGTH_SHIFT = 1; //  256, 128, 64 MiB
export const PCIEXBAR_LENGTH = 3 << PCIEXBAR_LENGTH_SHIFT;
export const MCH_PAM0 = 0x90;
export const MCH_SMRAM = 0x9d;
export const ESMRAMC = 0x9e;
export const ESMRAMC_POWER_ON = 0x38; //    the caches bits read one
export const ESMRAMC_WRITABLE = 0x87;
export const MCH_TSEGMB = 0xac; //          32 bits: TSEG memory base
export const MCH_TOUUD = 0xa2; //           16 bits
export const MCH_TOLUD = 0xb0; //           16 bits

// 00:1f.0, the ICH9 LPC bridge
export const PMBASE = 0x40;
export const PMBASE_MASK = 0xff80;
export const ACPI_CNTL = 0x44;
export const ACPI_CNTL_ACPI_EN = 1 << 7;
export const ACPI_CNTL_SCI_IRQ_SEL = 7;
export const GPIOBASE = 0x48;
export const GPIOBASE_MASK = 0xff80;
export const GPIO_CNTL = 0x4c;
export const PIRQA_ROUT = 0x60; //          4 bytes
export const PIRQE_ROUT = 0x68; //          4 bytes
export const LPC_I_O_DEC = 0x80;
export const LPC_EN = 0x82;
export const GEN_PMCON_1 = 0xa0;
export const BIOS_CNTL = 0xdc;
export const RCBA = 0xf0; //                32 bits: base of the chipset's memory-mapped registers
export const RCBA_ENABLE = 1 << 0;
export const RCBA_MASK = 0xffff_c000;
export const RCBA_SIZE = 0x4000;
