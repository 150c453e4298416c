import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importCircles, runtimeImports } from './import-circles.mjs';

describe('runtimeImports', () => {
  it('sees values, re-exports and effects, and no types', () => {
    const source = `
import a from './a.ts';
import { b, type C } from './b.ts';
import {
  d,
  e,
} from './d.ts';
import * as f from './f.ts';
import './g.ts';
export * from './h.ts';
export { i } from './i.ts';
import type { T } from './t.ts';
export type { U } from './u.ts';
const x = 'import y from ';
`;
    expect([...runtimeImports(source)]).toEqual(['a', 'b', 'd', 'f', 'g', 'h', 'i'].map((name) => `./${name}.ts`));
  });
});

describe('importCircles', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'circles-'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const modules = (sources) =>
    Object.entries(sources).map(([source, text]) => {
      writeFileSync(join(root, source), text);
      const imports = [...text.matchAll(/'\.\/([^']+)'/g)].map(([, name]) => name);
      return { source, dependencies: imports.map((name) => ({ module: `./${name}`, resolved: name })) };
    });

  it('finds a circle of three, once', () => {
    const found = importCircles(
      modules({ a: "import b from './b';", b: "import { c } from './c';", c: "import './a';" }),
      root,
    );
    expect(found).toEqual([['a', 'b', 'c', 'a']]);
  });

  it('finds a module that imports itself', () => {
    expect(importCircles(modules({ a: "import './a';" }), root)).toEqual([['a', 'a']]);
  });

  it('lets a circle through a type be', () => {
    expect(importCircles(modules({ a: "import b from './b';", b: "import type { A } from './a';" }), root)).toEqual([]);
  });

  it('takes two ways to one module for no circle', () => {
    const diamond = { a: "import './b';\nimport './c';", b: "import './d';", c: "import './d';", d: '' };
    expect(importCircles(modules(diamond), root)).toEqual([]);
  });
});
