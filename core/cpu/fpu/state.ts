/**
 * The x87 state of one vCPU in the VM's shared memory, and what every instruction does with it: registers by stack
 * position, tags, exceptions.
 *
 * Layout from `base`, a multiple of 16; all words little-endian 32 bits:
 *
 *     0 FCW      4 FSW (with TOP)      8 FTW, one bit for each physical register, 1: in use (FXSAVE's form)
 *    12 FOP     16 FIP (64 bits)      24 FDP (64 bits)      32 FCS      36 FDS
 *    40 IP      48 DP (64 bits each)  56 CS    60 DS: where the instruction about to run and its operand are;
 *               the caller writes them, a non-control instruction that completes copies them to FIP, FDP, FCS, FDS
 *    64 EFLAGS: in for FCMOVcc (CF, ZF, PF), out of FCOMI (ZF, PF, CF; OF, SF, AF cleared)
 *    80 OPERAND, 112 bytes: what X87Memory loads and stores
 *   192 R0..R7, 16 bytes each, in physical order: significand low, high, sign-exponent (16 bits), unused.
 *       An MMX register is the significand of the physical register of its number, so its place never moves.
 */
import {
  A_HI,
  A_LO,
  A_SE,
  B_HI,
  B_LO,
  B_SE,
  BUSY,
  C1,
  DE,
  ES,
  IE,
  SF,
  setDefaultNan,
  TOP_SHIFT,
  W,
  Z_HI,
  Z_LO,
  Z_SE,
  ZE,
} from './ext80.ts';

export const X87_FCW = 0;
export const X87_FSW = 4;
export const X87_FTW = 8;
export const X87_FOP = 12;
export const X87_FIP = 16;
export const X87_FDP = 24;
export const X87_FCS = 32;
export const X87_FDS = 36;
export const X87_IP = 40;
export const X87_DP = 48;
export const X87_CS = 56;
export const X87_DS = 60;
export const X87_EFLAGS = 64;
export const X87_OPERAND = 80;
export const X87_OPERAND_BYTES = 112;
export const X87_REGISTERS = 192;
export const X87_REGISTER_BYTES = 16;
export const X87_AREA_BYTES = 320;

/** The six exceptions, as FSW and FCW have them. */
export const X87_EXCEPTIONS = 0x3f;
/** Exceptions found before the operation: when unmasked, its result is dropped. */
const BEFORE = IE | DE | ZE;
/** Bits of the FSW that MMX instructions look at: an exception is pending, and TOP. */
export const X87_ES = ES;
export const X87_TOP = 7 << TOP_SHIFT;
/** Bits of the FCW that exist; bit 6 always reads 1. */
export const FCW_BITS = 0x1f3f;
export const FCW_ONES = 0x40;
const FCW_INIT = 0x37f;

/** Word index of physical register 0. */
const R0 = X87_REGISTERS / 4;

export class X87State {
  /** The area as words; indexed by the offsets above divided by four. */
  readonly words: Int32Array;
  /** The OPERAND field, as words and as bytes. */
  readonly operand: Int32Array;
  readonly operandBytes: Uint8Array;

  /** `base`: byte offset in `view` of an area of X87_AREA_BYTES; base plus view.byteOffset is a multiple of 16. */
  constructor(view: DataView, base: number) {
    const at = view.byteOffset + base;
    this.words = new Int32Array(view.buffer, at, X87_AREA_BYTES / 4);
    this.operand = new Int32Array(view.buffer, at + X87_OPERAND, X87_OPERAND_BYTES / 4);
    this.operandBytes = new Uint8Array(view.buffer, at + X87_OPERAND, X87_OPERAND_BYTES);
  }

  get fcw(): number {
    return this.words[X87_FCW / 4] as number;
  }

  /** Sets the control word; an exception already flagged may become pending or cease to be. */
  set fcw(value: number) {
    this.words[X87_FCW / 4] = (value & FCW_BITS) | FCW_ONES;
    this.fsw = this.fsw;
  }

  get fsw(): number {
    return this.words[X87_FSW / 4] as number;
  }

  /** Sets the status word; ES and B follow from the exceptions and the masks. */
  set fsw(value: number) {
    const pending = value & ~this.fcw & X87_EXCEPTIONS;
    this.words[X87_FSW / 4] = (value & 0xffff & ~(ES | BUSY)) | (pending !== 0 ? ES | BUSY : 0);
  }

  /** One bit for each physical register, 1: in use. */
  get ftw(): number {
    return this.words[X87_FTW / 4] as number;
  }

  set ftw(value: number) {
    this.words[X87_FTW / 4] = value & 0xff;
  }

  get top(): number {
    return (this.fsw >>> TOP_SHIFT) & 7;
  }

  set top(value: number) {
    this.words[X87_FSW / 4] = (this.fsw & ~X87_TOP) | ((value & 7) << TOP_SHIFT);
  }

  /** Word index of ST(i). */
  register(i: number): number {
    return R0 + ((this.top + i) & 7) * 4;
  }

  isEmpty(i: number): boolean {
    return ((this.ftw >>> ((this.top + i) & 7)) & 1) === 0;
  }

  setEmpty(i: number): void {
    this.words[X87_FTW / 4] = this.ftw & ~(1 << ((this.top + i) & 7));
  }

  /** A = ST(i). @hot */
  loadA(i: number): void {
    const at = this.register(i);
    W[A_LO] = this.words[at] as number;
    W[A_HI] = this.words[at + 1] as number;
    W[A_SE] = (this.words[at + 2] as number) & 0xffff;
  }

  /** B = ST(i). @hot */
  loadB(i: number): void {
    const at = this.register(i);
    W[B_LO] = this.words[at] as number;
    W[B_HI] = this.words[at + 1] as number;
    W[B_SE] = (this.words[at + 2] as number) & 0xffff;
  }

  /** ST(i) = Z, in use from now on. @hot */
  storeZ(i: number): void {
    const physical = (this.top + i) & 7;
    const at = R0 + physical * 4;
    this.words[at] = W[Z_LO];
    this.words[at + 1] = W[Z_HI];
    this.words[at + 2] = W[Z_SE];
    this.words[X87_FTW / 4] = this.ftw | (1 << physical);
  }

  /** Pushes Z. @hot */
  pushZ(): void {
    this.top = this.top - 1;
    this.storeZ(0);
  }

  /** Drops ST(0). @hot */
  pop(): void {
    this.setEmpty(0);
    this.top = this.top + 1;
  }

  /**
   * Takes over what an operation raised: exceptions, SF and C1 (cleared unless in `flags`). False when an unmasked
   * exception found before the operation (IE, DE, ZE) forbids to store the result; what came after it is not
   * reported then. @hot
   */
  signal(flags: number): boolean {
    const fcw = this.fcw;
    const fsw = this.fsw & ~C1;
    const unmasked = flags & ~fcw & X87_EXCEPTIONS;
    if (unmasked === 0) {
      this.words[X87_FSW / 4] = fsw | flags;
      return true;
    }
    const stopped = (unmasked & BEFORE) !== 0;
    const kept = stopped ? flags & (BEFORE | SF | (flags & SF ? C1 : 0)) : flags;
    this.words[X87_FSW / 4] = fsw | kept | ES | BUSY;
    return !stopped;
  }

  /** Whether one of these exceptions is unmasked. */
  stops(flags: number): boolean {
    return (flags & ~this.fcw & X87_EXCEPTIONS) !== 0;
  }

  /** Sets and clears condition code bits. */
  setCondition(mask: number, bits: number): void {
    this.words[X87_FSW / 4] = (this.fsw & ~mask) | bits;
  }

  /** Stack underflow. True when masked: Z is then the default NaN, to be used as the result. */
  underflow(): boolean {
    setDefaultNan();
    return this.signal(IE | SF);
  }

  /** Stack overflow, likewise. */
  overflow(): boolean {
    setDefaultNan();
    return this.signal(IE | SF | C1);
  }

  /** FNINIT. The registers keep their contents. */
  init(): void {
    this.words.fill(0, 0, X87_IP / 4);
    this.words[X87_FCW / 4] = FCW_INIT;
  }
}
