/**
 * SCSI commands of a CD-ROM drive, its sense codes and structures.
 *
 * [SPC] SPC-3, T10/1416-D. [MMC] MMC-5, T10/1675-D. [INF8090] for MECHANISM STATUS as ATAPI drives have it.
 */
export const TEST_UNIT_READY = 0x00;
export const REQUEST_SENSE = 0x03;
export const INQUIRY = 0x12;
export const MODE_SENSE_6 = 0x1a;
export const START_STOP_UNIT = 0x1b;
export const PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e;
export const READ_CAPACITY = 0x25;
export const READ_10 = 0x28;
export const SEEK_10 = 0x2b;
export const READ_SUBCHANNEL = 0x42;
export const READ_TOC = 0x43;
export const GET_CONFIGURATION = 0x46;
export const GET_EVENT_STATUS_NOTIFICATION = 0x4a;
export const READ_DISC_INFORMATION = 0x51;
export const READ_TRACK_INFORMATION = 0x52;
export const MODE_SELECT_10 = 0x55;
export const MODE_SENSE_10 = 0x5a;
export const READ_12 = 0xa8;
export const SET_CD_SPEED = 0xbb;
export const MECHANISM_STATUS = 0xbd;
export const READ_CD = 0xbe;

// Sense keys and additional sense codes (code << 8 | qualifier), [SPC] 4.5.6 and annex D
export const NO_SENSE = 0x00;
export const NOT_READY = 0x02;
export const MEDIUM_ERROR = 0x03;
export const ILLEGAL_REQUEST = 0x05;
export const UNIT_ATTENTION = 0x06;
export const UNRECOVERED_READ_ERROR = 0x1100;
export const INVALID_COMMAND = 0x2000;
export const LBA_OUT_OF_RANGE = 0x2100;
export const INVALID_FIELD_IN_CDB = 0x2400;
export const MEDIUM_MAY_HAVE_CHANGED = 0x2800;
export const RESET_OCCURRED = 0x2900;
export const MEDIUM_NOT_PRESENT = 0x3a00;
export const MEDIUM_NOT_PRESENT_TRAY_CLOSED = 0x3a01;
export const MEDIUM_NOT_PRESENT_TRAY_OPEN = 0x3a02;
export const REMOVAL_PREVENTED = 0x5302;
export const ILLEGAL_MODE_FOR_TRACK = 0x6400;

export const SENSE_CURRENT = 0x70;
export const SENSE_BYTES = 18;

// START STOP UNIT byte 4
export const START = 1 << 0;
export const LOEJ = 1 << 1;

// Mode pages, [MMC] 7 and annex E
export const PAGE_ERROR_RECOVERY = 0x01;
export const PAGE_CAPABILITIES = 0x2a;
export const PAGE_ALL = 0x3f;
/** Page control 3, saved values: there are none. */
export const SAVED_VALUES = 3;
export const SAVING_NOT_SUPPORTED = 0x3900;

// GET CONFIGURATION, [MMC] 5
export const PROFILE_CD_ROM = 0x0008;
export const PROFILE_DVD_ROM = 0x0010;
export const FEATURE_PROFILE_LIST = 0x0000;
export const FEATURE_CORE = 0x0001;
export const FEATURE_REMOVABLE_MEDIUM = 0x0003;
export const FEATURE_RANDOM_READABLE = 0x0010;
export const FEATURE_CD_READ = 0x001e;
export const FEATURE_DVD_READ = 0x001f;

// GET EVENT STATUS NOTIFICATION, [MMC] 6.7
export const EVENT_CLASS_MEDIA = 4;
export const EVENT_EJECT_REQUEST = 1;
export const EVENT_NEW_MEDIA = 2;
export const EVENT_MEDIA_REMOVAL = 3;
export const NO_EVENT_AVAILABLE = 0x80;

export const LEAD_OUT = 0xaa;
export const DATA_TRACK = 0x14; // ADR 1; a data track, recorded without interruption
export const CD_SECTOR_BYTES = 2048;
/** Beyond this (about 99 minutes) a medium is a DVD. */
export const LARGEST_CD_SECTORS = 450_000;
export const FRAMES_PER_SECOND = 75;
/** Frames before sector 0 in minutes, seconds and frames. */
export const MSF_LEAD_IN = 150;
