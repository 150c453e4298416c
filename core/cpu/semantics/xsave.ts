/**
 * XSAVEOPT, XSAVEC, XSAVES, XRSTOR and XRSTORS as routines, for an x87 in its initial configuration and
 * areas that fault nowhere; system/xsave.ts has the whole, and says what the parts of an area are.
 */
import {
  anyTrue,
  type Func,
  hasBits,
  type I32,
  type I64,
  i32,
  i64,
  i64x2,
  type Local,
  select,
  type V128,
  v128,
} from '../../wasm/index.ts';
import { MODE_64, MODE_SIZE_MASK } from '../decode/mode.ts';
import { X87_AREA_BYTES, X87_FCW, X87_IP, X87_REGISTERS } from '../fpu/state.ts';
import {
  FCW_INIT,
  LANE,
  lanes,
  MXCSR,
  MXCSR_INIT,
  MXCSR_MASK,
  XSAVE_HEADER,
  XSAVE_HEADER_SIZE,
  XSTATE_AVX,
  XSTATE_SSE,
  XSTATE_X87,
  xsaveSize,
} from '../fpu/xsave-area.ts';
import * as S from '../state.ts';

/** Bytes of an area with all components. */
export const XSAVE_AREA = xsaveSize(XSTATE_X87 | XSTATE_SSE | XSTATE_AVX);
// what a routine is told of its instruction
export const XSAVE_COMPACTED = 1;
export const XSAVE_PRIVILEGED = 2;

/**
 * -> 1: fall back, nothing has changed. xsave, xrstor: (address of the area, EAX, about), as translated code has general
 * registers in locals; flushPage (mmu/flush.ts): (low, high); loadSegment (interp/segment-loads.ts): (number, selector)
 */
export const SYSTEM_ROUTINES = {
  flushPage: [['i32', 'i32'], ['i32']],
  loadSegment: [['i32', 'i32'], ['i32']],
  xsave: [['i32', 'i32', 'i32'], ['i32']],
  xrstor: [['i32', 'i32', 'i32'], ['i32']],
} as const;
export type SystemRoutineName = keyof typeof SYSTEM_ROUTINES;

const not = i32.eqz;
const XSTATE_BV = XSAVE_HEADER;
const XCOMP_BV = XSAVE_HEADER + 8;
const COMPACTED = -0x8000_0000_0000_0000n;
const ALIGNMENT = 63;

/** Makes them; `state`: address of the vCPU's. */
export function makeSystemRoutines(
  func: (params: readonly ['i32', 'i32', 'i32'], results: readonly ['i32']) => Func,
  state: number,
): Record<'xsave' | 'xrstor', Func> {
  const form = (body: (r: Routine) => void, registers: 8 | 16): Func => {
    const f = func(['i32', 'i32', 'i32'], ['i32']);
    body(new Routine(f, state, registers));
    f.return(i32.const(0));
    f.unreachable();
    return f;
  };
  const make = (body: (r: Routine) => void): Func => {
    const [wide, narrow] = [form(body, 16), form(body, 8)];
    const f = func(['i32', 'i32', 'i32'], ['i32']);
    const params = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')] as const;
    const mode = i32.and(i32.load(i32.const(state + S.CODE_MODE)), i32.const(MODE_SIZE_MASK));
    f.if(i32.eq(mode, i32.const(MODE_64)), () => f.returnCall(wide, ...params));
    f.returnCall(narrow, ...params);
    f.unreachable();
    return f;
  };
  return { xsave: make(emitSave), xrstor: make(emitRestore) };
}

class Routine {
  readonly area: I32;
  readonly #asked: I32;
  readonly #about: I32;

  constructor(
    readonly f: Func,
    readonly base: number,
    /** Vector registers that the mode reaches. */
    readonly registers: 8 | 16,
  ) {
    this.area = f.param(0, 'i32');
    this.#asked = f.param(1, 'i32');
    this.#about = f.param(2, 'i32');
  }

  state(offset: number): I32 {
    return i32.const(this.base + offset);
  }
  word(offset: number): I32 {
    return i32.load(this.state(offset));
  }
  about(bit: number): I32 {
    return hasBits(this.#about, bit);
  }
  fallBackIf(condition: I32): void {
    this.f.if(condition, () => this.f.return(i32.const(1)));
  }

  requireUsable(): void {
    this.fallBackIf(not(hasBits(this.word(S.CR4), S.CR4_OSXSAVE)));
    this.fallBackIf(hasBits(this.word(S.CR0), S.CR0_TS));
    this.fallBackIf(i32.and(this.about(XSAVE_PRIVILEGED), i32.ne(this.word(S.CPL), i32.const(0))));
    this.fallBackIf(i32.and(this.area, i32.const(ALIGNMENT)));
  }
  /** Components asked for by EDX:EAX and enabled. */
  requested(): I32 {
    return this.f.let(i32.and(this.#asked, this.word(S.XCR0)));
  }

  /** Instruction pointers and the like go by no component's use. */
  x87InUse(): I32 {
    const x87 = (offset: number): I32 => this.state(S.X87 + offset);
    let bits: I64 = i64.extendU(i32.xor(i32.load(x87(X87_FCW)), i32.const(FCW_INIT)));
    bits = i64.or(bits, i64.load32U(x87(X87_FCW + 4)));
    for (let at = X87_FCW + 8; at < X87_IP; at += 8) bits = i64.or(bits, i64.load(x87(at)));
    let registers: V128 = v128.load(x87(X87_REGISTERS));
    for (let at = X87_REGISTERS + LANE; at < X87_AREA_BYTES; at += LANE)
      registers = v128.or(registers, v128.load(x87(at)));
    return i32.or(i64.ne(bits, i64.const(0n)), anyTrue(registers));
  }
  /** `component` when a vector register has a bit set in it. */
  inUse(component: number): I32 {
    let bits: V128 | undefined;
    for (const [at] of lanes(component, this.registers)) {
      const lane = v128.load(this.state(at));
      bits = bits ? v128.or(bits, lane) : lane;
    }
    return bits ? select(anyTrue(bits), i32.const(component), i32.const(0)) : i32.const(0);
  }
}

const VECTORS = [XSTATE_SSE, XSTATE_AVX];

function emitSave(r: Routine): void {
  const { f } = r;
  r.requireUsable();
  const asked = r.requested();
  r.fallBackIf(i32.and(hasBits(asked, XSTATE_X87), r.x87InUse()));
  const compacted = f.let(r.about(XSAVE_COMPACTED));
  // in the compacted format MXCSR is a part of SSE state
  const mxcsr = i32.and(compacted, i32.ne(r.word(S.MXCSR), i32.const(MXCSR_INIT)));
  const vectors = i32.or(r.inUse(XSTATE_SSE), r.inUse(XSTATE_AVX));
  const used = i32.or(vectors, i32.shl(mxcsr, i32.const(Math.log2(XSTATE_SSE))));
  const saved = f.let(i32.and(asked, used));
  for (const component of VECTORS)
    f.if(hasBits(saved, component), () => {
      for (const [from, to] of lanes(component, r.registers)) f.storeV128(r.area, v128.load(r.state(from)), to);
    });
  const withMxcsr = select(compacted, i32.and(saved, i32.const(XSTATE_SSE)), i32.and(asked, i32.const(6)));
  f.if(withMxcsr, () => {
    f.store32(r.area, r.word(S.MXCSR), MXCSR);
    f.store32(r.area, i32.const(MXCSR_MASK), MXCSR + 4);
  });
  const others = i64.and(i64.loadU(r.area, XSTATE_BV), i64.xor(i64.extendU(asked), i64.const(-1n)));
  const kept = select(compacted, i64.const(0n), others);
  f.store64(r.area, i64.or(f.let(kept), i64.extendU(saved)), XSTATE_BV);
  f.if(compacted, () => f.store64(r.area, i64.or(i64.extendU(asked), i64.const(COMPACTED)), XCOMP_BV));
}

/** #GP for a header is TypeScript's. */
function requireGoodHeader(r: Routine, present: I64, compacted: I32): void {
  const { f } = r;
  const layout = f.let(i64.and(i64.loadU(r.area, XCOMP_BV), i64.const(~COMPACTED)));
  const xcr0 = f.let(i64.load(r.state(S.XCR0)));
  const without = (a: I64, b: I64): I64 => i64.and(a, i64.xor(b, i64.const(-1n)));
  const known = select(compacted, layout, xcr0);
  let bad: I64 = without(present, f.let(known));
  bad = i64.or(bad, select(compacted, without(layout, xcr0), layout));
  bad = i64.or(bad, i64.loadU(r.area, XCOMP_BV + 8));
  for (let at = XCOMP_BV + 16; at < XSAVE_HEADER + XSAVE_HEADER_SIZE; at += 8)
    bad = i64.or(bad, select(compacted, i64.loadU(r.area, at), i64.const(0n)));
  r.fallBackIf(i64.ne(bad, i64.const(0n)));
}

function emitRestore(r: Routine): void {
  const { f } = r;
  r.requireUsable();
  const compacted = f.let(i64.ltS(i64.loadU(r.area, XCOMP_BV), i64.const(0n)));
  // XRSTOR takes the compacted format too, where XSAVEC is offered
  r.fallBackIf(i32.ne(compacted, r.about(XSAVE_COMPACTED)));
  const header = f.let(i64.loadU(r.area, XSTATE_BV));
  requireGoodHeader(r, header, compacted);
  const asked = r.requested();
  const loaded = f.let(i32.and(asked, i32.wrap(header)));
  const x87Changes = i32.and(hasBits(asked, XSTATE_X87), r.x87InUse());
  r.fallBackIf(i32.or(hasBits(loaded, XSTATE_X87), x87Changes));
  const mxcsr = f.local('i32');
  emitMxcsr(r, mxcsr, asked, loaded, compacted);
  for (const component of VECTORS) {
    f.if(hasBits(asked, component), () =>
      f.if(
        hasBits(loaded, component),
        () => {
          for (const [to, from] of lanes(component, r.registers)) f.storeV128(r.state(to), v128.load(r.area, from));
        },
        () => {
          for (const [to] of lanes(component, r.registers)) f.storeV128(r.state(to), i64x2.const(0n));
        },
      ),
    );
  }
  f.store32(r.state(S.MXCSR), mxcsr);
}

/** What MXCSR becomes; the compacted format has it with SSE state, the other one with any vectors. */
function emitMxcsr(r: Routine, mxcsr: Local<'i32'>, asked: I32, loaded: I32, compacted: I32): void {
  const { f } = r;
  const initial = i32.and(compacted, hasBits(asked, XSTATE_SSE));
  f.set(mxcsr, select(initial, i32.const(MXCSR_INIT), r.word(S.MXCSR)));
  const fromArea = select(compacted, i32.and(loaded, i32.const(XSTATE_SSE)), i32.and(asked, i32.const(6)));
  f.if(fromArea, () => {
    f.set(mxcsr, i32.loadU(r.area, MXCSR));
    r.fallBackIf(hasBits(mxcsr, ~MXCSR_MASK));
  });
}
