import { describe, expect, it } from 'vitest';
import { type CpuConfig, type CpuModelInfo, DEFAULT_CPU } from '../../../core/contracts/cpu.ts';
import { choiceOf, draftOf, MAXIMUM, modelNote, modelOptions } from './cpu-choice.ts';

const MODELS: readonly CpuModelInfo[] = [
  { name: 'qemu64', missingFeatures: [] },
  { name: 'Haswell', missingFeatures: ['hle', 'rtm'] },
];
const HASWELL: CpuConfig = { ...DEFAULT_CPU, mode: 'custom', model: 'Haswell' };
const HOST: CpuConfig = { ...DEFAULT_CPU, mode: 'host-model' };

describe('the processor of a VM', () => {
  it('is shown as a model, the maximum, or the host’s', () => {
    expect(draftOf(DEFAULT_CPU)).toEqual({ copyHost: false, model: MAXIMUM });
    expect(draftOf(HASWELL)).toEqual({ copyHost: false, model: 'Haswell' });
    expect(draftOf(HOST)).toEqual({ copyHost: true, model: MAXIMUM });
  });

  it('changes only when the draft says something else', () => {
    for (const cpu of [DEFAULT_CPU, HASWELL, HOST]) expect(choiceOf(draftOf(cpu), cpu)).toBeUndefined();
    expect(choiceOf({ copyHost: false, model: 'qemu64' }, HASWELL)).toEqual({ mode: 'custom', model: 'qemu64' });
    expect(choiceOf({ copyHost: false, model: MAXIMUM }, HASWELL)).toEqual({ mode: 'maximum' });
    expect(choiceOf({ copyHost: false, model: MAXIMUM }, HOST)).toEqual({ mode: 'maximum' });
    expect(choiceOf({ copyHost: true, model: 'Haswell' }, HASWELL)).toEqual({ mode: 'host-passthrough' });
  });

  it('has the maximum first, and tells what a model lacks', () => {
    expect(modelOptions(MODELS).map(({ label }) => label)).toEqual(['Maximum (default)', 'qemu64', 'Haswell']);
    expect(modelNote(draftOf(HASWELL), MODELS)).toBe('This hypervisor gives it without hle, rtm.');
    expect(modelNote({ copyHost: false, model: 'qemu64' }, MODELS)).toMatch(/all of its features/);
    expect(modelNote({ copyHost: true, model: 'Haswell' }, MODELS)).toMatch(/Everything/);
  });
});
