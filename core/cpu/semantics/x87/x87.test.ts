/**
 * The x87 on a whole CPU, whose emitters do the common case: against the soft FPU alone and, where there is one, a real FPU.
 * X87_CASES and X87_SEED as in cpu/fpu/native.test.ts.
 */
import { afterAll, describe, expect, it } from 'vitest';
import {
  allForms,
  MEMORY_BYTES,
  POINTER_BEFORE,
  randomCase,
  type X87Case,
  type X87Form,
} from '../../../testing/x87/cases.ts';
import { NativeX87 } from '../../../testing/x87/native.ts';
import { X87OnCpu } from '../../../testing/x87/on-cpu.ts';
import { differences, type X87Outcome } from '../../../testing/x87/outcome.ts';
import { runCase } from '../../../testing/x87/run.ts';
import { ROWS } from '../../table/index.ts';

const CASES_PER_FORM = Number(process.env['X87_CASES'] ?? 40);
const SEED = Number(process.env['X87_SEED'] ?? 2);
/** As in cpu/fpu/native.test.ts: a task switch within a case costs a real CPU its pointers. */
const ATTEMPTS = 4;

const native = NativeX87.build();
const machine = typeof native === 'string' ? undefined : native;
afterAll(() => machine?.dispose());

interface Seeded {
  readonly seed: number;
  readonly c: X87Case;
}
function casesOf(form: X87Form): Seeded[] {
  return Array.from({ length: CASES_PER_FORM }, (_, i) => {
    const seed = (SEED * 0x100 + form.modrm) * 0x10000 + i;
    return { seed, c: randomCase(form, seed) };
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
function describeCase(
  { seed, c }: Seeded,
  fields: readonly string[],
  expected: X87Outcome,
  actual: X87Outcome,
): string {
  return [
    `${c.name} (${c.opcode.toString(16)} ${c.modrm.toString(16)}, seed ${seed}) differs in ${fields.join(', ')}`,
    `before   ${hex(c.image)}`,
    `expected ${hex(expected.image)} ${expected.signal} ${expected.eflags.toString(16)}`,
    `actual   ${hex(actual.image)} ${actual.signal} ${actual.eflags.toString(16)}`,
    `operand  ${hex(c.memory.subarray(0, 16))} ${hex(expected.memory.subarray(0, 16))} ${hex(actual.memory.subarray(0, 16))}`,
  ].join('\n');
}

/** How the outcome differs from a real CPU's. */
function againstSilicon(real: NativeX87, seeded: Seeded, first: X87Outcome, actual: X87Outcome): string[] {
  let expected = first;
  for (let attempt = 0; ; attempt++) {
    const fields = differences(seeded.c, expected, actual);
    if (fields.length === 0) return [];
    if (attempt === ATTEMPTS) return [describeCase(seeded, fields, expected, actual)];
    expected = real.run([seeded.c])[0] ?? expected;
  }
}

const REGISTER_FORMS = 0xc0;
/** ModRM.rm of [rsi]. */
const AT_RSI = 6;
/** The page behind it is not there. */
const LAST_BYTE = 0x4fff;
const SIGSEGV = 11;
/** Default control word, and an image's tags of ST(0) to ST(5) in use. */
const CONTROL = 0x37f;
const TWO_EMPTY = 0xf000;
/** Where an image has registers, and the exponent of 1.5. */
const REGISTERS = 28;
const EXPONENT = 0x3fff;

/** One encoding of each row that has an emitter. */
const EMITTED = ROWS.flatMap((row) => {
  if (row.system !== 'x87' || row.emit === undefined) return [];
  const registers = row.mod === 'reg' ? REGISTER_FORMS | (row.rm ?? 1) : AT_RSI;
  const form = { name: row.name, opcode: row.op, modrm: registers | ((row.ext ?? 0) << 3) };
  const { name, opcode, modrm } = form;
  return [{ name, opcode: opcode.toString(16), modrm: modrm.toString(16), form }];
});

/** All masked, ST(0) to ST(5) are 1.5 and its neighbours, and so is the operand, as far as its format goes. */
function plainCase(form: X87Form): X87Case {
  const c = randomCase(form, 1);
  const image = new Uint8Array(c.image.length);
  const view = new DataView(image.buffer);
  const high = 0xffff_0000; // as FNSAVE has it
  [high | CONTROL, high, high | TWO_EMPTY, POINTER_BEFORE, 0, POINTER_BEFORE, high].forEach((word, n) => {
    view.setUint32(n * 4, word, true);
  });
  for (let i = 0; i < 8; i++) {
    view.setUint32(REGISTERS + i * 10 + 4, 0xc000_0000 + i, true);
    view.setUint16(REGISTERS + i * 10 + 8, EXPONENT, true);
  }
  return { ...c, image, narrow: false, memory: plainMemory(form) };
}

function plainMemory({ name, opcode, modrm }: X87Form): Uint8Array {
  const memory = new Uint8Array(MEMORY_BYTES);
  const view = new DataView(memory.buffer);
  if (name === 'FLDCW') view.setUint16(0, CONTROL, true);
  else if (name.startsWith('FI')) view.setUint8(0, 3);
  else if (opcode === 0xd8 || opcode === 0xd9) view.setFloat32(0, 1.5, true);
  else if (opcode === 0xdc || opcode === 0xdd) view.setFloat64(0, 1.5, true);
  else if (modrm < REGISTER_FORMS) {
    view.setUint8(7, 0xc0);
    view.setUint16(8, EXPONENT, true);
  }
  return memory;
}

describe.each(['never', 'always'] as const)('translated: %s', (when) => {
  const engine = new X87OnCpu(when);

  it.each(['d8', 'd9', 'da', 'db', 'dc', 'dd', 'de', 'df'])('opcode %s', { timeout: 600_000 }, (opcode) => {
    const all = allForms()
      .filter((form) => form.opcode === Number.parseInt(opcode, 16))
      .flatMap(casesOf);
    const outcomes = machine?.run(all.map(({ c }) => c));
    const failures = all.flatMap((seeded, n) => {
      const actual = engine.run(seeded.c);
      const soft = runCase(seeded.c);
      const fields = differences(seeded.c, soft, actual);
      if (fields.length > 0) return [describeCase(seeded, fields, soft, actual)];
      const real = outcomes?.[n];
      return machine && real ? againstSilicon(machine, seeded, real, actual) : [];
    });
    expect(failures.slice(0, 5)).toEqual([]);
  });

  it.each(EMITTED)('$name ($opcode $modrm) needs no soft FPU for plain operands', ({ form }) => {
    const before = engine.soft;
    const c = plainCase(form);
    expect(engine.run(c)).toMatchObject({ signal: 0 });
    expect(engine.soft).toBe(before);
    expect(differences(c, runCase(c), engine.run(c))).toEqual([]);
  });

  it.each(EMITTED.filter(({ form }) => form.modrm < REGISTER_FORMS))(
    '$name ($opcode $modrm) changes nothing when its operand cannot be reached',
    ({ form }) => {
      const c = plainCase(form);
      const { signal, image } = engine.run(c, LAST_BYTE);
      expect({ signal, image: hex(image) }).toEqual({ signal: SIGSEGV, image: hex(c.image) });
    },
  );
});
