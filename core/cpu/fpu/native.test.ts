/**
 * The FPU against a real one, bit by bit. Long run: X87_CASES=1100 npx vitest run core/cpu/fpu/native (cases for each of
 * 576 encodings); another seed: X87_SEED.
 * Recording (testing/x87/recorded.json, for machines without gcc or an x86): X87_RECORD=1 in the same way.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { allForms, randomCase, type X87Case } from '../../testing/x87/cases.ts';
import { NativeX87 } from '../../testing/x87/native.ts';
import { differences, type X87Outcome } from '../../testing/x87/outcome.ts';
import { encodeOutcome, RECORDED_SEEDS, recordedForms } from '../../testing/x87/recorded.ts';
import { runCase } from '../../testing/x87/run.ts';

const CASES_PER_FORM = Number(process.env['X87_CASES'] ?? 40);
const SEED = Number(process.env['X87_SEED'] ?? 1);
/** The operating system may switch tasks within a case, and AMD CPUs lose FIP, FDP and FOP then: look again. */
const ATTEMPTS = 4;

const native = NativeX87.build();

afterAll(() => {
  if (typeof native !== 'string') native.dispose();
});

function describeCase(c: X87Case, fields: string[], expected: X87Outcome, actual: X87Outcome, seed: number): string {
  const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [
    `${c.name} (${c.opcode.toString(16)} ${c.modrm.toString(16)}, seed ${seed}) differs in ${fields.join(', ')}`,
    `before ${hex(c.image)}`,
    `CPU    ${hex(expected.image)}`,
    `FPU    ${hex(actual.image)}`,
    `operand ${hex(c.memory.subarray(0, 16))} CPU ${hex(expected.memory.subarray(0, 16))} FPU ${hex(actual.memory.subarray(0, 16))}`,
  ].join('\n');
}

describe.skipIf(typeof native === 'string')('every x87 instruction does what the CPU of this machine does', () => {
  const machine = native as NativeX87;
  const ulps = new Map<number, number>();
  const forms = allForms();

  it.each(['d8', 'd9', 'da', 'db', 'dc', 'dd', 'de', 'df'])('opcode %s', { timeout: 600_000 }, (opcode) => {
    const failures: string[] = [];
    const seeded = forms
      .filter((form) => form.opcode === Number.parseInt(opcode, 16))
      .flatMap((form) =>
        Array.from({ length: CASES_PER_FORM }, (_, i) => {
          const seed = (SEED * 0x100 + form.modrm) * 0x10000 + i;
          return { seed, c: randomCase(form, seed) };
        }),
      );
    const outcomes = machine.run(seeded.map(({ c }) => c));
    seeded.forEach(({ seed, c }, index) => {
      const actual = runCase(c);
      let expected = outcomes[index] as X87Outcome;
      let fields = differences(c, expected, actual, (n) => ulps.set(n, (ulps.get(n) ?? 0) + 1));
      for (let attempt = 1; fields.length > 0 && attempt < ATTEMPTS; attempt++) {
        expected = machine.run([c])[0] as X87Outcome;
        fields = differences(c, expected, actual);
      }
      if (fields.length > 0) failures.push(describeCase(c, fields, expected, actual, seed));
    });
    expect(failures.slice(0, 5)).toEqual([]);
  });

  it('compared every encoding, transcendentals to one unit in the last place', () => {
    expect(forms).toHaveLength(8 * (8 + 64));
    const compared = forms.length * CASES_PER_FORM;
    console.log(
      `${compared} cases; registers after transcendental instructions by distance in ulp:`,
      Object.fromEntries(ulps),
    );
    expect([...ulps.keys()].every((distance) => distance <= 1)).toBe(true);
  });

  it.runIf(process.env['X87_RECORD'] !== undefined)('records its results', () => {
    const seeded = recordedForms().flatMap((form) =>
      RECORDED_SEEDS.map((seed) => ({ seed, c: randomCase(form, seed) })),
    );
    const outcomes = machine.run(seeded.map(({ c }) => c));
    const lines = seeded.map(({ c, seed }, i) => encodeOutcome(c, seed, outcomes[i] as X87Outcome));
    const file = fileURLToPath(new URL('../../testing/x87/recorded.json', import.meta.url));
    writeFileSync(file, `${JSON.stringify(lines, undefined, 2)}\n`);
  });
});

if (typeof native === 'string') {
  it(`cannot compare with a real x87 here: ${native}; recorded.test.ts compares a sample`, (context) => {
    context.skip();
  });
}
