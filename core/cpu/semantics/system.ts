/**
 * The common cases of system instructions that kernels and C libraries run all the time. What they check and fault, and
 * what is rare, is left to system/ before anything has changed.
 */
import { hasBits, type I32, type I64, i32, i64 } from '../../wasm/index.ts';
import { MODE_64, MODE_FLAT, MODE_SIZE_MASK } from '../decode/mode.ts';
import * as S from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { XSAVE_AREA, XSAVE_COMPACTED, XSAVE_PRIVILEGED } from './xsave.ts';

const not = i32.eqz;

/** Of memory operand 0 no segment has a base or limit. */
function isFlat(e: Emit): I32 {
  const mode = e.f.let(i32.load(e.field(S.CODE_MODE)));
  const code64 = i32.eq(i32.and(mode, i32.const(MODE_SIZE_MASK)), i32.const(MODE_64));
  const segment = e.segmentOf(0);
  const near = i32.and(i32.ltU(segment, i32.const(S.FS)), i32.ne(segment, i32.const(S.CS)));
  return i32.and(near, i32.or(code64, hasBits(mode, MODE_FLAT)));
}

// -- FS and GS bases -----------------------------------------------------------------------------------------------
/** Address of the base that bit 3 of ModRM tells: FS or GS. */
function baseAddress(e: Emit): I32 {
  e.fallBackIf(not(hasBits(e.cr4(), S.CR4_FSGSBASE)));
  const segment = i32.shl(i32.and(e.modrm(), i32.const(8)), i32.const(Math.log2(S.SEG_SIZE / 8)));
  return i32.add(segment, e.field(S.SEG + S.FS * S.SEG_SIZE + S.SEG_BASE));
}
export const emitReadBase: Emitter = (e) => {
  const at = e.f.let(baseAddress(e));
  e.write(0, e.w.from64(i64.load(at)));
};
export const emitWriteBase: Emitter = (e) => {
  const at = e.f.let(baseAddress(e));
  const base = e.f.let(e.w.unsigned64(e.read(0)));
  const unused = e.f.let(i64.extendU(i32.load(e.field(S.CANONICAL_SHIFT))));
  e.fallBackIf(i64.ne(i64.shrS(i64.shl(base, unused), unused), base));
  e.f.store64(at, base);
};

/** SWAPGS */
export const emitSwapBase: Emitter = (e) => {
  e.fallBackIf(e.cpl());
  const [gs, other] = [e.field(S.SEG + S.GS * S.SEG_SIZE + S.SEG_BASE), e.field(S.KERNEL_GS_BASE)];
  const base = e.f.let(i64.load(gs));
  e.f.store64(gs, i64.load(other));
  e.f.store64(other, base);
};

// -- a supervisor's access to pages of users -----------------------------------------------------------------------
/** The TLB's part that serves level 0 (mmu/walk.ts). */
export function supervisorPart(cr4: I32, flags: I32): I32 {
  const open = i32.and(hasBits(cr4, S.CR4_SMAP), hasBits(flags, S.FLAG_AC));
  return i32.shl(open, i32.const(1));
}

/** STAC and CLAC */
const setsAc =
  (ac: number): Emitter =>
  (e) => {
    e.fallBackIf(e.cpl());
    const flags = e.f.let(e.systemFlags());
    const next = e.f.let(i32.or(i32.and(flags, i32.const(~S.FLAG_AC)), i32.const(ac)));
    e.setSystemFlags(next);
    const moved = i32.sub(supervisorPart(e.cr4(), next), supervisorPart(e.cr4(), flags));
    e.moveTlb(moved);
  };
export const emitStac = setsAc(S.FLAG_AC);
export const emitClac = setsAc(0);

// -- translations --------------------------------------------------------------------------------------------------
export const emitInvlpg: Emitter = (e) => {
  e.fallBackIf(i32.or(e.cpl(), not(isFlat(e))));
  const linear = e.offset(0);
  e.fallBackIf(e.systemRoutine('flushPage', i32.wrap(linear), i32.wrap(i64.shrU(linear, i64.const(32n)))));
  e.endBlock();
};

// -- the time stamp ------------------------------------------------------------------------------------------------
export const emitRdtsc: Emitter = (e) => {
  const disabled = i32.and(hasBits(e.cr4(), S.CR4_TSD), i32.ne(e.cpl(), i32.const(0)));
  e.fallBackIf(i32.or(disabled, not(i32.load(e.field(S.TSC_IN_NS)))));
  const tsc = e.f.let(i64.add(i64.truncSatF64S(e.nowNs()), i64.load(e.field(S.TSC_OFFSET))));
  e.setReg(S.RAX, 4, i32.wrap(tsc));
  e.setReg(S.RDX, 4, i32.wrap(i64.shrU(tsc, i64.const(32n))));
};
export const emitRdtscp: Emitter = (e) => {
  emitRdtsc(e);
  e.setReg(S.RCX, 4, e.f.let(i32.load(e.field(S.TSC_AUX))));
};

// -- CMPXCHG8B, CMPXCHG16B -----------------------------------------------------------------------------------------
/** Where the pair lies; in the 16 bytes of 64-bit code no segment has a limit. */
function pairAddress(e: Emit): I32 {
  if (e.size === 8) {
    const host = e.hostOrFallBack(0, 16, true);
    e.fallBackIf(i32.and(host, i32.const(15)));
    return host;
  }
  const host = e.hostOrFallBack(0, 4, true);
  e.displace(0, i64.const(4n));
  e.fallBackIf(i32.ne(e.hostOrFallBack(0, 4, true), i32.add(host, i32.const(4))));
  return host;
}
export const emitCompareExchangePair: Emitter = (e) => {
  const { f, size } = e;
  const host = pairAddress(e);
  const at = (n: number): I64 => (size === 8 ? i64.loadU(host, n * 8) : i64.load32U(host, n * 4));
  const register = (n: number): I64 => e.w.unsigned64(e.reg(n, size));
  const store = (n: number, value: I64): void => {
    if (size === 8) f.store64(host, value, n * 8);
    else f.store32(host, i32.wrap(value), n * 4);
  };
  const [low, high] = [f.let(at(0)), f.let(at(1))];
  const equal = f.let(i32.and(i64.eq(low, register(S.RAX)), i64.eq(high, register(S.RDX))));
  const flags = f.let(i32.and(e.flags.arith(), i32.const(~S.FLAG_ZF)));
  f.if(
    equal,
    () => {
      store(0, register(S.RBX));
      store(1, register(S.RCX));
    },
    () => {
      e.setReg(S.RAX, size, e.w.from64(low));
      e.setReg(S.RDX, size, e.w.from64(high));
    },
  );
  e.flags.setArith(i32.or(flags, i32.shl(equal, i32.const(Math.log2(S.FLAG_ZF)))));
};

// -- control registers ---------------------------------------------------------------------------------------------
export const emitMovFromControl: Emitter = (e) => {
  const { f } = e;
  const number = e.read(1) as I32;
  const is = (n: number): I32 => i32.eq(number, i32.const(n));
  const known = i32.or(i32.or(is(0), is(2)), i32.or(is(3), is(4)));
  e.fallBackIf(i32.or(i32.ne(e.cpl(), i32.const(0)), not(known)));
  const value = f.local('i64');
  f.set(value, i64.extendU(e.cr0()));
  f.if(is(2), () => f.set(value, i64.load(e.field(S.CR2))));
  f.if(is(3), () => f.set(value, i64.load(e.field(S.CR3))));
  f.if(is(4), () => f.set(value, i64.extendU(e.cr4())));
  e.write(0, e.w.from64(value));
};

// -- XSAVE ---------------------------------------------------------------------------------------------------------
/** The low half of the components asked for; there are none in EDX. */
const askedFor = (e: Emit): I32 => e.reg(S.RAX, 4) as I32;
function area(e: Emit, writes: boolean): I32 {
  e.fallBackIf(not(isFlat(e)));
  return e.hostOrFallBack(0, XSAVE_AREA, writes);
}
const saves =
  (about: number): Emitter =>
  (e) =>
    e.fallBackIf(e.systemRoutine('xsave', area(e, true), askedFor(e), i32.const(about)));
export const emitXsaveopt = saves(0);
export const emitXsavec = saves(XSAVE_COMPACTED);
export const emitXsaves = saves(XSAVE_COMPACTED | XSAVE_PRIVILEGED);

const restores =
  (about: number): Emitter =>
  (e) =>
    e.fallBackIf(e.systemRoutine('xrstor', area(e, false), askedFor(e), i32.const(about)));
export const emitXrstor = restores(0);
export const emitXrstors = restores(XSAVE_COMPACTED | XSAVE_PRIVILEGED);
