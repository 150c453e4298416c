/** Near transfers of control, flag instructions. Far ones are system instructions. */
import { hasBits, type I32, i32, i64, select } from '../../wasm/index.ts';
import {
  CR4_PVI,
  CR4_VME,
  FLAG_DF,
  FLAG_IF,
  FLAG_IOPL,
  FLAG_RF,
  FLAG_VIF,
  FLAG_VIP,
  FLAG_VM,
  GP,
  RCX,
} from '../state.ts';
import type { Emit, Emitter } from './emit.ts';
import { width } from './width.ts';

export const emitJmpRelative: Emitter = (e) => e.jumpRelative(0);
export const emitJmpNear: Emitter = (e) => e.jump(e.f.let(e.w.unsigned64(e.read(0))));

export const emitCallRelative: Emitter = (e) => {
  e.jumpRelative(0, () => e.push(e.size, e.w.from64(e.nextIp())));
};

export const emitCallNear: Emitter = (e) => {
  const target = e.f.let(e.w.unsigned64(e.read(0)));
  e.jump(target, () => e.push(e.size, e.w.from64(e.nextIp())));
};

export const emitRet: Emitter = (e) => {
  const target = e.f.let(e.w.unsigned64(e.top(e.size)));
  e.jump(target, () => e.popped(e.size));
};

/** RET imm16: the immediate's bytes are released after the return address. */
export const emitRetImmediate: Emitter = (e) => {
  const target = e.f.let(e.w.unsigned64(e.top(e.size)));
  e.jump(target, () => {
    e.popped(e.size);
    e.release(i64.extendU(e.read(0) as I32));
  });
};

export function emitJcc(cc: number): Emitter {
  return (e) => e.branch(e.flags.condition(cc), 0);
}

/** Counts rCX down at the address size; branches when it is not zero and `also` holds. */
function loop(e: Emit, also: I32 = i32.const(1)): void {
  const w = width(e.addressSize);
  const left = e.f.let(w.trim(w.sub(e.reg(RCX, e.addressSize), w.const(1))));
  e.branch(i32.and(w.ne(left, w.const(0)), also), 0, () => e.setReg(RCX, e.addressSize, left));
}
export const emitLoop: Emitter = (e) => loop(e);
export const emitLoope: Emitter = (e) => loop(e, e.flags.condition(4));
export const emitLoopne: Emitter = (e) => loop(e, e.flags.condition(5));
export const emitJcxz: Emitter = (e) => e.branch(width(e.addressSize).eqz(e.reg(RCX, e.addressSize)), 0);

export const emitClc: Emitter = (e) => e.flags.setCf(i32.const(0));
export const emitStc: Emitter = (e) => e.flags.setCf(i32.const(1));
export const emitCmc: Emitter = (e) => e.flags.setCf(e.f.let(i32.xor(e.flags.cf(), i32.const(1))));
export const emitCld: Emitter = (e) => e.setSystemFlags(i32.and(e.systemFlags(), i32.const(~FLAG_DF)));
export const emitStd: Emitter = (e) => e.setSystemFlags(i32.or(e.systemFlags(), i32.const(FLAG_DF)));

/**
 * CLI and STI at a level that may not change IF change VIF instead: in virtual-8086 mode with CR4.VME, at level 3 of
 * protected mode with CR4.PVI; otherwise #GP. Virtual-8086 mode has CPL 3. [SDM] volume 3, 21.3.3 and 21.4.
 */
function changeIf(e: Emit, real: () => void, virtual: () => void): void {
  const flags = e.systemFlags();
  const iopl = i32.and(i32.shrU(flags, i32.const(12)), i32.const(3));
  e.f.if(i32.leU(e.cpl(), iopl), real, () => {
    const enabled = select(hasBits(flags, FLAG_VM), i32.const(CR4_VME), i32.const(CR4_PVI));
    const may = i32.and(i32.eq(e.cpl(), i32.const(3)), i32.ne(i32.and(e.cr4(), enabled), i32.const(0)));
    e.f.if(i32.eqz(may), () => e.raise(GP));
    virtual();
  });
}

export const emitCli: Emitter = (e) => {
  const clear = (flag: number) => () => e.setSystemFlags(i32.and(e.systemFlags(), i32.const(~flag)));
  changeIf(e, clear(FLAG_IF), clear(FLAG_VIF));
};

export const emitSti: Emitter = (e) => {
  const set = (flag: number) => e.setSystemFlags(i32.or(e.systemFlags(), i32.const(flag)));
  changeIf(
    e,
    () =>
      e.f.if(i32.eqz(hasBits(e.systemFlags(), FLAG_IF)), () => {
        set(FLAG_IF);
        e.interruptShadow();
      }),
    () => {
      e.f.if(hasBits(e.systemFlags(), FLAG_VIP), () => e.raise(GP));
      set(FLAG_VIF);
    },
  );
};

/**
 * PUSHF: RF and VM read as zero. In virtual-8086 mode below IOPL 3 it is #GP, but with CR4.VME the 16-bit form shows
 * IOPL 3, and VIF for IF.
 */
export const emitPushf: Emitter = (e) => {
  const flags = e.f.local('i32');
  e.f.set(flags, i32.and(e.systemFlags(), i32.const(~(FLAG_RF | FLAG_VM))));
  const iopl3 = i32.eq(i32.and(flags, i32.const(FLAG_IOPL)), i32.const(FLAG_IOPL));
  e.f.if(i32.and(hasBits(e.systemFlags(), FLAG_VM), i32.eqz(iopl3)), () => {
    if (e.size !== 2) {
      e.raise(GP);
      return;
    }
    e.f.if(i32.eqz(hasBits(e.cr4(), CR4_VME)), () => e.raise(GP));
    const vif = i32.shrU(i32.and(flags, i32.const(FLAG_VIF)), i32.const(19 - 9));
    const rest = i32.or(i32.and(flags, i32.const(~FLAG_IF)), i32.const(FLAG_IOPL));
    e.f.set(flags, i32.or(rest, vif));
  });
  e.push(e.size, e.w.from64(i64.extendU(i32.or(flags, e.flags.arith()))));
};
