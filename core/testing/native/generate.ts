/**
 * Instruction cases from the rows of the instruction table: an encoding of the row with registers, memory and flags that
 * make it do something. The same row, mode and seed always give the same case.
 *
 * What a row's operands are is the table's business; what makes an instruction interesting (a string's registers, a
 * quotient that fits, a jump target that exists) stands here, by name.
 */
import type { Row } from '../../cpu/table/index.ts';
import type { OperandSpec } from '../../cpu/table/row.ts';
import { SeededRandom } from '../seeded-random.ts';
import { DATA, DATA_BYTES, type InstructionCase, START, WINDOW, WINDOW_BYTES } from './case.ts';
import { chance, fillVector, integer, uint64 } from './values.ts';

const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RBP = 5;
const RSI = 6;
const RDI = 7;

const FLAG_DF = 0x400;
const MXCSR_DEFAULT = 0x1f80;
const FCW_DEFAULT = 0x37f;
/** IE unmasked and raised, and what follows from that. */
const FCW_UNMASKED = 0x37e;
const FSW_PENDING = 0x8081;
const CENTRE = WINDOW + WINDOW_BYTES / 2;
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e];

type Size = 1 | 2 | 4 | 8;

class CaseBuilder {
  readonly random: SeededRandom;
  readonly gprs = new BigUint64Array(16);
  readonly xmm = new Uint8Array(256);
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
  readonly address32: boolean;
  /** A displacement from the instruction's end to this address goes where `address` has four bytes. */
  ripTarget: number | undefined;
  operandAddress: bigint | undefined;
  eflags = 0x202;
  repeats = false;

  constructor(
    readonly row: Row,
    readonly long: boolean,
    readonly seed: number,
  ) {
    this.random = new SeededRandom(seed);
    this.opcode = row.op;
    this.size = this.#chooseSize();
    // 16-bit addresses reach nothing in a process
    this.address32 = !long || (this.#addressSizeMatters() && chance(this.random, 10));
    if (long && this.address32) this.prefixes.push(0x67);
    this.#fill();
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
      return chance(random, 25) ? this.#narrow() : this.#wide(chance(random, 50));
    }
    if (row.operands.some((o) => o.size === 'y') || branches || this.#isPlain()) return 4;
    return chance(random, 30) ? this.#narrow() : 4;
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
    const view = new DataView(this.xmm.buffer);
    for (let n = 0; n < 16; n++) fillVector(random, view, n * 16);
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
    const { random, xmm, memory } = this;
    for (let at = 0; at < xmm.length; at += 4) {
      if (!chance(random, 15)) continue;
      const from = (at % 16) + 16 * random.below(16);
      xmm.set(xmm.subarray(from, from + 4), at);
    }
    for (let at = 0; at < memory.length; at += 4) {
      if (chance(random, 15)) memory.set(xmm.subarray((at % 16) + 16, (at % 16) + 20), at);
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
  /** An address for the address size in use: with 32 bits of it, the upper half is noise. */
  setAddress(register: number, address: bigint): void {
    const noise = this.long && this.address32 ? uint64(this.random) & ~0xffff_ffffn : 0n;
    const value = this.address32 ? address & 0xffff_ffffn : BigInt.asUintN(64, address);
    this.set(register, value | noise);
  }
  #freeRegister(except: readonly number[] = []): number | undefined {
    const all = Array.from({ length: this.registerCount }, (_, n) => n);
    const free = all.filter((n) => !this.locked.has(n) && !except.includes(n));
    return free.length === 0 ? undefined : this.random.pick(free);
  }

  // -- places ------------------------------------------------------------------------------------------------------
  /** Where a memory operand lies: in the window, at 16 bytes mostly aligned; seldom where nothing is. */
  chooseAddress(bytes: number): bigint {
    const { random } = this;
    if (chance(random, 3)) return BigInt(DATA + DATA_BYTES - random.below(bytes + 1));
    if (this.long && !this.address32 && chance(random, 2)) return 0x8000_0000_0000_0000n + uint64(random) / 4n;
    const offset = random.below(WINDOW_BYTES - bytes + 1);
    return BigInt(WINDOW + (bytes === 16 && chance(random, 85) ? offset & ~15 : offset));
  }
  poke64(address: number, value: bigint): void {
    const at = address - WINDOW;
    for (let n = 0; n < 8; n++)
      if (at + n >= 0 && at + n < WINDOW_BYTES) this.memory[at + n] = Number((value >> BigInt(8 * n)) & 0xffn);
  }
  jumpTarget(): bigint {
    return BigInt(START + 0x100 + this.random.below(0x7000));
  }

  /** ModRM, SIB and displacement of a memory operand. */
  encodeMemory(reg: number, address: bigint): void {
    const { random } = this;
    this.operandAddress = address;
    const absolute = random.below(10);
    if (this.long && absolute < 2 && address < 0x1_0000_0000n) {
      this.modrm = (reg << 3) | 5; // relative to RIP
      this.ripTarget = Number(address);
      this.address.push(0, 0, 0, 0);
      return;
    }
    // a non-canonical address by the stack registers is #SS, which is not emulated yet (mmu/access.ts raises #GP)
    const base = this.#freeRegister(address >> 47n === 0n ? [] : [RSP, RBP]);
    if (base === undefined || (absolute === 2 && address < 0x8000_0000n)) {
      const displacement = [0, 8, 16, 24].map((shift) => Number((address >> BigInt(shift)) & 0xffn));
      if (this.long) this.address.push(0x25);
      this.address.push(...displacement);
      this.modrm = (reg << 3) | (this.long ? 4 : 5);
      return;
    }
    this.locked.add(base);
    this.#encodeBased(reg, address, base);
  }
  #encodeBased(reg: number, address: bigint, base: number): void {
    const { random } = this;
    let mod = random.pick([0, 1, 1, 2]);
    if (mod === 0 && (base & 7) === 5) mod = 1;
    const displacement = mod === 0 ? 0 : mod === 1 ? (random.uint32() << 24) >> 24 : random.below(0x20000) - 0x10000;
    const index = chance(random, 35) ? this.#freeRegister() : undefined;
    const scale = random.below(4);
    let rest = address - BigInt(displacement);
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
    this.setAddress(base, rest);
  }

  finish(): InstructionCase {
    const { row } = this;
    const code = [...this.prefixes];
    if (row.pp) code.push(row.pp);
    if (this.rex !== 0 || this.needsRex) code.push(0x40 | this.rex);
    for (const shift of [16, 8]) if (this.opcode >> shift > 0) code.push((this.opcode >> shift) & 0xff);
    code.push(this.opcode & 0xff);
    if (this.modrm !== undefined) code.push(this.modrm, ...this.address);
    code.push(...this.immediates);
    if (this.ripTarget !== undefined) {
      const displacement = this.ripTarget - (START + code.length);
      const at = code.length - this.immediates.length - 4;
      for (let n = 0; n < 4; n++) code[at + n] = (displacement >> (8 * n)) & 0xff;
    }
    const { mxcsr, fcw, fsw, ftw } = this.#floatState();
    return {
      row,
      long: this.long,
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
      xmm: this.xmm,
      mm: this.mm,
      memory: this.memory,
    };
  }

  /** Rounding other than to nearest where it is emulated; a pending x87 exception for some MMX instructions. */
  #floatState(): Pick<InstructionCase, 'mxcsr' | 'fcw' | 'fsw' | 'ftw'> {
    const { random, row } = this;
    const rounding = row.name.startsWith('CVT') ? random.below(4) << 13 : 0;
    const pending = (row.cpuid === 'mmx' || row.operands.some((o) => 'PQN'.includes(o.place))) && chance(random, 5);
    return {
      mxcsr: MXCSR_DEFAULT | rounding,
      fcw: pending ? FCW_UNMASKED : FCW_DEFAULT,
      fsw: (random.below(8) << 11) | (pending ? FSW_PENDING : 0),
      ftw: random.below(256),
    };
  }
}

// -- operands --------------------------------------------------------------------------------------------------------
const SIZE_BYTES: Readonly<Record<string, number>> = { b: 1, w: 2, d: 4, q: 8, x: 16 };
function bytesOf(o: OperandSpec, size: Size): number {
  return SIZE_BYTES[o.size] ?? (o.size === 'z' ? Math.min(size, 4) : size);
}

const RM_PLACES = 'EMRWUQN';

function encodeOperands(b: CaseBuilder): void {
  const { row, random } = b;
  if (row.plusReg) encodeOpcodeRegister(b);
  if (row.hasModrm) encodeModrm(b);
  for (const o of row.operands) encodeImmediate(b, o);
  if (row.lock && b.modrm !== undefined && b.modrm < 0xc0 && chance(random, 10)) b.prefixes.push(0xf0);
  // MASKMOVQ and MASKMOVDQU ignore an override, as the table has no operand place for DS:[rDI]
  if (chance(random, 4) && !row.name.startsWith('MASKMOV')) b.prefixes.push(random.pick(SEGMENT_PREFIXES));
}

function encodeOpcodeRegister(b: CaseBuilder): void {
  const register = b.random.below(b.registerCount);
  b.opcode += register & 7;
  if (register >= 8) b.rex |= 1;
  b.needsRex ||= b.long && chance(b.random, 20);
}

function encodeModrm(b: CaseBuilder): void {
  const { row, random } = b;
  const spec = row.operands.find((o) => RM_PLACES.includes(o.place));
  const registerOperand = row.operands.find((o) => 'GVP'.includes(o.place));
  const reg = row.ext ?? random.below(8);
  if (row.ext === undefined && registerOperand && b.long && chance(random, 40)) b.rex |= 4;
  b.needsRex ||= b.long && chance(random, 10);
  const onlyMemory = row.mod === 'mem' || spec?.place === 'M';
  const onlyRegister = row.mod === 'reg' || 'RUN'.includes(spec?.place ?? 'R');
  if (onlyMemory || (!onlyRegister && chance(random, 55))) {
    b.encodeMemory(reg, memoryAddress(b, reg, bytesOf(spec ?? { place: 'M', size: '' }, b.size)));
    return;
  }
  if (b.long && chance(random, 40)) b.rex |= 1;
  b.modrm = 0xc0 | (reg << 3) | (row.rm ?? random.below(8));
}

/** What a memory operand needs beyond a place. */
function memoryAddress(b: CaseBuilder, reg: number, bytes: number): bigint {
  const { row } = b;
  if (row.name === 'LEA' || row.name === 'NOP' || row.name.startsWith('PREFETCH')) return uint64(b.random);
  const bitString = row.ext === undefined && /^BT[SRC]?$/.test(row.name);
  if (!bitString) return b.chooseAddress(bytes);
  // the offset in a register moves the address
  const register = reg | ((b.rex & 4) << 1);
  const offset = b.random.below(400) - 200;
  const noise = uint64(b.random) & ~(b.size === 8 ? -1n : (1n << BigInt(8 * b.size)) - 1n);
  const value = BigInt.asUintN(8 * b.size, BigInt(offset)) | (b.size === 8 ? 0n : BigInt.asUintN(64, noise));
  b.set(register, value);
  return BigInt(CENTRE - bytes + b.random.below(8));
}

function encodeImmediate(b: CaseBuilder, o: OperandSpec): void {
  const { random } = b;
  const put = (value: bigint, bytes: number): void => {
    for (let n = 0; n < bytes; n++) b.immediates.push(Number((value >> BigInt(8 * n)) & 0xffn));
  };
  if (o.place === 'sI') put(integer(random), 1);
  else if (o.place === 'I') put(integer(random), bytesOf(o, b.size));
  else if (o.place === 'O') put(b.chooseAddress(bytesOf(o, b.size)), b.address32 ? 4 : 8);
  else if (o.place === 'J') {
    // away from the instruction itself
    const near = chance(random, 50) ? random.below(100) : -128 + random.below(100);
    put(BigInt(o.size === 'b' ? near : near * 200), o.size === 'b' ? 1 : 4);
  }
}

// -- what makes an instruction interesting --------------------------------------------------------------------------
/** Registers that must be right before addresses take the others. */
function prepare(b: CaseBuilder): void {
  const { row, random } = b;
  if (row.stack) {
    b.set(RSP, BigInt(CENTRE - 32 + random.below(64)));
    b.set(RBP, BigInt(CENTRE - 32 + random.below(64)));
  }
  if (row.string) prepareString(b);
  if (row.counts) b.set(RCX, counted(b));
  if (row.name === 'XLAT') {
    const al = BigInt(random.below(128));
    b.set(RAX, ((b.gprs[RAX] ?? 0n) & ~0xffn) | al);
    b.setAddress(RBX, b.chooseAddress(1) - al);
  }
  // never where nothing is: whether bytes that are not selected fault is open
  if (row.name.startsWith('MASKMOV')) b.setAddress(RDI, BigInt(WINDOW + random.below(WINDOW_BYTES - 16)));
  if (/^I?DIV$/.test(row.name)) prepareDivision(b);
  if (row.operands.some((o) => o.register === RCX)) {
    b.locked.add(RCX);
    if (chance(random, 60)) b.set(RCX, ((b.gprs[RCX] ?? 0n) & ~0xffn) | BigInt(random.below(70)));
  }
  if (row.name === 'RET') b.poke64(Number(b.gprs[RSP]), b.jumpTarget());
}

/** A count around zero at the address size, with noise above. */
function counted(b: CaseBuilder): bigint {
  const noise = b.long && b.address32 ? uint64(b.random) & ~0xffff_ffffn : 0n;
  return BigInt(b.random.below(3)) | noise;
}

function prepareString(b: CaseBuilder): void {
  const { random, row } = b;
  if (chance(random, 60)) {
    b.repeats = true;
    b.prefixes.push(random.pick([0xf2, 0xf3]));
  }
  const noise = b.long && b.address32 ? uint64(random) & ~0xffff_ffffn : 0n;
  b.set(RCX, BigInt(random.below(6)) | (b.repeats ? noise : 0n));
  if (chance(random, 40)) b.eflags |= FLAG_DF;
  for (const register of [RSI, RDI]) b.setAddress(register, BigInt(CENTRE - 40 + random.below(72)));
  if (chance(random, 4))
    b.setAddress(row.operands[0]?.place === 'Y' ? RDI : RSI, BigInt(DATA + DATA_BYTES - random.below(12)));
  // runs of equal elements, for SCAS and CMPS
  if (chance(random, 60)) b.memory.fill(Number((b.gprs[RAX] ?? 0n) & 0xffn), 0, 60 + random.below(60));
  if (chance(random, 30)) b.set(RAX, BigInt(b.memory[0] ?? 0) * 0x0101_0101_0101_0101n);
}

/** A quotient that fits, sometimes: the upper half of the dividend is zero, its sign, or small. */
function prepareDivision(b: CaseBuilder): void {
  const { random } = b;
  b.locked.add(RAX).add(RDX);
  if (b.size === 1) {
    if (chance(random, 70)) b.set(RAX, ((b.gprs[RAX] ?? 0n) & ~0xffffn) | BigInt(random.below(0x800)));
    return;
  }
  const low = BigInt.asIntN(8 * b.size, b.gprs[RAX] ?? 0n);
  if (chance(random, 70))
    b.set(RDX, random.pick([0n, BigInt.asUintN(64, low < 0n ? -1n : 0n), BigInt(random.below(64))]));
}

/** Values that need to know which operands were chosen. */
function adjust(b: CaseBuilder): void {
  const { row, random } = b;
  const rm = ((b.modrm ?? 0) & 7) | ((b.rex & 1) << 3);
  if ((row.name === 'JMP' || row.name === 'CALL') && row.hasModrm) {
    if (b.operandAddress === undefined) b.set(rm, b.jumpTarget());
    else b.poke64(Number(b.operandAddress), b.jumpTarget());
  }
  if (row.name === 'CMPXCHG' && chance(random, 50)) {
    if (b.operandAddress !== undefined) b.poke64(Number(b.operandAddress), b.gprs[RAX] ?? 0n);
    else if (!b.locked.has(RAX)) b.set(RAX, b.gprs[rm] ?? 0n);
  }
}

/** A case of a row; `long`: in 64-bit mode. */
export function makeCase(row: Row, long: boolean, seed: number): InstructionCase {
  const b = new CaseBuilder(row, long, seed);
  prepare(b);
  encodeOperands(b);
  adjust(b);
  return b.finish();
}
