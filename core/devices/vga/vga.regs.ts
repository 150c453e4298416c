/**
 * Registers of a VGA under the data sheet's names.
 * [VGA] IBM Personal System/2 Hardware Interface Technical Reference, video subsystem (1988), section "VGA";
 * [OSD] Intel OSD "VGA and Extended VGA Registers" gives the same by port and index.
 * [DISPI] QEMU's docs/specs/standard-vga.rst and Bochs' VBE display interface: the registers beyond VGA's.
 */

/** First port of the window; offsets below count from it. */
export const VGA_PORT_BASE = 0x3b0;
export const VGA_PORT_COUNT = 0x30;

// Ports as offsets. Those at 3Dx answer at 3Bx instead when MISC_IOAS is 0.
export const AR_ADDRESS = 0x10; //   3C0 RW   attribute address; writes alternate with data
export const AR_DATA = 0x11; //      3C1 RO   attribute data
export const MISC_WRITE = 0x12; //   3C2 WO   miscellaneous output; reads: input status 0
export const ST00 = 0x12; //         3C2 RO   input status 0
export const SR_ADDRESS = 0x14; //   3C4 RW   sequencer address
export const SR_DATA = 0x15; //      3C5 RW   sequencer data
export const DAC_MASK = 0x16; //     3C6 RW   pixel mask
export const DAC_READ_INDEX = 0x17; // 3C7 WO palette read index; reads: DAC state
export const DAC_STATE = 0x17; //    3C7 RO   0: writing, 3: reading
export const DAC_WRITE_INDEX = 0x18; // 3C8 RW palette write index
export const DAC_DATA = 0x19; //     3C9 RW   red, green, blue, 6 bits each
export const FCR_READ = 0x1a; //     3CA RO   feature control
export const MISC_READ = 0x1c; //    3CC RO   miscellaneous output
export const GR_ADDRESS = 0x1e; //   3CE RW   graphics controller address
export const GR_DATA = 0x1f; //      3CF RW   graphics controller data
export const CR_ADDRESS = 0x24; //   3D4 RW   CRTC address
export const CR_DATA = 0x25; //      3D5 RW   CRTC data
export const ST01 = 0x2a; //         3DA RO   input status 1; resets the attribute flip-flop
export const FCR_WRITE = 0x2a; //    3DA WO   feature control
export const MONO_DISTANCE = 0x20; // from a 3Dx port down to its 3Bx one

// Miscellaneous output
export const MISC_IOAS = 1 << 0; //  colour addresses, 3Dx
export const MISC_RAM = 1 << 1; //   the CPU reaches video memory
export const MISC_CLOCK_SHIFT = 2; // bits 2-3: 0 is 25.175 MHz, 1 is 28.322 MHz

// Input status
export const ST00_SENSE = 1 << 4; // a colour monitor answers the DAC's test voltage
export const ST01_DD = 1 << 0; //    display disabled: horizontal or vertical blank
export const ST01_VR = 1 << 3; //    vertical retrace

// Sequencer
export const SR01 = 0x01; //         clocking mode
export const SR01_8DOT = 1 << 0; //  8 dots a character instead of 9
export const SR01_DCR = 1 << 3; //   dot clock halved
export const SR01_SO = 1 << 5; //    screen off
export const SR02 = 0x02; //         map mask: planes that writes change
export const SR03 = 0x03; //         character map select
export const SR04 = 0x04; //         memory mode
export const SR04_OE = 1 << 2; //    0: even addresses write planes 0 and 2, odd ones 1 and 3
export const SR04_CH4 = 1 << 3; //   address bits 0-1 choose the plane
/** Bits of SR00-SR04 that hold what is written; the others read 0. */
export const SR_MASKS: readonly number[] = [0x03, 0x3d, 0x0f, 0x3f, 0x0e];

// CRTC
export const CR00 = 0x00; //         horizontal total, less 5
export const CR01 = 0x01; //         horizontal display end, less 1
export const CR06 = 0x06; //         vertical total bits 0-7, less 2
export const CR07 = 0x07; //         overflow: bits 8 and 9 of the vertical counts
export const CR07_LC8 = 1 << 4; //   line compare bit 8, writable under protection
export const CR08 = 0x08; //         preset row scan, byte panning
export const CR08_PRS = 0x1f;
export const CR08_BP_SHIFT = 5;
export const CR09 = 0x09; //         maximum scan line
export const CR09_MSL = 0x1f;
export const CR09_LC9 = 1 << 6;
export const CR09_DSC = 1 << 7; //   each scan line twice
export const CR0A = 0x0a; //         cursor start
export const CR0A_CD = 1 << 5; //    cursor off
export const CR0B = 0x0b; //         cursor end
export const CR0C = 0x0c; //         start address, high byte
export const CR0D = 0x0d;
export const CR0E = 0x0e; //         cursor location, high byte
export const CR0F = 0x0f;
export const CR10 = 0x10; //         vertical retrace start
export const CR11 = 0x11; //         vertical retrace end
export const CR11_PR = 1 << 7; //    protects CR00-CR07
export const CR12 = 0x12; //         vertical display end, less 1
export const CR13 = 0x13; //         offset: two character cells (in word mode)
export const CR14 = 0x14; //         underline location
export const CR14_DW = 1 << 6; //    addresses count doublewords
export const CR17 = 0x17; //         mode control
export const CR17_CMS0 = 1 << 0; //  0: bit 0 of the row scan replaces memory address bit 13
export const CR17_SRS = 1 << 1; //   0: bit 1 of the row scan replaces memory address bit 14
export const CR17_WB = 1 << 6; //    addresses count bytes, not words
export const CR17_SR = 1 << 7; //    retraces on; 0 holds the timing in reset
export const CR18 = 0x18; //         line compare bits 0-7
export const CR_COUNT = 0x19;

// Graphics controller
export const GR00 = 0x00; //         set/reset
export const GR01 = 0x01; //         enable set/reset
export const GR02 = 0x02; //         colour compare
export const GR03 = 0x03; //         data rotate, function select
export const GR03_ROTATE = 0x07;
export const GR03_FUNCTION_SHIFT = 3; // 0 replace, 1 AND, 2 OR, 3 XOR with the latches
export const GR04 = 0x04; //         read map select
export const GR05 = 0x05; //         mode
export const GR05_WRITE_MODE = 0x03;
export const GR05_RM = 1 << 3; //    read mode 1: colour compare
export const GR05_OE = 1 << 4; //    address bit 0 chooses the plane of a read
export const GR05_SHIFT_SHIFT = 5; // shift register: 0 planar, 1 interleaved, 2-3 256 colours
export const GR06 = 0x06; //         miscellaneous
export const GR06_GM = 1 << 0; //    graphics mode
export const GR06_COE = 1 << 1; //   chain odd/even: address bit 0 is no address, but chooses planes
export const GR06_MM_SHIFT = 2; //   memory map: 0 A0000 128 KiB, 1 A0000 64 KiB, 2 B0000, 3 B8000
export const GR07 = 0x07; //         colour don't care
export const GR08 = 0x08; //         bit mask
export const GR_MASKS: readonly number[] = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff];

// Attribute controller
export const AR_PAS = 1 << 5; //     in the address: the screen shows, the palette is closed
export const AR10 = 0x10; //         mode control
export const AR10_ELG = 1 << 2; //   line graphics: C0-DF repeat column 8 in column 9
export const AR10_EB = 1 << 3; //    attribute bit 7 blinks
export const AR10_PPM = 1 << 5; //   the part below the split is not panned
export const AR10_P54S = 1 << 7; //  palette bits 4-5 come from AR14
export const AR12 = 0x12; //         colour plane enable
export const AR13 = 0x13; //         horizontal pixel panning
export const AR14 = 0x14; //         colour select
const PALETTE_MASKS: readonly number[] = Array.from({ length: 16 }, () => 0x3f);
export const AR_MASKS: readonly number[] = [...PALETTE_MASKS, 0xef, 0xff, 0x3f, 0x0f, 0x0f];

// The legacy window of CPU addresses, A0000-BFFFF.
export const WINDOW_GPA = 0xa0000;
export const WINDOW_BYTES = 0x20000;

// [DISPI] VBE display interface. Ports 1CE (index) and 1CF (data), 16 bits each.
export const DISPI_PORT_BASE = 0x1ce;
export const DISPI_PORT_COUNT = 3;
export const DISPI_ID = 0; //          RW  the newest interface that both sides know, B0C0-B0C5
export const DISPI_XRES = 1;
export const DISPI_YRES = 2;
export const DISPI_BPP = 3; //         4, 8, 15, 16, 24 or 32
export const DISPI_ENABLE = 4;
export const DISPI_BANK = 5; //        64 KiB of video memory at A0000
export const DISPI_VIRT_WIDTH = 6; //  pixels of a line in memory
export const DISPI_VIRT_HEIGHT = 7; // RO  lines that fit video memory
export const DISPI_X_OFFSET = 8;
export const DISPI_Y_OFFSET = 9;
export const DISPI_VIDEO_MEMORY_64K = 10; // RO
export const DISPI_COUNT = 11;
export const DISPI_ID0 = 0xb0c0;
export const DISPI_ID5 = 0xb0c5;
export const DISPI_ENABLED = 1 << 0;
export const DISPI_GETCAPS = 1 << 1; // XRES, YRES and BPP read their largest values
export const DISPI_8BIT_DAC = 1 << 5;
export const DISPI_NOCLEARMEM = 1 << 7;

// [DISPI] PCI function of the standard VGA, and its register window, BAR 2.
export const STD_VGA_VENDOR_ID = 0x1234;
export const STD_VGA_DEVICE_ID = 0x1111;
export const MMIO_BYTES = 0x1000;
export const MMIO_EDID = 0x000;
export const MMIO_VGA = 0x400; //      ports 3C0-3DF
export const MMIO_VGA_BYTES = 0x20;
export const MMIO_DISPI = 0x500; //    16-bit registers by index
export const MMIO_QEXT = 0x600; //     size of this area; byte order
export const QEXT_BYTES = 8;
export const QEXT_LITTLE_ENDIAN = 0x1e1e1e1e;

/** Mode 3 (80x25 colour text, 9x16 characters, 720x400 at 70 Hz) as a VGA BIOS programs it. */
export const MODE_3 = {
  misc: 0x67,
  sr: [0x03, 0x00, 0x03, 0x00, 0x02],
  cr: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
    0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
  ],
  gr: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff],
  ar: [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f,
    0x08, 0x00,
  ],
} as const;
