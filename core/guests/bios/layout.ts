/**
 * Where the BIOS keeps things, and the numbers its parts share: symbols for listings.
 *
 * References: [PS2] IBM PS/2 and PC BIOS Interface Technical Reference (BIOS data area), [EDD] T13 Enhanced Disk Drive
 * Specification 3.0.
 */
import type { Symbols } from './listing.ts';

export const VERSION = '1.0';
/** The whole image lies below 1 MiB, and again below 4 GiB. */
export const IMAGE_BYTES = 0x2_0000;
/** 32-bit code of the power-on self test, the VGA BIOS behind it; RAM of no use afterwards. */
export const POST_BASE = 0xe_0000;
export const VGA_IMAGE_BASE = 0xe_8000;
/** What stays: one 16-bit segment. */
export const RUNTIME_BASE = 0xf_0000;
export const RESET_OFFSET = 0xfff0;
const EBDA = 0x9_e000;
const EBDA_KIB = 8;

/** Offsets in segment 40h. */
const BIOS_DATA: Symbols = {
  BDA: 0x40,
  COM_PORTS: 0x00,
  LPT_PORTS: 0x08,
  EBDA_POINTER: 0x0e,
  EQUIPMENT: 0x10,
  BASE_KIB: 0x13,
  KBD_SHIFT: 0x17,
  KBD_SHIFT2: 0x18,
  KBD_ALT_INPUT: 0x19,
  KBD_HEAD: 0x1a,
  KBD_TAIL: 0x1c,
  KBD_BUFFER: 0x1e,
  KBD_BUFFER_END: 0x3e,
  FD_RECALIBRATED: 0x3e,
  FD_MOTOR: 0x3f,
  FD_MOTOR_TICKS: 0x40,
  FD_STATUS: 0x41,
  FD_RESULT: 0x42,
  TICKS: 0x6c,
  MIDNIGHT: 0x70,
  BREAK_FLAG: 0x71,
  WARM_BOOT: 0x72,
  HD_STATUS: 0x74,
  HD_COUNT: 0x75,
  LPT_TIMEOUT: 0x78,
  COM_TIMEOUT: 0x7c,
  KBD_START: 0x80,
  KBD_END: 0x82,
  KBD_MODE: 0x96,
  KBD_LEDS: 0x97,
  WAIT_POINTER: 0x98,
  WAIT_COUNT: 0x9c,
  WAIT_ACTIVE: 0xa0,
};

/** Offsets in the extended BIOS data area. */
const EXTENDED_DATA: Symbols = {
  EBDA_SEGMENT: EBDA >> 4,
  EBDA_LINEAR: EBDA,
  EBDA_KIB,
  FIXED_DISK_0: 0x3d, // fixed disk parameter tables, INT 41h and 46h
  FIXED_DISK_1: 0x4d,
  STACK_BUSY: 0x80,
  DRIVE_COUNT: 0x82,
  FLOPPY_COUNT: 0x83,
  DISK_COUNT: 0x84,
  CD_COUNT: 0x85,
  FLOPPY_MAP: 0x88, // drive table indices by BIOS drive number
  DISK_MAP: 0x90,
  CD_MAP: 0xa0,
  BOOT_COUNT: 0xa8,
  MENU_WAIT: 0xaa, // ms
  MENU_ENABLED: 0xac,
  ORDER_COUNT: 0xad,
  E820_COUNT: 0xae,
  LOW_RAM: 0xb0, // bytes below 4 GiB that are RAM
  HAS_DEBUG_PORT: 0xb8,
  LAST_REASON: 0xba, // offset of a text: why the last boot attempt failed
  PCI_LAST_BUS: 0xbc,
  VGA_BDF: 0xbe,
  // one request to a drive
  RQ_LBA: 0xc0,
  RQ_COUNT: 0xc8,
  RQ_OFFSET: 0xca,
  RQ_SEGMENT: 0xcc,
  RQ_OP: 0xce,
  RQ_CHUNK: 0xd0,
  RQ_DONE: 0xd2,
  CDB: 0xd8, // 12 bytes
  CDB_BYTES: 0xe4,
  DEADLINE: 0xe8,
  BOOT_LAST: 0xea, // priority of the boot entry that was tried last
  ORDER_STRICT: 0xec, // nothing but what the order names
  IS_Q35: 0xed,
  EMU_CACHED: 0xf0, // the CD sector in BUFFER
  FACS: 0xf4,
  RESUME_AT: 0xf8, // far pointer to where a guest wakes
  ECAM: 0xfc,
  // El Torito
  EMU_ACTIVE: 0x100,
  EMU_MEDIA: 0x101,
  EMU_DRIVE: 0x102,
  EMU_CD: 0x103, // drive table index
  EMU_LBA: 0x104, // of 2048-byte sectors
  EMU_SECTORS: 0x108, // of 512 bytes: size of the emulated disk
  EMU_CYLINDERS: 0x10c,
  EMU_HEADS: 0x10e,
  EMU_SPT: 0x110,
  EMU_LOAD_SEGMENT: 0x112,
  EMU_LOAD_COUNT: 0x114,
  EMU_SAVED: 0x118, // request that is split over CD sectors: LBA, count, buffer
  FD_SCRATCH: 0x128,
  DRIVES: 0x140, // 16 of DRIVE_BYTES
  BOOTS: 0x540, // 20 of BOOT_BYTES
  E820: 0x680, // 24 of 20 bytes
  ORDER: 0x860, // 16 of ORDER_BYTES
  BUFFER: 0x1000, // one CD sector, does not cross 64 KiB
  AHCI_LIST: 0x1800,
  AHCI_FIS: 0x1900,
  AHCI_TABLE: 0x1a00,
  STACK_TOP: 0x1ffc,
};

const TABLES: Symbols = {
  DRIVE_BYTES: 0x40,
  MAX_DRIVES: 16,
  D_TYPE: 0,
  D_FLAGS: 1,
  D_BASE: 2, // command block; AHCI: index-data pair
  D_CONTROL: 4, // control block; AHCI: number of the port
  D_SELECT: 6, // device register
  D_UNIT: 7, // floppy: drive
  D_SECTORS: 8,
  D_SECTOR_BYTES: 0x10,
  D_CYLINDERS: 0x12, // as INT 13h tells them
  D_HEADS: 0x14,
  D_SPT: 0x16,
  D_BDF: 0x18,
  D_CHANNEL: 0x1a,
  D_SLAVE: 0x1b,
  D_PCYLINDERS: 0x1c, // as the drive tells them
  D_PHEADS: 0x1e,
  D_PSPT: 0x20,
  D_MODEL: 0x22, // 28 characters and 0
  D_BLOCK: 0x3f, // sectors that an ATA disk moves at once
  TYPE_FLOPPY: 1,
  TYPE_ATA: 2,
  TYPE_ATAPI: 3,
  TYPE_AHCI: 4,
  TYPE_AHCI_CD: 5,
  FLAG_LBA48: 1,
  BOOT_BYTES: 16,
  B_KIND: 0, // BOOT_...
  B_NUMBER: 1, // BIOS drive number
  B_DRIVE: 2, // drive entry
  B_PRIORITY: 4, // smallest first
  BOOT_FLOPPY: 1,
  BOOT_DISK: 2,
  BOOT_CD: 3,
  ORDER_BYTES: 16,
  O_BDF: 0, // 0xffff: a floppy
  O_CHANNEL: 2,
  O_SLAVE: 3,
  OP_READ: 0,
  OP_WRITE: 1,
  OP_VERIFY: 2,
};

/** The 32-bit part's own, in low memory that nobody uses yet. */
const POST: Symbols = {
  P_STACK: 0x7000,
  P_DMA: 0x7000, // 16 bytes
  P_FILES: 0x7010,
  P_HAS_DMA: 0x7014,
  P_HAS_FW_CFG: 0x7015,
  P_BUS: 0x7016,
  P_ADDEND: 0x7018, // device numbers of the bridges above
  P_IO: 0x701c,
  P_MEMORY: 0x7020,
  P_MEMORY_END: 0x7024,
  P_HIGH_TOP: 0x702c, // RAM from here on is taken by tables
  P_FSEG: 0x7030, // the next free byte for tables in the runtime segment
  P_RECORDS: 0x7034,
  P_PAM: 0x7038,
  P_CPUS: 0x703c,
  P_TEXT: 0x7040, // 64 bytes
  P_DIRECTORY: 0x1_0000,
  P_SCRIPT: 0x2_0000,
  P_RECORD: 0x3_0000, // 64 bytes each: name, address, size
  P_ORDER: 0x4_0000,
  POST_LINEAR: POST_BASE,
  FSEG_BYTES: 0x1000,
};

/** The caller's registers at BP in a service. */
const FRAME: Symbols = {
  F_DI: 0,
  F_SI: 4,
  F_BP: 8,
  F_BX: 16,
  F_BL: 16,
  F_BH: 17,
  F_DX: 20,
  F_DL: 20,
  F_DH: 21,
  F_CX: 24,
  F_CL: 24,
  F_CH: 25,
  F_AX: 28,
  F_AL: 28,
  F_AH: 29,
  F_FS: 32,
  F_ES: 34,
  F_DS: 36,
  F_FLAGS: 42,
  FRAME_BYTES: 44,
  CF: 1,
  ZF: 0x40,
};

const PORTS: Symbols = {
  PIC1: 0x20,
  PIC2: 0xa0,
  PIT0: 0x40,
  PIT2: 0x42,
  PIT_MODE: 0x43,
  KBC_DATA: 0x60,
  PORT_B: 0x61,
  KBC_STATUS: 0x64,
  CMOS_INDEX: 0x70,
  CMOS_DATA: 0x71,
  PORT_92: 0x92,
  DEBUG_PORT: 0x402,
  FW_CFG_SELECT: 0x510,
  FW_CFG_DATA: 0x511,
  FW_CFG_DMA: 0x514,
  PCI_ADDRESS: 0xcf8,
  PCI_DATA: 0xcfc,
  RESET_CONTROL: 0xcf9,
};

export const SYMBOLS: Symbols = { ...BIOS_DATA, ...EXTENDED_DATA, ...TABLES, ...POST, ...FRAME, ...PORTS };
