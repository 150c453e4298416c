/**
 * The text of a case, for our assembler: statements with ';' between them, in the syntax of nasm as far as it goes.
 *
 *   again: mov eax, [ebx+DATA+4]; o16 retf; rep movsb; jmp CODE32:TARGET; call far [DATA]; db 0x0f, 0x05; loop again
 *
 * Names in capitals are the symbols of layout.ts. Sizes of memory operands are said (byte, word, dword, qword) where no
 * register says them.
 */
import { Assembler, far, mem, reg, sys } from '../../cpu/index.ts';
import { SYMBOLS } from './layout.ts';

type Operand = Parameters<Assembler['emit']>[1];
type Size = 0 | 1 | 2 | 4 | 8;

const REGISTERS: Readonly<Record<string, Operand>> = { ...reg, ...sys };
const SIZES: Readonly<Record<string, Size>> = { byte: 1, word: 2, dword: 4, qword: 8, far: 0 };
const RAW_PREFIXES: Readonly<Record<string, number>> = { o16: 0x66, o32: 0x66, a16: 0x67, a32: 0x67, lock: 0xf0 };
const FAR: Readonly<Record<string, string>> = { JMP: 'JMPF', CALL: 'CALLF' };
const PREFIX = /^(rep|repe|repz|repne|repnz)$/;

/** The bytes of a text for code of this size at `origin`. Throws where it cannot be assembled. */
export function assemble(source: string, bits: 16 | 32 | 64, origin: number): Uint8Array {
  const program = new Assembler({ bits, origin });
  try {
    for (const statement of source.split(';')) line(program, statement.trim());
    return program.finish();
  } catch (error) {
    throw new Error(`"${source}" (${bits} bits): ${error instanceof Error ? error.message : error}`);
  }
}

function line(program: Assembler, text: string): void {
  const label = /^([a-z]\w*):\s*/.exec(text);
  if (label) program.bind(label[1]);
  const words = text.slice(label?.[0].length ?? 0).split(/\s+/);
  let prefixes = '';
  for (let word = words[0] ?? ''; ; word = words[0] ?? '') {
    const raw = RAW_PREFIXES[word];
    if (raw !== undefined) program.bytes(raw);
    else if (PREFIX.test(word)) prefixes += `${word.toUpperCase()} `;
    else break;
    words.shift();
  }
  const name = (words.shift() ?? '').toUpperCase();
  if (name === '') return;
  const operands = splitOperands(words.join(' '));
  if (name === 'DB') program.bytes(...operands.map(number));
  else if (name === 'DD') program.u32(...operands.map(number));
  else instruction(program, prefixes, name, operands);
}

function instruction(program: Assembler, prefixes: string, name: string, texts: readonly string[]): void {
  const register = texts.map((text) => REGISTERS[text]).find((r) => r !== undefined);
  const implied = typeof register === 'object' && 'size' in register ? (register.size as Size) : 0;
  const operands = texts.map((text) => operand(program, text, implied));
  const isFar = texts[0]?.startsWith('far ') || /^[\w+]+:/.test(texts[0] ?? '');
  program.emit(prefixes + (isFar ? (FAR[name] ?? name) : name), ...operands);
}

const splitOperands = (text: string): string[] => (text === '' ? [] : text.split(',').map((part) => part.trim()));

function operand(program: Assembler, text: string, implied: Size): Operand {
  const register = REGISTERS[text];
  if (register !== undefined) return register;
  const memory = /^(?:(\w+) )?\[(?:(\w\w):)?(.*)\]$/.exec(text);
  if (memory) return memoryOperand(memory[3] ?? '', memory[1] ? (SIZES[memory[1]] ?? 0) : implied, memory[2]);
  const [selector, offset] = text.split(':');
  if (selector !== undefined && offset !== undefined) return far(number(selector), number(offset));
  return isLabel(text) ? program.label(text) : wide(text);
}

const isLabel = (text: string): boolean => /^[a-z]\w*$/.test(text);
const wide = (text: string): number | bigint => (/^0x[0-9a-f]{9,}$/.test(text) ? BigInt(text) : number(text));

/** Sums of numbers and symbols. */
function number(text: string): number {
  let sum = 0;
  for (const [, sign, term = ''] of text.replace(/\s/g, '').matchAll(/([+-]?)([^+-]+)/g)) {
    const value = SYMBOLS[term] ?? Number(term);
    if (Number.isNaN(value)) throw new Error(`${term} is no number and no symbol`);
    sum += sign === '-' ? -value : value;
  }
  return sum;
}

function memoryOperand(text: string, size: Size, segment: string | undefined): ReturnType<typeof mem> {
  const used: (typeof reg)[keyof typeof reg][] = [];
  const rest = text.replace(/\b[a-z]\w*\+?/g, (name) => {
    const register = REGISTERS[name.replace('+', '')];
    if (register === undefined) throw new Error(`${name} is no register`);
    used.push(register as (typeof reg)[keyof typeof reg]);
    return '';
  });
  const override = segment === undefined ? undefined : sys[segment as keyof typeof sys];
  const [base, index] = used;
  return mem(size, {
    ...(base && { base }),
    ...(index && { index }),
    disp: rest === '' ? 0 : number(rest),
    ...(override && { segment: override }),
  });
}
