/** The tables of the test guest as bytes: descriptors, gates, task states, page tables, real mode's vectors. */
import * as at from './layout.ts';
import { SELECTORS as S, VECTORS as V } from './layout.ts';

const PRESENT = 0x80;
const G = 8;
const DB = 4;
const L = 2;
const CODE = 0x1b; // type 11: readable, accessed
const WRITABLE = 0x13;
const PTE_USER = 7; // present, writable, user
const PTE_SUPERVISOR = 3;
const INTERRUPT_GATE = 14;
const TRAP_GATE = 15;
const dpl = (level: number): number => level << 5;

class Tables {
  readonly bytes = new Uint8Array(at.TABLES_BYTES);
  readonly #view = new DataView(this.bytes.buffer);

  u16(address: number, ...values: readonly number[]): void {
    for (const [n, value] of values.entries()) this.#view.setUint16(address - at.GDT + n * 2, value, true);
  }
  u32(address: number, ...values: readonly number[]): void {
    for (const [n, value] of values.entries()) this.#view.setUint32(address - at.GDT + n * 4, value, true);
  }

  /** [SDM] volume 3, 3.4.5. `access` is the byte with type, S, DPL and P; `flags` are G, D/B, L and AVL. */
  descriptor(address: number, base: number, limit: number, access: number, flags = 0): void {
    const high = (base & 0xff00_0000) | (flags << 20) | (limit & 0xf_0000) | (access << 8) | ((base >>> 16) & 0xff);
    this.u32(address, (base << 16) | (limit & 0xffff), high);
  }
  /** [SDM] volume 3, 5.8.3 and 6.11. `low` is the byte below the type: parameters, or IST. */
  gate(address: number, selector: number, offset: number, access: number, low = 0): void {
    this.u32(address, (selector << 16) | (offset & 0xffff), (offset & 0xffff_0000) | (access << 8) | low);
  }
}

/** All tables, from the GDT on. */
export function tables(): Uint8Array {
  const t = new Tables();
  segments(t);
  systemDescriptors(t);
  callGates(t);
  vectors32(t);
  vectors64(t);
  taskStates(t);
  pages(t);
  for (let n = 0; n < 256; n++) t.u32(at.IVT_COPY + n * 4, at.STUBS_REAL + n * at.REAL_STUB_BYTES);
  return t.bytes;
}

function segments(t: Tables): void {
  const flat = 0xf_ffff;
  const rows: readonly (readonly [selector: number, base: number, limit: number, access: number, flags: number])[] = [
    [S.CODE32, 0, flat, CODE, G | DB],
    [S.DATA32, 0, flat, WRITABLE, G | DB],
    [S.CODE32_3, 0, flat, CODE | dpl(3), G | DB],
    [S.DATA32_3, 0, flat, WRITABLE | dpl(3), G | DB],
    [S.CODE64, 0, flat, CODE, G | L],
    [S.CODE64_3, 0, flat, CODE | dpl(3), G | L],
    [S.CODE16, at.TEST, 0xffff, CODE, 0],
    [S.CODE16_3, at.TEST, 0xffff, CODE | dpl(3), 0],
    [S.DATA16, at.DATA, 0xffff, WRITABLE, 0],
    [S.DATA16_3, at.DATA, 0xffff, WRITABLE | dpl(3), 0],
    [S.STACK16, 0, 0xffff, WRITABLE, 0],
    [S.STACK16_3, 0, 0xffff, WRITABLE | dpl(3), 0],
    [S.CODE32_1, 0, flat, CODE | dpl(1), G | DB],
    [S.DATA32_1, 0, flat, WRITABLE | dpl(1), G | DB],
    [S.CODE32_2, 0, flat, CODE | dpl(2), G | DB],
    [S.DATA32_2, 0, flat, WRITABLE | dpl(2), G | DB],
    [S.DATA_RO, 0, flat, 0x11, G | DB],
    [S.DATA_SMALL, at.DATA, 15, WRITABLE, DB],
    [S.DATA_SMALL_3, at.DATA, 15, WRITABLE | dpl(3), DB],
    [S.DATA_DOWN, 0, at.DATA - 1, 0x17, DB],
    [S.DATA_DOWN16, at.DATA, 0xfff, 0x17, 0],
    [S.CODE_XO, 0, flat, 0x19, G | DB],
    [S.CODE_CONF, 0, flat, 0x1f, G | DB],
    [S.CONF_3, 0, flat, 0x1f | dpl(3), G | DB],
    [S.CODE_LD, 0, flat, CODE, G | DB | L],
    [S.CODE_SMALL, at.TEST, 0xff, CODE, DB],
    [S.KERNEL16, 0, 0xffff, CODE, 0],
  ];
  for (const [selector, base, limit, access, flags] of rows)
    t.descriptor(at.GDT + (selector & ~7), base, limit, access | PRESENT, flags);
  t.descriptor(at.GDT + S.DATA_NP, 0, flat, WRITABLE, G | DB);
  t.descriptor(at.GDT + S.CODE_NP, 0, flat, CODE, G | DB);
  t.descriptor(at.LDT + (S.LDT_DATA & ~7), 0, flat, WRITABLE | dpl(3) | PRESENT, G | DB);
  t.descriptor(at.LDT + (S.LDT_CODE & ~7), 0, flat, CODE | dpl(3) | PRESENT, G | DB);
}

function systemDescriptors(t: Tables): void {
  const tss32 = 9 | PRESENT;
  const rows: readonly (readonly [selector: number, base: number, limit: number, access: number])[] = [
    [S.TSS_SEL, at.TSS, at.TSS_DOUBLE_FAULT - at.TSS - 1, tss32],
    [S.TSS64_SEL, at.TSS64, 0xff, tss32],
    [S.TSS_DF_SEL, at.TSS_DOUBLE_FAULT, 0x67, tss32],
    [S.TSS_OTHER_SEL, at.TSS_OTHER, 0x67, tss32],
    [S.TSS16_SEL, at.TSS_OTHER16, 0x2b, 1 | PRESENT],
    [S.TSS_BUSY, at.TSS_OTHER, 0x67, 11 | PRESENT],
    [S.LDT_SEL, at.LDT, 0x17, 2 | PRESENT],
    [S.TSS_SHORT, at.TSS_OTHER, 0x66, tss32],
    [S.TSS_NP, at.TSS_OTHER, 0x67, 9],
  ];
  for (const [selector, base, limit, access] of rows) t.descriptor(at.GDT + selector, base, limit, access);
}

function callGates(t: Tables): void {
  const gate32 = 12 | PRESENT | dpl(3);
  const rows: readonly (readonly [gate: number, selector: number, offset: number, access: number, low?: number])[] = [
    [S.TASK_GATE, S.TSS_OTHER_SEL, 0, 5 | PRESENT | dpl(3)],
    [S.GATE32, S.CODE32, at.TARGET, gate32],
    [S.GATE32_P2, S.CODE32, at.TARGET, gate32, 2],
    [S.GATE16, S.CODE16, at.TARGET - at.TEST, 4 | PRESENT | dpl(3)],
    [S.GATE_0, S.CODE32, at.TARGET, 12 | PRESENT],
    [S.GATE_NP, S.CODE32, at.TARGET, 12 | dpl(3)],
    [S.GATE_DATA, S.DATA32, at.TARGET, gate32],
    [S.GATE_NULL, 0, at.TARGET, gate32],
    [S.GATE_OUT, S.CODE32_3, at.TARGET, gate32],
    [S.GATE64, S.CODE64, at.TARGET, gate32],
    [S.INT_GATE, S.CODE32, at.TARGET, INTERRUPT_GATE | PRESENT | dpl(3)],
  ];
  for (const [gate, selector, offset, access, low] of rows) t.gate(at.GDT + gate, selector, offset, access, low);
}

function vectors32(t: Tables): void {
  const user = PRESENT | dpl(3);
  const set = (vector: number, selector: number, offset: number, access: number): void =>
    t.gate(at.IDT32 + vector * 8, selector, offset, access);
  const stub = (vector: number): number => at.STUBS32 + vector * at.STUB_BYTES;
  for (let n = 0; n < 256; n++) {
    const forUser = n === 3 || n === 4 || (n >= V.V_INT && n <= V.V_32 && n !== V.V_0);
    set(n, S.CODE32, stub(n), INTERRUPT_GATE | (forUser ? user : PRESENT));
  }
  set(8, S.TSS_DF_SEL, 0, 5 | PRESENT);
  set(V.V_TRAP, S.CODE32, stub(V.V_TRAP), TRAP_GATE | user);
  set(V.V_INT16, S.CODE32, stub(V.V_INT16), 6 | user);
  set(V.V_TRAP16, S.CODE32, stub(V.V_TRAP16), 7 | user);
  set(V.V_NP, S.CODE32, stub(V.V_NP), INTERRUPT_GATE | dpl(3));
  set(V.V_TASK, S.TSS_OTHER_SEL, 0, 5 | user);
  set(V.V_DATA, S.DATA32, stub(V.V_DATA), INTERRUPT_GATE | user);
  set(V.V_NULL, 0, stub(V.V_NULL), INTERRUPT_GATE | user);
  set(V.V_CONF, S.CODE_CONF, at.TARGET, INTERRUPT_GATE | user);
  set(V.V_OUT, S.CODE32_3, at.TARGET, INTERRUPT_GATE | user);
  set(V.V_CALL, S.CODE32, stub(V.V_CALL), 12 | user);
  set(V.V_1, S.CODE32_1, at.TARGET, INTERRUPT_GATE | user);
}

function vectors64(t: Tables): void {
  const user = PRESENT | dpl(3);
  const set = (vector: number, selector: number, access: number, ist = 0): void =>
    t.gate(at.IDT64 + vector * 16, selector, at.STUBS64 + vector * at.STUB_BYTES, access, ist);
  for (let n = 0; n < 256; n++) {
    const forUser = n === 3 || n === 4 || (n >= V.V_INT && n <= V.V_32 && n !== V.V_0);
    set(n, S.CODE64, INTERRUPT_GATE | (forUser ? user : PRESENT), n === 8 ? 1 : 0);
  }
  set(V.V_TRAP, S.CODE64, TRAP_GATE | user);
  set(V.V_INT16, S.CODE64, 6 | user);
  set(V.V_NP, S.CODE64, INTERRUPT_GATE | dpl(3));
  set(V.V_TASK, S.TSS_OTHER_SEL, 5 | user);
  set(V.V_DATA, S.DATA32, INTERRUPT_GATE | user);
  set(V.V_NULL, 0, INTERRUPT_GATE | user);
  t.gate(at.IDT64 + V.V_OUT * 16, S.CODE64_3, at.TARGET, INTERRUPT_GATE | user);
  set(V.V_CALL, S.CODE64, 12 | user);
  set(V.V_IST, S.CODE64, INTERRUPT_GATE | user, 1);
  t.u32(at.IDT64 + V.V_FAR * 16 + 8, 0x1234_5678);
  set(V.V_32, S.CODE32, INTERRUPT_GATE | user);
}

/** [SDM] volume 3, 7.2.1, 7.6 and 7.7. */
function taskStates(t: Tables): void {
  const redirection = 104;
  const ioMap = redirection + 32;
  t.u32(at.TSS + 4, at.STACK0, S.DATA32, at.STACK1, S.DATA32_1, at.STACK2, S.DATA32_2);
  t.u16(at.TSS + 102, ioMap);
  // Port 0x80 is for everyone, the others are not
  for (let port = 0; port < 0x100; port += 16) t.u16(at.TSS + ioMap + port / 8, port === 0x80 ? 0xfffe : 0xffff);
  t.u32(at.TSS + ioMap + 32, 0xffff_ffff);
  const task = (address: number, eip: number, esp: number): void => {
    const esp0 = [at.STACK0, S.DATA32];
    t.u32(address + 4, ...esp0);
    t.u32(address + 32, eip, 2, 0, 0, 0, 0, esp, 0, 0, 0);
    t.u32(address + 72, S.DATA32, S.CODE32, S.DATA32, S.DATA32, 0, 0, 0, 0x68_0000);
  };
  task(at.TSS_DOUBLE_FAULT, at.KERNEL_DOUBLE_FAULT, at.STACK_DOUBLE_FAULT);
  task(at.TSS_OTHER, at.TARGET, at.STACK_TASK);
  const small = [at.STACK16_0, S.STACK16, 0, 0, 0, 0, at.TARGET - at.TEST, 2, 0, 0, 0, 0, at.STACK16_0, 0, 0, 0];
  t.u16(at.TSS_OTHER16 + 2, ...small, S.DATA16, S.CODE16, S.STACK16, S.DATA16, 0);
  t.u32(at.TSS64 + 4, at.STACK0, 0);
  t.u32(at.TSS64 + 36, at.STACK_IST, 0);
  t.u16(at.TSS64 + 102, 104);
  t.u32(at.TSS64 + 104, ...Array<number>(4).fill(0xffff_ffff), 0xffff_fffe, ...Array<number>(5).fill(0xffff_ffff));
}

/** The kernel's own pages: its code, tables and stacks stay usable under SMEP and SMAP. */
const isKernel = (page: number): boolean =>
  (page >= 0x08 && page < 0x0e) || (page >= 0x10 && page < 0x20) || [0x50, 0x51, 0x56, 0x57, 0x58].includes(page);

function pages(t: Tables): void {
  t.u32(at.DIRECTORY32, at.TABLE32 | PTE_USER);
  t.u32(at.PML4, at.PDPT64 | PTE_USER);
  t.u32(at.PDPT64, at.DIRECTORY64 | PTE_USER);
  t.u32(at.PDPT_PAE, at.DIRECTORY64 | 1);
  t.u32(at.DIRECTORY64, at.TABLE64 | PTE_USER);
  for (let n = 0; n < 1024; n++) t.u32(at.TABLE32 + n * 4, (n << 12) | (isKernel(n) ? PTE_SUPERVISOR : PTE_USER));
  for (let n = 0; n < 512; n++) t.u32(at.TABLE64 + n * 8, (n << 12) | (isKernel(n) ? PTE_SUPERVISOR : PTE_USER));
  const special = (page: number, low: number, high = 0): void => {
    t.u32(at.TABLE32 + (page >> 12) * 4, page | low);
    t.u32(at.TABLE64 + (page >> 12) * 8, page | low, high);
  };
  special(at.PAGES.PAGE_NP, 6);
  special(at.PAGES.PAGE_RO, 5);
  special(at.PAGES.PAGE_S, 3);
  special(at.PAGES.PAGE_NX, 7, 0x8000_0000);
  special(at.PAGES.PAGE_RSVD, 7, 1 << 19);
  special(at.PAGES.PAGE_S_RO, 1);
  special(at.PAGES.PAGE_S_CODE, 1);
}
