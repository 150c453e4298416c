/** SYSENTER, SYSEXIT and IRET of 32-bit code with flat segments outside long mode, between levels 0 and 3 of such code. */
import { hasBits, type I32, type I64, i32, i64, select } from '../../wasm/index.ts';
import * as M from '../decode/mode.ts';
import * as S from '../state.ts';
import {
  type Handler,
  RETURN_FLAGS,
  requireNoPrivilegedSegments,
  requirePlainSupervisor,
  USER_PART,
} from './change.ts';

const not = i32.eqz;

const LOOKED_AT = M.MODE_SIZE_MASK | M.MODE_REAL | M.MODE_STACK32 | M.MODE_FLAT | M.MODE_FLAT_CODE;
const FLAT_32 = M.MODE_32 | M.MODE_STACK32 | M.MODE_FLAT | M.MODE_FLAT_CODE;
/** Code mode of flat 32-bit code: it stays so when CS and SS become other flat segments. */
export const isFlat32 = (mode: number): boolean => (mode & LOOKED_AT) === FLAT_32;
export const isFlat32Mode = (mode: I32): I32 => i32.eq(i32.and(mode, i32.const(LOOKED_AT)), i32.const(FLAT_32));

const low = (value: I64): I64 => i64.and(value, i64.const(0xffff_ffffn));

/** Out of long mode, where SYSENTER has a code segment to go to; gives its selector. */
function sysenterSelector(e: Handler): I32 {
  const selector = e.f.let(i32.and(e.word(S.SYSENTER_CS), i32.const(0xfffc)));
  e.giveUpIf(hasBits(e.word(S.EFER), S.EFER_LMA), not(selector));
  return selector;
}

export function sysenter(e: Handler): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(3);
  const selector = sysenterSelector(e);
  const flags = f.let(e.word(S.EFLAGS));
  e.giveUpIf(hasBits(flags, S.FLAG_TF));
  const left = f.let(i32.and(flags, i32.const(~(S.FLAG_VM | S.FLAG_IF | S.FLAG_RF))));
  e.setFixed(selector, i32.add(selector, i32.const(8)), 0, S.AR_DB);
  e.setWord(S.EFLAGS, left);
  e.setWord(S.CPL, i32.const(0));
  e.changeAccessor(USER_PART, e.supervisorPart(left));
  e.setQuad(S.GPR + S.RSP * 8, low(e.quad(S.SYSENTER_ESP)));
  e.goto(low(e.quad(S.SYSENTER_EIP)));
}

export function sysexit(e: Handler): void {
  const { f } = e;
  const flags = requirePlainSupervisor(e);
  e.giveUpIf(hasBits(flags, S.FLAG_AC)); // it may ask for alignment checks
  const selector = sysenterSelector(e);
  const ip = f.let(low(e.gpr(S.RDX)));
  e.setFixed(i32.add(selector, i32.const(16)), i32.add(selector, i32.const(24)), 3, S.AR_DB);
  e.setQuad(S.GPR + S.RSP * 8, low(e.gpr(S.RCX)));
  e.setWord(S.CPL, i32.const(3));
  e.changeAccessor(i32.const(0), USER_PART);
  e.goto(ip);
}

const FRAME = 12;
const OUTER_FRAME = 20;

export function iret32(e: Handler): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(0);
  const current = f.let(e.word(S.EFLAGS));
  const long = hasBits(e.word(S.EFER), S.EFER_LMA);
  e.giveUpIf(hasBits(current, S.FLAG_NT | S.FLAG_AC), e.word(S.NMI_MASKED), long);
  const esp = f.let(low(e.gpr(S.RSP)));
  const frame = e.memory(esp, FRAME);
  const selector = f.let(i32.load16U(frame, 4));
  const image = f.let(i32.loadU(frame, 8));
  const cpl = f.let(i32.and(selector, i32.const(3)));
  const outer = f.let(i32.eq(cpl, i32.const(3)));
  e.giveUpIf(not(i32.or(outer, not(cpl))), i32.and(outer, hasBits(image, S.FLAG_AC)), hasBits(image, S.FLAG_VM));
  e.requireQuiet(image);
  const code = e.code32(selector, cpl);
  const ip = f.let(i64.load32U(frame));
  const top = f.local('i64');
  f.if(
    outer,
    () => {
      requireNoPrivilegedSegments(e);
      const whole = e.memory(esp, OUTER_FRAME);
      const stack = f.let(i32.load16U(whole, 16));
      e.giveUpIf(i32.ne(i32.and(stack, i32.const(3)), cpl));
      f.set(top, i64.load32U(whole, 12));
      e.setStack(stack, e.flatStack(stack, cpl, S.AR_DB));
    },
    () => f.set(top, low(i64.add(esp, i64.const(BigInt(FRAME))))),
  );
  e.setCode(selector, code);
  e.setQuad(S.GPR + S.RSP * 8, top);
  e.setFlags(image, i32.and(image, i32.const(RETURN_FLAGS)));
  e.setWord(S.CPL, cpl);
  e.changeAccessor(i32.const(0), f.let(select(outer, USER_PART, e.supervisorPart(image))));
  e.goto(ip);
}
