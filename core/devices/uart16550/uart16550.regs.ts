/**
 * Registers of the 16550A UART.
 *
 * [NS16550] National Semiconductor PC16550D data sheet (June 1995), section 8. Offsets from the base port;
 * * needs DLAB = 0, + needs DLAB = 1. RO read only, WO write only, RC cleared by reading.
 */
export const RBR = 0; //  RO*  receiver buffer
export const THR = 0; //  WO*  transmitter holding
export const IER = 1; //  RW*  interrupt enable
export const IIR = 2; //  RO   interrupt identification
export const FCR = 2; //  WO   FIFO control
export const LCR = 3; //  RW   line control
export const MCR = 4; //  RW   modem control
export const LSR = 5; //  RC   line status
export const MSR = 6; //  RC   modem status
export const SCR = 7; //  RW   scratch
export const DLL = 0; //  RW+  divisor, low byte
export const DLM = 1; //  RW+  divisor, high byte

// IER, 8.6.5
export const IER_ERBFI = 1 << 0; // received data, and character time-out
export const IER_ETBEI = 1 << 1; // transmitter holding register empty
export const IER_ELSI = 1 << 2; //  receiver line status
export const IER_EDSSI = 1 << 3; // modem status
export const IER_MASK = 0x0f;

// IIR, 8.5 and table IV: the highest of these that is pending, in this order
export const IIR_LINE_STATUS = 0x06;
export const IIR_RECEIVED_DATA = 0x04;
export const IIR_CHARACTER_TIMEOUT = 0x0c;
export const IIR_THR_EMPTY = 0x02;
export const IIR_MODEM_STATUS = 0x00;
export const IIR_NONE = 0x01;
export const IIR_FIFOS_ENABLED = 0xc0;

// FCR, 8.4
export const FCR_FIFO_ENABLE = 1 << 0;
export const FCR_RCVR_RESET = 1 << 1;
export const FCR_XMIT_RESET = 1 << 2;
export const FCR_KEPT = 0xc9; // enable, DMA mode and trigger stay; the resets clear themselves
export const FCR_TRIGGER_SHIFT = 6;
/** Bytes in the receiver FIFO that raise the received-data interrupt, by FCR bits 7-6. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
export const FIFO_DEPTH = 16;

// LCR, 8.1
export const LCR_WLS = 0x03; // word length 5..8
export const LCR_STB = 1 << 2; // 1.5 or 2 stop bits
export const LCR_PEN = 1 << 3; // parity
export const LCR_DLAB = 1 << 7;

// MCR, 8.7
export const MCR_DTR = 1 << 0;
export const MCR_RTS = 1 << 1;
export const MCR_OUT1 = 1 << 2;
export const MCR_OUT2 = 1 << 3; // on a PC: connects the interrupt to the bus
export const MCR_LOOP = 1 << 4;
export const MCR_MASK = 0x1f;

// LSR, 8.3
export const LSR_DR = 1 << 0;
export const LSR_OE = 1 << 1;
export const LSR_THRE = 1 << 5;
export const LSR_TEMT = 1 << 6;

// MSR, 8.8
export const MSR_DCTS = 1 << 0;
export const MSR_DDSR = 1 << 1;
export const MSR_TERI = 1 << 2;
export const MSR_DDCD = 1 << 3;
export const MSR_DELTAS = 0x0f;
export const MSR_CTS = 1 << 4;
export const MSR_DSR = 1 << 5;
export const MSR_RI = 1 << 6;
export const MSR_DCD = 1 << 7;
