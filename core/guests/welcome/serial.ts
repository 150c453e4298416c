/** COM1: 115200 baud, 8N1. What the guest says goes here as plain text. [PC16550D] data sheet. */
import { reg } from '../../cpu/index.ts';
import type { Program } from './program.ts';

const COM1 = 0x3f8;
const LINE_STATUS = COM1 + 5;
const TRANSMITTER_EMPTY = 0x20;

const { rax, rdx, rsi, al, dx, edx } = reg;

export function serial(p: Program): void {
  p.routine('serial.start', [rax, rdx], () => {
    const setting: readonly (readonly [register: number, value: number])[] = [
      [1, 0], // no interrupts yet
      [3, 0x80], // DLAB
      [0, 1], // divisor: 115200 baud
      [1, 0],
      [3, 3], // 8N1
      [2, 7], // FIFOs on and empty, an interrupt for each byte
      [4, 0x0b], // DTR, RTS, OUT2: interrupts reach the controller
      [1, 1], // interrupt for received data
    ];
    for (const [register, value] of setting) {
      p.emit('MOV', edx, COM1 + register);
      p.emit('MOV', al, value);
      p.emit('OUT', dx, al);
    }
  });

  // the byte in AL
  p.routine('serial.byte', [rax, rdx], () => {
    p.emit('MOV', reg.ah, al);
    p.emit('MOV', edx, LINE_STATUS);
    p.repeat('JZ', () => {
      p.emit('IN', al, dx);
      p.emit('TEST', al, TRANSMITTER_EMPTY);
    });
    p.emit('MOV', edx, COM1);
    p.emit('MOV', al, reg.ah);
    p.emit('OUT', dx, al);
  });

  // the text at RSI
  p.routine('serial.text', [rax, rsi], () => {
    const done = p.label();
    const next = p.bind();
    p.emit('LODSB');
    p.emit('TEST', al, al);
    p.emit('JZ', done);
    p.call('serial.byte');
    p.emit('JMP', next);
    p.bind(done);
  });

  p.routine('serial.newline', [rsi], () => {
    p.emit('MOV', rsi, p.string('\r\n'));
    p.call('serial.text');
  });
}
