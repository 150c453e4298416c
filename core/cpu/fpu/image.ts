/**
 * The memory images of the x87 state: FNSTENV and FNSAVE (14/28 and 94/108 bytes, real and protected layouts) and the
 * x87 part of the FXSAVE area. [SDM] volume 1, 8.1.10 (figures 8-9 to 8-12) and 10.5.1 (table 10-2)
 */
import { A, A_HI, A_LO, A_SE, unpack, W, ZERO } from './ext80.ts';
import { ENVIRONMENT_32, ENVIRONMENT_REAL } from './instruction.ts';
import { X87_FCS, X87_FDP, X87_FDS, X87_FIP, X87_FOP, X87_OPERAND_BYTES, type X87State } from './state.ts';

const FOP_BITS = 0x7ff;
const REGISTER_BYTES = 10;
const TAG_VALID = 0;
const TAG_ZERO = 1;
const TAG_SPECIAL = 2;
const TAG_EMPTY = 3;

/** Bytes of the FNSTENV image; FNSAVE's has 80 more. */
export function environmentBytes(layout: number): number {
  return layout & ENVIRONMENT_32 ? 28 : 14;
}

export function saveBytes(layout: number): number {
  return environmentBytes(layout) + 8 * REGISTER_BYTES;
}

/** The 16-bit tag word, two bits for each physical register, worked out from what the registers hold. */
function fullTagWord(fpu: X87State): number {
  const top = fpu.top;
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    const physical = (top + i) & 7;
    tags |= (fpu.isEmpty(i) ? TAG_EMPTY : contentTag(fpu, i)) << (physical * 2);
  }
  return tags;
}

function contentTag(fpu: X87State, i: number): number {
  fpu.loadA(i);
  const kind = unpack(A);
  if (kind === 0) return TAG_VALID;
  return kind & ZERO ? TAG_ZERO : TAG_SPECIAL;
}

/** Of a tag word only empty or not empty is taken over. */
function setFullTagWord(fpu: X87State, tags: number): void {
  let used = 0;
  for (let physical = 0; physical < 8; physical++) {
    if (((tags >>> (physical * 2)) & 3) !== TAG_EMPTY) used |= 1 << physical;
  }
  fpu.ftw = used;
}

function operandView(fpu: X87State): DataView {
  return new DataView(fpu.operand.buffer, fpu.operand.byteOffset, X87_OPERAND_BYTES);
}

/** Word `field` of the area, unsigned. */
function word(fpu: X87State, field: number): number {
  return (fpu.words[field / 4] as number) >>> 0;
}

/** Writes the environment to the operand field. The state does not change. */
export function storeEnvironment(fpu: X87State, layout: number): void {
  const view = operandView(fpu);
  const wide = (layout & ENVIRONMENT_32) !== 0;
  const put = (index: number, value: number): void => {
    if (wide) view.setUint32(index * 4, value, true);
    else view.setUint16(index * 2, value, true);
  };
  // The upper halves of 16-bit fields in the wide layout read as ones.
  put(0, 0xffff_0000 | fpu.fcw);
  put(1, 0xffff_0000 | fpu.fsw);
  put(2, 0xffff_0000 | fullTagWord(fpu));
  const fip = word(fpu, X87_FIP);
  const fdp = word(fpu, X87_FDP);
  const fcs = word(fpu, X87_FCS);
  const fds = word(fpu, X87_FDS);
  const fop = word(fpu, X87_FOP);
  if (layout & ENVIRONMENT_REAL) {
    const ip = fip + fcs * 16;
    const dp = fdp + fds * 16;
    put(3, wide ? 0xffff_0000 | ip : ip);
    put(4, ((ip >>> 16) << 12) | fop);
    put(5, wide ? 0xffff_0000 | dp : dp);
    put(6, (dp >>> 16) << 12);
    return;
  }
  put(3, fip);
  put(4, wide ? (fop << 16) | fcs : fcs);
  put(5, fdp);
  put(6, wide ? 0xffff_0000 | fds : fds);
}

/** Takes the environment over from the operand field. */
export function loadEnvironment(fpu: X87State, layout: number): void {
  const view = operandView(fpu);
  const wide = (layout & ENVIRONMENT_32) !== 0;
  const get = (index: number): number => (wide ? view.getUint32(index * 4, true) : view.getUint16(index * 2, true));
  fpu.fcw = get(0);
  fpu.fsw = get(1);
  setFullTagWord(fpu, get(2));
  const set = (field: number, value: number): void => {
    fpu.words[field / 4] = value;
  };
  set(X87_FIP + 4, 0);
  set(X87_FDP + 4, 0);
  if (layout & ENVIRONMENT_REAL) {
    set(X87_FIP, (get(3) & 0xffff) | ((get(4) >>> 12) << 16));
    set(X87_FOP, get(4) & FOP_BITS);
    set(X87_FDP, (get(5) & 0xffff) | ((get(6) >>> 12) << 16));
    set(X87_FCS, 0);
    set(X87_FDS, 0);
    return;
  }
  set(X87_FIP, get(3));
  set(X87_FCS, get(4) & 0xffff);
  // The 16-bit protected layout has no opcode.
  set(X87_FOP, wide ? (get(4) >>> 16) & FOP_BITS : 0);
  set(X87_FDP, get(5));
  set(X87_FDS, get(6) & 0xffff);
}

/** Writes environment and registers, ST(0) first, to the operand field. The state does not change. */
export function storeState(fpu: X87State, layout: number): void {
  storeEnvironment(fpu, layout);
  const view = operandView(fpu);
  let at = environmentBytes(layout);
  for (let i = 0; i < 8; i++) {
    fpu.loadA(i);
    writeA(view, at);
    at += REGISTER_BYTES;
  }
}

function writeA(view: DataView, at: number): void {
  view.setInt32(at, W[A_LO], true);
  view.setInt32(at + 4, W[A_HI], true);
  view.setUint16(at + 8, W[A_SE], true);
}

/** ST(i) = the 80 bits at `at`; its tag stays. */
function readRegister(fpu: X87State, i: number, view: DataView, at: number): void {
  const register = fpu.register(i);
  fpu.words[register] = view.getInt32(at, true);
  fpu.words[register + 1] = view.getInt32(at + 4, true);
  fpu.words[register + 2] = view.getUint16(at + 8, true);
}

/** Takes environment and registers over from the operand field. */
export function loadState(fpu: X87State, layout: number): void {
  loadEnvironment(fpu, layout);
  const view = operandView(fpu);
  const start = environmentBytes(layout);
  for (let i = 0; i < 8; i++) readRegister(fpu, i, view, start + i * REGISTER_BYTES);
}

/** Offsets in the FXSAVE area. MXCSR (24, 28) and the XMM registers (160..) belong to the caller. */
const FX_FCW = 0;
const FX_FSW = 2;
const FX_FTW = 4;
const FX_FOP = 6;
const FX_FIP = 8;
const FX_FCS = 12;
const FX_FDP = 16;
const FX_FDS = 20;
const FX_ST0 = 32;
const FX_REGISTER_BYTES = 16;

/**
 * Writes the x87 part of an FXSAVE area, bytes 0..23 and 32..159 from `at`. `wide` is FXSAVE64: 64-bit FIP and FDP in
 * place of offset and selector.
 */
export function writeFxsave(fpu: X87State, view: DataView, at: number, wide: boolean): void {
  view.setUint16(at + FX_FCW, fpu.fcw, true);
  view.setUint16(at + FX_FSW, fpu.fsw, true);
  view.setUint16(at + FX_FTW, fpu.ftw, true);
  view.setUint16(at + FX_FOP, word(fpu, X87_FOP), true);
  view.setUint32(at + FX_FIP, word(fpu, X87_FIP), true);
  view.setUint32(at + FX_FCS, word(fpu, wide ? X87_FIP + 4 : X87_FCS), true);
  view.setUint32(at + FX_FDP, word(fpu, X87_FDP), true);
  view.setUint32(at + FX_FDS, word(fpu, wide ? X87_FDP + 4 : X87_FDS), true);
  for (let i = 0; i < 8; i++) {
    const register = at + FX_ST0 + i * FX_REGISTER_BYTES;
    fpu.loadA(i);
    writeA(view, register);
    view.setUint16(register + 10, 0, true);
    view.setUint32(register + 12, 0, true);
  }
}

/** Takes over the x87 part of an FXSAVE area, as writeFxsave left it. */
export function readFxsave(fpu: X87State, view: DataView, at: number, wide: boolean): void {
  fpu.fcw = view.getUint16(at + FX_FCW, true);
  fpu.fsw = view.getUint16(at + FX_FSW, true);
  fpu.ftw = view.getUint8(at + FX_FTW);
  const set = (field: number, value: number): void => {
    fpu.words[field / 4] = value;
  };
  set(X87_FOP, view.getUint16(at + FX_FOP, true) & FOP_BITS);
  set(X87_FIP, view.getInt32(at + FX_FIP, true));
  set(X87_FDP, view.getInt32(at + FX_FDP, true));
  set(X87_FIP + 4, wide ? view.getInt32(at + FX_FCS, true) : 0);
  set(X87_FDP + 4, wide ? view.getInt32(at + FX_FDS, true) : 0);
  set(X87_FCS, wide ? 0 : view.getUint16(at + FX_FCS, true));
  set(X87_FDS, wide ? 0 : view.getUint16(at + FX_FDS, true));
  for (let i = 0; i < 8; i++) readRegister(fpu, i, view, at + FX_ST0 + i * FX_REGISTER_BYTES);
}
