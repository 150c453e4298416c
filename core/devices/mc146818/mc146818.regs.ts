/**
 * Registers of the MC146818A real-time clock, and the CMOS bytes around them as PC firmware uses them.
 *
 * [MC146818A] Motorola MC146818A data sheet (1984); page names are its headings. [CMOS] the layout of the IBM AT
 * technical reference, extended by common practice. RO read only, RC cleared by reading.
 */
export const INDEX_PORT = 0; // 0x70, write only
export const DATA_PORT = 1; //  0x71
export const INDEX_MASK = 0x7f;
export const INDEX_NMI_MASK = 1 << 7;
export const CMOS_SIZE = 128;

// Time, calendar and alarm bytes (binary or BCD by REG_B DM)
export const SECONDS = 0x00;
export const SECONDS_ALARM = 0x01;
export const MINUTES = 0x02;
export const MINUTES_ALARM = 0x03;
export const HOURS = 0x04; // bit 7 is PM in 12-hour mode
export const HOURS_ALARM = 0x05;
export const DAY_OF_WEEK = 0x06; // 1 Sunday .. 7
export const DATE_OF_MONTH = 0x07;
export const MONTH = 0x08;
export const YEAR = 0x09;
export const CENTURY = 0x32; // [CMOS]
export const HOURS_PM = 1 << 7;
/** An alarm byte of 0xc0..0xff matches every value. */
export const ALARM_DONT_CARE = 0xc0;

export const REG_A = 0x0a;
export const REG_A_UIP = 1 << 7; //  RO update in progress
export const REG_A_DV_RESET = 0x60; // divider (bits 6-4) 11x holds the chain at reset
export const REG_A_RS = 0x0f; //     periodic rate
export const REG_A_POWER_ON = 0x26; // 32 768 Hz crystal, 1024 Hz rate, as PC firmware leaves it

export const REG_B = 0x0b;
export const REG_B_SET = 1 << 7; //  holds updates while the time is set
export const REG_B_PIE = 1 << 6; //  periodic interrupt
export const REG_B_AIE = 1 << 5; //  alarm interrupt
export const REG_B_UIE = 1 << 4; //  update-ended interrupt
export const REG_B_DM = 1 << 2; //   1 binary, 0 BCD
export const REG_B_24 = 1 << 1; //   1 24-hour, 0 12-hour

export const REG_C = 0x0c; //        RC
export const REG_C_IRQF = 1 << 7;
export const REG_C_PF = 1 << 6;
export const REG_C_AF = 1 << 5;
export const REG_C_UF = 1 << 4;
export const REG_C_FLAGS = REG_C_PF | REG_C_AF | REG_C_UF; // each at the bit of its enable in REG_B

export const REG_D = 0x0d; //        RO
export const REG_D_VRT = 1 << 7; //  the battery is good

// [CMOS]
/** Types of floppy drives 0 (upper half) and 1. */
export const FLOPPY_TYPES = 0x10;
export const FLOPPY_1440K = 4;
/** Types of the first two fixed disks: 15 in a half says that the type is in the byte of the disk. */
export const DISK_TYPES = 0x12;
export const DISK_TYPE_EXTENDED = 0xf;
export const FIRST_DISK_TYPE = 0x19;
export const SECOND_DISK_TYPE = 0x1a;
export const DISK_TYPE_OF_USER = 47;
/** What firmware is to do after a reset. */
export const SHUTDOWN_STATUS = 0x0f;
export const SHUTDOWN_RESUME = 0xfe; //         from S3
export const EQUIPMENT = 0x14;
export const EQUIPMENT_FLOPPY = 1 << 0;
export const EQUIPMENT_SECOND_FLOPPY = 1 << 6;
export const EQUIPMENT_FPU = 1 << 1;
export const EQUIPMENT_MOUSE = 1 << 2;
export const BASE_MEMORY_KIB = 0x15; //         16 bits
export const EXTENDED_MEMORY_KIB = 0x17; //     16 bits, above 1 MiB
export const EXTENDED_MEMORY_KIB_2 = 0x30; //   the same, as found by the power-on test
export const MEMORY_ABOVE_16M = 0x34; //        16 bits, 64 KiB units, up to 4 GiB
export const MEMORY_ABOVE_4G = 0x5b; //         24 bits, 64 KiB units

// [BOCHS] what the BIOS of Bochs, and SeaBIOS after it, reads besides
export const BOOT_FLAG_2 = 0x38; //             upper half: the third device to boot from
export const BOOT_FLAG_1 = 0x3d; //             lower half: the first, upper half: the second
export const BOOT_DEVICES = { floppy: 1, disk: 2, cdrom: 3 } as const;
/** Two bits an IDE disk: how it is seen by cylinder, head and sector. */
export const DISK_TRANSLATION = 0x39;
export const TRANSLATION_LBA = 1;
export const SMP_COUNT = 0x5f; //               processors, less the first
