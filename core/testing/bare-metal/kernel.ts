/**
 * The test kernel: runs the cases one after the other, each in its mode from tables put back to what they were, and writes
 * to COM1 what came of it, raw. outcome.ts reads that. A case ends with an exception: its code has UD2 behind it.
 *
 * "Home" is 32-bit protected mode at level 0 without paging. [SDM] volume 3, 10.8 and 10.9: changes of mode.
 */
import { Assembler, far, mem, reg, sys } from '../../cpu/index.ts';
import { handlers } from './handlers.ts';
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';

const COM1 = 0x3f8;
const COM1_STATUS = COM1 + 5;
const COM1_FIFO = COM1 + 2;
const FIFO_BYTES = 16;
const TRANSMITTER_EMPTY = 0x20;
const DEBUG_EXIT = 0xf4;
const EFER = 0xc000_0080;
const EFER_LMA_NX = 0x900; // LME and NXE
const CR0_HOME = 0x31; // PE, ET, NE
const CR0_PG = 0x8000_0000;
const CR4_PAE = 1 << 5;
const DR6_INIT = 0xffff_0ff0;
const DR7_INIT = 0x400;
const UD2_TWICE = 0x0b0f_0b0f;

/** Words of a case in the image, code by address. The list ends where there is no mode. */
export const CASE = { number: 0, code: 4, codeBytes: 8, setup: 12, mode: 16, bytes: 20 } as const;
/** Words of a mode. */
export const MODE = { paging: 0, entry: 4, cs: 8, ip: 12, flags: 16, sp: 20, ss: 24, ds: 28, bytes: 32 } as const;
export const PAGING = { none: 0, '32': 1, pae: 2, long: 3 } as const;
export const ENTRY = { inner: 0, outer: 1, vm86: 2, real: 3 } as const;

const { eax, ebx, ecx, edx, esi, edi, esp, ebp, ax, dx, al } = reg;
const DATA_SEGMENTS = [sys.ds, sys.es, sys.fs, sys.gs];
/** MSRs and what they hold when a case begins. */
const MSRS: readonly (readonly [msr: number, low: number, high?: number])[] = [
  [EFER, 0],
  [0x174, S.CODE32], // SYSENTER_CS: the four segments follow each other as SYSEXIT wants them
  [0x175, at.STACK_TASK],
  [0x176, at.TARGET],
  [0xc000_0081, at.TARGET, ((S.CODE32_3 - 16) << 16) | S.CODE32], // STAR
  [0xc000_0082, at.TARGET], // LSTAR
  [0xc000_0083, at.TARGET + 0x10], // CSTAR
  [0xc000_0084, 0x200], // FMASK
  [0xc000_0100, 0],
  [0xc000_0101, 0],
  [0xc000_0102, 0],
];

export class Kernel extends Assembler {
  constructor() {
    super({ bits: 32, origin: at.KERNEL });
  }
  /** A double word of the kernel's own. */
  variable = (name: string): ReturnType<typeof mem> => mem(4, { disp: this.label(name) });
  /** `bytes` of the record that `base` points to. */
  field = (base: typeof ebp, offset: number): ReturnType<typeof mem> => mem(4, { base, disp: offset });
  skip(jump: string, body: () => void): void {
    const behind = this.label();
    this.emit(jump, behind);
    body();
    this.bind(behind);
  }
}

/** The kernel as bytes, to lie at KERNEL. Entered at its first byte in home mode with ESI = the list of cases. */
export function buildKernel(): Uint8Array {
  const k = new Kernel();
  k.emit('JMP', k.label('start'));
  handlers(k);
  start(k);
  runCase(k);
  enter(k);
  enterReal(k);
  finish(k);
  printing(k);
  for (const name of ['case', 'printed', 'cr2', 'dr6', 'tr']) {
    k.bind(name);
    k.u32(0);
  }
  k.bind('gdtr');
  k.u16(S.BEYOND - 1);
  k.u32(at.GDT);
  k.bind('idtr32');
  k.u16(0x7ff);
  k.u32(at.IDT32);
  k.bind('idtr64');
  k.u16(0xfff);
  k.u32(at.IDT64);
  k.bind('idtr real');
  k.u16(0x3ff);
  k.u32(0);
  const bytes = k.finish();
  if (at.KERNEL + bytes.length > at.STACK16_3 - 0x400)
    throw new Error(`the kernel of ${bytes.length} bytes is too long`);
  return bytes;
}

function start(k: Kernel): void {
  k.bind('start');
  k.emit('MOV', k.variable('case'), esi);
  k.emit('MOV', al, 0xff); // no interrupts but our own
  k.emit('OUT', 0x21, al);
  k.emit('OUT', 0xa1, al);
  k.emit('MOV', edx, COM1_FIFO);
  k.emit('MOV', al, 1);
  k.emit('OUT', dx, al);
  k.emit('JMP', k.label('home'));
}

/** Puts everything back, then prepares the next case. */
function runCase(k: Kernel): void {
  k.bind('home');
  const copy = (from: number, to: number, bytes: number): void => {
    k.emit('MOV', esi, from);
    k.emit('MOV', edi, to);
    k.emit('MOV', ecx, bytes / 4);
    k.emit('REP MOVSD');
  };
  copy(at.LOAD + TABLES_OFFSET, at.TABLES, at.TABLES_BYTES);
  copy(at.IVT_COPY, 0, 0x400);
  k.emit('LGDT', mem(0, { disp: k.label('gdtr') }));
  k.emit('JMPF', far(S.CODE32, k.label('home segments')));
  k.bind('home segments');
  k.emit('MOV', eax, S.DATA32);
  for (const segment of [sys.ss, ...DATA_SEGMENTS]) k.emit('MOV', segment, ax);
  k.emit('MOV', esp, at.STACK_HOME);
  k.emit('PUSH', 2);
  k.emit('POPFD');
  k.emit('MOV', eax, CR0_HOME);
  k.emit('MOV', sys.cr0, eax);
  k.emit('XOR', eax, eax);
  k.emit('MOV', sys.cr4, eax);
  for (const register of [sys.cr2, sys.dr0, sys.dr1, sys.dr2, sys.dr3]) k.emit('MOV', register, eax);
  k.emit('MOV', eax, DR6_INIT);
  k.emit('MOV', sys.dr6, eax);
  k.emit('MOV', eax, DR7_INIT);
  k.emit('MOV', sys.dr7, eax);
  for (const [msr, low, high = 0] of MSRS) {
    k.emit('MOV', ecx, msr);
    k.emit('MOV', eax, low);
    k.emit('MOV', edx, high);
    k.emit('WRMSR');
  }
  k.bytes(0xdb, 0xe3); // FNINIT
  const fill = (value: number, to: number, bytes: number): void => {
    k.emit('MOV', eax, value);
    k.emit('MOV', edi, to);
    k.emit('MOV', ecx, bytes / 4);
    k.emit('REP STOSD');
  };
  fill(UD2_TWICE, at.TEST, 0x1_0000);
  fill(UD2_TWICE, at.PAGES.PAGE_NP, 0x8000);
  fill(0, at.DATA, 0x1_0000);
  k.emit('LIDT', mem(0, { disp: k.label('idtr32') }));
  k.emit('MOV', eax, S.TSS_SEL);
  k.emit('LTR', ax);
  k.emit('MOV', eax, S.LDT_SEL);
  k.emit('LLDT', ax);

  k.emit('MOV', ebx, k.variable('case'));
  k.emit('MOV', eax, k.field(ebx, CASE.mode));
  k.emit('TEST', eax, eax);
  k.skip('JNZ', () => k.emit('OUT', DEBUG_EXIT, al));
  k.emit('MOV', eax, k.field(ebx, CASE.number));
  k.emit('PUSH', ebx);
  k.emit('CALL', k.label('print number'));
  k.emit('POP', ebx);
  k.emit('MOV', esi, k.field(ebx, CASE.code));
  k.emit('MOV', edi, at.TEST);
  k.emit('MOV', ecx, k.field(ebx, CASE.codeBytes));
  k.emit('REP MOVSB');
  k.emit('PUSH', ebx);
  k.emit('CALL', k.field(ebx, CASE.setup));
  k.emit('POP', ebx);
  k.emit('MOV', ebp, k.field(ebx, CASE.mode));
}

/** Switches to the mode at EBP and goes to the code of the case. */
function enter(k: Kernel): void {
  k.emit('MOV', ecx, k.field(ebp, MODE.paging));
  const paging = (kind: number, body: () => void): void => {
    k.emit('CMP', ecx, kind);
    k.skip('JNE', body);
  };
  const directory = (address: number): void => k.emit('MOV', eax, address);
  directory(0);
  paging(PAGING['32'], () => directory(at.DIRECTORY32));
  paging(PAGING.pae, () => directory(at.PDPT_PAE));
  paging(PAGING.long, () => directory(at.PML4));
  k.emit('MOV', sys.cr3, eax);
  for (const task of [at.TSS, at.TSS_DOUBLE_FAULT, at.TSS_OTHER]) k.emit('MOV', mem(4, { disp: task + 28 }), eax);
  k.emit('TEST', eax, eax);
  const unpaged = k.label();
  k.emit('JZ', unpaged);
  k.emit('CMP', ecx, PAGING.pae);
  k.skip('JB', () => {
    k.emit('MOV', eax, sys.cr4);
    k.emit('OR', eax, CR4_PAE);
    k.emit('MOV', sys.cr4, eax);
    k.emit('MOV', ebx, EFER_LMA_NX);
    k.emit('CMP', ecx, PAGING.long);
    k.skip('JE', () => k.emit('XOR', ebx, EFER_LMA_NX & 0x100));
    k.emit('MOV', ecx, EFER);
    k.emit('RDMSR');
    k.emit('OR', eax, ebx);
    k.emit('WRMSR');
  });
  k.emit('MOV', eax, sys.cr0);
  k.emit('OR', eax, CR0_PG);
  k.emit('MOV', sys.cr0, eax);
  k.emit('CMP', k.field(ebp, MODE.paging), PAGING.long);
  k.skip('JNE', () => {
    k.emit('LIDT', mem(0, { disp: k.label('idtr64') }));
    k.emit('MOV', eax, S.TSS64_SEL);
    k.emit('LTR', ax);
    k.emit('MOV', eax, S.LDT_SEL);
    k.emit('LLDT', ax);
  });
  k.bind(unpaged);
  frame(k);
}

/** A stack for IRET: within level 0, to another level, or to virtual-8086 mode. */
function frame(k: Kernel): void {
  const outer = k.label();
  const ready = k.label();
  const push = (...fields: readonly number[]): void => {
    for (const field of fields) k.emit('PUSH', k.field(ebp, field));
  };
  k.emit('MOV', eax, k.field(ebp, MODE.entry));
  k.emit('CMP', eax, ENTRY.real);
  k.emit('JE', k.label('enter real'));
  k.emit('CMP', eax, ENTRY.inner);
  k.emit('JNE', outer);
  k.emit('MOV', edx, k.field(ebp, MODE.ds));
  k.emit('MOV', ecx, k.field(ebp, MODE.ss));
  // the frame is pushed before the stack gets its segment: a 16-bit one has the same base
  k.emit('MOV', esp, k.field(ebp, MODE.sp));
  push(MODE.flags, MODE.cs, MODE.ip);
  k.emit('MOV', sys.ss, reg.cx);
  k.emit('JMP', ready);
  k.bind(outer);
  k.emit('MOV', edx, k.field(ebp, MODE.ds));
  k.emit('CMP', eax, ENTRY.vm86);
  k.skip('JNE', () => {
    for (const zero of [0, 0]) k.emit('PUSH', zero);
    push(MODE.ds, MODE.ds);
    k.emit('XOR', edx, edx);
  });
  push(MODE.ss, MODE.sp, MODE.flags, MODE.cs, MODE.ip);
  k.bind(ready);
  k.emit('MOV', sys.ds, dx);
  k.emit('MOV', sys.es, dx);
  k.emit('XOR', eax, eax);
  k.emit('MOV', sys.fs, ax);
  k.emit('MOV', sys.gs, ax);
  for (const register of [ebx, ecx, edx, esi, edi, ebp]) k.emit('XOR', register, register);
  k.emit('IRETD');
}

function enterReal(k: Kernel): void {
  k.bind('enter real');
  k.emit('LIDT', mem(0, { disp: k.label('idtr real') }));
  k.emit('MOV', eax, S.STACK16);
  for (const segment of [sys.ss, ...DATA_SEGMENTS]) k.emit('MOV', segment, ax);
  k.emit('JMPF', far(S.KERNEL16, k.label('leave protected mode')));
  k.bits = 16;
  k.bind('leave protected mode');
  k.emit('MOV', eax, sys.cr0);
  k.emit('AND', eax, ~1);
  k.emit('MOV', sys.cr0, eax);
  k.emit('JMPF', far(0, k.label('real segments')));
  k.bind('real segments');
  k.emit('MOV', ax, at.DATA >> 4);
  k.emit('MOV', sys.ds, ax);
  k.emit('MOV', sys.es, ax);
  k.emit('MOV', ax, at.SS_REAL);
  k.emit('MOV', sys.ss, ax);
  k.emit('MOV', esp, at.SP_REAL);
  k.emit('XOR', eax, eax);
  k.emit('MOV', sys.fs, ax);
  k.emit('MOV', sys.gs, ax);
  for (const register of [ebx, ecx, edx, esi, edi, ebp]) k.emit('XOR', register, register);
  k.emit('PUSH', 2);
  k.emit('POPF');
  k.emit('JMPF', far(at.TEST >> 4, 0));
  k.bits = 32;
}

/** Entered at level 0 in 32-bit code with flat DS. ESI = saved registers, ECX = how many double words, EDX = their kind. */
function finish(k: Kernel): void {
  k.bind('finish');
  k.emit('CLD');
  k.emit('MOV', eax, sys.cr2);
  k.emit('MOV', k.variable('cr2'), eax);
  k.emit('MOV', eax, sys.dr6);
  k.emit('MOV', k.variable('dr6'), eax);
  k.emit('MOV', eax, DR7_INIT); // what follows may read where a breakpoint is
  k.emit('MOV', sys.dr7, eax);
  k.emit('STR', eax);
  k.emit('MOV', k.variable('tr'), eax);
  k.emit('MOV', eax, S.DATA32);
  k.emit('MOV', sys.ss, ax);
  k.emit('MOV', esp, at.STACK_HOME);
  k.emit('MOV', eax, CR0_HOME);
  k.emit('MOV', sys.cr0, eax);

  k.emit('MOV', eax, edx);
  k.emit('CALL', k.label('print number'));
  k.emit('MOV', eax, esi);
  k.emit('CALL', k.label('print number'));
  const again = k.bind();
  k.emit('LODSD');
  k.emit('CALL', k.label('print number'));
  k.emit('DEC', ecx);
  k.emit('JNZ', again);
  const more = [k.variable('cr2'), k.variable('dr6'), k.variable('tr')];
  for (let n = 0; n < 4; n++) more.push(mem(4, { disp: at.DATA + n * 4 }));
  for (const word of more) {
    k.emit('MOV', eax, word);
    k.emit('CALL', k.label('print number'));
  }
  k.emit('MOV', al, 0x0a);
  k.emit('CALL', k.label('print character'));
  k.emit('ADD', k.variable('case'), CASE.bytes);
  k.emit('JMP', k.label('home'));
}

function printing(k: Kernel): void {
  k.bind('print number'); // EAX after a blank, in hex, the last digit first
  k.emit('MOV', ebx, eax);
  k.emit('MOV', al, 0x20);
  k.emit('CALL', k.label('print character'));
  const digit = k.bind();
  k.emit('MOV', eax, ebx);
  k.emit('AND', eax, 15);
  k.emit('CMP', al, 10);
  k.skip('JB', () => k.emit('ADD', al, 'a'.charCodeAt(0) - '0'.charCodeAt(0) - 10));
  k.emit('ADD', al, '0'.charCodeAt(0));
  k.emit('CALL', k.label('print character'));
  k.emit('SHR', ebx, 4);
  k.emit('JNZ', digit);
  k.emit('RET');

  k.bind('print character'); // AL; changes AH and DX
  k.emit('MOV', reg.ah, al);
  k.emit('INC', k.variable('printed'));
  k.emit('TEST', mem(1, { disp: k.label('printed') }), FIFO_BYTES - 1);
  k.skip('JNZ', () => {
    k.emit('MOV', edx, COM1_STATUS);
    const wait = k.bind();
    k.emit('IN', al, dx);
    k.emit('TEST', al, TRANSMITTER_EMPTY);
    k.emit('JZ', wait);
  });
  k.emit('MOV', edx, COM1);
  k.emit('MOV', al, reg.ah);
  k.emit('OUT', dx, al);
  k.emit('RET');
}

/** Where the image has the tables, from LOAD on. */
export const TABLES_OFFSET = 0x8000;
