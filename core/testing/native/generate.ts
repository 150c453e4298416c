/**
 * Instruction cases from the rows of the instruction table: an encoding of the row with registers, memory and flags that
 * make it do something. The same row, mode and seed always give the same case.
 *
 * What a row's operands are is the table's business; what makes an instruction interesting (a string's registers, a
 * quotient that fits, a jump target that exists) stands here, by name.
 */
import { ES, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP } from '../../cpu/state.ts';
import type { Row } from '../../cpu/table/index.ts';
import type { OperandSpec } from '../../cpu/table/row.ts';
import { CENTRE, DATA, DATA_BYTES, type InstructionCase, WINDOW, WINDOW_BYTES } from './case.ts';
import { CaseBuilder, type CaseMode, type Size } from './case-builder.ts';
import { adjustSystem, farPointer, memoryBytes, prepareSystem, systemImmediate, usesStack } from './generate-system.ts';
import { chance, fillString, integer, uint64 } from './values.ts';

const FLAG_DF = 0x400;
const SEGMENT_PREFIXES = [0x26, 0x2e, 0x36, 0x3e];

// -- operands --------------------------------------------------------------------------------------------------------
const SIZE_BYTES: Readonly<Record<string, number>> = { b: 1, w: 2, d: 4, q: 8, o: 16, x: 16 };
function bytesOf(o: OperandSpec, size: Size, vex256 = false): number {
  if (o.size === 'x' && vex256) return 32;
  return SIZE_BYTES[o.size] ?? (o.size === 'z' ? Math.min(size, 4) : size);
}

const RM_PLACES = 'EMRWUQN';

function encodeOperands(b: CaseBuilder): void {
  const { row, random } = b;
  if (row.plusReg) encodeOpcodeRegister(b);
  if (row.hasModrm) encodeModrm(b);
  for (const o of row.operands) encodeImmediate(b, o);
  if (row.lock && b.modrm !== undefined && b.modrm < 0xc0 && chance(random, 10)) b.prefixes.push(0xf0);
  if (row.operands.some((o) => o.place === 'H' || o.place === 'B')) b.vvvv = random.below(b.registerCount);
  // a MASKMOVQ that faults has entered MMX state already, on AMD's
  if (!b.mode.segmented && chance(random, 4) && !row.operands.some((o) => o.place === 'T'))
    b.prefixes.push(random.pick(SEGMENT_PREFIXES));
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
  if (row.vsib) {
    b.encodeVectorMemory(reg, spec?.size === 'q' ? 8 : 4, (row.op & 1) === 0 ? 4 : 8);
    return;
  }
  if (onlyMemory || (!onlyRegister && chance(random, 55))) {
    b.encodeMemory(
      reg,
      memoryAddress(b, reg, memoryBytes(row, b.size) ?? bytesOf(spec ?? { place: 'M', size: '' }, b.size, b.vex256)),
    );
    return;
  }
  if (b.long && chance(random, 40)) b.rex |= 1;
  b.modrm = 0xc0 | (reg << 3) | (row.rm ?? random.below(8));
}

/** What a memory operand needs beyond a place. */
function memoryAddress(b: CaseBuilder, reg: number, bytes: number): bigint {
  const { row } = b;
  if (row.name === 'LEA' || row.name === 'NOP' || row.name.startsWith('PREFETCH')) return uint64(b.random);
  // any part of 512 bytes in the window
  if (bytes === 16 && row.system !== undefined && /^FX/.test(row.name) && chance(b.random, 80))
    return BigInt(WINDOW + WINDOW_BYTES - 16 * (1 + b.random.below(42)));
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
  const special = systemImmediate(b, o);
  if (special !== undefined) put(special, bytesOf(o, b.size));
  else if (o.place === 'sI' || o.place === 'L') put(integer(random), 1);
  else if (o.place === 'I') put(integer(random), bytesOf(o, b.size));
  else if (o.place === 'O') put(b.offsetOf(b.chooseAddress(bytesOf(o, b.size)), b.segment()), b.addressBytes);
  else if (o.place === 'A') for (const [value, bytes] of farPointer(b)) put(value, bytes);
  else if (o.place === 'J') {
    // away from the instruction itself
    const near = chance(random, 50) ? random.below(100) : -128 + random.below(100);
    put(BigInt(o.size === 'b' ? near : near * 200), o.size === 'b' ? 1 : b.size === 2 ? 2 : 4);
  }
}

// -- what makes an instruction interesting --------------------------------------------------------------------------
/** Registers that must be right before addresses take the others. */
function prepare(b: CaseBuilder): void {
  const { row, random } = b;
  if (row.stack || usesStack(row)) {
    b.stackTop = CENTRE - 32 + random.below(64);
    b.setStack(RSP, b.stackTop);
    b.setStack(RBP, CENTRE - 32 + random.below(64));
  }
  if (row.string) prepareString(b);
  if (row.counts) b.set(RCX, counted(b));
  if (row.name === 'XLAT') {
    const al = BigInt(random.below(128));
    b.set(RAX, ((b.gprs[RAX] ?? 0n) & ~0xffn) | al);
    b.setOffset(RBX, b.offsetOf(b.chooseAddress(1), b.segment()) - al);
  }
  // never where nothing is: whether bytes that are not selected fault is open
  if (row.operands.some((o) => o.place === 'T')) b.setAddress(RDI, BigInt(WINDOW + random.below(WINDOW_BYTES - 16)));
  if (/^I?DIV$/.test(row.name)) prepareDivision(b);
  if (/^V?PCMP[EI]STR/.test(row.name)) prepareStringCompare(b);
  if (row.operands.some((o) => o.register === RCX)) {
    b.locked.add(RCX);
    if (chance(random, 60)) b.set(RCX, ((b.gprs[RCX] ?? 0n) & ~0xffn) | BigInt(random.below(70)));
  }
  if (row.name === 'RET') b.poke64(b.stackTop, b.jumpTarget());
  prepareSystem(b);
}

/** Above the bits of the address size. */
function noise(b: CaseBuilder): bigint {
  const bits = BigInt(8 * b.addressBytes);
  return (uint64(b.random) >> bits) << bits;
}
/** A count around zero at the address size, with noise above. */
function counted(b: CaseBuilder): bigint {
  return BigInt(b.random.below(3)) | noise(b);
}

function prepareString(b: CaseBuilder): void {
  const { random, row } = b;
  if (chance(random, 60)) {
    b.repeats = true;
    b.prefixes.push(random.pick([0xf2, 0xf3]));
  }
  b.set(RCX, BigInt(random.below(6)) | (b.repeats ? noise(b) : 0n));
  if (chance(random, 40)) b.eflags |= FLAG_DF;
  const put = (register: number, address: number): void =>
    b.setAddress(register, BigInt(address), register === RDI ? ES : b.segment());
  for (const register of [RSI, RDI]) put(register, CENTRE - 40 + random.below(72));
  if (chance(random, 4)) put(row.operands[0]?.place === 'Y' ? RDI : RSI, DATA + DATA_BYTES - random.below(12));
  // runs of equal elements, for SCAS and CMPS
  if (chance(random, 60)) b.memory.fill(Number((b.gprs[RAX] ?? 0n) & 0xffn), 0, 60 + random.below(60));
  if (chance(random, 30)) b.set(RAX, BigInt(b.memory[0] ?? 0) * 0x0101_0101_0101_0101n);
}

/** Short strings in all vectors, and lengths around what a vector holds. */
function prepareStringCompare(b: CaseBuilder): void {
  const { random } = b;
  const view = new DataView(b.ymm.buffer);
  for (let at = 0; at < b.ymm.length; at += 16) fillString(random, view, at);
  for (let at = 0; at < WINDOW_BYTES; at += 16) fillString(random, b.view, at);
  for (const register of [RAX, RDX]) {
    const noise = b.size === 4 ? uint64(random) & ~0xffff_ffffn : 0n;
    const length = BigInt.asUintN(8 * b.size, BigInt(random.below(40) - 20));
    if (chance(random, 80)) b.set(register, length | noise);
  }
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
    if (b.operandAddress !== undefined) b.poke64(Number(b.operandAddress), b.jumpTarget());
    else if (row.name === 'JMP' || rm !== RSP) b.set(rm, b.jumpTarget()); // CALL rSP stores where rSP points
  }
  if (row.name === 'CMPXCHG' && chance(random, 50)) {
    if (b.operandAddress !== undefined) b.poke64(Number(b.operandAddress), b.gprs[RAX] ?? 0n);
    else if (!b.locked.has(RAX)) b.set(RAX, b.gprs[rm] ?? 0n);
  }
}

export function makeCase(row: Row, mode: CaseMode, seed: number): InstructionCase {
  const b = new CaseBuilder(row, mode, seed);
  prepare(b);
  encodeOperands(b);
  adjust(b);
  adjustSystem(b);
  return b.finish();
}
