/** Numbers for COM1, a UART with a FIFO. */
import { mem, reg } from '../../cpu/index.ts';
import type { Kernel } from './records.ts';

const COM1 = 0x3f8;
const COM1_STATUS = COM1 + 5;
const COM1_FIFO = COM1 + 2;
const FIFO_BYTES = 16;
const TRANSMITTER_EMPTY = 0x20;

const { eax, ebx, edx, dx, al } = reg;

export function startPrinting(k: Kernel): void {
  k.emit('MOV', edx, COM1_FIFO);
  k.emit('MOV', al, 1);
  k.emit('OUT', dx, al);
}

export function printing(k: Kernel): void {
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
