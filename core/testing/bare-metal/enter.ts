/** From home into the mode of a case: paging, long mode, and IRET to its code; the way into real mode. */
import { far, mem, reg, sys } from '../../cpu/index.ts';
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';
import { CR4_PAE, DATA_SEGMENTS, EFER, ENTRY, type Kernel, MODE, PAGING } from './records.ts';

const EFER_LMA_NX = 0x900; // LME and NXE
const CR0_PG = 0x8000_0000;

const { eax, ebx, ecx, edx, esi, edi, esp, ebp, ax, dx } = reg;

export function enter(k: Kernel): void {
  enterPaged(k);
  frame(k);
  enterReal(k);
}

/** Switches to the mode at EBP and goes to the code of the case. */
function enterPaged(k: Kernel): void {
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
