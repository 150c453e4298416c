/** SYSCALL, SYSRET and IRET of 64-bit code, between levels 0 and 3 of 64-bit code. */
import { hasBits, i32, i64, select } from '../../wasm/index.ts';
import * as S from '../state.ts';
import { type Handler, RETURN_FLAGS, requireNoPrivilegedSegments, USER_PART } from './change.ts';

const not = i32.eqz;

export function syscall(e: Handler): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(3);
  e.giveUpIf(not(hasBits(e.word(S.EFER), S.EFER_SCE)));
  const flags = e.wholeFlags();
  const left = f.let(i32.and(flags, i32.xor(e.word(S.FMASK), i32.const(-1))));
  e.giveUpIf(hasBits(flags, S.FLAG_TF));
  e.requireQuiet(left);
  e.setQuad(S.GPR + S.RCX * 8, e.nextIp());
  e.setQuad(S.GPR + 11 * 8, i64.extendU(i32.and(flags, i32.const(~S.FLAG_RF))));
  const selector = f.let(i32.and(e.word(S.STAR + 4), i32.const(0xfffc)));
  e.setFixed(selector, i32.add(selector, i32.const(8)), 0, S.AR_L);
  e.setFlags(left, i32.and(left, i32.const(~(S.FLAGS_ARITH | S.FLAG_RF))));
  e.setWord(S.CPL, i32.const(0));
  e.changeAccessor(USER_PART, e.supervisorPart(left));
  e.goto(e.quad(S.LSTAR));
}

export function sysret(e: Handler): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(0);
  e.giveUpIf(not(hasBits(e.word(S.EFER), S.EFER_SCE)));
  const ip = f.let(e.gpr(S.RCX));
  e.requireCanonical(ip);
  const image = f.let(i32.wrap(e.gpr(11)));
  e.giveUpIf(hasBits(image, S.FLAG_AC)); // it may ask for alignment checks
  e.requireQuiet(image);
  const from = f.let(e.supervisorPart(e.word(S.EFLAGS)));
  const base = f.let(i32.load16U(e.at(S.STAR + 6)));
  e.setFixed(i32.add(base, i32.const(16)), i32.add(base, i32.const(8)), 3, S.AR_L);
  e.setFlags(image, i32.and(image, i32.const(RETURN_FLAGS)));
  e.setWord(S.CPL, i32.const(3));
  e.changeAccessor(from, USER_PART);
  e.goto(ip);
}

export function iret(e: Handler): void {
  const { f } = e;
  e.requireUnobserved();
  e.requireCpl(0);
  const current = f.let(e.word(S.EFLAGS));
  e.giveUpIf(hasBits(current, S.FLAG_NT | S.FLAG_AC), e.word(S.NMI_MASKED));
  const frame = e.memory(e.gpr(S.RSP), 40);
  const ip = f.let(i64.loadU(frame));
  const selector = f.let(i32.load16U(frame, 8));
  const image = f.let(i32.loadU(frame, 16));
  const rsp = f.let(i64.loadU(frame, 24));
  const stack = f.let(i32.load16U(frame, 32));
  const cpl = f.let(i32.and(selector, i32.const(3)));
  const outer = f.let(i32.eq(cpl, i32.const(3)));
  e.giveUpIf(not(i32.or(outer, not(cpl))), i32.and(outer, hasBits(image, S.FLAG_AC)));
  e.requireQuiet(image);
  e.requireCanonical(ip);
  const code = e.code64(selector, cpl);
  f.if(outer, () => requireNoPrivilegedSegments(e));
  const empty = f.let(i32.and(not(stack), not(outer)));
  e.giveUpIf(i32.ne(i32.and(stack, i32.const(3)), cpl));
  f.if(
    empty,
    () => e.setNullStack(stack),
    () => {
      e.setStack(stack, e.flatStack(stack, cpl, 0));
    },
  );
  e.setCode(selector, code);
  e.setQuad(S.GPR + S.RSP * 8, rsp);
  e.setFlags(image, i32.and(image, i32.const(RETURN_FLAGS)));
  e.setWord(S.CPL, cpl);
  e.changeAccessor(i32.const(0), f.let(select(outer, USER_PART, e.supervisorPart(image))));
  e.goto(ip);
}
