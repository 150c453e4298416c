/** HLT, hypercalls, and what only raises an exception. */
import { CPU_HLT } from '../exits.ts';
import { GuestFault } from '../faults.ts';
import * as S from '../state.ts';
import { generalProtection, requireCpl0, type SystemOp, undefinedOpcode } from './operands.ts';

/** Of linux/kvm_para.h. */
const KVM_EPERM = 1n;

export const CONTROL = {
  hlt: (cpu) => {
    requireCpl0(cpu);
    return cpu.exitAfter(CPU_HLT);
  },
  /** VMCALL and VMMCALL alike: number in RAX, arguments in RBX RCX RDX RSI, 32 bits of each outside 64-bit code. */
  vmcall: (cpu) => {
    const s = cpu.state;
    const bits = s.code64 ? 64 : 32;
    const [number = 0n, ...args] = [S.RAX, S.RBX, S.RCX, S.RDX, S.RSI].map((r) => BigInt.asUintN(bits, s.gpr(r)));
    const result = s.cpl === 0 ? cpu.host.hypercall(number, args) : -KVM_EPERM;
    s.setGpr(S.RAX, BigInt.asUintN(bits, result));
    return cpu.serialize();
  },
  undefined: () => undefinedOpcode(),
  generalProtection: () => generalProtection(),
  deviceNotAvailable: () => {
    throw new GuestFault(S.NM);
  },
} satisfies Record<string, SystemOp>;
