/**
 * Assembly as text, for programs too long for one method call an instruction: each line goes to the assembler's `emit`.
 * The notation is nasm's where it has one:
 *
 *     name:                      a place; `.name:` is one within the last place without a dot
 *     mov al, [es:bx+si+TABLE]   brackets are memory; byte, word, dword in front where no register tells the size
 *     jmp far 0xf000:name        far pointers, direct and by memory
 *     db 'text', 13, 0           db, dw, dd, align, zero (so many bytes of 0), bits
 *     es lodsb, a32 rep movsd    prefixes that have no operand
 *     ; a comment
 *
 * A name that is no register and no symbol is a place. Constants are computed with + - * / & | << >> ~ and brackets.
 */
import { Assembler, far, type Label, mem, reg, sys } from '../../cpu/index.ts';

type Operand = Parameters<Assembler['emit']>[1];
type Register = (typeof reg)[keyof typeof reg];
export type Symbols = Readonly<Record<string, number>>;

/** A number, or a place and a number. */
interface Value {
  readonly label?: Label | undefined;
  readonly number: number;
}

const REGISTERS: Readonly<Record<string, Register | undefined>> = reg;
const SEGMENTS = new Set(['es', 'cs', 'ss', 'ds', 'fs', 'gs']);
const SYSTEM: Readonly<Record<string, (typeof sys)[keyof typeof sys] | undefined>> = sys;
const SIZES: Readonly<Record<string, 1 | 2 | 4 | 8>> = { byte: 1, word: 2, dword: 4, qword: 8 };
const PREFIX_BYTES: Readonly<Record<string, number>> = {
  es: 0x26,
  cs: 0x2e,
  ss: 0x36,
  ds: 0x3e,
  fs: 0x64,
  gs: 0x65,
  o32: 0x66,
  o16: 0x66,
  a32: 0x67,
};
/** Names that ask for 32-bit operands in 16-bit code: the row's name behind a prefix. */
const WIDE: Readonly<Record<string, string>> = { pushad: 'PUSHA', popad: 'POPA' };
const TOKEN = /\s*(0x[0-9a-f_]+|[0-9][0-9_]*|'.'|[A-Za-z_.$][\w.]*|<<|>>|[-+*/&|~()])/iy;
const BINARY: readonly (readonly string[])[] = [['|'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/']];
const COMPUTE: Readonly<Record<string, (a: number, b: number) => number>> = {
  '|': (a, b) => (a | b) >>> 0,
  '&': (a, b) => (a & b) >>> 0,
  '<<': (a, b) => a * 2 ** b,
  '>>': (a, b) => Math.floor(a / 2 ** b),
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.floor(a / b),
};

/** Splits at commas that are in no quotes. */
const splitOperands = (text: string): string[] => (text.match(/(?:'[^']*'|[^,'])+/g) ?? []).map((part) => part.trim());

export class Listing extends Assembler {
  readonly #symbols: Map<string, number>;
  #scope = '';

  constructor(options: { bits: 16 | 32; origin: number; symbols: Symbols }) {
    super(options);
    this.#symbols = new Map(Object.entries(options.symbols));
  }

  /** Assembles the lines. Throws with the line that cannot be. */
  asm(text: string): void {
    for (const line of text.split('\n')) {
      try {
        this.#line(line.replace(/("[^"]*"|'[^']*'|[^;'"])|;.*$/g, '$1').trim());
      } catch (cause) {
        throw new Error(`${line.trim()}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
  }

  /** The address of a place that is bound. */
  address(name: string): number {
    const { address } = this.label(name);
    if (address === undefined) throw new Error(`${name} is not bound`);
    return address;
  }

  #line(line: string): void {
    const place = /^([A-Za-z_.][\w.]*):\s*(.*)$/.exec(line);
    if (place) {
      const [, name = '', rest = ''] = place;
      if (!name.startsWith('.')) this.#scope = name;
      this.bind(this.#scoped(name));
      this.#line(rest);
    } else if (line !== '') this.#instruction(line);
  }

  #scoped(name: string): string {
    return name.startsWith('.') ? this.#scope + name : name;
  }

  #instruction(line: string): void {
    const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    const prefix = PREFIX_BYTES[word];
    const wide = WIDE[word];
    if (prefix !== undefined) {
      this.bytes(prefix);
      this.#instruction(rest);
    } else if (/^(rep|repe|repne|lock)$/.test(word)) this.emit(line.toUpperCase());
    else if (wide !== undefined) {
      if (this.bits === 16) this.bytes(0x66);
      this.emit(wide);
    } else if (!this.#directive(word, splitOperands(rest))) this.#emitText(word, rest);
  }

  #emitText(word: string, rest: string): void {
    if (rest.startsWith('far ')) this.emit(`${word.toUpperCase()}F`, this.#far(rest.slice(4)));
    else {
      const operands = splitOperands(rest);
      // the table has these with memory first
      if (/^(xchg|test)$/.test(word) && operands[1]?.startsWith('[')) operands.reverse();
      const size = operands.flatMap((text) => REGISTERS[text]?.size ?? (SYSTEM[text] ? [2] : []))[0] ?? 0;
      this.emit(word.toUpperCase(), ...operands.map((text) => this.#operand(text, size as 0 | 1 | 2 | 4)));
    }
  }

  #directive(word: string, parts: readonly string[]): boolean {
    switch (word) {
      case 'db':
        for (const part of parts) {
          if (/^'.{2,}'$/.test(part)) this.text(part.slice(1, -1));
          else this.bytes(this.#constant(part));
        }
        return true;
      case 'dw':
        this.u16(...parts.map((part) => this.#word(part)));
        return true;
      case 'dd':
        this.u32(...parts.map((part) => this.#word(part)));
        return true;
      case 'align':
        this.align(this.#constant(parts[0] ?? ''));
        return true;
      case 'zero':
        this.zero(this.#constant(parts[0] ?? ''));
        return true;
      case 'bits':
        this.bits = this.#constant(parts[0] ?? '') === 16 ? 16 : 32;
        return true;
      default:
        return false;
    }
  }

  #far(text: string): Operand {
    if (text.startsWith('[')) return this.#memory(text, 0);
    const [selector = '', target = ''] = text.split(':');
    return far(this.#constant(selector), this.#word(target));
  }

  #operand(text: string, size: 0 | 1 | 2 | 4): Operand {
    const sized = /^(byte|word|dword|qword)\s+(.*)$/.exec(text);
    if (sized) return this.#memory(sized[2] ?? '', SIZES[sized[1] ?? ''] ?? 0);
    if (text.startsWith('[')) return this.#memory(text, size);
    return REGISTERS[text] ?? SYSTEM[text] ?? this.#word(text);
  }

  /** `[segment:register+register*scale+constant]` */
  #memory(text: string, size: 0 | 1 | 2 | 4 | 8): Operand {
    const inside = /^\[(?:(\w\w):)?(.*)\]$/.exec(text);
    if (!inside) throw new Error(`${text} is no memory operand`);
    const [, segmentName, address = ''] = inside;
    const registers: { register: Register; scale: 1 | 2 | 4 | 8 }[] = [];
    const constant = address.replace(
      /(^|\+)\s*([a-z]{2,3})(?:\s*\*\s*([1248]))?\s*(?=$|[-+])/g,
      (all, _, name, scale) => {
        const register = REGISTERS[name as string];
        if (!register) return all as string;
        registers.push({ register, scale: Number(scale ?? 1) as 1 | 2 | 4 | 8 });
        return '';
      },
    );
    const value = constant.trim() === '' ? { number: 0 } : this.#value(constant.trim().replace(/^\+/, ''));
    const [first, second] = registers;
    const [base, index] = first && first.scale > 1 ? [second, first] : [first, second];
    const segment = segmentName !== undefined && SEGMENTS.has(segmentName) ? SYSTEM[segmentName] : undefined;
    return mem(size, {
      ...(base && { base: base.register }),
      ...(index && { index: index.register, scale: index.scale }),
      ...(segment && { segment }),
      disp: value.label ?? value.number,
      plus: value.label ? value.number : 0,
    });
  }

  /** What stands where a number does: a number, or a place. */
  #word(text: string): number | Label {
    const { label, number } = this.#value(text);
    if (label && number !== 0) throw new Error(`${text}: a place and a number only in memory operands`);
    return label ?? number;
  }

  #constant(text: string): number {
    const { label, number } = this.#value(text);
    if (label) throw new Error(`${label.name} is no constant`);
    return number;
  }

  #value(text: string): Value {
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const token = TOKEN.exec(text);
      if (!token) throw new Error(`"${text}" is no expression`);
      tokens.push(token[1] ?? '');
    }
    const value = this.#binary(tokens, 0);
    if (tokens.length > 0) throw new Error(`${tokens[0]} is too much in "${text}"`);
    return value;
  }

  #binary(tokens: string[], level: number): Value {
    const operators = BINARY[level];
    if (!operators) return this.#unary(tokens);
    let left = this.#binary(tokens, level + 1);
    while (operators.includes(tokens[0] ?? '')) {
      const operator = tokens.shift() ?? '';
      const right = this.#binary(tokens, level + 1);
      if (right.label || (left.label && level !== 3)) throw new Error('a place can only have a number added');
      left = { label: left.label, number: COMPUTE[operator]?.(left.number, right.number) ?? 0 };
    }
    return left;
  }

  #unary(tokens: string[]): Value {
    const token = tokens.shift() ?? '';
    if (token === '-') return { number: -this.#unary(tokens).number };
    if (token === '~') return { number: ~this.#unary(tokens).number };
    if (token === '(') {
      const value = this.#binary(tokens, 0);
      if (tokens.shift() !== ')') throw new Error('a bracket is not closed');
      return value;
    }
    if (/^[0-9]/.test(token)) return { number: Number(token.replaceAll('_', '')) };
    if (token.startsWith("'")) return { number: token.charCodeAt(1) };
    if (!/^[A-Za-z_.$]/.test(token)) throw new Error(`a value is missing before "${token}"`);
    const symbol = this.#symbols.get(token);
    return symbol === undefined ? { label: this.label(this.#scoped(token)), number: 0 } : { number: symbol };
  }
}
