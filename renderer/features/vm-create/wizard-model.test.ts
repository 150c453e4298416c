import { describe, expect, it } from 'vitest';
import type { FileCheck } from '../../../core/contracts/calls.ts';
import {
  checkKey,
  type Draft,
  EMPTY_DRAFT,
  failureField,
  firstBadStep,
  type Surroundings,
  stepErrors,
  stepOf,
  suggestName,
  toNewVm,
} from './wizard-model.ts';

const LINUX: FileCheck = { ok: true, description: 'Linux kernel 6.1.0 (bzImage, 64-bit)' };
const TEXT: FileCheck = { ok: false, description: 'text', message: 'This is a text file.' };
const around = (change: Partial<Surroundings> = {}): Surroundings => ({
  checks: new Map([[checkKey('kernel', '/k'), LINUX]]),
  host: { maxGuestMemoryMiB: 2048 },
  takenNames: [],
  ...change,
});
const draft = (change: Partial<Draft> = {}): Draft => ({ ...EMPTY_DRAFT, kernel: '/k', name: 'one', ...change });

describe('step 1', () => {
  it('needs a kernel, but no initrd', () => {
    expect(stepErrors('boot', draft({ kernel: '  ' }), around())).toHaveProperty('kernel');
    expect(stepErrors('boot', draft(), around())).toEqual({});
  });

  it('shows what main said about a bad file, beside its field', () => {
    const checks = new Map([
      [checkKey('kernel', '/k'), TEXT],
      [checkKey('initrd', '/i'), TEXT],
    ]);
    expect(stepErrors('boot', draft({ initrd: '/i' }), around({ checks }))).toEqual({
      kernel: 'This is a text file.',
      initrd: 'This is a text file.',
    });
  });

  it('does not take the verdict on one role for the other', () => {
    const checks = new Map([[checkKey('initrd', '/k'), TEXT]]);
    expect(stepErrors('boot', draft(), around({ checks }))).toEqual({});
  });
});

describe('step 2', () => {
  it.each(['', 'much', '1.5', '0', '-4', '2049', '1048576'])('refuses %j MiB of memory', (memoryMiB) => {
    expect(stepErrors('resources', draft({ memoryMiB }), around())).toHaveProperty('memoryMiB');
  });

  it.each(['1', '2048', ' 512 '])('takes %j MiB', (memoryMiB) => {
    expect(stepErrors('resources', draft({ memoryMiB }), around())).toEqual({});
  });

  it('refuses more CPUs than the machine has', () => {
    expect(stepErrors('resources', draft({ vcpus: '999' }), around())).toHaveProperty('vcpus');
  });
});

describe('step 3', () => {
  it.each(['', '   ', 'a/b', 'taken'])('refuses the name %j', (name) => {
    expect(stepErrors('ready', draft({ name }), around({ takenNames: ['taken'] }))).toHaveProperty('name');
  });
});

describe('the way through', () => {
  it('leads back to the first step that is not right', () => {
    expect(firstBadStep(draft(), around())).toBeUndefined();
    expect(firstBadStep(draft({ kernel: '', memoryMiB: 'x' }), around())).toBe('boot');
    expect(firstBadStep(draft({ memoryMiB: 'x', name: '' }), around())).toBe('resources');
  });

  it('puts a refusal of main beside the field it is about', () => {
    expect(failureField({ code: 'invalid-request', field: 'boot.kernel' })).toBe('kernel');
    expect(failureField({ code: 'invalid-memory' })).toBe('memoryMiB');
    expect(failureField({ code: 'name-taken', field: 'toString' })).toBe('name');
    expect(failureField({ code: 'storage' })).toBeUndefined();
    expect(stepOf('cmdline')).toBe('boot');
  });

  it('ends in a request without blanks at the ends, and without an initrd where there is none', () => {
    expect(toNewVm(draft({ kernel: ' /k ', name: ' one ', memoryMiB: ' 512 ' }))).toEqual({
      name: 'one',
      memoryMiB: 512,
      vcpus: 1,
      boot: { kernel: '/k', cmdline: EMPTY_DRAFT.cmdline },
    });
    expect(toNewVm(draft({ initrd: '/i' })).boot.initrd).toBe('/i');
  });
});

describe('the suggested name', () => {
  it('comes from the kernel, and is always new', () => {
    expect(suggestName(LINUX.description, [])).toBe('linux-6.1');
    expect(suggestName(LINUX.description, ['linux-6.1', 'linux-6.1-2'])).toBe('linux-6.1-3');
    expect(suggestName('multiboot ELF', ['vm1'])).toBe('vm2');
    expect(suggestName(undefined, [])).toBe('vm1');
  });
});
