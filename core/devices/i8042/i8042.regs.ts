/**
 * Ports and commands of the i8042 keyboard controller, and of the PS/2 keyboard and mouse behind it.
 *
 * [PS2TR] IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"
 * (1990), with its keyboard and mouse chapters. [MSWHEEL] Microsoft, "Intellimouse: how a PS/2 wheel mouse reports".
 */
// Status (port 0x64, read)
export const STATUS_OBF = 1 << 0; //      output buffer full
export const STATUS_SYS = 1 << 2; //      self test passed
export const STATUS_A2 = 1 << 3; //       the last write was a command
export const STATUS_UNLOCKED = 1 << 4; // the keyboard lock is open
export const STATUS_AUX = 1 << 5; //      the byte is the mouse's

// Command byte (controller RAM byte 0)
export const CCB_KBD_INT = 1 << 0;
export const CCB_AUX_INT = 1 << 1;
export const CCB_SYS = 1 << 2;
export const CCB_KBD_DISABLE = 1 << 4;
export const CCB_AUX_DISABLE = 1 << 5;
export const CCB_XLAT = 1 << 6; //        keyboard bytes are translated from set 2 to set 1
/** As firmware leaves it: translation and the keyboard interrupt on, the mouse off. */
export const CCB_POWER_ON = CCB_XLAT | CCB_AUX_DISABLE | CCB_SYS | CCB_KBD_INT;
export const RAM_SIZE = 32;

// Controller commands (port 0x64, written); data goes through port 0x60
export const CMD_READ_RAM = 0x20; //      0x20..0x3f
export const CMD_WRITE_RAM = 0x60; //     0x60..0x7f
export const CMD_TEST_PASSWORD = 0xa4;
export const CMD_LOAD_PASSWORD = 0xa5;
export const CMD_ENABLE_PASSWORD = 0xa6;
export const CMD_DISABLE_AUX = 0xa7;
export const CMD_ENABLE_AUX = 0xa8;
export const CMD_TEST_AUX = 0xa9;
export const CMD_SELF_TEST = 0xaa;
export const CMD_TEST_KBD = 0xab;
export const CMD_DISABLE_KBD = 0xad;
export const CMD_ENABLE_KBD = 0xae;
export const CMD_READ_INPUT = 0xc0;
export const CMD_POLL_INPUT_LOW = 0xc1;
export const CMD_POLL_INPUT_HIGH = 0xc2;
export const CMD_READ_OUTPUT = 0xd0;
export const CMD_WRITE_OUTPUT = 0xd1;
export const CMD_WRITE_KBD_BUFFER = 0xd2;
export const CMD_WRITE_AUX_BUFFER = 0xd3;
export const CMD_WRITE_AUX = 0xd4;
export const CMD_DISABLE_A20 = 0xdd;
export const CMD_ENABLE_A20 = 0xdf;
export const CMD_READ_TEST = 0xe0;
export const CMD_PULSE_OUTPUT = 0xf0; //  0xf0..0xff: a zero in bits 3-0 pulses that line low
export const PASSWORD_NONE = 0xf1;
export const SELF_TEST_PASSED = 0x55;
export const PORT_TEST_PASSED = 0x00;

// Input and output ports of the 8042 itself
export const INPUT_PORT = 0xb0; //        not locked, colour display, no manufacturing jumper
export const OUTPUT_RUN = 1 << 0; //      zero resets the CPU
export const OUTPUT_A20 = 1 << 1;
export const OUTPUT_LINES = 0xcc; //      clock and data lines at rest
export const OUTPUT_IRQ1 = 1 << 4;
export const OUTPUT_IRQ12 = 1 << 5;
export const TEST_KBD_CLOCK = 1 << 0;
export const TEST_KBD_DATA = 1 << 1;

// Replies of PS/2 devices
export const ACK = 0xfa;
export const RESEND = 0xfe;
export const SELF_TEST_OK = 0xaa;

// Commands to both devices
export const DEV_GET_ID = 0xf2;
export const DEV_SET_RATE = 0xf3; //      keyboard: typematic; mouse: samples a second
export const DEV_ENABLE = 0xf4;
export const DEV_DISABLE = 0xf5;
export const DEV_DEFAULTS = 0xf6;
export const DEV_RESEND = 0xfe;
export const DEV_RESET = 0xff;

// Keyboard commands
export const KBD_LEDS = 0xed;
export const KBD_ECHO = 0xee;
export const KBD_SCAN_CODE_SET = 0xf0;
export const KBD_ALL_TYPEMATIC = 0xf7;
export const KBD_ALL_MAKE_BREAK = 0xf8;
export const KBD_ALL_MAKE = 0xf9;
export const KBD_ALL_TYPEMATIC_MAKE_BREAK = 0xfa;
export const KBD_KEY_TYPEMATIC = 0xfb;
export const KBD_KEY_MAKE_BREAK = 0xfc;
export const KBD_KEY_MAKE = 0xfd;
export const KBD_ID = [0xab, 0x83] as const;
export const LED_MASK = 0x07; //          scroll, num, caps lock
export const TYPEMATIC_DEFAULT = 0x2b; // 10.9 a second after 500 ms

// Mouse commands
export const AUX_SCALING_1_1 = 0xe6;
export const AUX_SCALING_2_1 = 0xe7;
export const AUX_RESOLUTION = 0xe8;
export const AUX_STATUS = 0xe9;
export const AUX_STREAM_MODE = 0xea;
export const AUX_READ_DATA = 0xeb;
export const AUX_RESET_WRAP = 0xec;
export const AUX_WRAP_MODE = 0xee;
export const AUX_REMOTE_MODE = 0xf0;
export const AUX_STATUS_REMOTE = 1 << 6;
export const AUX_STATUS_ENABLED = 1 << 5;
export const AUX_STATUS_SCALING = 1 << 4;
export const AUX_RATE_DEFAULT = 100;
export const AUX_RESOLUTION_DEFAULT = 2;
export const AUX_RESOLUTION_MAX = 3;
/** The third sample rate in a row decides what the mouse answers as. [MSWHEEL] */
export const AUX_ID_PLAIN = 0;
export const AUX_ID_WHEEL = 3;
export const AUX_ID_FIVE_BUTTONS = 4;
