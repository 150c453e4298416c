/**
 * SCSI commands of a disk. [SPC4] SCSI Primary Commands 4, chapter 6 and 7. [SBC3] SCSI Block Commands 3, chapter 5.
 */
export const TEST_UNIT_READY = 0x00;
export const REQUEST_SENSE = 0x03;
export const READ_6 = 0x08;
export const WRITE_6 = 0x0a;
export const INQUIRY = 0x12;
export const MODE_SENSE_6 = 0x1a;
export const START_STOP_UNIT = 0x1b;
export const PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e;
export const READ_CAPACITY_10 = 0x25;
export const READ_10 = 0x28;
export const WRITE_10 = 0x2a;
export const VERIFY_10 = 0x2f;
export const SYNCHRONIZE_CACHE_10 = 0x35;
export const MODE_SENSE_10 = 0x5a;
export const READ_16 = 0x88;
export const WRITE_16 = 0x8a;
export const SYNCHRONIZE_CACHE_16 = 0x91;
export const SERVICE_ACTION_IN_16 = 0x9e;
export const READ_CAPACITY_16 = 0x10; //    service action
export const REPORT_LUNS = 0xa0;
export const READ_12 = 0xa8;
export const WRITE_12 = 0xaa;
export const CDB_BYTES = 16;

export const CDB_FUA = 1 << 3; //           byte 1 of READ and WRITE
export const CDB_BYTCHK = 3 << 1; //        byte 1 of VERIFY
export const CDB_EVPD = 1 << 0; //          byte 1 of INQUIRY
export const CDB_DBD = 1 << 3; //           byte 1 of MODE SENSE

export const VPD_SUPPORTED = 0x00;
export const VPD_SERIAL = 0x80;
export const VPD_IDENTIFICATION = 0x83;

export const MODE_PAGE_CACHING = 0x08;
export const MODE_PAGE_ALL = 0x3f;
export const MODE_WP = 1 << 7; //           device-specific parameter: write-protected
export const CACHING_WCE = 1 << 2;

// Sense keys, [SPC4] 4.5.6, and additional sense codes * 256 + qualifier, annex D
export const NO_SENSE = 0;
export const MEDIUM_ERROR = 3;
export const ILLEGAL_REQUEST = 5;
export const UNIT_ATTENTION = 6;
export const DATA_PROTECT = 7;
export const ASC_NONE = 0x0000;
export const ASC_WRITE_ERROR = 0x0c00;
export const ASC_READ_ERROR = 0x1100;
export const ASC_INVALID_COMMAND = 0x2000;
export const ASC_LBA_OUT_OF_RANGE = 0x2100;
export const ASC_INVALID_FIELD = 0x2400;
export const ASC_WRITE_PROTECTED = 0x2700;
