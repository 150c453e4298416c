/**
 * The decoder: bytes to Insn, by the instruction table. [SDM] volume 2, chapter 2 and appendix A.
 */

import type { Feature } from '../features.ts';
import { CS, DS, ES, FS, GS, RAX, RBP, RBX, RDI, RSI, RSP, SS } from '../state.ts';
import { NOP_ROW, type Row } from '../table/index.ts';
import type { OperandSpec, SizeCode, VectorLength } from '../table/row.ts';
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand, type Size } from './insn.ts';
import { MODE_32, MODE_64, MODE_REAL, MODE_SIZE_MASK } from './mode.ts';
import { type Encoding, type OpcodeRows, Opcodes } from './opcodes.ts';

/** Where code bytes come from. `byte` throws what a failed fetch raises. */
export interface CodeSource {
  byte(index: number): number;
}

/** The bytes are no instruction of this processor in this mode: #UD; or longer than 15 bytes: #GP. */
export type DecodeFailure = { readonly failure: 'undefined' | 'too-long'; readonly length: number };

class TooLong extends Error {}

const MAX_LENGTH = 15;

/** What the first bytes of an instruction may be, in and outside 64-bit mode. */
const OPCODE = 0;
const REX = 1;
const OPERAND_SIZE = 2;
const ADDRESS_SIZE = 3;
const LOCK = 4;
const REPEAT = 5;
const SEGMENT = 6; // and the segment register's number
const PREFIXES = new Uint8Array(256);
for (const [at, kind] of [
  [0x66, OPERAND_SIZE],
  [0x67, ADDRESS_SIZE],
  [0xf0, LOCK],
  [0xf2, REPEAT],
  [0xf3, REPEAT],
] as const)
  PREFIXES[at] = kind;
for (const [at, segment] of [
  [0x26, ES],
  [0x2e, CS],
  [0x36, SS],
  [0x3e, DS],
  [0x64, FS],
  [0x65, GS],
] as const)
  PREFIXES[at] = SEGMENT + segment;
const LONG_PREFIXES = PREFIXES.slice().fill(REX, 0x40, 0x50);

/** Opcode maps of a three-byte VEX prefix, as the table has them. */
const VEX_MAP_0F = 0x0f00;
const VEX_MAPS: Readonly<Record<number, number>> = { 1: VEX_MAP_0F, 2: 0x0f3800, 3: 0x0f3a00 };
const VEX_PREFIXES = [0, 0x66, 0xf3, 0xf2] as const;

export class Decoder {
  // the instruction being decoded
  #source: CodeSource = { byte: () => 0 };
  #at = 0;
  #mode = 0;
  #long = false;
  #rex = 0;
  #operandPrefix = false;
  #segment = NO_REGISTER;
  #lock = false;
  #repeat = 0;
  #addressSize: 2 | 4 | 8 = 8;
  #modrm = 0;
  /** Of a VEX prefix: register number in vvvv, vector length, mandatory prefix. */
  #vvvv = 0;
  #vectorLength: VectorLength = 0;
  #vexPrefix: 0 | 0x66 | 0xf2 | 0xf3 = 0;
  /** ModRM's memory operand, if it has one. */
  #isMemory = false;
  #base = NO_REGISTER;
  #index = NO_REGISTER;
  #scale = 0;
  #displacement = 0;
  #byStack = false;
  #vectorIndex = false;
  readonly #encoding = {
    long: false,
    modrm: 0,
    isMemory: false,
    vectorIndex: false,
    wide: false,
    vectorLength: 0,
    prefix: 0,
  } as { -readonly [K in keyof Encoding]: Encoding[K] };
  #opcodes: Opcodes;

  constructor(features: ReadonlySet<Feature>) {
    this.#opcodes = new Opcodes(features);
  }

  get features(): ReadonlySet<Feature> {
    return this.#opcodes.features;
  }
  set features(features: ReadonlySet<Feature>) {
    this.#opcodes = new Opcodes(features);
  }

  decode(source: CodeSource, mode: number): Insn | DecodeFailure {
    this.#source = source;
    this.#at = 0;
    this.#mode = mode;
    this.#long = (mode & MODE_SIZE_MASK) === MODE_64;
    try {
      return this.#instruction();
    } catch (e) {
      if (e instanceof TooLong) return { failure: 'too-long', length: MAX_LENGTH };
      throw e;
    }
  }

  #u8(): number {
    if (this.#at >= MAX_LENGTH) throw new TooLong();
    return this.#source.byte(this.#at++);
  }
  #u16(): number {
    const low = this.#u8();
    return low | (this.#u8() << 8);
  }
  #s32(): number {
    const low = this.#u16();
    return low | (this.#u16() << 16);
  }

  #instruction(): Insn | DecodeFailure {
    let opcode = this.#prefixes();
    this.#vectorLength = 0;
    if ((opcode & 0xfe) === 0xc4 && this.#isVex()) return this.#vex(opcode === 0xc4);
    if (opcode === 0x0f) {
      opcode = 0x0f00 | this.#u8();
      if (opcode === 0x0f38 || opcode === 0x0f3a) opcode = (opcode << 8) | this.#u8();
    }
    if (opcode === 0x90 && (this.#rex & 1) === 0) return this.#finish(NOP_ROW, opcode);
    return this.#byRows(this.#opcodes.legacy(opcode), opcode);
  }

  #byRows(rows: OpcodeRows, opcode: number): Insn | DecodeFailure {
    this.#isMemory = false;
    this.#vectorIndex = false;
    this.#modrm = 0;
    if (rows.hasModrm) {
      this.#modrm = this.#u8();
      // MOV to and from control and debug registers ignore mod
      const registerOnly = opcode >= 0x0f20 && opcode <= 0x0f23 && this.#vectorLength === 0;
      if (this.#modrm < 0xc0 && !registerOnly) this.#memoryOperand(rows.vsib);
    }
    const row = rows.select(this.#encodingOf());
    if (!row) return { failure: 'undefined', length: this.#at };
    return this.#finish(row, opcode);
  }
  #encodingOf(): Encoding {
    const e = this.#encoding;
    const isVex = this.#vectorLength !== 0;
    e.long = this.#long;
    e.modrm = this.#modrm;
    e.isMemory = this.#isMemory;
    e.vectorIndex = this.#vectorIndex;
    e.wide = isVex && (this.#rex & 8) !== 0;
    e.vectorLength = this.#vectorLength;
    e.prefix = isVex ? this.#vexPrefix : this.#repeat !== 0 ? this.#repeat : this.#operandPrefix ? 0x66 : 0;
    return e;
  }

  /** C4 and C5 are VEX prefixes in 64-bit mode, and elsewhere where LES and LDS would have a register operand. */
  #isVex(): boolean {
    if (this.#long) return true;
    if ((this.#mode & MODE_REAL) !== 0 || this.#at >= MAX_LENGTH) return false;
    return this.#source.byte(this.#at) >= 0xc0;
  }

  /** [SDM] volume 2, 2.3.5. */
  #vex(three: boolean): Insn | DecodeFailure {
    const legacy = this.#lock || this.#repeat !== 0 || this.#operandPrefix || this.#rex !== 0;
    const first = this.#u8();
    const last = three ? this.#u8() : first;
    const map = three ? (VEX_MAPS[first & 31] ?? -1) : VEX_MAP_0F;
    const extension = three ? (~first >> 5) & 7 : (~first >> 5) & 4;
    const wide = three && (last & 0x80) !== 0;
    const mask = this.#long ? 15 : 7;
    this.#rex = 0x40 | (wide ? 8 : 0) | (this.#long ? extension : 0);
    this.#vvvv = (~last >> 3) & mask;
    this.#vectorLength = (last & 4) !== 0 ? 32 : 16;
    this.#vexPrefix = VEX_PREFIXES[last & 3] ?? 0;
    const opcode = map | this.#u8();
    if (map < 0) return { failure: 'undefined', length: this.#at };
    const insn = this.#byRows(this.#opcodes.vex(opcode), opcode); // too long is #GP, whatever else is wrong
    if ('failure' in insn) return insn;
    if (legacy) return { failure: 'undefined', length: this.#at };
    const usesVvvv = insn.row.operands.some((o) => o.place === 'H' || o.place === 'B');
    const unused = ((~last >> 3) & 15) !== 0 && !usesVvvv;
    return unused ? { failure: 'undefined', length: this.#at } : insn;
  }

  /** Consumes prefixes; gives the first opcode byte. */
  #prefixes(): number {
    this.#rex = 0;
    this.#operandPrefix = false;
    this.#segment = NO_REGISTER;
    this.#lock = false;
    this.#repeat = 0;
    let addressPrefix = false;
    const kinds = this.#long ? LONG_PREFIXES : PREFIXES;
    for (;;) {
      const b = this.#u8();
      const kind = kinds[b] ?? OPCODE;
      if (kind === OPCODE) {
        const size = this.#mode & MODE_SIZE_MASK;
        if (size === MODE_64) this.#addressSize = addressPrefix ? 4 : 8;
        else this.#addressSize = (size === MODE_32) !== addressPrefix ? 4 : 2;
        return b;
      }
      this.#rex = kind === REX ? b : 0; // one that another prefix follows is ignored
      if (kind === OPERAND_SIZE) this.#operandPrefix = true;
      else if (kind === ADDRESS_SIZE) addressPrefix = true;
      else if (kind === LOCK) this.#lock = true;
      else if (kind === REPEAT) this.#repeat = b;
      // in 64-bit mode ES CS SS DS overrides are ignored
      else if (kind >= SEGMENT && (!this.#long || kind >= SEGMENT + FS)) this.#segment = kind - SEGMENT;
    }
  }

  #operandSize(row: Row): 1 | 2 | 4 | 8 {
    if (row.sizes.length === 1) return row.sizes[0] ?? 4;
    const wide = (this.#rex & 8) !== 0;
    for (const { size, place } of row.operands) {
      if (size !== 'y') continue;
      // control and debug registers move whole registers
      const whole = place === 'C' || place === 'D' || row.operands.some((o) => o.place === 'C' || o.place === 'D');
      return this.#long && (wide || whole) ? 8 : 4;
    }
    // a mandatory prefix is not an operand-size prefix
    const prefix = this.#operandPrefix && row.pp !== 0x66;
    if (this.#long) {
      if (wide || row.size64 === 'f64') return 8;
      if (prefix) return 2;
      return row.size64 === 'd64' ? 8 : 4;
    }
    return ((this.#mode & MODE_SIZE_MASK) === MODE_32) !== prefix ? 4 : 2;
  }

  #finish(row: Row, opcode: number): Insn | DecodeFailure {
    const operandSize = this.#operandSize(row);
    if (row.vex === 'LIG') this.#vectorLength = 16;
    const operands: Operand[] = [];
    for (const spec of row.operands) {
      const operand = this.#operand(spec, operandSize, opcode);
      if (operand === undefined) return { failure: 'undefined', length: this.#at };
      operands.push(operand);
    }
    if (this.#lock && !(row.lock && operands[0]?.kind === 'memory')) return { failure: 'undefined', length: this.#at };
    return {
      row,
      length: this.#at,
      opcode,
      operandSize,
      addressSize: this.#addressSize,
      vectorLength: this.#vectorLength,
      repeat: row.string ? this.#repeat : 0,
      lock: this.#lock,
      modrm: this.#modrm,
      operands,
      mode: this.#mode,
    };
  }

  #operand(spec: OperandSpec, operandSize: 1 | 2 | 4 | 8, opcode: number): Operand | undefined {
    const size = spec.size === 'x' && this.#vectorLength === 32 ? 32 : sizeOf(spec.size, operandSize);
    const narrow = (size > 8 ? 8 : size) as 1 | 2 | 4 | 8;
    const rexR = (this.#rex & 4) << 1;
    const rexB = (this.#rex & 1) << 3;
    const reg = (this.#modrm >> 3) & 7;
    const rm = this.#modrm & 7;
    switch (spec.place) {
      case 'E':
      case 'M':
        return this.#isMemory ? this.#sized(size) : this.#register(rm, rexB, narrow);
      case 'R':
        return this.#register(rm, rexB, narrow);
      case 'G':
        return this.#register(reg, rexR, narrow);
      case 'Z':
        return this.#register(opcode & 7, rexB, narrow);
      case 'fixed':
        return { kind: 'register', size: narrow, register: spec.register ?? 0, high: false };
      case 'one':
        return { kind: 'immediate', size: 1, low: 1, high: 0 };
      case 'I':
        return this.#immediate(spec.size, operandSize);
      case 'sI': {
        const low = (this.#u8() << 24) >> 24;
        return sizedImmediate(low, low >> 31, operandSize);
      }
      case 'J':
        return { kind: 'relative', displacement: this.#relative(spec.size, operandSize) };
      case 'A': {
        const offset = operandSize === 2 ? this.#u16() : this.#s32();
        return { kind: 'far', offset, selector: this.#u16() };
      }
      case 'O': {
        const low = this.#addressSize === 2 ? this.#u16() : this.#s32();
        const high = this.#addressSize === 8 ? this.#s32() : 0;
        return this.#memoryAt(NO_REGISTER, low, high, size, this.#segment === NO_REGISTER ? DS : this.#segment);
      }
      case 'X':
        return this.#memoryAt(RSI, 0, 0, size, this.#segment === NO_REGISTER ? DS : this.#segment);
      case 'Y':
        return this.#memoryAt(RDI, 0, 0, size, ES);
      case 'F':
      case 'K':
      case 'T':
        return this.#memoryAt(
          spec.place === 'F' ? RAX : spec.place === 'K' ? RBX : RDI,
          0,
          0,
          size,
          this.#segment === NO_REGISTER ? DS : this.#segment,
        );
      case 'S':
        return reg > 5 ? undefined : { kind: 'segment', register: reg };
      case 'C':
        return { kind: 'control', register: reg | rexR };
      case 'D':
        return rexR !== 0 ? undefined : { kind: 'debug', register: reg };
      case 'V':
        return { kind: 'vector', register: reg | rexR };
      case 'W':
        return this.#isMemory ? this.#sized(size) : { kind: 'vector', register: rm | rexB };
      case 'U':
        return { kind: 'vector', register: rm | rexB };
      case 'H':
        return { kind: 'vector', register: this.#vvvv };
      case 'L':
        return { kind: 'vector', register: (this.#u8() >> 4) & (this.#long ? 15 : 7) };
      case 'B':
        return { kind: 'register', size: narrow, register: this.#vvvv, high: false };
      case 'P':
        return { kind: 'mmx', register: reg };
      case 'Q':
        return this.#isMemory ? this.#sized(size) : { kind: 'mmx', register: rm };
      case 'N':
        return { kind: 'mmx', register: rm };
    }
  }

  /** Without a REX prefix, byte registers 4..7 are AH CH DH BH. */
  #register(low: number, extension: number, size: 1 | 2 | 4 | 8): Operand {
    if (size === 1 && this.#rex === 0 && low >= 4) return { kind: 'register', size, register: low - 4, high: true };
    return { kind: 'register', size, register: low | extension, high: false };
  }

  #immediate(code: SizeCode, operandSize: 1 | 2 | 4 | 8): Operand {
    if (code === 'b') return sizedImmediate(this.#u8(), 0, 1);
    if (code === 'w') return sizedImmediate(this.#u16(), 0, 2);
    if (operandSize === 2) return sizedImmediate(this.#u16(), 0, 2);
    const low = this.#s32();
    if (code === 'v' && operandSize === 8) return { kind: 'immediate', size: 8, low, high: this.#s32() };
    return sizedImmediate(low, low >> 31, operandSize);
  }

  #relative(code: SizeCode, operandSize: 1 | 2 | 4 | 8): number {
    if (code === 'b') return (this.#u8() << 24) >> 24;
    return operandSize === 2 ? (this.#u16() << 16) >> 16 : this.#s32();
  }

  #memoryAt(base: number, low: number, high: number, size: Size, segment: number): MemoryOperand {
    return {
      kind: 'memory',
      size,
      base,
      index: NO_REGISTER,
      scale: 0,
      displacement: low,
      displacementHigh: high,
      segment,
    };
  }

  /** ModRM memory forms. [SDM] tables 2-1 to 2-3. */
  #memoryOperand(vsib: boolean): void {
    const mod = this.#modrm >> 6;
    const rm = this.#modrm & 7;
    this.#isMemory = true;
    if (this.#addressSize === 2) {
      this.#memory16(mod, rm);
      return;
    }
    let base: number = rm | ((this.#rex & 1) << 3);
    let index = NO_REGISTER;
    let scale = 0;
    let displacement = 0;
    if (rm === 4) {
      const sib = this.#u8();
      scale = sib >> 6;
      index = ((sib >> 3) & 7) | ((this.#rex & 2) << 2);
      if (index === 4 && !vsib) index = NO_REGISTER;
      base = (sib & 7) | ((this.#rex & 1) << 3);
      if ((sib & 7) === 5 && mod === 0) {
        base = NO_REGISTER;
        displacement = this.#s32();
      }
    } else if (rm === 5 && mod === 0) {
      base = this.#long ? BASE_RIP : NO_REGISTER;
      displacement = this.#s32();
    }
    if (mod === 1) displacement = (this.#u8() << 24) >> 24;
    else if (mod === 2) displacement = this.#s32();
    this.#vectorIndex = vsib && rm === 4;
    this.#place(base, index, scale, displacement, base === RSP || base === RBP);
  }

  #memory16(mod: number, rm: number): void {
    let base = BASES_16[rm] ?? NO_REGISTER;
    let displacement = 0;
    if (mod === 0 && rm === 6) {
      base = NO_REGISTER;
      displacement = (this.#u16() << 16) >> 16;
    } else if (mod === 1) displacement = (this.#u8() << 24) >> 24;
    else if (mod === 2) displacement = (this.#u16() << 16) >> 16;
    this.#place(base, INDEXES_16[rm] ?? NO_REGISTER, 0, displacement, base === RBP);
  }

  #place(base: number, index: number, scale: number, displacement: number, byStack: boolean): void {
    this.#base = base;
    this.#index = index;
    this.#scale = scale;
    this.#displacement = displacement;
    this.#byStack = byStack;
  }
  #sized(size: Size): MemoryOperand {
    const operand: MemoryOperand = {
      kind: 'memory',
      size,
      base: this.#base,
      index: this.#index,
      scale: this.#scale,
      displacement: this.#displacement,
      displacementHigh: this.#displacement >> 31,
      segment: this.#segment !== NO_REGISTER ? this.#segment : this.#byStack ? SS : DS,
    };
    return this.#vectorIndex ? { ...operand, vectorIndex: true } : operand;
  }
}

/** ModRM with 16-bit addresses. [SDM] volume 2, table 2-1. */
const BASES_16 = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX] as const;
const INDEXES_16 = [RSI, RDI, RSI, RDI] as const;

/** An immediate as its size holds it: zero-extended below 4 bytes. */
function sizedImmediate(low: number, high: number, size: 1 | 2 | 4 | 8): Operand {
  if (size === 1) return { kind: 'immediate', size, low: low & 0xff, high: 0 };
  if (size === 2) return { kind: 'immediate', size, low: low & 0xffff, high: 0 };
  return { kind: 'immediate', size, low, high };
}

function sizeOf(code: SizeCode, operandSize: 1 | 2 | 4 | 8): Size {
  switch (code) {
    case 'b':
      return 1;
    case 'w':
      return 2;
    case 'd':
      return 4;
    case 'q':
      return 8;
    case 't':
      return 10;
    case 'o':
    case 'x':
      return 16;
    case 'z':
      return operandSize === 2 ? 2 : 4;
    default:
      return operandSize;
  }
}
