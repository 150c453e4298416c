/**
 * ATA registers, commands and features.
 *
 * [ACS] ATA8-ACS, T13/1699-D. [ATAPI] ATA/ATAPI-7 volume 1 and 2, T13/1532D, for what ACS made obsolete. [SATA] Serial
 * ATA 3.0, 13.6 (native command queuing).
 */

// Status
export const ERR = 1 << 0; //  CHK in packet commands
export const DRQ = 1 << 3;
export const DSC = 1 << 4; //  seek complete; service in queued commands
export const DF = 1 << 5;
export const DRDY = 1 << 6;
export const BSY = 1 << 7;

// Error
export const ABRT = 1 << 2;
export const IDNF = 1 << 4;
export const UNC = 1 << 6;
/** EXECUTE DEVICE DIAGNOSTIC: device 0 passed, device 1 passed or is not there. */
export const DIAGNOSTIC_PASSED = 0x01;
export const SENSE_KEY_SHIFT = 4;

// Device
export const DEV = 1 << 4;
export const LBA = 1 << 6;
export const DEVICE_HEAD = 0x0f;
/** Bits 7 and 5 were always one before they became obsolete. */
export const DEVICE_OBSOLETE = 0xa0;
export const FUA_QUEUED = 1 << 7;

// Device control
export const NIEN = 1 << 1;
export const SRST = 1 << 2;
export const HOB = 1 << 7;

// Features of PACKET
export const PACKET_DMA = 1 << 0;
// Interrupt reason, in the count register of packet commands
export const COD = 1 << 0;
export const IO = 1 << 1;

// Signatures, [ACS] table 19
export const SIGNATURE_ATA = { count: 1, lba0: 1, lba1: 0x00, lba2: 0x00 };
export const SIGNATURE_ATAPI = { count: 1, lba0: 1, lba1: 0x14, lba2: 0xeb };

// Commands
export const NOP = 0x00;
export const DATA_SET_MANAGEMENT = 0x06;
export const DEVICE_RESET = 0x08;
export const RECALIBRATE = 0x10; // to 0x1f
export const READ_SECTORS = 0x20; // 0x21 without retries
export const READ_SECTORS_EXT = 0x24;
export const READ_DMA_EXT = 0x25;
export const READ_NATIVE_MAX_ADDRESS_EXT = 0x27;
export const READ_MULTIPLE_EXT = 0x29;
export const READ_LOG_EXT = 0x2f;
export const WRITE_SECTORS = 0x30; // 0x31 without retries
export const WRITE_SECTORS_EXT = 0x34;
export const WRITE_DMA_EXT = 0x35;
export const WRITE_MULTIPLE_EXT = 0x39;
export const WRITE_DMA_FUA_EXT = 0x3d;
export const READ_VERIFY = 0x40; // 0x41 without retries
export const READ_VERIFY_EXT = 0x42;
export const READ_FPDMA_QUEUED = 0x60;
export const WRITE_FPDMA_QUEUED = 0x61;
export const SEEK = 0x70;
export const EXECUTE_DEVICE_DIAGNOSTIC = 0x90;
export const INITIALIZE_DEVICE_PARAMETERS = 0x91;
export const PACKET = 0xa0;
export const IDENTIFY_PACKET_DEVICE = 0xa1;
export const SMART = 0xb0;
export const READ_MULTIPLE = 0xc4;
export const WRITE_MULTIPLE = 0xc5;
export const SET_MULTIPLE_MODE = 0xc6;
export const READ_DMA = 0xc8; // 0xc9 without retries
export const WRITE_DMA = 0xca; // 0xcb without retries
export const WRITE_MULTIPLE_FUA_EXT = 0xce;
export const STANDBY_IMMEDIATE = 0xe0;
export const IDLE_IMMEDIATE = 0xe1;
export const STANDBY = 0xe2;
export const IDLE = 0xe3;
export const CHECK_POWER_MODE = 0xe5;
export const SLEEP = 0xe6;
export const FLUSH_CACHE = 0xe7;
export const FLUSH_CACHE_EXT = 0xea;
export const IDENTIFY_DEVICE = 0xec;
export const SET_FEATURES = 0xef;
export const READ_NATIVE_MAX_ADDRESS = 0xf8;

export const DSM_TRIM = 1 << 0;
/** Bytes of a TRIM range: 48 bits of address, 16 of count. */
export const TRIM_RANGE_BYTES = 8;
/** Blocks of ranges that one command takes. */
export const MAX_TRIM_BLOCKS = 8;

// SET FEATURES, [ACS] table 52
export const ENABLE_WRITE_CACHE = 0x02;
export const SET_TRANSFER_MODE = 0x03;
export const ENABLE_APM = 0x05;
export const DISABLE_READ_LOOK_AHEAD = 0x55;
export const DISABLE_REVERT_TO_DEFAULTS = 0x66;
export const DISABLE_WRITE_CACHE = 0x82;
export const DISABLE_APM = 0x85;
export const ENABLE_READ_LOOK_AHEAD = 0xaa;
export const ENABLE_REVERT_TO_DEFAULTS = 0xcc;

// Transfer modes, [ACS] table 53: bits 7-3 the kind, 2-0 the mode
export const MODE_PIO_FLOW_CONTROL = 0x01;
export const MODE_MULTIWORD_DMA = 0x04;
export const MODE_ULTRA_DMA = 0x08;

// SMART, [ACS] 7.53: features, and what the LBA registers must hold
export const SMART_READ_DATA = 0xd0;
export const SMART_READ_THRESHOLDS = 0xd1;
export const SMART_AUTOSAVE = 0xd2;
export const SMART_EXECUTE_OFFLINE = 0xd4;
export const SMART_READ_LOG = 0xd5;
export const SMART_ENABLE = 0xd8;
export const SMART_DISABLE = 0xd9;
export const SMART_RETURN_STATUS = 0xda;
export const SMART_LBA1 = 0x4f;
export const SMART_LBA2 = 0xc2;

// General purpose logs, [ACS] annex A
export const LOG_DIRECTORY = 0x00;
export const LOG_NCQ_ERROR = 0x10;

export const POWER_ACTIVE = 0xff;
/** CHS geometry that software expects of every disk larger than 8 GB. */
export const MAX_CYLINDERS = 16383;
export const HEADS = 16;
export const SECTORS_PER_TRACK = 63;
/** Sectors of a DRQ block of READ MULTIPLE and WRITE MULTIPLE at most. */
export const MAX_MULTIPLE = 16;
export const LBA28_SECTORS = 0x0fff_ffff;
/** What a count register of zero stands for. */
export const COUNT_ZERO_28 = 256;
export const COUNT_ZERO_48 = 65536;
