/**
 * Registers of the high precision event timers. [HPET] IA-PC HPET Specification 1.0a (October 2004), 2.3. Offsets from
 * the block's base; registers of 64 bits are given by their lower half. RO read only, W1C cleared by writing ones.
 */
export const HPET_BASE = 0xfed0_0000;
export const HPET_SIZE = 0x400;

/** The counter's period: 100 MHz. At most 100 ns. */
export const TICK_NS = 10;
const CLK_PERIOD_FS = TICK_NS * 1_000_000;
/** A periodic timer that is faster interrupts as often as this: edges are not acknowledged. */
export const FASTEST_PERIOD_TICKS = 10_000;
export const COMPARATORS = 3; //            at least

export const GCAP_ID = 0x000; //            RO
const REV_ID = 1;
const NUM_TIM_CAP_SHIFT = 8; //                  the last timer's number
const COUNT_SIZE_CAP = 1 << 13; //               the counter has 64 bits
const LEG_RT_CAP = 1 << 15;
const VENDOR_ID = 0x8086;
export const GCAP_ID_LO =
  ((VENDOR_ID << 16) | LEG_RT_CAP | COUNT_SIZE_CAP | ((COMPARATORS - 1) << NUM_TIM_CAP_SHIFT) | REV_ID) >>> 0;
export const GCAP_ID_HI = CLK_PERIOD_FS;

export const GEN_CONF = 0x010; //           RW
export const ENABLE_CNF = 1 << 0; //             the counter runs and timers may interrupt
export const LEG_RT_CNF = 1 << 1; //             timer 0 is IRQ 0, timer 1 IRQ 8
export const GEN_CONF_MASK = ENABLE_CNF | LEG_RT_CNF;

export const GINTR_STA = 0x020; //          W1C  a bit a timer; level-triggered ones only
export const GINTR_STA_MASK = (1 << COMPARATORS) - 1;
export const MAIN_CNT = 0x0f0; //           RW   64 bits

// Timer n, from TIMERS + n * TIMER_STRIDE
export const TIMERS = 0x100;
export const TIMER_STRIDE = 0x20;
export const TN_CONF_CAP = 0x00; //         64 bits; the upper half, Tn_INT_ROUTE_CAP, is RO
export const TN_INT_TYPE = 1 << 1; //            1 level, 0 edge
export const TN_INT_ENB = 1 << 2;
export const TN_TYPE = 1 << 3; //                1 periodic
const TN_PER_INT_CAP = 1 << 4; //                RO
const TN_SIZE_CAP = 1 << 5; //                   RO   64 bits
export const TN_VAL_SET = 1 << 6; //             WO   the next write sets the comparator of a periodic timer, too
export const TN_32MODE = 1 << 8;
export const TN_INT_ROUTE_SHIFT = 9; //          5 bits: the IOAPIC input
const TN_INT_ROUTE_MASK = 0x1f << TN_INT_ROUTE_SHIFT;
export const TN_FSB_EN = 1 << 14;
const TN_FSB_INT_DEL_CAP = 1 << 15; //           RO
export const TN_CAPABILITIES = TN_PER_INT_CAP | TN_SIZE_CAP | TN_FSB_INT_DEL_CAP;
export const TN_CONF_MASK = TN_INT_TYPE | TN_INT_ENB | TN_TYPE | TN_32MODE | TN_INT_ROUTE_MASK | TN_FSB_EN;
export const TN_COMPARATOR = 0x08; //       RW   64 bits
export const TN_FSB_VAL = 0x10; //          RW   what is written,
export const TN_FSB_ADDR = 0x14; //         RW   and where
/** Bytes with registers. */
export const REGISTERS_END = TIMERS + COMPARATORS * TIMER_STRIDE;
