/**
 * Registers of the IDE function of PIIX3 and PIIX4.
 *
 * [PIIX] Intel 82371FB/82371SB data sheet (April 1997), 2.3 (configuration), 2.6 (bus master). [SFF] SFF-8038i 1.0, bus
 * master programming interface. [APT] ATA8-APT, register addresses.
 */

// Command block, from 0x1f0 or 0x170. RO read only, WO write only
export const COMMAND_PORTS = [0x1f0, 0x170] as const;
export const COMMAND_PORT_COUNT = 8;
export const DATA = 0;
export const ERROR = 1; //        RO
export const FEATURES = 1; //     WO
export const COUNT = 2;
export const LBA0 = 3;
export const LBA1 = 4;
export const LBA2 = 5;
export const DEVICE = 6;
export const STATUS = 7; //       RO  reading it takes the interrupt back
export const COMMAND = 7; //      WO

// Control block: one port, 0x3f6 or 0x376
export const CONTROL_PORTS = [0x3f6, 0x376] as const;
export const CONTROL_PORT_COUNT = 1;

export const CHANNEL_IRQS = [14, 15] as const;

// Bus master: 8 ports a channel
export const BUS_MASTER_PORTS = 16;
export const CHANNEL_STRIDE = 8;
export const BMICX = 0; //        command
export const BMICX_SSBM = 1 << 0; //   start
export const BMICX_RWCON = 1 << 3; //  to memory
export const BMICX_MASK = BMICX_SSBM | BMICX_RWCON;
export const BMISX = 2; //        status
export const BMISX_ACTIVE = 1 << 0;
export const BMISX_ERROR = 1 << 1; //  cleared by writing one
export const BMISX_INTERRUPT = 1 << 2; // cleared by writing one
export const BMISX_DMA_CAPABLE = 0x60; // of drives 0 and 1, as software says
export const BMISX_MASK = 0x67;
export const BMIDTPX = 4; //      address of the descriptor table, 32 bits
export const BMIDTPX_MASK = 0xffff_fffc;
/** A physical region descriptor: address, length (0 is 64 KiB), end of table. [SFF] 1.3.1 */
export const PRD_BYTES = 8;
export const PRD_END = 0x8000;

// Configuration space
export const IDETIM = 0x40; //    16 bits a channel
export const IDETIM_DECODE = 0x8000;
export const SIDETIM = 0x44; //   PIIX3 and later: timing of drive 1
export const UDMACTL = 0x48; //   PIIX4
export const UDMATIM = 0x4a; //   PIIX4
