/** The console: lines that were said, and below them the one that is being typed. Serial line and screen see the same. */
import { mem, reg } from '../../cpu/index.ts';
import { FROM_KEYBOARD } from './interrupts.ts';
import { BACKSPACE, ENTER } from './keyboard.ts';
import {
  COLOUR,
  COLUMNS,
  cell,
  HISTORY_ROW,
  INPUT,
  INPUT_COLUMN,
  INPUT_LIMIT,
  INPUT_RING,
  INPUT_ROW,
  LINE,
  PROMPT_COLUMN,
  TEXT_MEMORY,
} from './layout.ts';
import { appendText, beginLine } from './line.ts';
import type { Program } from './program.ts';

const DELETE = 0x7f;
const LINE_FEED = 10;
const ROW_BYTES = COLUMNS * 2;
const PROMPT = '> ';

const { rax, rbx, rcx, rdx, rsi, rdi, al, ax, eax, ebx, ecx, edx, edi, esi } = reg;

export function console(p: Program): void {
  showHistory(p);
  takeInput(p);
  typeCharacter(p);
  enter(p);
  erase(p);
}

function showHistory(p: Program): void {
  // the line under construction, on the screen only
  p.routine('console.show', [rax, rbx, rcx, rdx, rsi, rdi], () => {
    p.emit('MOV', esi, TEXT_MEMORY + (HISTORY_ROW + 1) * ROW_BYTES);
    p.emit('MOV', edi, TEXT_MEMORY + HISTORY_ROW * ROW_BYTES);
    p.emit('MOV', ecx, ((INPUT_ROW - 1 - HISTORY_ROW) * ROW_BYTES) / 8);
    p.emit('REP MOVSQ');
    p.emit('MOV', edx, cell(INPUT_ROW - 1, 0));
    p.emit('MOV', ecx, COLUMNS);
    p.emit('MOV', ebx, COLOUR.history);
    p.call('screen.blank');
    p.emit('ADD', edx, PROMPT_COLUMN);
    p.emit('MOV', esi, LINE);
    p.call('screen.text');
  });

  // the same on both
  p.routine('console.print', [rsi], () => {
    p.call('console.show');
    p.emit('MOV', esi, LINE);
    p.call('serial.text');
    p.call('serial.newline');
  });

  // a prompt, and nothing typed yet
  p.routine('console.prompt', [rsi], () => {
    p.emit('MOV', p.variable('inputLength', 4), 0);
    p.emit('MOV', esi, p.string(PROMPT));
    p.call('serial.text');
    p.call('console.cursor');
  });

  p.routine('console.cursor', [rcx], () => {
    p.emit('MOV', ecx, p.variable('inputLength', 4));
    p.emit('ADD', ecx, cell(INPUT_ROW, INPUT_COLUMN));
    p.call('screen.cursor');
  });
}

/** Everything that the interrupt handlers put into the ring. */
function takeInput(p: Program): void {
  p.routine('console.take', [rax, rcx], () => {
    const done = p.label();
    const next = p.bind();
    p.emit('MOVZX', ecx, p.variable('inputTail', 1));
    p.emit('CMP', reg.cl, p.variable('inputHead', 1));
    p.emit('JE', done);
    p.emit('MOV', ax, mem(2, { base: rcx, index: rcx, disp: INPUT_RING }));
    p.emit('INC', p.variable('inputTail', 1));
    p.emit('CMP', reg.ah, FROM_KEYBOARD);
    p.skip('JNE', () => p.call('keyboard.character'));
    p.call('console.type');
    p.emit('JMP', next);
    p.bind(done);
  });
}

/** AL: a character that was typed. */
function typeCharacter(p: Program): void {
  p.routine('console.type', [rax, rbx, rcx, rdx, rsi, rdi], () => {
    const done = p.label();
    const on = (character: number, routine: string): void => {
      p.emit('CMP', al, character);
      p.skip('JNE', () => {
        p.call(routine);
        p.emit('JMP', done);
      });
    };
    on(ENTER, 'console.enter');
    on(LINE_FEED, 'console.line feed');
    p.emit('MOV', p.variable('afterReturn', 1), 0);
    on(BACKSPACE, 'console.erase');
    on(DELETE, 'console.erase');
    p.emit('CMP', al, 0x20);
    p.emit('JB', done);
    p.emit('CMP', al, 0x7e);
    p.emit('JA', done);
    p.emit('MOV', ecx, p.variable('inputLength', 4));
    p.emit('CMP', ecx, INPUT_LIMIT);
    p.emit('JAE', done);
    p.emit('MOV', mem(1, { base: rcx, disp: INPUT }), al);
    p.emit('MOV', reg.ah, COLOUR.input);
    p.emit('MOV', mem(2, { index: rcx, scale: 2, disp: TEXT_MEMORY + cell(INPUT_ROW, INPUT_COLUMN) * 2 }), ax);
    p.emit('INC', p.variable('inputLength', 4));
    p.call('serial.byte');
    p.call('console.cursor');
    p.bind(done);
  });

  // a terminal may send CR, LF or both for Enter
  p.routine('console.line feed', [], () => {
    p.emit('CMP', p.variable('afterReturn', 1), 0);
    p.skip('JNE', () => p.call('console.enter'));
    p.emit('MOV', p.variable('afterReturn', 1), 0);
  });
}

function enter(p: Program): void {
  p.routine('console.enter', [rax, rbx, rcx, rdx, rsi, rdi], () => {
    p.emit('MOV', ecx, p.variable('inputLength', 4));
    p.emit('MOV', mem(1, { base: rcx, disp: INPUT }), 0);
    p.call('serial.newline');
    p.emit('MOV', edx, cell(INPUT_ROW, INPUT_COLUMN));
    p.emit('MOV', ecx, COLUMNS - INPUT_COLUMN);
    p.emit('MOV', ebx, COLOUR.input);
    p.call('screen.blank');
    beginLine(p);
    appendText(p, PROMPT);
    p.emit('MOV', esi, INPUT);
    p.call('append.text');
    p.call('console.show');
    p.call('command.run');
    p.call('console.prompt');
    p.emit('MOV', p.variable('afterReturn', 1), 1);
  });
}

function erase(p: Program): void {
  p.routine('console.erase', [rax, rcx, rsi], () => {
    const nothing = p.label();
    p.emit('MOV', ecx, p.variable('inputLength', 4));
    p.emit('TEST', ecx, ecx);
    p.emit('JZ', nothing);
    p.emit('DEC', ecx);
    p.emit('MOV', p.variable('inputLength', 4), ecx);
    p.emit('MOV', eax, (COLOUR.input << 8) | 0x20);
    p.emit('MOV', mem(2, { index: rcx, scale: 2, disp: TEXT_MEMORY + cell(INPUT_ROW, INPUT_COLUMN) * 2 }), ax);
    p.emit('MOV', esi, p.string('\b \b'));
    p.call('serial.text');
    p.call('console.cursor');
    p.bind(nothing);
  });
}
