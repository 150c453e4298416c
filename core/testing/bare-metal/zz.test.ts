import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { CASES } from './cases/index.ts';
import { buildImage } from './image.ts';
import { runOurs, runQemu } from './run.ts';
it('x', () => {
  const image = buildImage(CASES);
  writeFileSync('/tmp/bm/img.elf', image);
  const show = (f: () => string): string => { const t = Date.now(); try { return f() + (Date.now() - t) } catch (e) { return String(e) } };
  writeFileSync('/tmp/bm/ours.txt', show(() => runOurs(image)));
  writeFileSync('/tmp/bm/qemu.txt', show(() => runQemu(image)));
}, 200000);
