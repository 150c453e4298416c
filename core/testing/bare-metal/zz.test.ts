import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { CASES } from './cases/index.ts';
import { buildImage } from './image.ts';
import { modeOf } from './modes.ts';
import { outcomes } from './outcome.ts';
import { runOurs, runQemu } from './run.ts';
import { assemble } from './source.ts';

it('x', () => {
  const bad = CASES.flatMap(([m, c, st]) => {
    try {
      assemble(c, modeOf(m).bits, modeOf(m).ip);
      assemble(`${st ?? ''}; ret`, 32, 0x100000);
      return [];
    } catch (e) {
      return [String(e)];
    }
  });
  writeFileSync('/tmp/bm/bad.txt', bad.join('\n'));
  if (bad.length) return;
  const image = buildImage(CASES);
  writeFileSync('/tmp/bm/img.elf', image);
  const show = (f: () => string): string => {
    const t = Date.now();
    try {
      const r = f();
      return [...outcomes(r, CASES)].map(([n, o]) => `${n} | ${o}`).join('\n') + '\n' + (Date.now() - t);
    } catch (e) {
      return String(e);
    }
  };
  writeFileSync(
    '/tmp/bm/ours.txt',
    show(() => runOurs(image)),
  );
  writeFileSync(
    '/tmp/bm/qemu.txt',
    show(() => runQemu(image)),
  );
}, 200000);
