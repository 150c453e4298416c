/** Exceptions: this guest raises none, so one is the end. It says all there is to say and stops. */
import { mem, reg, sys } from '../../cpu/index.ts';
import { COLOUR, COLUMNS, cell, HISTORY_ROW, INPUT_ROW, LINE } from './layout.ts';
import { appendDecimal, appendHex, appendText, beginLine } from './line.ts';
import type { Program } from './program.ts';

/** [SDM] volume 3, table 6-1. */
const NAMES: Readonly<Record<number, string>> = {
  0: 'divide error',
  1: 'debug',
  3: 'breakpoint',
  6: 'invalid opcode',
  7: 'no FPU',
  8: 'double fault',
  10: 'invalid TSS',
  11: 'segment not present',
  12: 'stack fault',
  13: 'general protection',
  14: 'page fault',
  16: 'x87 error',
  17: 'alignment check',
  18: 'machine check',
  19: 'SIMD error',
};

const { rax, rsp, rbp, eax, ebx, ecx, edx, esi } = reg;

/** On the stack: vector, error code, RIP, CS, RFLAGS, RSP, SS. */
export function fault(p: Program): void {
  p.bind('fault');
  p.emit('MOV', rbp, rsp);
  p.emit('MOV', edx, cell(HISTORY_ROW, 0));
  p.emit('MOV', ecx, (INPUT_ROW + 1 - HISTORY_ROW) * COLUMNS);
  p.emit('MOV', ebx, COLOUR.fault);
  p.call('screen.blank');
  p.call('serial.newline');
  const value = (name: string, load: () => void): void => {
    appendText(p, name);
    load();
    appendHex(p, 16);
  };

  beginLine(p);
  appendText(p, 'Exception ');
  p.emit('MOV', rax, mem(8, { base: rbp }));
  appendDecimal(p);
  appendText(p, ': ');
  p.emit('MOV', eax, mem(4, { index: rax, scale: 4, disp: p.label('exception names') }));
  p.emit('MOV', esi, eax);
  p.call('append.text');
  faultLine(p, 1);

  beginLine(p);
  value('RIP ', () => p.emit('MOV', rax, mem(8, { base: rbp, disp: 16 })));
  value('   error code ', () => p.emit('MOV', rax, mem(8, { base: rbp, disp: 8 })));
  value('   CR2 ', () => p.emit('MOV', rax, sys.cr2));
  faultLine(p, 2);

  beginLine(p);
  appendText(p, 'The guest has stopped. Reset the machine to start it again.');
  faultLine(p, 3);
  p.emit('MOV', ecx, cell(INPUT_ROW + 2, 0)); // out of sight
  p.call('screen.cursor');
  p.emit('CLI');
  p.repeat('JMP', () => p.emit('HLT'));

  p.align(4);
  p.bind('exception names');
  for (let vector = 0; vector < 32; vector++) p.u32(p.string(NAMES[vector] ?? 'unexpected'));
}

function faultLine(p: Program, row: number): void {
  p.emit('MOV', edx, cell(HISTORY_ROW + row, 2));
  p.emit('MOV', ebx, COLOUR.fault);
  p.emit('MOV', esi, LINE);
  p.call('screen.text');
  p.call('serial.text');
  p.call('serial.newline');
}
