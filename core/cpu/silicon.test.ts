/**
 * Every instruction whose meaning is an emitter against the CPU of this machine, to the bit: registers, flags, XMM, MMX,
 * memory, exceptions. How it works, the long run and how to record: core/testing/native/README.md.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import '../testing/translation.ts';
import type { InstructionCase, Outcome } from '../testing/native/case.ts';
import { describeCase, differences, digest, isApproximate, isOpenRefusal } from '../testing/native/compare.ts';
import { EmulatedMachine } from '../testing/native/emulated.ts';
import { caseOf, type Form, formsOf, segmentedFormsOf } from '../testing/native/forms.ts';
import { NativeMachine } from '../testing/native/machine.ts';
import recorded from '../testing/native/recorded.json' with { type: 'json' };
import { Cpu } from './cpu.ts';
import { ROWS } from './table/index.ts';

/** The sample that is recorded, and what runs by default. */
const SAMPLE = 20;
/** The part of the cases that forms in segments take. */
const SEGMENTED_SHARE = 0.2;
const CASES = Number(process.env['VIVARIUM_CASES'] ?? SAMPLE);
const SEED = Number(process.env['VIVARIUM_SEED'] ?? 1);
/** Only rows whose name matches. */
const NAMES = new RegExp(process.env['VIVARIUM_ROWS'] ?? '');
/** Recorded for a form whose sample has a case of which the architecture leaves something open. */
const OPEN = 'open';
/** Cases in memory at a time. */
const LOT = 20_000;

const native = NativeMachine.build();
afterAll(() => {
  if (typeof native !== 'string') native.dispose();
});
const emulated = new EmulatedMachine(new Set(ROWS.flatMap((row) => row.cpuid ?? [])));
const all = [...formsOf(ROWS), ...segmentedFormsOf(ROWS)];
const forms = all.filter(({ row }) => NAMES.test(row.name));

function casesOf(form: Form, from: number, to: number, seed = SEED): InstructionCase[] {
  const share = form.mode.segmented ? SEGMENTED_SHARE : 1;
  const first = Math.floor(from * share);
  return Array.from({ length: Math.floor(to * share) - first }, (_, n) => caseOf(form, seed, first + n));
}
const sampleOf = (form: Form): InstructionCase[] => casesOf(form, 0, SAMPLE, 1);

/** What the emulated CPU made of the sample, where it ran already. */
const sampled = new Map<Form, string>();

/** Mismatches of so many cases of each form, as text. */
function mismatches(machine: NativeMachine, some: readonly Form[], from: number, to: number): string[] {
  const cases = some.map((form) => casesOf(form, from, to));
  const outcomes = machine.run(cases.flat());
  return some.flatMap((form, f) => {
    const own = cases[f] ?? [];
    const expected = outcomes.splice(0, own.length);
    const actual = own.map((c) => emulated.run(c));
    if (SEED === 1 && from === 0 && to === SAMPLE) sampled.set(form, digest(own, actual));
    return own.flatMap((c, n) => {
      const found = differences(c, expected[n] as Outcome, actual[n] as Outcome);
      return found.length === 0 ? [] : [describeCase(c, found)];
    });
  });
}

function compareWith(machine: NativeMachine): void {
  const lots = new Map<string, Form[]>();
  for (const form of forms) {
    if (form.row.cpuid !== undefined && !machine.features.has(form.row.cpuid)) continue;
    const lot = `opcodes ${((form.row.op >> 5) << 5).toString(16)} to ${(form.row.op | 31).toString(16)}`;
    lots.set(lot, [...(lots.get(lot) ?? []), form]);
  }

  it.each([...lots])('%s', { timeout: 36_000_000 }, (_name, lot) => {
    const step = Math.min(CASES, Math.max(1, Math.floor(LOT / lot.length)));
    const failures: string[] = [];
    for (let at = 0; at < CASES; at += step) failures.push(...mismatches(machine, lot, at, Math.min(at + step, CASES)));
    expect(failures.length, failures.slice(0, 8).join('\n')).toBe(0);
  });
}

if (typeof native !== 'string') {
  describe('every instruction does what the CPU of this machine does', () => compareWith(native));
} else {
  it(`cannot compare with a real CPU here: ${native}; the recorded results stand in`, (context) => {
    context.skip();
  });
}

// on translated code the comparison above is enough: a module for each of these cases would take many minutes
describe.skipIf(Cpu.translation === 'always')('results recorded from a real CPU', () => {
  const lines: Readonly<Record<string, string>> = recorded;

  /** Digest of what a real CPU made of cases, if the emulated one has to do the same in all. */
  const digestOf = (cases: readonly InstructionCase[], outcomes: readonly Outcome[]): string =>
    cases.some((c, n) => isOpenRefusal(c, outcomes[n] as Outcome, emulated.run(c))) ? OPEN : digest(cases, outcomes);

  const exact = forms.filter((form) => !isApproximate(form.row));

  it.runIf(process.env['VIVARIUM_RECORD'] !== undefined && typeof native !== 'string')(
    'are recorded',
    { timeout: 600_000 },
    () => {
      const cases = exact.map(sampleOf);
      const outcomes = (native as NativeMachine).run(cases.flat());
      const digests = cases.map((own) => digestOf(own, outcomes.splice(0, own.length)));
      const record = Object.fromEntries(exact.map((form, f) => [form.name, digests[f]]));
      const file = fileURLToPath(new URL('../testing/native/recorded.json', import.meta.url));
      writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`);
    },
  );

  it('are what the emulated CPU gives, for every form', { timeout: 60_000 }, () => {
    const emulate = (form: Form): string => {
      const cases = sampleOf(form);
      return digest(
        cases,
        cases.map((c) => emulated.run(c)),
      );
    };
    const differing = exact.flatMap((form) => {
      const line = lines[form.name];
      if (line === undefined) return [`${form.name}: not recorded`];
      return line === OPEN || line === (sampled.get(form) ?? emulate(form)) ? [] : [form.name];
    });
    expect(differing).toEqual([]);
  });

  it('are of nothing else', () => {
    const known = new Set(all.map((form) => form.name));
    expect(Object.keys(lines).filter((name) => !known.has(name))).toEqual([]);
  });
});
