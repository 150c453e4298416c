/** Data transfer: FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP, the constants, FXCH and FCMOVcc. [SDM] volume 1, 8.3.3 */
import { loadBcd, toBcd } from './bcd.ts';
import { loadFloat32, loadFloat64, loadInt32, loadInt64, toFloat32, toFloat64, toInteger } from './convert.ts';
import {
  A,
  A_HI,
  A_LO,
  A_SE,
  B_HI,
  B_LO,
  B_SE,
  C1,
  IE,
  INT32_MIN,
  OE,
  PE,
  propagateNanA,
  QNAN,
  RC,
  RC_DOWN,
  RC_UP,
  RC_ZERO,
  SF,
  SIGN,
  setDefaultNan,
  setZ,
  UE,
  unpack,
  W,
  Z_HI,
  Z_LO,
} from './ext80.ts';
import { X87_DONE, X87_MEMORY_FAULT, type X87Execute, type X87Memory, type X87Result } from './instruction.ts';
import { X87_EFLAGS, type X87State } from './state.ts';

/** The packed BCD operand's and the 80-bit operand's size. */
const TEN_BYTES = 10;
const CF = 0x01;
const PF = 0x04;
const ZF = 0x40;

/** Pushes Z, which raised `flags`, unless there is no room. An unmasked DE does not stop a load, only IE does. @hot */
function push(fpu: X87State, flags: number): X87Result {
  if (!fpu.isEmpty(7)) {
    if (fpu.overflow()) fpu.pushZ();
    return X87_DONE;
  }
  if (fpu.signal(flags) || (flags & IE) === 0) fpu.pushZ();
  return X87_DONE;
}

/** Z = A with a signalling NaN made quiet. Returns the FSW bits, `flags` among them. @hot */
function quietA(flags: number): number {
  const kind = unpack(A);
  if (kind >= QNAN) return propagateNanA(kind);
  setZ(W[A_SE], W[A_HI], W[A_LO]);
  return flags;
}

export const fldM32: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(4)) return X87_MEMORY_FAULT;
  return push(fpu, quietA(loadFloat32(A, fpu.operand[0] as number)));
};

export const fldM64: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(8)) return X87_MEMORY_FAULT;
  return push(fpu, quietA(loadFloat64(A, fpu.operand[1] as number, fpu.operand[0] as number)));
};

/** Any pattern is loaded as it is. */
export const fldM80: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(TEN_BYTES)) return X87_MEMORY_FAULT;
  setZ((fpu.operand[2] as number) & 0xffff, fpu.operand[1] as number, fpu.operand[0] as number);
  return push(fpu, 0);
};

export const fldRegister: X87Execute = (fpu, modrm) => {
  const i = modrm & 7;
  if (fpu.isEmpty(i)) {
    if (fpu.underflow()) fpu.pushZ();
    return X87_DONE;
  }
  fpu.loadA(i);
  setZ(W[A_SE], W[A_HI], W[A_LO]);
  return push(fpu, 0);
};

export const fildM16: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(2)) return X87_MEMORY_FAULT;
  loadInt32(A, ((fpu.operand[0] as number) << 16) >> 16);
  return push(fpu, quietA(0));
};

export const fildM32: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(4)) return X87_MEMORY_FAULT;
  loadInt32(A, fpu.operand[0] as number);
  return push(fpu, quietA(0));
};

export const fildM64: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(8)) return X87_MEMORY_FAULT;
  loadInt64(A, fpu.operand[1] as number, fpu.operand[0] as number);
  return push(fpu, quietA(0));
};

export const fbld: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(TEN_BYTES)) return X87_MEMORY_FAULT;
  loadBcd(fpu.operandBytes);
  return push(fpu, quietA(0));
};

/**
 * Stores the operand field, which a conversion that raised `flags` has filled: first to memory, then to the state. An
 * unmasked IE, OE or UE stores nothing; an unmasked PE does.
 */
function store(fpu: X87State, memory: X87Memory, bytes: number, flags: number, pop: boolean): X87Result {
  if (fpu.stops(flags & (IE | OE | UE))) {
    fpu.signal(flags & ~(PE | C1));
    return X87_DONE;
  }
  if (!memory.store(bytes)) return X87_MEMORY_FAULT;
  fpu.signal(flags);
  if (pop) fpu.pop();
  return X87_DONE;
}

/** Z_HI, Z_LO to the operand field, then store. @hot */
function storeZ(fpu: X87State, memory: X87Memory, bytes: number, flags: number, pop: boolean): X87Result {
  fpu.operand[0] = W[Z_LO];
  fpu.operand[1] = W[Z_HI];
  return store(fpu, memory, bytes, flags, pop);
}

/** A = ST(0), or the default NaN when that is empty. Returns what an empty register raises. @hot */
function loadTop(fpu: X87State): number {
  fpu.loadA(0);
  if (!fpu.isEmpty(0)) return 0;
  W[A_SE] = 0xffff;
  W[A_HI] = 0xc000_0000 | 0;
  W[A_LO] = 0;
  return IE | SF;
}

export function storeFloat32(pop: boolean): X87Execute {
  return (fpu, _modrm, memory) => {
    const empty = loadTop(fpu);
    return storeZ(fpu, memory, 4, empty | toFloat32(fpu.fcw), pop);
  };
}

export function storeFloat64(pop: boolean): X87Execute {
  return (fpu, _modrm, memory) => {
    const empty = loadTop(fpu);
    return storeZ(fpu, memory, 8, empty | toFloat64(fpu.fcw), pop);
  };
}

/** FIST, FISTP; with `truncate` FISTTP. `bits`: 16, 32 or 64. */
export function storeInteger(bits: number, pop: boolean, truncate = false): X87Execute {
  const rounding = truncate ? RC_ZERO : 0;
  return (fpu, _modrm, memory) => {
    const empty = loadTop(fpu);
    return storeZ(fpu, memory, bits >>> 3, empty | toInteger(bits, fpu.fcw | rounding), pop);
  };
}

export const fstpM80: X87Execute = (fpu, _modrm, memory) => {
  const empty = loadTop(fpu);
  fpu.operand[0] = W[A_LO];
  fpu.operand[1] = W[A_HI];
  fpu.operand[2] = W[A_SE];
  return store(fpu, memory, TEN_BYTES, empty, true);
};

export const fbstp: X87Execute = (fpu, _modrm, memory) => {
  const empty = loadTop(fpu);
  return store(fpu, memory, TEN_BYTES, empty | toBcd(fpu.operandBytes, fpu.fcw), true);
};

/** FSTP1, FSTP8, FSTP9 (undocumented): FSTP ST(i) that takes an empty ST(0) for nothing but a pop. */
export const fstpQuiet: X87Execute = (fpu, modrm) => {
  fpu.signal(0);
  if (!fpu.isEmpty(0)) {
    fpu.loadA(0);
    setZ(W[A_SE], W[A_HI], W[A_LO]);
    fpu.storeZ(modrm & 7);
  }
  fpu.pop();
  return X87_DONE;
};

/** FST ST(i), FSTP ST(i). */
export function storeRegister(pop: boolean): X87Execute {
  return (fpu, modrm) => {
    let stored = true;
    if (fpu.isEmpty(0)) {
      stored = fpu.underflow();
    } else {
      fpu.loadA(0);
      setZ(W[A_SE], W[A_HI], W[A_LO]);
      fpu.signal(0);
    }
    if (stored) {
      fpu.storeZ(modrm & 7);
      if (pop) fpu.pop();
    }
    return X87_DONE;
  };
}

/** Pushes a constant kept to 64 bits and, in `rest`, the next 32: rounded as RC says, no exception. */
function loadConstant(se: number, hi: number, lo: number, rest: number): X87Execute {
  return (fpu) => {
    const mode = fpu.fcw & RC;
    const up = rest !== 0 && (mode === RC_UP || (mode !== RC_DOWN && mode !== RC_ZERO && rest < 0));
    setZ(se, hi | 0, (lo + (up ? 1 : 0)) | 0);
    return push(fpu, 0);
  };
}

/** FXCH: an empty register counts as the default NaN when the underflow is masked. */
export const fxch: X87Execute = (fpu, modrm) => {
  const i = modrm & 7;
  const empty0 = fpu.isEmpty(0);
  const emptyI = fpu.isEmpty(i);
  if (!fpu.signal(empty0 || emptyI ? IE | SF : 0)) return X87_DONE;
  fpu.loadA(0);
  fpu.loadB(i);
  if (emptyI) setDefaultNan();
  else setZ(W[B_SE], W[B_HI], W[B_LO]);
  fpu.storeZ(0);
  if (empty0) setDefaultNan();
  else setZ(W[A_SE], W[A_HI], W[A_LO]);
  fpu.storeZ(i);
  return X87_DONE;
};

/** FCMOVcc: moves when a flag of `mask` is set, or when none is and `negated`. */
function conditionalMove(mask: number, negated: boolean): X87Execute {
  return (fpu, modrm) => {
    const i = modrm & 7;
    if (fpu.isEmpty(0) || fpu.isEmpty(i)) {
      if (fpu.underflow()) fpu.storeZ(0);
      return X87_DONE;
    }
    const set = ((fpu.words[X87_EFLAGS / 4] as number) & mask) !== 0;
    if (set !== negated) {
      fpu.loadA(i);
      setZ(W[A_SE], W[A_HI], W[A_LO]);
      fpu.storeZ(0);
    }
    return X87_DONE;
  };
}

export const fcmovb = conditionalMove(CF, false);
export const fcmove = conditionalMove(ZF, false);
export const fcmovbe = conditionalMove(CF | ZF, false);
export const fcmovu = conditionalMove(PF, false);
export const fcmovnb = conditionalMove(CF, true);
export const fcmovne = conditionalMove(ZF, true);
export const fcmovnbe = conditionalMove(CF | ZF, true);
export const fcmovnu = conditionalMove(PF, true);

/** FABS and FCHS: only the sign changes, whatever the value. */
function changeSign(keep: number, flip: number): X87Execute {
  return (fpu) => {
    if (fpu.isEmpty(0)) {
      if (fpu.underflow()) fpu.storeZ(0);
      return X87_DONE;
    }
    fpu.signal(0);
    fpu.loadA(0);
    setZ((W[A_SE] & keep) ^ flip, W[A_HI], W[A_LO]);
    fpu.storeZ(0);
    return X87_DONE;
  };
}

export const fabs = changeSign(0x7fff, 0);
export const fchs = changeSign(0xffff, SIGN);

/** log2(10), log2(e), pi, log10(2), ln(2), each to 96 bits. */
export const fld1 = loadConstant(0x3fff, INT32_MIN, 0, 0);
export const fldl2t = loadConstant(0x4000, 0xd49a784b, 0xcd1b8afe, 0x492bf6ff);
export const fldl2e = loadConstant(0x3fff, 0xb8aa3b29, 0x5c17f0bb, 0xbe87fed0 | 0);
export const fldpi = loadConstant(0x4000, 0xc90fdaa2, 0x2168c234, 0xc4c6628b | 0);
export const fldlg2 = loadConstant(0x3ffd, 0x9a209a84, 0xfbcff798, 0x8f8959ac | 0);
export const fldln2 = loadConstant(0x3ffe, 0xb17217f7, 0xd1cf79ab, 0xc9e3b398 | 0);
export const fldz = loadConstant(0, 0, 0, 0);
