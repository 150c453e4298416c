import { expect, it } from 'vitest';
import { cpuModelLines } from './cpu-models.ts';

const MODELS = [
  { name: 'kvm64', missingFeatures: [] },
  { name: 'Haswell', missingFeatures: ['hle', 'rtm'] },
] as const;

it('lists names, one a line, for --cpu', () => {
  expect(cpuModelLines(MODELS, false)).toBe('maximum\nkvm64\nHaswell\n');
});

it('says on request what is missing', () => {
  expect(cpuModelLines(MODELS, true).split('\n')[2]).toBe(`Haswell${' '.repeat(21)}without hle rtm`);
});
