/** Control: the control and status words, the environment, the stack pointer and tags. [SDM] volume 1, 8.3.10, 8.3.11 */
import { BUSY, ES, SF } from './ext80.ts';
import { environmentBytes, loadEnvironment, loadState, saveBytes, storeEnvironment, storeState } from './image.ts';
import { X87_DONE, X87_MEMORY_FAULT, type X87Execute } from './instruction.ts';

const EXCEPTION_BITS = 0x3f;

export const fnop: X87Execute = () => X87_DONE;

export const fninit: X87Execute = (fpu) => {
  fpu.init();
  return X87_DONE;
};

export const fnclex: X87Execute = (fpu) => {
  fpu.fsw = fpu.fsw & ~(EXCEPTION_BITS | SF | ES | BUSY);
  return X87_DONE;
};

export const fldcw: X87Execute = (fpu, _modrm, memory) => {
  if (!memory.load(2)) return X87_MEMORY_FAULT;
  fpu.fcw = (fpu.operand[0] as number) & 0xffff;
  return X87_DONE;
};

export const fnstcw: X87Execute = (fpu, _modrm, memory) => {
  fpu.operand[0] = fpu.fcw;
  return memory.store(2) ? X87_DONE : X87_MEMORY_FAULT;
};

export const fnstswMemory: X87Execute = (fpu, _modrm, memory) => {
  fpu.operand[0] = fpu.fsw;
  return memory.store(2) ? X87_DONE : X87_MEMORY_FAULT;
};

/** FNSTSW AX: the caller takes AX from the operand field. */
export const fnstswAx: X87Execute = (fpu) => {
  fpu.operand[0] = fpu.fsw;
  return X87_DONE;
};

export const fldenv: X87Execute = (fpu, _modrm, memory, environment) => {
  if (!memory.load(environmentBytes(environment))) return X87_MEMORY_FAULT;
  loadEnvironment(fpu, environment);
  return X87_DONE;
};

export const fnstenv: X87Execute = (fpu, _modrm, memory, environment) => {
  storeEnvironment(fpu, environment);
  if (!memory.store(environmentBytes(environment))) return X87_MEMORY_FAULT;
  fpu.fcw = fpu.fcw | EXCEPTION_BITS;
  return X87_DONE;
};

export const frstor: X87Execute = (fpu, _modrm, memory, environment) => {
  if (!memory.load(saveBytes(environment))) return X87_MEMORY_FAULT;
  loadState(fpu, environment);
  return X87_DONE;
};

export const fnsave: X87Execute = (fpu, _modrm, memory, environment) => {
  storeState(fpu, environment);
  if (!memory.store(saveBytes(environment))) return X87_MEMORY_FAULT;
  fpu.init();
  return X87_DONE;
};

export const fincstp: X87Execute = (fpu) => {
  fpu.signal(0);
  fpu.top = fpu.top + 1;
  return X87_DONE;
};

export const fdecstp: X87Execute = (fpu) => {
  fpu.signal(0);
  fpu.top = fpu.top - 1;
  return X87_DONE;
};

export const ffree: X87Execute = (fpu, modrm) => {
  fpu.signal(0);
  fpu.setEmpty(modrm & 7);
  return X87_DONE;
};

/** FFREEP, undocumented but in every CPU: frees ST(i), then pops. */
export const ffreep: X87Execute = (fpu, modrm) => {
  fpu.signal(0);
  fpu.setEmpty(modrm & 7);
  fpu.pop();
  return X87_DONE;
};
