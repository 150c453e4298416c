/**
 * Where exceptions and interrupts end up: stubs that push their number, and what saves the registers and goes to "finish".
 * outcome.ts knows the order.
 */
import { far, mem, reg, sys } from '../../cpu/index.ts';
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';
import { DATA_SEGMENTS, type Kernel } from './records.ts';

const WITH_ERROR_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);
/** Each kind of handler by its number, and how many double words it saves. */
export const SAVED = {
  protected: [1, 23],
  real: [2, 12],
  long: [3, 54],
  doubleFault: [4, 17],
} as const;
const BIG = 1 << 22; // D/B of a descriptor, as LAR shows it

const { eax, ebx, ecx, edx, esi, esp, ax, bx, rax, rcx, rdx, rbx, rbp, rsi, rdi, rsp } = reg;
const EXTENDED = [reg.r8, reg.r9, reg.r10, reg.r11, reg.r12, reg.r13, reg.r14, reg.r15];
const LONG_SAVED = [rax, rcx, rdx, rbx, rbp, rsi, rdi, ...EXTENDED.slice(0, -1)];

export function handlers(k: Kernel): void {
  doubleFault(k);
  stubs(k);
  protectedHandler(k);
  longHandler(k);
  realHandler(k);
}

function place(k: Kernel, address: number): void {
  if (k.here > address) throw new Error('the stubs do not fit');
  k.zero(address - k.here);
}

function stubs(k: Kernel): void {
  for (const [table, bits, handler] of [
    [at.STUBS32, 32, 'protected handler'],
    [at.STUBS64, 64, 'long handler'],
  ] as const) {
    k.bits = bits;
    for (let n = 0; n < 256; n++) {
      place(k, table + n * at.STUB_BYTES);
      if (!WITH_ERROR_CODE.has(n)) k.emit('PUSH', 0);
      k.emit('PUSH', n);
      k.emit('JMP', k.label(handler));
    }
  }
  k.bits = 16;
  for (let n = 0; n < 256; n++) {
    place(k, at.STUBS_REAL + n * at.REAL_STUB_BYTES);
    k.emit('PUSH', n);
    k.emit('JMP', k.label('real handler'));
  }
}

function report(k: Kernel, [kind, words]: readonly [number, number]): void {
  k.emit('MOV', edx, kind);
  k.emit('MOV', ecx, words);
  k.emit('JMP', k.label('finish'));
}

/** A task of its own, for #DF and whatever a case leads here: what was interrupted lies in its TSS. */
function doubleFault(k: Kernel): void {
  k.bits = 32;
  place(k, at.KERNEL_DOUBLE_FAULT);
  k.emit('POP', eax); // the error code, in the place of the task's LDT
  k.emit('MOV', esi, at.TSS + 32);
  k.emit('CMP', mem(2, { disp: at.TSS_DOUBLE_FAULT }), S.TSS_OTHER_SEL);
  k.skip('JNE', () => k.emit('MOV', esi, at.TSS_OTHER + 32));
  k.emit('MOV', mem(4, { base: esi, disp: 64 }), eax);
  report(k, SAVED.doubleFault);
}

/** Saves GS FS ES DS and what PUSHA does, below number, error code and frame. */
function protectedHandler(k: Kernel): void {
  k.bits = 32;
  k.bind('protected handler');
  k.emit('PUSHA');
  for (const segment of DATA_SEGMENTS) k.emit('PUSH', segment);
  k.emit('MOV', ebx, esp);
  k.emit('MOV', eax, sys.ss);
  k.emit('LAR', eax, ax);
  k.emit('TEST', eax, BIG);
  k.skip('JNZ', () => k.emit('MOVZX', ebx, bx)); // the stack is 16-bit
  k.emit('MOV', eax, S.DATA32);
  k.emit('MOV', sys.ds, ax);
  k.emit('MOV', sys.es, ax);
  k.emit('MOV', esi, ebx);
  report(k, SAVED.protected);
}

/** Saves GS FS ES DS, 14 registers in reverse and CR2; goes back to 32-bit code, which does not reach R8 to R15 and CR8. */
function longHandler(k: Kernel): void {
  k.bits = 64;
  k.bind('long handler');
  for (const register of LONG_SAVED) k.emit('PUSH', register);
  k.emit('MOV', rax, sys.cr2);
  k.emit('PUSH', rax);
  for (const segment of DATA_SEGMENTS) {
    k.emit('MOV', eax, segment);
    k.emit('PUSH', rax);
  }
  k.emit('XOR', eax, eax);
  k.emit('MOV', sys.cr8, rax);
  for (const register of EXTENDED) k.emit('XOR', register, register);
  k.emit('MOV', rsi, rsp);
  k.emit('PUSH', S.CODE32);
  k.emit('PUSH', k.label('long end'));
  k.emit('RETFQ');
  k.bits = 32;
  k.bind('long end');
  k.emit('MOV', eax, S.DATA32);
  k.emit('MOV', sys.ds, ax);
  k.emit('MOV', sys.es, ax);
  report(k, SAVED.long);
}

/** Saves GS FS ES DS and what PUSHAD does, and goes back to protected mode. */
function realHandler(k: Kernel): void {
  k.bits = 16;
  k.bind('real handler');
  k.bytes(0x66); // 32-bit PUSHA
  k.emit('PUSHA');
  for (const segment of DATA_SEGMENTS) k.emit('PUSH', segment);
  k.emit('XOR', esi, esi);
  k.emit('MOV', eax, sys.ss);
  k.emit('MOVZX', esi, ax);
  k.emit('SHL', esi, 4);
  k.emit('MOVZX', ebx, reg.sp);
  k.emit('ADD', esi, ebx);
  k.emit('XOR', ax, ax);
  k.emit('MOV', sys.ds, ax);
  k.emit('LGDT', mem(0, { disp: k.label('gdtr') }));
  k.emit('MOV', eax, sys.cr0);
  k.emit('OR', eax, 1);
  k.emit('MOV', sys.cr0, eax);
  k.emit('JMPF', far(S.CODE32, k.label('real end')));
  k.bits = 32;
  k.bind('real end');
  k.emit('MOV', eax, S.DATA32);
  k.emit('MOV', sys.ds, ax);
  k.emit('MOV', sys.es, ax);
  report(k, SAVED.real);
}
