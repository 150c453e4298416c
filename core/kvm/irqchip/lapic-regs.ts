/**
 * Registers of the local APIC: offsets in its page (x2APIC MSR = 0x800 + offset / 16), fields, and who may access what.
 * [SDM] Intel SDM volume 3, chapter "Advanced Programmable Interrupt Controller": tables "Local APIC Register Address
 * Map" and "Local APIC Register Address Map Supported by x2APIC".
 */

export const APIC_ID = 0x020; //         RW   xAPIC: bits 31:24; x2APIC: 32 bits, RO
export const APIC_LVR = 0x030; //        RO   version
export const APIC_TASKPRI = 0x080; //    RW
const APIC_ARBPRI = 0x090; //     RO   xAPIC only; reads 0, as in KVM
export const APIC_PROCPRI = 0x0a0; //    RO
export const APIC_EOI = 0x0b0; //        WO
export const APIC_LDR = 0x0d0; //        RW   x2APIC: derived from the id, RO
export const APIC_DFR = 0x0e0; //        RW   xAPIC only
export const APIC_SPIV = 0x0f0; //       RW
export const APIC_ISR = 0x100; //        RO   8 words, 16 bytes apart
export const APIC_TMR = 0x180; //        RO
export const APIC_IRR = 0x200; //        RO
export const APIC_ESR = 0x280; //        RW   a write latches the errors since the last write
export const APIC_ICR = 0x300; //        RW   x2APIC: 64 bits in one MSR
export const APIC_ICR2 = 0x310; //       RW   xAPIC only
export const APIC_LVTT = 0x320; //       RW   timer
export const APIC_LVTTHMR = 0x330; //    RW   thermal sensor
export const APIC_LVTPC = 0x340; //      RW   performance counters
export const APIC_LVT0 = 0x350; //       RW   LINT0: the PIC's INTR
export const APIC_LVT1 = 0x360; //       RW   LINT1: NMI
export const APIC_LVTERR = 0x370; //     RW   error
export const APIC_TMICT = 0x380; //      RW   initial count
export const APIC_TMCCT = 0x390; //      RO   current count, computed from guest time
export const APIC_TDCR = 0x3e0; //       RW   divide configuration
export const APIC_SELF_IPI = 0x3f0; //   WO   x2APIC only

const APIC_REG_COUNT = 64;

// Messages on the APIC bus have the layout of ICR's low half, of an IOAPIC entry's low half and of MSI data.
export const VECTOR_MASK = 0xff;
export const DELIVERY_MODE_MASK = 0x700;
export const MODE_FIXED = 0x000;
export const MODE_LOWEST = 0x100;
export const MODE_NMI = 0x400;
export const MODE_INIT = 0x500;
export const MODE_STARTUP = 0x600;
export const MODE_EXTINT = 0x700;
export const DEST_LOGICAL = 1 << 11;
export const INT_ASSERT = 1 << 14;
export const TRIGGER_LEVEL = 1 << 15;
export const SHORTHAND_MASK = 3 << 18;
export const SHORTHAND_SELF = 1 << 18;
export const SHORTHAND_ALL = 2 << 18;
export const SHORTHAND_OTHERS = 3 << 18;
/** Writable bits of ICR's low half: all but delivery status and reserved. */
export const ICR_MASK = 0xccfff;
/** #GP when written to the x2APIC MSR; delivery status is just ignored. */
export const X2APIC_ICR_RESERVED = 0xfff3_2000;

export const SPIV_ENABLED = 1 << 8;
/** Vector, software enable, focus check; EOI-broadcast suppression is absent, as in KVM with its own IOAPIC. */
export const SPIV_MASK = 0x3ff;

export const LVT_MASKED = 1 << 16;
export const LVT_TIMER_MODE_SHIFT = 17;
export const LVT_TIMER_PERIODIC = 1 << 17;
export const LVT_TIMER_TSC_DEADLINE = 2 << 17;

/** Version 0x14, six LVT entries. */
export const LVR_VALUE = 0x0005_0014;

export const ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
export const ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
export const ESR_ILLEGAL_REGISTER = 1 << 7;

// IA32_APIC_BASE, MSR 0x1b
export const APIC_BASE_BSP = 1n << 8n;
export const APIC_BASE_EXTD = 1n << 10n;
export const APIC_BASE_ENABLE = 1n << 11n;
export const APIC_BASE_RESERVED = 0x2ffn;
export const APIC_BASE_DEFAULT_GPA = 0xfee0_0000n;

/** The LVT entries and the bits of each that can be written; delivery status and remote IRR are read-only zero. */
export const LVT_WRITABLE: ReadonlyMap<number, number> = new Map([
  [APIC_LVTT, LVT_MASKED | VECTOR_MASK], // and the timer mode bits the CPUID leaves offer
  [APIC_LVTTHMR, LVT_MASKED | DELIVERY_MODE_MASK | VECTOR_MASK],
  [APIC_LVTPC, LVT_MASKED | DELIVERY_MODE_MASK | VECTOR_MASK],
  [APIC_LVT0, LVT_MASKED | 0xa000 | DELIVERY_MODE_MASK | VECTOR_MASK], // 13 polarity, 15 trigger
  [APIC_LVT1, LVT_MASKED | 0xa000 | DELIVERY_MODE_MASK | VECTOR_MASK],
  [APIC_LVTERR, LVT_MASKED | VECTOR_MASK],
]);

export const READ_XAPIC = 1;
export const WRITE_XAPIC = 2;
export const READ_X2APIC = 4;
export const WRITE_X2APIC = 8;

const RO = READ_XAPIC | READ_X2APIC;
const RW = RO | WRITE_XAPIC | WRITE_X2APIC;
const WO = WRITE_XAPIC | WRITE_X2APIC;

/** READ and WRITE flags by offset / 16; 0: no such register. */
export const REGISTER_ACCESS: Uint8Array = accessTable([
  [APIC_ID, 1, RO | WRITE_XAPIC],
  [APIC_LVR, 1, RO],
  [APIC_TASKPRI, 1, RW],
  [APIC_ARBPRI, 1, READ_XAPIC],
  [APIC_PROCPRI, 1, RO],
  [APIC_EOI, 1, WO],
  [APIC_LDR, 1, RO | WRITE_XAPIC],
  [APIC_DFR, 1, READ_XAPIC | WRITE_XAPIC],
  [APIC_SPIV, 1, RW],
  [APIC_ISR, 24, RO], // ISR, TMR, IRR
  [APIC_ESR, 1, RW],
  [APIC_ICR, 1, RW],
  [APIC_ICR2, 1, READ_XAPIC | WRITE_XAPIC],
  [APIC_LVTT, 6, RW],
  [APIC_TMICT, 1, RW],
  [APIC_TMCCT, 1, RO],
  [APIC_TDCR, 1, RW],
  [APIC_SELF_IPI, 1, WRITE_X2APIC],
]);

function accessTable(rows: [offset: number, count: number, access: number][]): Uint8Array {
  const table = new Uint8Array(APIC_REG_COUNT);
  for (const [offset, count, access] of rows) table.fill(access, offset >> 4, (offset >> 4) + count);
  return table;
}
