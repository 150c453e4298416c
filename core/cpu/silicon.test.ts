/**
 * Every instruction whose meaning is an emitter against the CPU of this machine, to the bit: registers, flags, XMM, MMX,
 * memory, exceptions. How it works and how to run it long: core/testing/native/README.md.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { InstructionCase, Outcome } from '../testing/native/case.ts';
import { describeCase, differences, digest, isApproximate } from '../testing/native/compare.ts';
import { EmulatedMachine } from '../testing/native/emulated.ts';
import { existsIn, isTried, makeCase } from '../testing/native/generate.ts';
import { NativeMachine } from '../testing/native/machine.ts';
import recorded from '../testing/native/recorded.json' with { type: 'json' };
import { ROWS, type Row } from './table/index.ts';

const RECORDED_CASES = 20;
const CASES = Number(process.env['VIVARIUM_CASES'] ?? RECORDED_CASES);
const SEED = Number(process.env['VIVARIUM_SEED'] ?? 1);
/** Only rows whose name matches. */
const ONLY = new RegExp(process.env['VIVARIUM_ROWS'] ?? '');
const MODES = [true, false];

const native = NativeMachine.build();
afterAll(() => {
  if (typeof native !== 'string') native.dispose();
});

interface Form {
  readonly row: Row;
  readonly long: boolean;
  readonly name: string;
}
const forms: Form[] = ROWS.filter((row) => isTried(row) && ONLY.test(row.name)).flatMap((row) =>
  MODES.filter((long) => existsIn(row, long)).map((long) => ({ row, long, name: `${row.id} ${row.name} ${row.form ?? ''} ${long ? 64 : 32}` })),
);

const casesOf = ({ row, long }: Form, count: number, seed: number): InstructionCase[] =>
  Array.from({ length: count }, (_, n) => makeCase(row, long, seed * 1_000_003 + row.id * 4096 * 256 + n));

const ALL_FEATURES = new Set(ROWS.flatMap((row) => row.cpuid ?? []));
const emulated = new EmulatedMachine(ALL_FEATURES);

describe.skipIf(typeof native === 'string')('every instruction does what the CPU of this machine does', () => {
  const machine = native as NativeMachine;
  const available = forms.filter(({ row }) => row.cpuid === undefined || machine.features.has(row.cpuid));
  /** Rows in lots, so that the harness starts seldom and a failure still names a place. */
  const lots = new Map<string, Form[]>();
  for (const form of available) {
    const key = `opcodes ${(form.row.op >> 4).toString(16)}x`;
    lots.set(key, [...(lots.get(key) ?? []), form]);
  }

  it.each([...lots])('%s', { timeout: 3_600_000 }, (_name, lot) => {
    const failures: string[] = [];
    for (const form of lot) {
      const cases = casesOf(form, CASES, SEED);
      const outcomes = machine.run(cases);
      cases.forEach((c, n) => {
        const found = differences(c, outcomes[n] as Outcome, emulated.run(c));
        if (found.length > 0) failures.push(describeCase(c, found));
      });
    }
    expect(failures.length, failures.slice(0, 8).join('\n')).toBe(0);
  });
});

describe('recorded results of a real CPU', () => {
  const lines: Readonly<Record<string, string>> = recorded;

  it.runIf(process.env['VIVARIUM_RECORD'] !== undefined && typeof native !== 'string')('are recorded', () => {
    const record: Record<string, string> = {};
    for (const form of forms) {
      const cases = casesOf(form, RECORDED_CASES, 1);
      if (!cases.some(isApproximate)) record[form.name] = digest(cases, (native as NativeMachine).run(cases));
    }
    const file = fileURLToPath(new URL('../testing/native/recorded.json', import.meta.url));
    writeFileSync(file, `${JSON.stringify(record, undefined, 1)}\n`);
  });

  it('are what the emulated CPU gives', () => {
    const failures = forms.flatMap((form) => {
      const cases = casesOf(form, RECORDED_CASES, 1);
      if (cases.some(isApproximate)) return [];
      const actual = digest(cases, cases.map((c) => emulated.run(c)));
      return lines[form.name] === actual ? [] : [`${form.name}: ${lines[form.name] ?? 'not recorded'} ${actual}`];
    });
    expect(failures).toEqual([]);
  });
});

if (typeof native === 'string') {
  it(`cannot compare with a real CPU here: ${native}; the recorded results stand in`, (context) => {
    context.skip();
  });
}
