/**
 * The decoder: bytes to Insn, by the instruction table. [SDM] volume 2, chapter 2 and appendix A.
 */

import type { Feature } from '../features.ts';
import { CS, DS, ES, FS, GS, RAX, RBP, RBX, RDI, RSI, RSP, SS } from '../state.ts';
import { NOP_ROW, type Row, rowsOf, vexRowsOf } from '../table/index.ts';
import type { OperandSpec, SizeCode, VectorLength } from '../table/row.ts';
import { BASE_RIP, type Insn, type MemoryOperand, NO_REGISTER, type Operand, type Size } from './insn.ts';
import { MODE_32, MODE_64, MODE_REAL, MODE_SIZE_MASK } from './mode.ts';

/** Where code bytes come from. `byte` throws what a failed fetch raises. */
export interface CodeSource {
  byte(index: number): number;
}

/** The bytes are no instruction of this processor in this mode: #UD; or longer than 15 bytes: #GP. */
export type DecodeFailure = { readonly failure: 'undefined' | 'too-long'; readonly length: number };

class TooLong extends Error {}

const MAX_LENGTH = 15;
const SEGMENT_PREFIX: Readonly<Record<number, number>> = { 38: ES, 46: CS, 54: SS, 62: DS, 100: FS, 101: GS };

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
  #memory: Omit<MemoryOperand, 'size'> | undefined;

  constructor(public features: ReadonlySet<Feature>) {}

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
    const rows = rowsOf(opcode);
    if (opcode === 0x90 && (this.#rex & 1) === 0) return this.#finish(NOP_ROW, opcode);
    if (rows.length === 0) return { failure: 'undefined', length: this.#at };
    return this.#byRows(rows, opcode);
  }

  #byRows(rows: readonly Row[], opcode: number): Insn | DecodeFailure {
    this.#memory = undefined;
    if (rows.some((r) => r.hasModrm)) {
      this.#modrm = this.#u8();
      // MOV to and from control and debug registers ignore mod
      const registerOnly = opcode >= 0x0f20 && opcode <= 0x0f23 && this.#vectorLength === 0;
      if (this.#modrm < 0xc0 && !registerOnly) this.#memory = this.#memoryOperand(rows.some((r) => r.vsib));
    } else this.#modrm = 0;
    const row = rows.find((r) => this.#matches(r));
    if (!row) return { failure: 'undefined', length: this.#at };
    return this.#finish(row, opcode);
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
    const rows = map < 0 ? [] : vexRowsOf(opcode);
    if (rows.length === 0) return { failure: 'undefined', length: this.#at };
    const insn = this.#byRows(rows, opcode); // too long is #GP, whatever else is wrong
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
    for (;;) {
      const b = this.#u8();
      const segment = SEGMENT_PREFIX[b];
      if (segment !== undefined) {
        // in 64-bit mode ES CS SS DS overrides are ignored
        if (!this.#long || segment >= FS) this.#segment = segment;
        this.#rex = 0;
      } else if (b === 0x66) {
        this.#operandPrefix = true;
        this.#rex = 0;
      } else if (b === 0x67) {
        addressPrefix = true;
        this.#rex = 0;
      } else if (b === 0xf0) {
        this.#lock = true;
        this.#rex = 0;
      } else if (b === 0xf2 || b === 0xf3) {
        this.#repeat = b;
        this.#rex = 0;
      } else if (this.#long && b >= 0x40 && b <= 0x4f) this.#rex = b;
      else {
        const size = this.#mode & MODE_SIZE_MASK;
        if (size === MODE_64) this.#addressSize = addressPrefix ? 4 : 8;
        else this.#addressSize = (size === MODE_32) !== addressPrefix ? 4 : 2;
        return b;
      }
    }
  }

  #matches(r: Row): boolean {
    const isMemory = this.#memory !== undefined;
    if (r.ext !== undefined && r.ext !== ((this.#modrm >> 3) & 7)) return false;
    if (r.rm !== undefined && r.rm !== (this.#modrm & 7)) return false;
    if (r.mod !== undefined && (r.mod === 'mem') !== isMemory) return false;
    if (r.only !== undefined && (r.only === '64') !== this.#long) return false;
    if (r.cpuid !== undefined && !this.features.has(r.cpuid)) return false;
    if (this.#vectorLength !== 0) {
      if (r.pp !== this.#vexPrefix) return false;
      if (r.w !== undefined && r.w !== ((this.#rex >> 3) & 1)) return false;
      if ((r.vex === 'L0' && this.#vectorLength !== 16) || (r.vex === 'L1' && this.#vectorLength !== 32)) return false;
    } else if (r.pp !== undefined) {
      const prefix = this.#repeat !== 0 ? this.#repeat : this.#operandPrefix ? 0x66 : 0;
      if (r.pp !== prefix) return false;
    }
    for (const o of r.operands) {
      if ((o.place === 'M' && !isMemory) || ((o.place === 'U' || o.place === 'N') && isMemory)) return false;
      if (o.place === 'R' && isMemory) return false;
    }
    if (r.vsib && this.#memory?.vectorIndex !== true) return false;
    return true;
  }

  #operandSize(row: Row): 1 | 2 | 4 | 8 {
    if (row.sizes.length === 1) return row.sizes[0] ?? 4;
    const wide = (this.#rex & 8) !== 0;
    if (row.operands.some((o) => o.size === 'y')) {
      // control and debug registers move whole registers
      const whole = row.operands.some((o) => o.place === 'C' || o.place === 'D');
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
        return this.#memory ? { ...this.#memory, size } : this.#register(rm, rexB, narrow);
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
        return this.#memory ? { ...this.#memory, size } : { kind: 'vector', register: rm | rexB };
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
        return this.#memory ? { ...this.#memory, size } : { kind: 'mmx', register: rm };
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
  #memoryOperand(vsib: boolean): Omit<MemoryOperand, 'size'> {
    const mod = this.#modrm >> 6;
    const rm = this.#modrm & 7;
    if (this.#addressSize === 2) return this.#memory16(mod, rm);
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
    const byStack = base === RSP || base === RBP;
    const operand = this.#place(base, index, scale, displacement, byStack);
    return vsib && rm === 4 ? { ...operand, vectorIndex: true } : operand;
  }

  #memory16(mod: number, rm: number): Omit<MemoryOperand, 'size'> {
    const BASES = [RBX, RBX, RBP, RBP, RSI, RDI, RBP, RBX];
    const INDEXES = [RSI, RDI, RSI, RDI, NO_REGISTER, NO_REGISTER, NO_REGISTER, NO_REGISTER];
    let base = BASES[rm] ?? NO_REGISTER;
    let displacement = 0;
    if (mod === 0 && rm === 6) {
      base = NO_REGISTER;
      displacement = (this.#u16() << 16) >> 16;
    } else if (mod === 1) displacement = (this.#u8() << 24) >> 24;
    else if (mod === 2) displacement = (this.#u16() << 16) >> 16;
    return this.#place(base, INDEXES[rm] ?? NO_REGISTER, 0, displacement, base === RBP);
  }

  #place(
    base: number,
    index: number,
    scale: number,
    displacement: number,
    byStack: boolean,
  ): Omit<MemoryOperand, 'size'> {
    const segment = this.#segment !== NO_REGISTER ? this.#segment : byStack ? SS : DS;
    return { kind: 'memory', base, index, scale, displacement, displacementHigh: displacement >> 31, segment };
  }
}

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
