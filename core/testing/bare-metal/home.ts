/** Puts tables, registers and memory back to what they were, and prepares the next case. */
import { far, mem, reg, sys } from '../../cpu/index.ts';
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';
import { CASE, CR0_HOME, DATA_SEGMENTS, DR7_INIT, EFER, type Kernel, MODE, TABLES_OFFSET } from './records.ts';

const DEBUG_EXIT = 0xf4;
const DR6_INIT = 0xffff_0ff0;
const CR4_OSFXSR_OSXSAVE = 0x4_0200;
const MXCSR_INIT = 0x1f80;
const UD2_TWICE = 0x0b0f_0b0f;

const { eax, ebx, ecx, edx, esi, edi, esp, ebp, ax, al } = reg;
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

export function home(k: Kernel): void {
  k.bind('home');
  tablesAndSegments(k);
  controlRegisters(k);
  floatingPoint(k);
  memory(k);
  prepare(k);
}

function tablesAndSegments(k: Kernel): void {
  const copy = (from: number, to: number, bytes: number): void => {
    k.emit('MOV', esi, from);
    k.emit('MOV', edi, to);
    k.emit('MOV', ecx, bytes / 4);
    k.emit('REP MOVSD');
  };
  copy(at.LOAD + TABLES_OFFSET, at.GDT, at.TABLES_BYTES);
  copy(at.IVT_COPY, 0, 0x400);
  k.emit('LGDT', mem(0, { disp: k.label('gdtr') }));
  k.emit('JMPF', far(S.CODE32, k.label('home segments')));
  k.bind('home segments');
  k.emit('MOV', eax, S.DATA32);
  for (const segment of [sys.ss, ...DATA_SEGMENTS]) k.emit('MOV', segment, ax);
  k.emit('MOV', esp, at.STACK_HOME);
  k.emit('PUSH', 2);
  k.emit('POPFD');
}

function controlRegisters(k: Kernel): void {
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
}

/** x87, MXCSR, XMM0 to XMM7, XCR0. */
function floatingPoint(k: Kernel): void {
  k.bytes(0xdb, 0xe3); // FNINIT
  k.emit('MOV', eax, CR4_OSFXSR_OSXSAVE);
  k.emit('MOV', sys.cr4, eax);
  k.emit('PUSH', MXCSR_INIT);
  k.bytes(0x0f, 0xae, 0x14, 0x24); // LDMXCSR [ESP]
  k.emit('POP', eax);
  for (let n = 0; n < 8; n++) k.bytes(0x0f, 0x57, 0xc0 | (n * 9)); // XORPS XMMn, XMMn
  k.emit('MOV', eax, 1);
  k.emit('XOR', ecx, ecx);
  k.emit('XOR', edx, edx);
  k.bytes(0x0f, 0x01, 0xd1); // XSETBV
  k.emit('XOR', eax, eax);
  k.emit('MOV', sys.cr4, eax);
}

function memory(k: Kernel): void {
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
}

/** Says the number of the case, lays down its code, does what comes before it, and leaves EBP with its mode. */
function prepare(k: Kernel): void {
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
  // where SMAP lets level 0 read it
  k.emit('MOV', esi, k.field(ebx, CASE.mode));
  k.emit('MOV', edi, k.label('mode'));
  k.emit('MOV', ecx, MODE.bytes / 4);
  k.emit('REP MOVSD');
  k.emit('MOV', ebp, k.label('mode'));
}
