/** docs/INSTRUCTIONS.md: what the instruction table has, and what each instruction was tested against. */
import { ROWS, type Row } from '../cpu/table/index.ts';
import { isApproximate } from './native/compare.ts';
import { formsOf, segmentedFormsOf } from './native/forms.ts';
import { isPrivileged } from './native/generate-system.ts';
import { allForms } from './x87/cases.ts';

/** What stands in recorded.json: form names that a real CPU has answered for. */
type RecordedForms = Readonly<Record<string, string>>;

interface Line {
  readonly name: string;
  readonly forms: ReadonlySet<string>;
  readonly features: ReadonlySet<string>;
  readonly engine: string;
  readonly silicon: string;
}

const HEAD = `# Instructions

Made from the instruction table (\`core/cpu/table\`, \`core/cpu/fpu/table.ts\`) by \`core/cpu/coverage.test.ts\`; it fails when
this page is out of date, and \`VIVARIUM_RECORD=1 npx vitest run core/cpu/coverage\` writes it.

- **Forms**: operands in the notation of \`core/cpu/table/row.ts\`; MMX, SSE and VEX encodings have a form each.
- **Feature**: by libvirt's name; without it in the vCPU's CPUID the encoding is #UD, or what it was before.
- **Runs as**: *wasm*: an emitter of WebAssembly, which the interpreter runs and a translator can use; *TypeScript*: a function of
  \`core/cpu/system\` or \`core/cpu/fpu\`; both for the x87's arithmetic, whose emitters leave the uncommon case to the latter.
- **Against silicon**: *bit-equal*: generated cases gave the same registers, flags, memory and exceptions on a real CPU, in
  64-bit, 32-bit and 16-bit code at user level;
  *approximate*: the architecture leaves the last bits open, and the result is within that; *system tests*: not to be had by a
  user program (but for the exception, which is compared too), tested by bare-metal guests (\`core/cpu/system-*.test.ts\`).

`;

/** Rows of one mnemonic stand in one line. */
export function coveragePage(recorded: RecordedForms): string {
  const lines = [...tableLines(recorded), ...x87Lines()].sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  );
  const count = (silicon: string): number => lines.filter((line) => line.silicon === silicon).length;
  const summary =
    `${lines.length} mnemonics in ${ROWS.length} rows of the table and the x87's own: ${count('bit-equal')} bit-equal, ` +
    `${count('approximate')} approximate, ${count('system tests')} by system tests.\n\n`;
  const table = lines.map(
    ({ name, forms, features, engine, silicon }) =>
      `| ${name} | ${[...forms].join('; ')} | ${[...features].join(', ')} | ${engine} | ${silicon} |`,
  );
  const title = '| Instruction | Forms | Feature | Runs as | Against silicon |\n|---|---|---|---|---|\n';
  return `${HEAD}${summary}${title}${table.join('\n')}\n`;
}

function tableLines(recorded: RecordedForms): Line[] {
  const byName = new Map<string, Row[]>();
  for (const row of ROWS) {
    if (row.system === 'x87' || row.system === 'undefined') continue;
    byName.set(row.name, [...(byName.get(row.name) ?? []), row]);
  }
  return [...byName].map(([name, rows]) => ({
    name,
    forms: new Set(rows.map((row) => `${row.vex === undefined ? '' : 'VEX '}${row.form ?? '-'}`)),
    features: new Set(rows.flatMap((row) => row.cpuid ?? [])),
    engine: rows.every((row) => row.emit) ? 'wasm' : rows.some((row) => row.emit) ? 'wasm, TypeScript' : 'TypeScript',
    silicon: siliconOf(rows, recorded),
  }));
}

function siliconOf(rows: readonly Row[], recorded: RecordedForms): string {
  const tried = rows.filter((row) => !isPrivileged(row));
  const forms = [...formsOf(tried), ...segmentedFormsOf(tried)];
  if (forms.length === 0) return 'system tests';
  if (rows.every(isApproximate)) return 'approximate';
  const known = forms.filter((form) => recorded[form.name] !== undefined).length;
  return known === forms.length ? 'bit-equal' : known === 0 ? 'not yet' : `${known} of ${forms.length} forms`;
}

const TRANSCENDENTAL = new Set(['F2XM1', 'FYL2X', 'FYL2XP1', 'FPTAN', 'FPATAN', 'FSIN', 'FCOS', 'FSINCOS']);

function x87Lines(): Line[] {
  const forms = new Map<string, Set<string>>();
  for (const { name } of allForms()) {
    const [mnemonic = '', operands = '-'] = name.split(' ');
    if (mnemonic === '(none)') continue;
    forms.set(mnemonic, (forms.get(mnemonic) ?? new Set()).add(operands));
  }
  const emitted = new Set(ROWS.flatMap((row) => (row.system === 'x87' && row.emit ? row.name : [])));
  return [...forms].map(([name, operands]) => ({
    name,
    forms: operands,
    features: new Set(['fpu']),
    engine: emitted.has(name) ? 'wasm, TypeScript' : 'TypeScript',
    silicon: TRANSCENDENTAL.has(name) ? 'approximate' : 'bit-equal',
  }));
}
