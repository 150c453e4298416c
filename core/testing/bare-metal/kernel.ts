/**
 * The test kernel: runs the cases one after the other, each in its mode from tables put back to what they were, and writes
 * to COM1 what came of it, raw. outcome.ts reads that. A case ends with an exception: its code has UD2 behind it.
 *
 * "Home" is 32-bit protected mode at level 0 without paging. [SDM] volume 3, 10.8 and 10.9: changes of mode.
 */
import { reg } from '../../cpu/index.ts';
import { enter } from './enter.ts';
import { finish } from './finish.ts';
import { handlers } from './handlers.ts';
import { home } from './home.ts';
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';
import { printing, startPrinting } from './printing.ts';
import { Kernel, MODE } from './records.ts';

const { esi, al } = reg;

/** The kernel as bytes, to lie at KERNEL. Entered at its first byte in home mode with ESI = the list of cases. */
export function buildKernel(): Uint8Array {
  const k = new Kernel();
  k.emit('JMP', k.label('start'));
  handlers(k);
  start(k);
  home(k);
  enter(k);
  finish(k);
  printing(k);
  k.zero(at.VARIABLES - k.here);
  for (const name of ['case', 'printed', 'cr2', 'dr6', 'tr']) {
    k.bind(name);
    k.u32(0);
  }
  k.bind('mode');
  k.zero(MODE.bytes);
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
  if (at.KERNEL + bytes.length > at.KERNEL_END) throw new Error(`the kernel of ${bytes.length} bytes is too long`);
  return bytes;
}

function start(k: Kernel): void {
  k.bind('start');
  k.emit('MOV', k.variable('case'), esi);
  k.emit('MOV', al, 0xff); // no interrupts but our own
  k.emit('OUT', 0x21, al);
  k.emit('OUT', 0xa1, al);
  startPrinting(k);
  k.emit('JMP', k.label('home'));
}
