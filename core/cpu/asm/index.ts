/** The assembler's door. */
export { Assembler, AssemblerError } from './assembler.ts';
export { type AsmOperand, far, type Label, mem, mm, reg, rip, sys, xmm } from './operands.ts';
