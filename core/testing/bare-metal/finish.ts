/** The end of a case: back home from wherever its exception came, and the report of it. */
import { mem, reg, sys } from '../../cpu/index.ts';
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';
import { CASE, CR0_HOME, CR4_PAE, DR7_INIT, type Kernel } from './records.ts';

const { eax, ecx, edx, esi, esp, ax, al } = reg;

/** Entered at level 0 in 32-bit code with flat DS. ESI = saved registers, ECX = how many double words, EDX = their kind. */
export function finish(k: Kernel): void {
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
  k.emit('MOV', eax, sys.cr4); // paging cannot be turned off with PCIDE
  k.emit('AND', eax, CR4_PAE);
  k.emit('MOV', sys.cr4, eax);
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
