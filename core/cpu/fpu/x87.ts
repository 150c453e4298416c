/**
 * The x87 FPU of one vCPU: runs one instruction of opcodes D8..DF, or FWAIT, over the state in shared memory.
 * CR0.EM, CR0.TS and the choice between #MF and FERR# (CR0.NE) are the caller's.
 * [SDM] Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 8.
 */
import { ES } from './ext80.ts';
import {
  ENVIRONMENT_32,
  X87_DONE,
  X87_MATH_FAULT,
  X87_UNDEFINED,
  type X87Memory,
  type X87Result,
} from './instruction.ts';
import { X87_CS, X87_DP, X87_DS, X87_FCS, X87_FDP, X87_FDS, X87_FIP, X87_FOP, X87_IP, X87State } from './state.ts';
import { findInstruction } from './table.ts';

export class X87 extends X87State {
  /** IGNNE#: waiting instructions run in spite of a pending exception. It lasts until there is none. */
  ignoresErrors = false;

  get #faults(): boolean {
    const pending = (this.fsw & ES) !== 0;
    this.ignoresErrors &&= pending;
    return pending && !this.ignoresErrors;
  }

  /**
   * Runs one instruction. Unless X87_DONE comes back nothing has changed.
   * `opcode`: 0xd8..0xdf; `environment`: layout for FLDENV, FNSTENV, FRSTOR, FNSAVE. IP, CS, DP and DS of the area say
   * where the instruction and its operand are. FNSTSW AX leaves its word in the operand field. @hot
   */
  execute(opcode: number, modrm: number, memory: X87Memory, environment: number = ENVIRONMENT_32): X87Result {
    const row = findInstruction(opcode, modrm);
    if (row === undefined) return X87_UNDEFINED;
    if (row.noWait !== true && this.#faults) return X87_MATH_FAULT;
    const result = row.execute(this, modrm, memory, environment);
    if (result === X87_DONE && row.control !== true) this.recordPointers(opcode, modrm);
    return result;
  }

  /** FWAIT (9B): only looks for a pending exception. */
  wait(): X87Result {
    return this.#faults ? X87_MATH_FAULT : X87_DONE;
  }

  private recordPointers(opcode: number, modrm: number): void {
    const words = this.words;
    words[X87_FOP / 4] = ((opcode & 7) << 8) | modrm;
    words[X87_FIP / 4] = words[X87_IP / 4] as number;
    words[X87_FIP / 4 + 1] = words[X87_IP / 4 + 1] as number;
    words[X87_FCS / 4] = words[X87_CS / 4] as number;
    if (modrm >= 0xc0) return;
    words[X87_FDP / 4] = words[X87_DP / 4] as number;
    words[X87_FDP / 4 + 1] = words[X87_DP / 4 + 1] as number;
    words[X87_FDS / 4] = words[X87_DS / 4] as number;
  }
}
