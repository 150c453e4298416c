/**
 * A NOR flash with Intel's command set. [P30] Numonyx StrataFlash P30 data sheet (306666), 6 to 13 and appendix C
 * (CFI). Commands are written anywhere in the flash, or in the block that they are for.
 */
export const BLOCK_BYTES = 4096;

export const CMD_PROGRAM_ALT = 0x10;
export const CMD_ERASE = 0x20; //           then CMD_CONFIRM
export const CMD_PROGRAM = 0x40; //         then the data
export const CMD_CLEAR_STATUS = 0x50;
export const CMD_READ_STATUS = 0x70;
export const CMD_READ_ID = 0x90;
export const CMD_CFI_QUERY = 0x98;
export const CMD_CONFIRM = 0xd0;
export const CMD_READ_ARRAY = 0xff;

export const SR_READY = 1 << 7;
export const SR_ERASE_ERROR = 1 << 5;
export const SR_PROGRAM_ERROR = 1 << 4;
export const SR_COMMAND_ERROR = SR_ERASE_ERROR | SR_PROGRAM_ERROR;
export const SR_MASK = SR_READY | SR_COMMAND_ERROR;

export const MANUFACTURER_INTEL = 0x89;
export const DEVICE_CODE = 0x18;

// CFI query, offsets of bytes
export const CFI_QRY = 0x10;
export const CFI_COMMAND_SET = 0x13;
export const CFI_COMMAND_SET_INTEL = 1;
export const CFI_SIZE = 0x27; //            log2
export const CFI_REGIONS = 0x2c;
export const CFI_REGION_BLOCKS = 0x2d; //   16 bits, less one
export const CFI_REGION_BLOCK_SIZE = 0x2f; // 16 bits, in 256 bytes
export const CFI_LENGTH = 0x31;
