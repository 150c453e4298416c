/**
 * The firmware configuration device. [FWCFG] QEMU's docs/specs/fw_cfg.rst. Ports and keys; what travels by DMA is
 * big-endian, what lies in an item is little-endian unless said otherwise.
 */
export const FW_CFG_PORT = 0x510;
export const FW_CFG_PORTS = 12;
export const SELECTOR = 0; //             WO   16 bits
export const DATA = 1; //                 RO   8 bits
export const DMA_ADDRESS_HI = 4; //       RW   32 bits, big-endian; reads as the signature
export const DMA_ADDRESS_LO = 8; //       RW   writing starts

export const KEY_SIGNATURE = 0x0000;
export const KEY_ID = 0x0001;
export const KEY_UUID = 0x0002;
export const KEY_RAM_SIZE = 0x0003;
export const KEY_NOGRAPHIC = 0x0004;
export const KEY_NB_CPUS = 0x0005;
export const KEY_KERNEL_SIZE = 0x0008;
export const KEY_INITRD_SIZE = 0x000b;
export const KEY_BOOT_MENU = 0x000e;
export const KEY_MAX_CPUS = 0x000f;
export const KEY_KERNEL_ADDRESS = 0x0007;
export const KEY_INITRD_ADDRESS = 0x000a;
export const KEY_KERNEL_DATA = 0x0011;
export const KEY_INITRD_DATA = 0x0012;
export const KEY_CMDLINE_ADDRESS = 0x0013;
export const KEY_CMDLINE_SIZE = 0x0014;
export const KEY_CMDLINE_DATA = 0x0015;
export const KEY_SETUP_ADDRESS = 0x0016;
export const KEY_SETUP_SIZE = 0x0017;
export const KEY_SETUP_DATA = 0x0018;
export const KEY_FILE_DIR = 0x0019;
export const KEY_FILE_FIRST = 0x0020;
/** Set for keys of an architecture. */
export const KEY_ARCH = 0x8000;
export const KEY_X86_IRQ0_OVERRIDE = KEY_ARCH | 2;
/** Set in a selector that asks to write. */
export const KEY_WRITE = 0x4000;

export const SIGNATURE = 'QEMU';
export const DMA_SIGNATURE = 'QEMU CFG';
export const ID_TRADITIONAL = 1 << 0;
export const ID_DMA = 1 << 1;

// The file directory: a count, then entries; big-endian
export const DIR_ENTRY_SIZE = 64; //      size (32), key (16), reserved (16), name
export const DIR_NAME = 8;
export const MAX_NAME_BYTES = 55; //      and a zero

// The structure at the DMA address, big-endian
export const DMA_CONTROL = 0; //          32 bits; the upper 16 are the key to select
export const DMA_LENGTH = 4;
export const DMA_ADDRESS = 8;
export const DMA_SIZE = 16;
export const DMA_CTL_ERROR = 1 << 0;
export const DMA_CTL_READ = 1 << 1;
export const DMA_CTL_SKIP = 1 << 2;
export const DMA_CTL_SELECT = 1 << 3;
export const DMA_CTL_WRITE = 1 << 4;
