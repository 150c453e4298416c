/** What the instructions do around the arithmetic: faults, pending exceptions, pointers, images, MMX. */
import { beforeEach, describe, expect, it } from 'vitest';
import { allForms } from '../../testing/x87/cases.ts';
import { FlatMemory } from '../../testing/x87/run.ts';
import { readFxsave, writeFxsave } from './image.ts';
import {
  ENVIRONMENT_16,
  ENVIRONMENT_32,
  ENVIRONMENT_REAL,
  X87_DONE,
  X87_MATH_FAULT,
  X87_MEMORY_FAULT,
  X87_UNDEFINED,
  type X87Memory,
} from './instruction.ts';
import {
  X87_AREA_BYTES,
  X87_CS,
  X87_DP,
  X87_DS,
  X87_EFLAGS,
  X87_FCS,
  X87_FDP,
  X87_FDS,
  X87_FIP,
  X87_FOP,
  X87_IP,
  X87_OPERAND,
  X87_OPERAND_BYTES,
} from './state.ts';
import { findInstruction } from './table.ts';
import { X87 } from './x87.ts';

const FLD1 = [0xd9, 0xe8] as const;
const FLDZ = [0xd9, 0xee] as const;
const FDIV = [0xd8, 0xf1] as const; // ST = ST / ST(1)
const FADD_M64 = [0xdc, 0x06] as const;
const FNINIT = [0xdb, 0xe3] as const;
const FNCLEX = [0xdb, 0xe2] as const;
const FNSTSW_AX = [0xdf, 0xe0] as const;
const FNSTENV = [0xd9, 0x36] as const;
const FLDENV = [0xd9, 0x26] as const;
const FCOMI = [0xdb, 0xf1] as const;

/** The area does not lie at the start of its buffer, as in a VM's memory. */
const BASE = 0x640;
const area = new DataView(new SharedArrayBuffer(0x1000));
const fpu = new X87(area, BASE);
const memory = new FlatMemory(fpu.operandBytes, new Uint8Array(128));
const memoryView = new DataView(memory.bytes.buffer);
const FAULTING: X87Memory = { load: () => false, store: () => false };

function run(code: readonly [number, number], environment?: number): number {
  return fpu.execute(code[0], code[1], memory, environment);
}

/** All of the state but the operand field, where a refused access may have left something. */
function snapshot(): Uint8Array {
  const bytes = new Uint8Array(area.buffer, BASE, X87_AREA_BYTES).slice();
  bytes.fill(0, X87_OPERAND, X87_OPERAND + X87_OPERAND_BYTES);
  return bytes;
}

beforeEach(() => {
  new Uint8Array(area.buffer).fill(0);
  memory.bytes.fill(0);
  run(FNINIT);
});

describe('a memory operand that faults', () => {
  const forms = allForms().filter((form) => (findInstruction(form.opcode, form.modrm)?.memoryBytes ?? 0) > 0);

  it.each(forms)('$name leaves everything as it was', ({ opcode, modrm }) => {
    run(FLD1);
    run(FLDZ);
    const before = snapshot();
    expect(fpu.execute(opcode, modrm, FAULTING)).toBe(X87_MEMORY_FAULT);
    expect(snapshot()).toEqual(before);
  });
});

describe('an unmasked exception', () => {
  beforeEach(() => {
    fpu.fcw = 0x37f & ~0x04; // zero divide unmasked
    run(FLDZ);
    run(FLD1);
    run(FDIV);
  });

  it('keeps the operands and waits for the next instruction', () => {
    expect(fpu.fsw & 0x8084).toBe(0x8084); // B, ES, ZE
    fpu.loadA(0);
    expect(fpu.wait()).toBe(X87_MATH_FAULT);
    const before = snapshot();
    expect(run(FLD1)).toBe(X87_MATH_FAULT);
    expect(snapshot()).toEqual(before);
  });

  it('lets the instructions that do not wait through', () => {
    expect(run(FNSTSW_AX)).toBe(X87_DONE);
    expect((fpu.operand[0] as number) & 0xffff).toBe(fpu.fsw);
    expect(run(FNCLEX)).toBe(X87_DONE);
    expect(fpu.wait()).toBe(X87_DONE);
    expect(run(FLD1)).toBe(X87_DONE);
  });

  it('ceases to be pending when it is masked, and comes back', () => {
    fpu.fcw = 0x37f;
    expect(fpu.wait()).toBe(X87_DONE);
    fpu.fcw = 0x37b;
    expect(fpu.wait()).toBe(X87_MATH_FAULT);
  });
});

describe('encodings', () => {
  it('without an instruction are undefined, whatever is pending', () => {
    for (const [opcode, modrm] of [
      [0xd9, 0x0e],
      [0xd9, 0xd1],
      [0xda, 0xff],
      [0xdb, 0x26],
      [0xdd, 0x2e],
      [0xde, 0xd8],
      [0xdf, 0xe1],
    ] as const) {
      expect(run([opcode, modrm])).toBe(X87_UNDEFINED);
    }
  });
});

describe('the pointers', () => {
  beforeEach(() => {
    area.setBigUint64(BASE + X87_IP, 0xffff_8000_1234_5678n, true);
    area.setBigUint64(BASE + X87_DP, 0x7fff_0000_4321n, true);
    area.setUint32(BASE + X87_CS, 0x10, true);
    area.setUint32(BASE + X87_DS, 0x2b, true);
  });

  it('name the last instruction and operand', () => {
    run(FADD_M64);
    expect(area.getBigUint64(BASE + X87_FIP, true)).toBe(0xffff_8000_1234_5678n);
    expect(area.getBigUint64(BASE + X87_FDP, true)).toBe(0x7fff_0000_4321n);
    expect(area.getUint32(BASE + X87_FCS, true)).toBe(0x10);
    expect(area.getUint32(BASE + X87_FDS, true)).toBe(0x2b);
    expect(area.getUint32(BASE + X87_FOP, true)).toBe(0x406);
  });

  it('keep the operand over a register instruction, and everything over a control instruction', () => {
    run(FADD_M64);
    area.setBigUint64(BASE + X87_IP, 1n, true);
    area.setBigUint64(BASE + X87_DP, 2n, true);
    run(FLD1);
    expect(area.getBigUint64(BASE + X87_FIP, true)).toBe(1n);
    expect(area.getBigUint64(BASE + X87_FDP, true)).toBe(0x7fff_0000_4321n);
    area.setBigUint64(BASE + X87_IP, 3n, true);
    run(FNCLEX);
    expect(area.getBigUint64(BASE + X87_FIP, true)).toBe(1n);
  });
});

describe('the environment', () => {
  beforeEach(() => {
    run(FLD1);
    run(FLDZ);
    area.setUint32(BASE + X87_FIP, 0x1234, true);
    area.setUint32(BASE + X87_FCS, 0xf000, true);
    area.setUint32(BASE + X87_FDP, 0x5678, true);
    area.setUint32(BASE + X87_FDS, 0x2000, true);
    area.setUint32(BASE + X87_FOP, 0x6c1, true);
  });

  it('has 20-bit addresses in real-address mode, 16 bits wide', () => {
    run(FNSTENV, ENVIRONMENT_16 | ENVIRONMENT_REAL);
    const words = Array.from({ length: 7 }, (_, i) => memoryView.getUint16(i * 2, true));
    expect(words).toEqual([0x37f, 0x3000, 0x1fff, 0x1234, 0xf6c1, 0x5678, 0x2000]);
  });

  it('has linear addresses in real-address mode, 32 bits wide', () => {
    run(FNSTENV, ENVIRONMENT_32 | ENVIRONMENT_REAL);
    const words = Array.from({ length: 7 }, (_, i) => memoryView.getUint32(i * 4, true));
    expect(words.slice(3)).toEqual([0xffff_1234, 0xf6c1, 0xffff_5678, 0x2000]);
  });

  it.each([
    ['16-bit protected', ENVIRONMENT_16],
    ['32-bit protected', ENVIRONMENT_32],
    ['16-bit real', ENVIRONMENT_16 | ENVIRONMENT_REAL],
    ['32-bit real', ENVIRONMENT_32 | ENVIRONMENT_REAL],
  ])('comes back as it was stored: %s', (_name, layout) => {
    run(FNSTENV, layout);
    const stored = memory.bytes.slice();
    run(FNINIT);
    run(FLDENV, layout);
    run(FNSTENV, layout);
    expect(memory.bytes).toEqual(stored);
  });

  it('is stored with all exceptions masked afterwards', () => {
    fpu.fcw = 0x340;
    run(FNSTENV);
    expect(memoryView.getUint16(0, true)).toBe(0x340);
    expect(fpu.fcw).toBe(0x37f);
  });
});

describe('the FXSAVE image', () => {
  it.each([
    ['FXSAVE', false],
    ['FXSAVE64', true],
  ])('%s comes back whole', (_name, wide) => {
    run(FLD1);
    run(FLDZ);
    run([0xd9, 0xeb]); // FLDPI
    area.setBigUint64(BASE + X87_FIP, wide ? 0xffff_8000_1234_5678n : 0x1234_5678n, true);
    area.setUint32(BASE + X87_FCS, wide ? 0 : 0x10, true);
    const before = snapshot();
    const image = new DataView(new ArrayBuffer(512));
    writeFxsave(fpu, image, 0, wide);
    expect(image.getUint8(4)).toBe(0xe0);
    expect(image.getBigUint64(32, true)).toBe(0xc90f_daa2_2168_c235n);
    new Uint8Array(area.buffer, BASE, X87_AREA_BYTES).fill(0);
    readFxsave(fpu, image, 0, wide);
    expect(snapshot()).toEqual(before);
  });
});

describe('EFLAGS', () => {
  it('FCOMI answers in ZF, PF and CF and clears OF, SF and AF', () => {
    run(FLDZ);
    run(FLD1);
    fpu.words[X87_EFLAGS / 4] = 0xa97;
    run(FCOMI); // 1 : 0, greater
    expect(fpu.words[X87_EFLAGS / 4]).toBe(0x202);
  });
});
