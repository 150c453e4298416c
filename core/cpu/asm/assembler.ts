/**
 * An assembler over the instruction table: `emit('MOV', reg.rax, 5)` looks the name up in the rows that the decoder uses
 * and takes the shortest encoding. A program is built by calling methods; there is no text to parse.
 *
 * Names are the table's, with the usual synonyms (JZ, JNZ, JC, STOSB, MOVSQ, CDQE, IRETQ, JRCXZ); LOCK and REP go in front:
 * `emit('REP STOSQ')`. A jump back is as short as can be; one forward has the long form unless the instruction has none.
 */
import { ROWS, type Row } from '../table/index.ts';
import { type Bits, type EncodeOptions, type Encoding, encode, type Fixup } from './encode.ts';
import { type AsmOperand, describeOperand, Label } from './operands.ts';

/** The program cannot be assembled: what stands in the message. */
class AssemblerError extends Error {
  override name = 'AssemblerError';
}

const rowsByName = new Map<string, Row[]>();
for (const row of ROWS) if (row.system !== 'x87') rowsByName.set(row.name, [...(rowsByName.get(row.name) ?? []), row]);

type SizedName = readonly [name: string, operandSize?: 1 | 2 | 4 | 8 | undefined, addressSize?: 2 | 4 | 8];
/** Names that say an operand or address size: the row's name and the size in bytes. */
const SIZED: Readonly<Record<string, SizedName>> = {
  CBW: ['CBW', 2],
  CWDE: ['CBW', 4],
  CDQE: ['CBW', 8],
  CWD: ['CWD', 2],
  CDQ: ['CWD', 4],
  CQO: ['CWD', 8],
  IRETW: ['IRET', 2],
  IRETD: ['IRET', 4],
  IRETQ: ['IRET', 8],
  PUSHFQ: ['PUSHF', 8],
  POPFQ: ['POPF', 8],
  PUSHFD: ['PUSHF', 4],
  POPFD: ['POPF', 4],
  SYSRETQ: ['SYSRET', 8],
  RETFQ: ['RETF', 8],
  JCXZ: ['JCXZ', undefined, 2],
  JECXZ: ['JCXZ', undefined, 4],
  JRCXZ: ['JCXZ', undefined, 8],
};
const STRING_NAME = /^(MOVS|CMPS|STOS|LODS|SCAS|INS|OUTS)([BWDQ])$/;
const STRING_SIZE = { B: 1, W: 2, D: 4, Q: 8 } as const;
const CONDITION = /^(J|SET|CMOV)(Z|NZ|C|NC|NAE|NB|NA|NBE|PE|PO|NGE|NL|NG|NLE)$/;
const CONDITION_NAME: Readonly<Record<string, string>> = {
  Z: 'E',
  NZ: 'NE',
  C: 'B',
  NC: 'AE',
  NAE: 'B',
  NB: 'AE',
  NA: 'BE',
  NBE: 'A',
  PE: 'P',
  PO: 'NP',
  NGE: 'L',
  NL: 'GE',
  NG: 'LE',
  NLE: 'G',
};
const PREFIXES: Readonly<Record<string, number>> = {
  LOCK: 0xf0,
  REP: 0xf3,
  REPE: 0xf3,
  REPZ: 0xf3,
  REPNE: 0xf2,
  REPNZ: 0xf2,
};

interface Placed extends Fixup {
  /** Where the displacement counts from. */
  readonly end: number;
}

export class Assembler {
  /** Size of the code that follows; may change within a program. */
  bits: Bits;
  /** Address of the first byte. */
  readonly origin: number;
  readonly #bytes: number[] = [];
  readonly #fixups: Placed[] = [];
  readonly #labels = new Map<string, Label>();
  #anonymous = 0;

  constructor({ bits, origin }: { bits: Bits; origin: number }) {
    this.bits = bits;
    this.origin = origin;
  }

  /** Address of the next byte. */
  get here(): number {
    return this.origin + this.#bytes.length;
  }

  /** The place of this name, bound or yet to be; without a name, a new place. */
  label(name?: string): Label {
    if (name === undefined) return new Label(`label ${++this.#anonymous}`);
    const label = this.#labels.get(name) ?? new Label(name);
    this.#labels.set(name, label);
    return label;
  }

  /** Makes this the label's place. Throws when it has one. */
  bind(where: Label | string = this.label()): Label {
    const label = typeof where === 'string' ? this.label(where) : where;
    if (label.address !== undefined) throw new AssemblerError(`${label.name} is bound twice`);
    label.address = this.here;
    return label;
  }

  /** One instruction. Throws AssemblerError when no row of the table takes the operands. */
  emit(name: string, ...operands: readonly AsmOperand[]): void {
    const { rows, options } = this.#lookUp(name);
    let best: Encoding | undefined;
    for (const row of rows) {
      const encoding = encode(row, operands, options);
      if (encoding && (best === undefined || this.#rank(encoding) < this.#rank(best))) best = encoding;
    }
    if (!best) {
      const given = operands.map(describeOperand).join(', ') || 'no operands';
      throw new AssemblerError(`no row of the table is ${name} with ${given} in ${this.bits}-bit code`);
    }
    const start = this.#bytes.length;
    this.#bytes.push(...best.bytes);
    const end = this.here;
    for (const fixup of best.fixups) this.#fixups.push({ ...fixup, at: start + fixup.at, end });
  }

  /** Shortest first; but a short jump ahead may turn out too short, so it comes last. */
  #rank({ bytes, fixups }: Encoding): number {
    const risky = fixups.some(({ size, relative, label }) => size === 1 && relative && label.address === undefined);
    return bytes.length + (risky ? 100 : 0);
  }

  #lookUp(text: string): { rows: readonly Row[]; options: EncodeOptions } {
    const words = text.split(' ');
    let name = words.pop() ?? '';
    let lock = false;
    let repeat = 0;
    for (const word of words) {
      const prefix = PREFIXES[word];
      if (prefix === undefined) throw new AssemblerError(`${word} in ${text} is no prefix`);
      if (prefix === 0xf0) lock = true;
      else repeat = prefix;
    }
    const options = { bits: this.bits, address: this.here, lock, repeat };
    const string = STRING_NAME.exec(name);
    const sized: SizedName | undefined =
      SIZED[name] ?? (string ? [string[1] ?? '', STRING_SIZE[(string[2] ?? 'B') as 'B']] : undefined);
    const condition = CONDITION.exec(name);
    if (condition) name = `${condition[1]}${CONDITION_NAME[condition[2] ?? '']}`;
    // MOVSD and CMPSD are SSE instructions too: their rows stand beside, the operands tell
    const rows = [...(sized ? (rowsByName.get(sized[0]) ?? []) : []), ...(rowsByName.get(name) ?? [])];
    if (rows.length === 0) throw new AssemblerError(`${name} is no instruction of the table`);
    return {
      rows: [...new Set(rows)],
      options: {
        ...options,
        ...(sized?.[1] !== undefined && { operandSize: sized[1] }),
        ...(sized?.[2] !== undefined && { addressSize: sized[2] }),
      },
    };
  }

  bytes(...values: readonly number[]): void {
    for (const value of values) this.#bytes.push(value & 0xff);
  }
  /** One byte for each character: code points below 256. */
  text(text: string): void {
    this.bytes(...[...text].map((c) => c.charCodeAt(0)));
  }
  u16(...values: readonly (number | Label)[]): void {
    for (const value of values) this.#word(value, 2);
  }
  u32(...values: readonly (number | Label)[]): void {
    for (const value of values) this.#word(value, 4);
  }
  u64(...values: readonly (number | bigint | Label)[]): void {
    for (const value of values) this.#word(value, 8);
  }
  zero(count: number): void {
    for (let n = 0; n < count; n++) this.#bytes.push(0);
  }
  /** Fills up to a multiple of `size` with `fill`. */
  align(size: number, fill = 0): void {
    while (this.here % size !== 0) this.#bytes.push(fill);
  }

  #word(value: number | bigint | Label, size: 2 | 4 | 8): void {
    const at = this.#bytes.length;
    if (value instanceof Label) this.#fixups.push({ at, size, label: value, plus: 0, relative: false, end: 0 });
    const known = value instanceof Label ? 0n : BigInt(value);
    for (let n = 0n; n < size; n++) this.bytes(Number((known >> (n * 8n)) & 0xffn));
  }

  /** The program. Throws AssemblerError when a label has no place, or one is too far away. */
  finish(): Uint8Array {
    const image = Uint8Array.from(this.#bytes);
    for (const { at, size, label, plus, relative, end } of this.#fixups) {
      if (label.address === undefined) throw new AssemblerError(`${label.name} is used, but nowhere bound`);
      const value = BigInt(label.address + plus - (relative ? end : 0));
      const bits = size * 8;
      if (BigInt.asIntN(bits, value) !== value && (relative || BigInt.asUintN(bits, value) !== value)) {
        throw new AssemblerError(`${label.name} is too far for ${size} ${size === 1 ? 'byte' : 'bytes'}`);
      }
      for (let n = 0; n < size; n++) image[at + n] = Number((value >> BigInt(n * 8)) & 0xffn);
    }
    return image;
  }
}
