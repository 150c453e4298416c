/** Registers and schedule of UHCI. [UHCI] Universal Host Controller Interface Design Guide 1.1, chapters 2 and 3. */
// I/O registers, 2.1; 16 bits but where noted
export const UHCI_IO_SIZE = 32;
export const USBCMD = 0x00;
export const USBCMD_RS = 1 << 0;
export const USBCMD_HCRESET = 1 << 1;
export const USBCMD_GRESET = 1 << 2;
export const USBCMD_EGSM = 1 << 3; //       global suspend
export const USBCMD_FGR = 1 << 4; //        force global resume
export const USBCMD_MASK = 0x00ff;
export const USBSTS = 0x02; //              written ones clear
export const USBSTS_USBINT = 1 << 0;
export const USBSTS_ERROR = 1 << 1;
export const USBSTS_RD = 1 << 2; //         resume detect
export const USBSTS_HSE = 1 << 3;
export const USBSTS_HCPE = 1 << 4; //       host controller process error
export const USBSTS_HCH = 1 << 5; //        halted
export const USBSTS_CLEARABLE = 0x1f;
export const USBINTR = 0x04;
export const USBINTR_ERROR = 1 << 0;
export const USBINTR_RESUME = 1 << 1;
export const USBINTR_IOC = 1 << 2;
export const USBINTR_SHORT = 1 << 3;
export const USBINTR_MASK = 0x0f;
export const FRNUM = 0x06;
export const FRNUM_MASK = 0x07ff;
export const FRBASEADD = 0x08; //           32 bits
export const SOFMOD = 0x0c; //              8 bits
export const SOFMOD_POWER_ON = 0x40;
export const PORTSC1 = 0x10;
export const PORTSC_CCS = 1 << 0; //        connected
export const PORTSC_CSC = 1 << 1; //        written one clears
export const PORTSC_PED = 1 << 2; //        enabled
export const PORTSC_PEDC = 1 << 3; //       written one clears
export const PORTSC_LINE_DPLUS = 1 << 4;
export const PORTSC_LINE_DMINUS = 1 << 5;
export const PORTSC_RD = 1 << 6;
export const PORTSC_ONE = 1 << 7; //        reads one: how software counts ports
export const PORTSC_LSDA = 1 << 8; //       low speed
export const PORTSC_PR = 1 << 9; //         reset
export const PORTSC_SUSP = 1 << 12;
export const PORTSC_KEPT = PORTSC_CSC | PORTSC_PED | PORTSC_PEDC | PORTSC_RD | PORTSC_PR | PORTSC_SUSP;
export const PORT_COUNT = 2;

// Configuration space, 5.2
export const SBRN = 0x60;
export const SBRN_USB_1_0 = 0x10;
export const LEGSUP = 0xc0;
export const LEGSUP_POWER_ON = 0x2000;
export const LEGSUP_WRITABLE = 0x20bf;
export const LEGSUP_CLEARABLE = 0x8f00;

// Links, 3.1 to 3.3
export const FRAME_LIST_ENTRIES = 1024;
export const LINK_T = 1 << 0; //            nothing follows
export const LINK_Q = 1 << 1; //            to a queue head
export const LINK_VF = 1 << 2; //           depth first
export const LINK_ADDRESS = 0xffff_fff0;
// Transfer descriptor, 3.2: link, control and status, token, buffer
export const TD_STATUS = 4;
export const TD_ACTLEN_MASK = 0x7ff;
export const TD_TIMEOUT = 1 << 18;
export const TD_NAK = 1 << 19;
export const TD_BABBLE = 1 << 20;
export const TD_STALLED = 1 << 22;
export const TD_ACTIVE = 1 << 23;
export const TD_IOC = 1 << 24;
export const TD_SPD = 1 << 29; //           short packet detect
export const TD_MAX_LENGTH = 0x4ff;
export const TD_NO_BYTES = 0x7ff; //        length fields hold one less
export const PID_IN = 0x69;
export const PID_OUT = 0xe1;
export const PID_SETUP = 0x2d;
