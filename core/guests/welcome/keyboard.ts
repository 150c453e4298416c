/** The PS/2 keyboard: scan codes of set 1, as the i8042 translates them, to characters of a US layout. */
import { mem, reg } from '../../cpu/index.ts';
import type { Program } from './program.ts';

const STATUS = 0x64;
const DATA = 0x60;
const OUTPUT_FULL = 1;
const INPUT_FULL = 2;
/** Command byte: interrupt for keys, translation to set 1, mouse off. */
const COMMAND_BYTE = 0x01 | 0x20 | 0x40;
const ENABLE_SCANNING = 0xf4;

export const BACKSPACE = 8;
export const ENTER = 13;

const PLAIN = `\0\x1b1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'\`\0\\zxcvbnm,./\0*\0 `;
const SHIFTED = `\0\x1b!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 `;
const LEFT_SHIFT = 0x2a;
const RIGHT_SHIFT = 0x36;
const CAPS_LOCK = 0x3a;
const RELEASED = 0x80;

const { rax, rcx, al, eax, ecx } = reg;

export function keyboard(p: Program): void {
  p.routine('keyboard.start', [rax, rcx], () => {
    const write = (port: number, value: number): void => {
      p.repeat('JNZ', () => {
        p.emit('IN', al, STATUS);
        p.emit('TEST', al, INPUT_FULL);
      });
      p.emit('MOV', al, value);
      p.emit('OUT', port, al);
    };
    write(STATUS, 0x60);
    write(DATA, COMMAND_BYTE);
    write(STATUS, 0xae);
    write(DATA, ENABLE_SCANNING);
    // what is there already, also the answer to that, is not a key; a full buffer would block the interrupt
    p.emit('MOV', ecx, 1000);
    p.repeat('JNZ', () => {
      p.emit('IN', al, STATUS);
      p.emit('TEST', al, OUTPUT_FULL);
      p.skip('JZ', () => p.emit('IN', al, DATA));
      p.emit('DEC', ecx);
    });
  });

  // AL = the character of scan code AL, 0 when it makes none
  p.routine('keyboard.character', [rcx], () => {
    const shift = p.variable('shift', 1);
    const capsLock = p.variable('capsLock', 1);
    const none = p.label();
    const done = p.label();
    for (const [code, value] of [
      [LEFT_SHIFT, 1],
      [RIGHT_SHIFT, 1],
      [LEFT_SHIFT | RELEASED, 0],
      [RIGHT_SHIFT | RELEASED, 0],
    ] as const) {
      p.emit('CMP', al, code);
      p.skip('JNE', () => {
        p.emit('MOV', shift, value);
        p.emit('JMP', none);
      });
    }
    p.emit('CMP', al, CAPS_LOCK);
    p.skip('JNE', () => p.emit('XOR', capsLock, 1));
    p.emit('CMP', al, PLAIN.length);
    p.emit('JAE', none);
    p.emit('MOVZX', ecx, al);
    p.emit('MOV', al, mem(1, { base: rcx, disp: p.label('keys plain') }));
    // caps lock changes what shift does to letters
    p.emit('MOV', reg.ah, shift);
    const notLetter = p.label();
    p.emit('CMP', al, 0x61);
    p.emit('JB', notLetter);
    p.emit('CMP', al, 0x7a);
    p.emit('JA', notLetter);
    p.emit('XOR', reg.ah, capsLock);
    p.bind(notLetter);
    p.emit('TEST', reg.ah, reg.ah);
    p.emit('JZ', done);
    p.emit('MOV', al, mem(1, { base: rcx, disp: p.label('keys shifted') }));
    p.emit('JMP', done);
    p.bind(none);
    p.emit('XOR', eax, eax);
    p.bind(done);
  });
  p.bind('keys plain');
  p.text(PLAIN);
  p.bind('keys shifted');
  p.text(SHIFTED);
}
