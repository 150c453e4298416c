import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { coveragePage } from '../testing/coverage-page.ts';
import recorded from '../testing/native/recorded.json' with { type: 'json' };

const PAGE = fileURLToPath(new URL('../../docs/INSTRUCTIONS.md', import.meta.url));

it('docs/INSTRUCTIONS.md is what table and recorded results say', () => {
  const page = coveragePage(recorded);
  if (process.env['VIVARIUM_RECORD'] !== undefined) writeFileSync(PAGE, page);
  expect(readFileSync(PAGE, 'utf8')).toBe(page);
});
