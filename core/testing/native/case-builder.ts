/**
 * A case being made: registers and memory with values that find mistakes, an encoding of the row, and the places its
 * operands are put into.
 */
import { CS, DS, FS, RAX, RBP, RBX, RDI, RSI, RSP, SS } from '../../cpu/state.ts';
import type { Row } from '../../cpu/table/index.ts';
import { SeededRandom } from '../seeded-random.ts';
import {
  CENTRE,
  CODE,
  DATA,
  DATA_BYTES,
  type InstructionCase,
  START,
  VECTOR_BYTES,
  WINDOW,
  WINDOW_BYTES,
} from './case.ts';
import { SegmentState } from './segment-state.ts';
import { baseOf } from './segments.ts';
import { chance, fillVector, integer, mxcsr, uint64 } from './values.ts';
import { encodeVex } from './vex.ts';

/** By segment register. */
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

const FCW_DEFAULT = 0x37f;
/** IE unmasked and raised, and what follows from that. */
const FCW_UNMASKED = 0x37e;
const FSW_PENDING = 0x8081;
/** 16-bit ModRM forms: base and index. [SDM] volume 2, table 2-1 */
const FORMS_16 = [[RBX, RSI], [RBX, RDI], [RBP, RSI], [RBP, RDI], [RSI], [RDI], [RBP], [RBX]];

/** Where a case runs. */
export interface CaseMode {
  readonly bits: 16 | 32 | 64;
  /** With segments of bases and limits; else all are flat. */
  readonly segmented: boolean;
}

export type Size = 1 | 2 | 4 | 8;

export class CaseBuilder {
  readonly random: SeededRandom;
  readonly gprs = new BigUint64Array(16);
  readonly ymm = new Uint8Array(16 * VECTOR_BYTES);
  readonly mm = new BigUint64Array(8);
  readonly memory = new Uint8Array(WINDOW_BYTES);
  readonly view = new DataView(this.memory.buffer);
  /** Registers whose values matter: no longer to be used for addresses. */
  readonly locked = new Set<number>();
  readonly prefixes: number[] = [];
  rex = 0;
  needsRex = false;
  opcode: number;
  modrm: number | undefined;
  /** SIB and displacement. */
  readonly address: number[] = [];
  readonly immediates: number[] = [];
  readonly size: Size;
  /** VEX.L */
  readonly vex256: boolean;
  /** Register number in VEX.vvvv. */
  vvvv = 0;
  readonly addressBytes: 2 | 4 | 8;
  readonly long: boolean;
  readonly segments: SegmentState;
  /** Segment register of an override prefix that counts. */
  override: number | undefined;
  readonly start: number;
  /** A displacement from the instruction's end to this address goes where `address` has four bytes. */
  ripTarget: number | undefined;
  operandAddress: bigint | undefined;
  /** Linear address of the top of the stack, of instructions that use it. */
  stackTop = CENTRE;
  eflags = 0x202;
  repeats = false;

  constructor(
    readonly row: Row,
    readonly mode: CaseMode,
    readonly seed: number,
  ) {
    this.random = new SeededRandom(seed);
    this.long = mode.bits === 64;
    this.opcode = row.op;
    this.size = this.#chooseSize();
    this.vex256 = row.vex === 'L1' || (row.vex !== undefined && row.vex !== 'L0' && chance(this.random, 50));
    this.addressBytes = this.#chooseAddressSize();
    this.#fill();
    // at the end of the segment AMD's refuse jumps that are good; whether UD0 and UD1 have a ModRM byte is open
    const mayEnd = row.system !== 'undefined' && row.ends !== true && !row.operands.some((o) => o.place === 'J');
    this.segments = new SegmentState(mode, this.random, this.addressBytes, mayEnd);
    this.start = row.system === 'undefined' ? START : this.#chooseStart();
    if (mode.segmented && this.#addressSizeMatters()) this.#chooseOverride();
  }

  /** 16-bit addresses reach nothing in a flat process. */
  #chooseAddressSize(): 2 | 4 | 8 {
    const { bits, segmented } = this.mode;
    const usual = bits === 64 ? 8 : bits === 32 ? 4 : 2;
    if ((bits === 32 && !segmented) || !this.#addressSizeMatters()) return usual;
    if (!chance(this.random, this.long ? 10 : 30)) return usual;
    this.prefixes.push(0x67);
    return bits === 32 ? 2 : 4;
  }
  /** At times at the end of 64 KiB. */
  #chooseStart(): number {
    const { random, row } = this;
    if (this.mode.bits !== 16 || !chance(random, 5) || row.string) return START;
    return CODE + 0x10000 - random.below(12);
  }
  #chooseOverride(): void {
    const { random } = this;
    if (!chance(random, this.long ? 75 : 35)) return;
    this.override = this.long ? FS + random.below(2) : random.below(6);
    this.prefixes.push(SEGMENT_PREFIXES[this.override] ?? 0);
  }

  #addressSizeMatters(): boolean {
    return (
      this.row.hasModrm ||
      this.row.string === true ||
      this.row.counts === true ||
      this.row.operands.some((o) => 'OXYB'.includes(o.place))
    );
  }

  #chooseSize(): Size {
    const { row, long, random } = this;
    if (row.sizes.length === 1) return row.sizes[0] ?? 4;
    const branches = row.operands.some((o) => o.place === 'J') || row.ends === true;
    if (long) {
      if (row.size64 === 'f64') return 8;
      if (row.operands.some((o) => o.size === 'y')) return this.#wide(chance(random, 50));
      if (row.size64 === 'd64') return chance(random, 20) ? this.#narrow() : 8;
      if (this.#isPlain()) return 4;
      // of far pointers AMD's have no 64-bit offset
      if (row.operands.some((o) => o.size === 'p')) return chance(random, 25) ? this.#narrow() : 4;
      return chance(random, 25) ? this.#narrow() : this.#wide(chance(random, 50));
    }
    if (this.mode.bits === 16) return this.#chooseSize16();
    if (row.operands.some((o) => o.size === 'y') || (branches && !this.mode.segmented) || this.#isPlain()) return 4;
    return chance(random, 30) ? this.#narrow() : 4;
  }
  #chooseSize16(): Size {
    const { row } = this;
    if (row.operands.some((o) => o.size === 'y')) return 4;
    if (row.pp === 0 || row.pp === 0x66 || this.#isPlain() || !chance(this.random, 40)) return 2;
    this.prefixes.push(0x66);
    return 4;
  }
  /** Fences and such: a prefix would make them something else. */
  #isPlain(): boolean {
    return this.row.operands.length === 0 && (this.row.hasModrm || this.row.pp !== undefined);
  }
  #narrow(): Size {
    this.prefixes.push(0x66);
    return 2;
  }
  #wide(wide: boolean): Size {
    if (wide) this.rex |= 8;
    return wide ? 8 : 4;
  }

  #fill(): void {
    const { random } = this;
    for (let n = 0; n < 16; n++)
      this.gprs[n] = this.long ? integer(random) : n < 8 ? integer(random) & 0xffff_ffffn : 0n;
    const view = new DataView(this.ymm.buffer);
    for (let at = 0; at < this.ymm.length; at += 16) fillVector(random, view, at);
    for (let at = 0; at < WINDOW_BYTES; at += 16) fillVector(random, this.view, at);
    const scratch = new DataView(new ArrayBuffer(16));
    for (let n = 0; n < 8; n++) {
      fillVector(random, scratch, 0);
      this.mm[n] = scratch.getBigUint64(0, true);
    }
    this.#repeatLanes();
    this.eflags |= random.uint32() & 0x8d5;
  }
  /** Lanes that equal each other, so that comparisons sometimes say so. */
  #repeatLanes(): void {
    const { random, ymm, memory } = this;
    for (let at = 0; at < ymm.length; at += 4) {
      if (!chance(random, 15)) continue;
      const from = (at % VECTOR_BYTES) + VECTOR_BYTES * random.below(16);
      ymm.set(ymm.subarray(from, from + 4), at);
    }
    for (let at = 0; at < memory.length; at += 4) {
      const from = VECTOR_BYTES + (at % VECTOR_BYTES);
      if (chance(random, 15)) memory.set(ymm.subarray(from, from + 4), at);
    }
    for (let n = 1; n < 8; n++) if (chance(random, 15)) this.mm[n] = this.mm[0] ?? 0n;
  }

  // -- registers ---------------------------------------------------------------------------------------------------
  get registerCount(): number {
    return this.long ? 16 : 8;
  }
  set(register: number, value: bigint): void {
    this.gprs[register] = this.long ? value : value & 0xffff_ffffn;
    this.locked.add(register);
  }
  /** The segment that counts where `usual` is the default. */
  segment(usual = DS): number {
    return this.override ?? usual;
  }
  /** What takes an operand of a segment to a linear address. */
  offsetOf(address: bigint, segment: number): bigint {
    return BigInt.asUintN(8 * this.addressBytes, address - this.segments.base(segment));
  }
  /** An offset of the address size in use; with less than a register, the rest is noise. */
  setOffset(register: number, offset: bigint): void {
    const bits = 8 * this.addressBytes;
    this.set(register, BigInt.asUintN(bits, offset) | this.#noiseAbove(bits));
  }
  #noiseAbove(bits: number): bigint {
    const whole = this.long ? 64 : 32;
    return bits >= whole ? 0n : (uint64(this.random) >> BigInt(bits)) << BigInt(bits);
  }
  /** The same by a linear address. */
  setAddress(register: number, address: bigint, segment = this.segment()): void {
    this.setOffset(register, this.offsetOf(address, segment));
  }
  /** A stack pointer, by a linear address. */
  setStack(register: number, address: number): void {
    const bits = this.segments.stackBits;
    const offset = BigInt.asUintN(bits, BigInt(address) - this.segments.base(SS));
    this.set(register, offset | (this.long ? 0n : this.#noiseAbove(bits)));
  }
  #freeRegister(except: readonly number[] = []): number | undefined {
    const all = Array.from({ length: this.registerCount }, (_, n) => n);
    const free = all.filter((n) => !this.locked.has(n) && !except.includes(n));
    return free.length === 0 ? undefined : this.random.pick(free);
  }

  // -- places ------------------------------------------------------------------------------------------------------
  /** Where a memory operand lies: in the window, vectors mostly aligned; seldom where nothing is. */
  chooseAddress(bytes: number): bigint {
    const { random } = this;
    if (chance(random, 3)) return BigInt(DATA + DATA_BYTES - random.below(bytes + 1));
    if (this.addressBytes === 8 && chance(random, 2)) return 0x8000_0000_0000_0000n + uint64(random) / 4n;
    const offset = random.below(WINDOW_BYTES - bytes + 1);
    return BigInt(WINDOW + (bytes >= 16 && chance(random, 85) ? offset & -bytes : offset));
  }
  poke64(address: number, value: bigint): void {
    this.poke(address, value, 8);
  }
  poke(address: number, value: bigint, bytes: number): void {
    const at = address - WINDOW;
    for (let n = 0; n < bytes; n++)
      if (at + n >= 0 && at + n < WINDOW_BYTES) this.memory[at + n] = Number((value >> BigInt(8 * n)) & 0xffn);
  }
  /** An offset in a code segment, by default the present one. */
  jumpTarget(selector = this.segments.selectors[CS] ?? 0): bigint {
    return BigInt(START + 0x100 + this.random.below(0x7000) - baseOf(selector));
  }

  /** ModRM, SIB and displacement of a memory operand. */
  encodeMemory(reg: number, address: bigint): void {
    const { random } = this;
    this.operandAddress = address;
    if (this.addressBytes === 2) {
      this.#encode16(reg, address);
      return;
    }
    const absolute = random.below(10);
    const offset = this.offsetOf(address, this.segment());
    if (this.long && absolute < 2 && offset < 0x1_0000_0000n) {
      this.modrm = (reg << 3) | 5; // relative to RIP
      this.ripTarget = Number(offset);
      this.address.push(0, 0, 0, 0);
      return;
    }
    // a non-canonical address by the stack registers is #SS, which is not emulated yet (mmu/access.ts raises #GP)
    const base = this.#freeRegister(address >> 47n === 0n ? [] : [RSP, RBP]);
    if (base === undefined || (absolute === 2 && offset < 0x8000_0000n)) {
      if (this.long) this.address.push(0x25);
      this.#pushAddress(offset, 4);
      this.modrm = (reg << 3) | (this.long ? 4 : 5);
      return;
    }
    this.locked.add(base);
    this.#encodeBased(reg, this.offsetOf(address, this.segment(base === RSP || base === RBP ? SS : DS)), base);
  }
  #pushAddress(value: bigint, bytes: number): void {
    for (let n = 0; n < bytes; n++) this.address.push(Number((value >> BigInt(8 * n)) & 0xffn));
  }
  #encode16(reg: number, address: bigint): void {
    const { random } = this;
    const forms = FORMS_16.flatMap((registers, rm) => (registers.some((n) => !this.locked.has(n)) ? [rm] : []));
    const rm = forms.length === 0 || chance(random, 15) ? undefined : random.pick(forms);
    if (rm === undefined) {
      this.modrm = (reg << 3) | 6;
      this.#pushAddress(this.offsetOf(address, this.segment()), 2);
      return;
    }
    const registers = FORMS_16[rm] ?? [];
    const free = registers.filter((n) => !this.locked.has(n));
    const chosen = random.pick(free);
    const mod = rm === 6 ? random.pick([1, 2]) : random.below(3);
    const displacement = mod === 0 ? 0 : mod === 1 ? (random.uint32() << 24) >> 24 : random.below(0x10000);
    let offset = this.offsetOf(address, this.segment(registers[0] === RBP ? SS : DS)) - BigInt(displacement);
    for (const n of registers) if (n !== chosen) offset -= this.gprs[n] ?? 0n;
    for (const n of registers) this.locked.add(n);
    this.setOffset(chosen, offset);
    this.modrm = (mod << 6) | (reg << 3) | rm;
    this.#pushAddress(BigInt(displacement & 0xffff), mod);
  }
  #encodeBased(reg: number, offset: bigint, base: number): void {
    const { random } = this;
    let mod = random.pick([0, 1, 1, 2]);
    if (mod === 0 && (base & 7) === 5) mod = 1;
    const displacement = mod === 0 ? 0 : mod === 1 ? (random.uint32() << 24) >> 24 : random.below(0x20000) - 0x10000;
    const index = chance(random, 35) ? this.#freeRegister() : undefined;
    const scale = random.below(4);
    let rest = offset - BigInt(displacement);
    if (index !== undefined && index !== RSP) {
      this.locked.add(index);
      rest -= (this.gprs[index] ?? 0n) << BigInt(scale);
      this.address.push((scale << 6) | ((index & 7) << 3) | (base & 7));
      this.rex |= index >= 8 ? 2 : 0;
    } else if ((base & 7) === RSP) this.address.push(0x20 | (base & 7)); // no index
    this.rex |= base >= 8 ? 1 : 0;
    this.modrm = (mod << 6) | (reg << 3) | (this.address.length > 0 ? 4 : base & 7);
    if (mod === 1) this.address.push(displacement & 0xff);
    if (mod === 2) for (const shift of [0, 8, 16, 24]) this.address.push((displacement >> shift) & 0xff);
    this.setOffset(base, rest);
  }

  /** The same with a vector for an index, whose elements lead into the window, but for one at times. */
  encodeVectorMemory(reg: number, bytes: 4 | 8, indexBytes: 4 | 8): void {
    const { random } = this;
    const reach = WINDOW_BYTES / 2 - bytes;
    const scale = random.below(4);
    const index = random.below(this.registerCount);
    const view = new DataView(this.ymm.buffer, index * VECTOR_BYTES, VECTOR_BYTES);
    for (let at = 0; at < VECTOR_BYTES; at += indexBytes) {
      const outside = chance(random, 4) ? DATA_BYTES : 0;
      const element = BigInt(outside + random.below(2 * reach) - reach) >> BigInt(scale);
      if (indexBytes === 8) view.setBigInt64(at, element, true);
      else view.setInt32(at, Number(element), true);
    }
    const base = this.#freeRegister([RBP, 13]) ?? RAX; // which need a displacement
    this.setAddress(base, BigInt(CENTRE), this.segment(base === RSP ? SS : DS));
    this.modrm = (reg << 3) | 4;
    this.address.push((scale << 6) | ((index & 7) << 3) | (base & 7));
    this.rex |= (index >= 8 ? 2 : 0) | (base >= 8 ? 1 : 0);
  }

  finish(): InstructionCase {
    const { row, random } = this;
    // LOCK MOV CR0 is MOV CR8 on AMD's
    if (this.mode.segmented && chance(random, 3) && !row.operands.some((o) => o.place === 'C'))
      this.prefixes.unshift(0xf0);
    const code = [...this.prefixes];
    if (row.vex === undefined) {
      if (row.pp) code.push(row.pp);
      if (this.rex !== 0 || this.needsRex) code.push(0x40 | this.rex);
      for (const shift of [16, 8]) if (this.opcode >> shift > 0) code.push((this.opcode >> shift) & 0xff);
    } else code.push(...encodeVex(this));
    code.push(this.opcode & 0xff);
    if (this.modrm !== undefined) code.push(this.modrm, ...this.address);
    code.push(...this.immediates);
    const [prefix] = this.prefixes;
    // as long as may be, or one more
    if (this.mode.segmented && prefix !== undefined && row.system !== 'undefined' && chance(random, 4))
      code.unshift(...new Array<number>(15 + random.below(2) - code.length).fill(prefix));
    if (this.ripTarget !== undefined) {
      const displacement = this.ripTarget - (this.start + code.length);
      const at = code.length - this.immediates.length - 4;
      for (let n = 0; n < 4; n++) code[at + n] = (displacement >> (8 * n)) & 0xff;
    }
    const { mxcsr, fcw, fsw, ftw } = this.#floatState();
    return {
      row,
      long: this.long,
      selectors: this.segments.selectors,
      fsBase: this.segments.fsBase,
      gsBase: this.segments.gsBase,
      start: this.start,
      operandAddress: Number(BigInt.asUintN(32, this.operandAddress ?? 0n)),
      seed: this.seed,
      code: Uint8Array.from(code),
      size: this.size,
      repeats: this.repeats,
      gprs: this.gprs,
      eflags: this.eflags,
      mxcsr,
      fcw,
      fsw,
      ftw,
      ymm: this.ymm,
      mm: this.mm,
      memory: this.memory,
    };
  }

  /** Any MXCSR; a pending x87 exception for some MMX instructions. */
  #floatState(): Pick<InstructionCase, 'mxcsr' | 'fcw' | 'fsw' | 'ftw'> {
    const { random, row } = this;
    const pending = (row.cpuid === 'mmx' || row.operands.some((o) => 'PQN'.includes(o.place))) && chance(random, 5);
    return {
      mxcsr: mxcsr(random),
      fcw: pending ? FCW_UNMASKED : FCW_DEFAULT,
      fsw: (random.below(8) << 11) | (pending ? FSW_PENDING : 0),
      ftw: random.below(256),
    };
  }
}
