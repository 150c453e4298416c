import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { describeCase, differences } from '../testing/native/compare.ts';
import { EmulatedMachine } from '../testing/native/emulated.ts';
import { existsIn, isTried, makeCase } from '../testing/native/generate.ts';
import { NativeMachine } from '../testing/native/machine.ts';
import { ROWS } from './table/index.ts';
it('groups', { timeout: 3600000 }, () => {
  const machine = NativeMachine.build() as NativeMachine;
  const N = Number(process.env['N'] ?? 100);
  const only = new RegExp(process.env['ROWS'] ?? '');
  const emulated = new EmulatedMachine(new Set(ROWS.flatMap((r) => r.cpuid ?? [])));
  const groups = new Map<string, string[]>();
  let total = 0, bad = 0, tn = 0, te = 0;
  const seed = Number(process.env['SEED'] ?? 7);
  for (const row of ROWS) {
    if (!isTried(row) || !only.test(row.name)) continue;
    for (const long of [true, false]) {
      if (!existsIn(row, long)) continue;
      const cases = Array.from({ length: N }, (_, n) => makeCase(row, long, seed * 1_000_003 + row.id * 4096 * 256 + n));
      let t = performance.now();
      const out = machine.run(cases);
      tn += performance.now() - t;
      t = performance.now();
      cases.forEach((c, n) => {
        total++;
        let found: string[];
        try { found = differences(c, out[n]!, emulated.run(c)); } catch (e) { found = ['throws ' + String(e)]; }
        if (found.length === 0) return;
        bad++;
        const key = `${row.name} ${row.form ?? ''} ${long ? 64 : 32}: ${found.map((f) => f.startsWith('vector') || f.startsWith('throws') ? f : f.split(' ')[0]).join(',')}`;
        groups.set(key, [...(groups.get(key) ?? []), describeCase(c, found)]);
      });
      te += performance.now() - t;
    }
  }
  let text = `${total} cases, ${bad} bad, native ${tn | 0} ms, emulated ${te | 0} ms\n`;
  for (const [key, list] of groups) text += `${list.length} ${key}\n`;
  text += '\n';
  for (const [key, list] of groups) text += `== ${key}\n${list.slice(0, 2).join('\n')}\n`;
  writeFileSync('/tmp/sse/groups.txt', text);
  machine.dispose();
});
