/** INT n, INT3, INTO and ICEBP: traps through gates whose DPL counts, but for ICEBP, which is as an event from outside. */
import type { Cpu } from '../cpu.ts';
import { CPU_DEBUG } from '../exits.ts';
import * as S from '../state.ts';
import { type EventKind, enter } from './interrupts.ts';
import { read, type SystemOp } from './operands.ts';
import { redirectInterrupt } from './virtual8086.ts';

function interrupt(cpu: Cpu, vector: number, kind: EventKind = 'software'): number {
  enter(cpu, vector, undefined, kind, cpu.nextIp);
  return cpu.jump(cpu.state.rip);
}

export const SOFTWARE_INTERRUPTS = {
  int: (cpu, insn) => {
    const vector = Number(read(cpu, insn, 0));
    if (!cpu.state.vm86 || !redirectInterrupt(cpu, vector)) return interrupt(cpu, vector);
    cpu.stepTrap = false; // as in any handler
    return cpu.jump(cpu.state.rip);
  },
  int3: (cpu) => {
    if (!cpu.exitOnInt3) return interrupt(cpu, S.BP);
    cpu.debugException = S.BP;
    return cpu.exitBefore(CPU_DEBUG);
  },
  into: (cpu) => ((cpu.state.eflags & S.FLAG_OF) !== 0 ? interrupt(cpu, S.OF_VECTOR) : cpu.serialize()),
  icebp: (cpu) => (cpu.debugged ? cpu.exitAfter(CPU_DEBUG) : interrupt(cpu, S.DB, 'external')),
} satisfies Record<string, SystemOp>;
