/**
 * Registers and structures of AHCI as ICH9 has it.
 *
 * [AHCI] Serial ATA Advanced Host Controller Interface 1.3.1. [ICH9] Intel I/O Controller Hub 9 data sheet, 15 (D31:F2).
 * [SATA] Serial ATA 3.0, 10 (frames). Offsets in ABAR; W1C is cleared by writing ones.
 */
export const ABAR_BYTES = 0x800;
export const PORT_COUNT = 6;
export const SLOT_COUNT = 32;

// Generic host control, [AHCI] 3.1
export const CAP = 0x00;
export const CAP_NCS_SHIFT = 8;
export const CAP_SAM = 1 << 18; //    AHCI only
export const CAP_ISS_GEN2 = 2 << 20;
export const CAP_SCLO = 1 << 24;
export const CAP_SNCQ = 1 << 30;
export const CAP_S64A = 2 ** 31;
export const GHC = 0x04;
export const GHC_HR = 1 << 0;
export const GHC_IE = 1 << 1;
export const GHC_AE = 2 ** 31; //     always, since CAP.SAM
export const IS = 0x08; //            W1C, a bit a port
export const PI = 0x0c;
export const VS = 0x10;
export const VERSION_1_3 = 0x0001_0300;
export const CCC_CTL = 0x14;
export const BOHC = 0x28;

// Port registers, [AHCI] 3.3
export const PORTS = 0x100;
export const PORT_BYTES = 0x80;
export const PXCLB = 0x00;
export const PXCLBU = 0x04;
export const PXFB = 0x08;
export const PXFBU = 0x0c;
export const PXIS = 0x10; //          W1C but for PCS and PRCS
export const PXIS_DHRS = 1 << 0; //     register FIS
export const PXIS_PSS = 1 << 1; //      PIO setup FIS
export const PXIS_SDBS = 1 << 3; //     set device bits FIS
export const PXIS_DPS = 1 << 5; //      a descriptor that asked for it was processed
export const PXIS_PCS = 1 << 6; //      shows PxSERR.DIAG.X
export const PXIS_PRCS = 1 << 22; //    shows PxSERR.DIAG.N
export const PXIS_OFS = 1 << 24; //     the drive gave more than the descriptors hold
export const PXIS_TFES = 1 << 30; //    the drive ended with ERR
export const PXIS_LATCHED = PXIS_DHRS | PXIS_PSS | PXIS_SDBS | PXIS_DPS | PXIS_OFS | PXIS_TFES;
export const PXIE = 0x14;
export const PXIE_MASK = 0xfdc0_00ff;
export const PXCMD = 0x18;
export const PXCMD_ST = 1 << 0;
export const PXCMD_SUD = 1 << 1;
export const PXCMD_POD = 1 << 2;
export const PXCMD_CLO = 1 << 3;
export const PXCMD_FRE = 1 << 4;
export const PXCMD_CCS_SHIFT = 8;
export const PXCMD_FR = 1 << 14;
export const PXCMD_CR = 1 << 15;
export const PXCMD_HPCP = 1 << 18; //   hot plug capable
export const PXCMD_ATAPI = 1 << 24;
export const PXCMD_DLAE = 1 << 25;
export const PXCMD_KEPT = PXCMD_ST | PXCMD_FRE | PXCMD_ATAPI | PXCMD_DLAE;
export const PXTFD = 0x20;
export const PXTFD_NO_DEVICE = 0x7f;
export const PXSIG = 0x24;
export const PXSIG_NO_DEVICE = 0xffff_ffff;
export const PXSSTS = 0x28;
export const PXSSTS_UP = 0x123; //      active, generation 2, device and link established
export const PXSSTS_OFFLINE = 0x004;
export const PXSCTL = 0x2c;
export const PXSCTL_MASK = 0xfff;
export const PXSCTL_DET = 0xf;
export const DET_RESET = 1;
export const DET_OFFLINE = 4;
export const PXSERR = 0x30; //        W1C
export const PXSERR_N = 1 << 16; //     PhyRdy changed
export const PXSERR_X = 1 << 26; //     exchanged
export const PXSERR_MASK = PXSERR_N | PXSERR_X;
export const PXSACT = 0x34;
export const PXCI = 0x38;
export const PXSNTF = 0x3c;
export const PXFBS = 0x40;

// Received FIS area, [AHCI] 4.2.1
export const RFIS_PIO_SETUP = 0x20;
export const RFIS_REGISTER = 0x40;
export const RFIS_SET_DEVICE_BITS = 0x58;

// Command list and table, [AHCI] 4.2.2 and 4.2.3
export const HEADER_BYTES = 32;
export const HEADER_CLEAR_BUSY = 1 << 10;
export const HEADER_PRDBC = 4;
export const TABLE_ACMD = 0x40;
export const TABLE_PRDT = 0x80;
export const PRD_BYTES = 16;
export const PRD_DBC = 0x3f_ffff; //  bytes less one; bit 0 counts as set
export const PRD_INTERRUPT = 2 ** 31;
export const LARGEST_PRD = 0x40_0000;

// Frame types, [SATA] 10.3
export const FIS_REGISTER_H2D = 0x27;
export const FIS_REGISTER_D2H = 0x34;
export const FIS_SET_DEVICE_BITS = 0xa1;
export const FIS_PIO_SETUP = 0x5f;
export const FIS_COMMAND = 1 << 7;
export const FIS_INTERRUPT = 1 << 6;
export const FIS_TO_HOST = 1 << 5;

// Configuration space, [ICH9] 15.1
export const MAP = 0x90;
export const MAP_AHCI = 0x40;
export const PCS = 0x92; //           16 bits: which ports are enabled
export const MSI_OFFSET = 0x80;
