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
export const INTERRUPT_LINE = 0x3c;
export const INTERRUPT_PIN = 0x3d;
export const CONFIG_SPACE_SIZE = 256;

// 00:00.0, the 440FX host bridge
export const PAM0 = 0x59; //                7 bytes: where 0xc0000..0xfffff reads and writes go
export const PAM_COUNT = 7;
export const SMRAM = 0x72;

// 00:01.0, the PIIX3 ISA bridge
export const XBCS = 0x4e; //                16 bits: which chip selects decode
export const PIRQRCA = 0x60; //             4 bytes: ISA interrupt of PIRQA..D
export const PIRQRC_DISABLED = 0x80;
export const PIRQRC_MASK = 0x8f;

// 00:01.3, the PIIX4 power management function
export const PMBA = 0x40; //                32 bits: I/O base of the power management block
export const PMBA_MASK = 0xffc0;
export const PMREGMISC = 0x80; //           bit 0: the block decodes
export const PMREGMISC_PMIOSE = 1 << 0;
