import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { lockProblems } from './check-lock.mjs';

const lock = (packages) => JSON.stringify({ packages });

it('finds optional packages beside the one that asks, or above it', () => {
  const packages = {
    'node_modules/a': { optionalDependencies: { near: '1', far: '2' } },
    'node_modules/a/node_modules/near': {},
    'node_modules/far': {},
  };
  expect(lockProblems(lock(packages))).toEqual([]);
});

it('names a platform package that the lock lacks', () => {
  const packages = { 'node_modules/@b/tool': { optionalDependencies: { '@b/tool-win32': '2.0.0' } } };
  expect(lockProblems(lock(packages))).toEqual(['node_modules/@b/tool asks for @b/tool-win32@2.0.0: not in the lock']);
});

it('refuses addresses other than the public registry', () => {
  const packages = { 'node_modules/a': { resolved: 'https://mirror.example/a.tgz' } };
  expect(lockProblems(lock(packages))[0]).toContain('mirror.example');
});

it('holds for this project', () => {
  expect(lockProblems(readFileSync('package-lock.json', 'utf8'))).toEqual([]);
});
