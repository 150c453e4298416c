/** The text screen: cells of a character and an attribute in VGA memory, and the hardware cursor. */
import { mem, reg } from '../../cpu/index.ts';
import { COLUMNS, LINE, ROWS, TEXT_MEMORY, VALUE_COLUMN } from './layout.ts';
import { PICTURE } from './picture.ts';
import type { Program } from './program.ts';

const CRTC = 0x3d4;
const CURSOR_START = 0x0a;
const CURSOR_END = 0x0b;
const CURSOR_HIGH = 0x0e;
const CURSOR_LOW = 0x0f;

const { rax, rcx, rdx, rsi, rdi, al, ah, bl, dx, eax, ecx, edx, edi, esi, ebx } = reg;

/** Emits: the line under construction goes to this cell in this colour. */
export function showLine(p: Program, cell: number, attribute: number): void {
  p.emit('MOV', edx, cell);
  p.emit('MOV', ebx, attribute);
  p.emit('MOV', esi, LINE);
  p.call('screen.text');
}

/** Emits: the same, and "name  line" on the serial port. */
export function present(p: Program, name: string, cell: number, attribute: number): void {
  showLine(p, cell, attribute);
  p.emit('MOV', esi, p.string(`  ${name.padEnd(VALUE_COLUMN - 3)}`));
  p.call('serial.text');
  p.emit('MOV', esi, LINE);
  p.call('serial.text');
  p.call('serial.newline');
}

export function screen(p: Program): void {
  p.routine('screen.start', [rax, rcx, rdx, rsi, rdi], () => {
    p.emit('MOV', esi, p.label('picture'));
    p.emit('MOV', edi, TEXT_MEMORY);
    p.emit('MOV', ecx, (COLUMNS * ROWS * 2) / 8);
    p.emit('REP MOVSQ');
    crtc(p, CURSOR_START, () => p.emit('MOV', ah, 13));
    crtc(p, CURSOR_END, () => p.emit('MOV', ah, 14));
  });
  p.align(8);
  p.bind('picture');
  p.u16(...PICTURE);

  // the text at RSI to cell EDX with attribute BL
  p.routine('screen.text', [rax, rsi, rdi], () => {
    const done = p.label();
    p.emit('LEA', edi, mem(0, { index: rdx, scale: 2, disp: TEXT_MEMORY }));
    p.emit('MOV', ah, bl);
    const next = p.bind();
    p.emit('LODSB');
    p.emit('TEST', al, al);
    p.emit('JZ', done);
    p.emit('STOSW');
    p.emit('JMP', next);
    p.bind(done);
  });

  // ECX blanks from cell EDX with attribute BL
  p.routine('screen.blank', [rax, rcx, rdi], () => {
    p.emit('LEA', edi, mem(0, { index: rdx, scale: 2, disp: TEXT_MEMORY }));
    p.emit('MOV', ah, bl);
    p.emit('MOV', al, 0x20);
    p.emit('REP STOSW');
  });

  // the cursor to cell ECX
  p.routine('screen.cursor', [rax, rdx], () => {
    crtc(p, CURSOR_LOW, () => p.emit('MOV', ah, reg.cl));
    crtc(p, CURSOR_HIGH, () => {
      p.emit('MOV', eax, ecx);
      p.emit('MOV', al, CURSOR_HIGH);
    });
  });
}

/** `value` puts the value into AH. */
function crtc(p: Program, register: number, value: () => void): void {
  value();
  p.emit('MOV', al, register);
  p.emit('MOV', edx, CRTC);
  p.emit('OUT', dx, reg.ax);
}
