/** The memory map that the boot loader gives. [MB] Multiboot 0.6.96, 3.3: mmap_length, mmap_addr. */
import { mem, reg } from '../../cpu/index.ts';
import { COLOUR, cell, LABEL_COLUMN, LINE, MEMORY_ENTRIES, MEMORY_ROW, MEMORY_TOTAL_COLUMN } from './layout.ts';
import { appendBlanks, appendDecimal, appendHex, appendText, beginLine } from './line.ts';
import type { Program } from './program.ts';
import { showLine } from './screen.ts';

const INFO_MEMORY_MAP = 1 << 6;
const MMAP_LENGTH = 44;
const MMAP_ADDRESS = 48;
/** An entry: size of the rest (4 bytes), then start, length, type. */
const ENTRY = { size: 0, start: 4, length: 12, type: 20 } as const;
const AVAILABLE = 1;
const TYPES: readonly (readonly [type: number, text: string])[] = [
  [AVAILABLE, 'usable'],
  [3, 'ACPI tables'],
  [4, 'ACPI, to be kept'],
  [5, 'defective'],
];

const { rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r12, eax, ebx, edx, esi, r8d, r9d, r12d } = reg;

export function memoryMap(p: Program): void {
  p.routine('memory.show', [rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r12], () => {
    const end = p.label();
    p.emit('MOV', esi, p.string('Memory\r\n'));
    p.call('serial.text');
    p.emit('MOV', ebx, p.variable('multibootInfo', 4));
    p.emit('TEST', mem(4, { base: rbx }), INFO_MEMORY_MAP);
    p.emit('JZ', end);
    p.emit('MOV', r8d, mem(4, { base: rbx, disp: MMAP_ADDRESS }));
    p.emit('MOV', r9d, mem(4, { base: rbx, disp: MMAP_LENGTH }));
    p.emit('ADD', r9, r8);
    p.emit('MOV', r12d, cell(MEMORY_ROW + 1, LABEL_COLUMN));
    const next = p.bind();
    p.emit('CMP', r8, r9);
    p.emit('JAE', end);
    showEntry(p);
    p.emit('MOV', eax, mem(4, { base: r8, disp: ENTRY.size }));
    p.emit('LEA', r8, mem(0, { base: r8, index: rax, disp: 4 }));
    p.emit('JMP', next);
    p.bind(end);
    beginLine(p);
    appendText(p, ' ');
    p.call('memory.append total');
    appendText(p, ' ');
    showLine(p, cell(MEMORY_ROW, MEMORY_TOTAL_COLUMN), COLOUR.label);
  });
  appendTotal(p);
  typeNames(p);
}

/** The entry at R8 to cell R12, which moves on; behind the last row only to the serial port. */
function showEntry(p: Program): void {
  beginLine(p);
  p.emit('MOV', rax, mem(8, { base: r8, disp: ENTRY.start }));
  appendHex(p, 10);
  appendText(p, ' - ');
  p.emit('ADD', rax, mem(8, { base: r8, disp: ENTRY.length }));
  p.emit('DEC', rax);
  appendHex(p, 10);
  appendBlanks(p, 27);
  p.emit('MOV', rax, mem(8, { base: r8, disp: ENTRY.length }));
  p.call('append.size aligned');
  appendBlanks(p, 43);
  p.call('memory.append type');
  p.emit('MOV', ebx, COLOUR.label);
  p.emit('CMP', mem(4, { base: r8, disp: ENTRY.type }), AVAILABLE);
  p.skip('JNE', () => {
    p.emit('MOV', ebx, COLOUR.usable);
    p.emit('MOV', rax, mem(8, { base: r8, disp: ENTRY.length }));
    p.emit('ADD', p.variable('usableBytes', 8), rax);
  });
  p.emit('INC', p.variable('memoryEntries', 4));
  p.emit('CMP', r12d, cell(MEMORY_ROW + 1 + MEMORY_ENTRIES, 0));
  p.skip('JAE', () => {
    p.emit('MOV', edx, r12d);
    p.emit('MOV', esi, LINE);
    p.call('screen.text');
    p.emit('ADD', r12d, cell(1, 0));
  });
  p.emit('MOV', esi, p.string('  '));
  p.call('serial.text');
  p.emit('MOV', esi, LINE);
  p.call('serial.text');
  p.call('serial.newline');
}

function appendTotal(p: Program): void {
  p.routine('memory.append total', [rax], () => {
    p.emit('MOV', rax, p.variable('usableBytes', 8));
    p.call('append.size');
    appendText(p, ' usable in ');
    p.emit('MOV', eax, p.variable('memoryEntries', 4));
    appendDecimal(p);
    appendText(p, ' ranges');
  });
}

function typeNames(p: Program): void {
  p.routine('memory.append type', [rsi], () => {
    const found = p.label();
    for (const [type, text] of TYPES) {
      p.emit('MOV', esi, p.string(text));
      p.emit('CMP', mem(4, { base: r8, disp: ENTRY.type }), type);
      p.emit('JE', found);
    }
    p.emit('MOV', esi, p.string('reserved'));
    p.bind(found);
    p.call('append.text');
  });
}
