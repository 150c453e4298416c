import { describe, expect, it } from 'vitest';
import type { FileCheck } from '../../../core/contracts/calls.ts';
import {
  BIOS,
  checkKey,
  type Draft,
  draftFor,
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
  host: { maxGuestMemoryMiB: 2048, firmwareImages: [] },
  takenNames: [],
  ...change,
});
const draft = (change: Partial<Draft> = {}): Draft => ({
  ...EMPTY_DRAFT,
  source: 'kernel',
  kernel: '/k',
  name: 'one',
  ...change,
});

describe('step 1', () => {
  it('needs a kernel, but no initrd', () => {
    expect(stepErrors('source', draft({ kernel: '  ' }), around())).toHaveProperty('kernel');
    expect(stepErrors('source', draft(), around())).toEqual({});
  });

  it('shows what main said about a bad file, beside its field', () => {
    const checks = new Map([
      [checkKey('kernel', '/k'), TEXT],
      [checkKey('initrd', '/i'), TEXT],
    ]);
    expect(stepErrors('source', draft({ initrd: '/i' }), around({ checks }))).toEqual({
      kernel: 'This is a text file.',
      initrd: 'This is a text file.',
    });
  });

  it('does not take the verdict on one role for the other', () => {
    const checks = new Map([[checkKey('initrd', '/k'), TEXT]]);
    expect(stepErrors('source', draft(), around({ checks }))).toEqual({});
  });
});

describe('a medium', () => {
  it('is needed, and only the fields of the chosen source are looked at', () => {
    const iso = draft({ source: 'iso', kernel: '' });
    expect(stepErrors('source', iso, around())).toEqual({ iso: 'Choose an ISO image.' });
    const checks = new Map([[checkKey('iso', '/a.iso'), TEXT]]);
    expect(stepErrors('source', { ...iso, iso: '/a.iso' }, around({ checks }))).toEqual({
      iso: 'This is a text file.',
    });
    expect(stepErrors('source', { ...iso, source: 'disk', disk: '/a.iso' }, around({ checks }))).toEqual({});
  });

  it('is filled in by what was dropped', () => {
    expect(draftFor({ source: 'iso', path: '/a.iso' })).toMatchObject({ source: 'iso', iso: '/a.iso' });
    expect(draftFor({ source: 'floppy', fileName: 'a.img' })).toEqual({ ...EMPTY_DRAFT, source: 'floppy' });
    expect(draftFor(undefined)).toEqual(EMPTY_DRAFT);
  });

  it('ends in a request with its disk, board and firmware', () => {
    const images = [{ label: 'OVMF', path: '/ovmf', type: 'pflash' }] as const;
    const iso = draft({ source: 'iso', iso: ' /a.iso ', target: '/d', machine: 'q35', firmware: '/ovmf' });
    expect(toNewVm(iso, images)).toMatchObject({
      machine: 'q35',
      firmware: { kind: 'image', path: '/ovmf', type: 'pflash' },
      source: { kind: 'iso', path: '/a.iso', disk: '/d' },
    });
    expect(toNewVm({ ...iso, target: ' ', firmware: BIOS }, images)).not.toHaveProperty('firmware');
    expect(toNewVm(draft({ source: 'floppy', floppy: '/f' })).source).toEqual({ kind: 'floppy', path: '/f' });
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
    expect(firstBadStep(draft({ kernel: '', memoryMiB: 'x' }), around())).toBe('source');
    expect(firstBadStep(draft({ memoryMiB: 'x', name: '' }), around())).toBe('resources');
  });

  it('puts a refusal of main beside the field it is about', () => {
    expect(failureField({ code: 'invalid-request', field: 'source.kernel' }, 'kernel')).toBe('kernel');
    expect(failureField({ code: 'invalid-memory' }, 'kernel')).toBe('memoryMiB');
    expect(failureField({ code: 'name-taken', field: 'toString' }, 'kernel')).toBe('name');
    expect(failureField({ code: 'storage' }, 'kernel')).toBeUndefined();
    expect(failureField({ code: 'invalid-file', field: 'source.path' }, 'iso')).toBe('iso');
    expect(failureField({ code: 'invalid-file', field: 'source.disk' }, 'iso')).toBe('target');
    expect(stepOf('cmdline')).toBe('source');
  });

  it('ends in a request without blanks at the ends, and without an initrd where there is none', () => {
    expect(toNewVm(draft({ kernel: ' /k ', name: ' one ', memoryMiB: ' 512 ' }))).toEqual({
      name: 'one',
      memoryMiB: 512,
      vcpus: 1,
      machine: 'pc',
      source: { kind: 'kernel', kernel: '/k', cmdline: EMPTY_DRAFT.cmdline },
    });
    expect(toNewVm(draft({ initrd: '/i' })).source).toMatchObject({ initrd: '/i' });
  });
});

describe('the suggested name', () => {
  it('comes from the kernel, and is always new', () => {
    const suggested = (kernel: string, takenNames: readonly string[]) =>
      suggestName(draft({ kernel }), around({ takenNames }));
    expect(suggested('/k', [])).toBe('linux-6.1');
    expect(suggested('/k', ['linux-6.1', 'linux-6.1-2'])).toBe('linux-6.1-3');
    expect(suggested('/other', ['vm1'])).toBe('vm2');
    expect(suggested('/other', [])).toBe('vm1');
  });

  it('comes from the file of a medium', () => {
    const iso = draft({ source: 'iso', iso: 'C:\\media\\debian-12.5-netinst.iso' });
    expect(suggestName(iso, around())).toBe('debian-12.5-netinst');
    expect(suggestName(iso, around({ takenNames: ['debian-12.5-netinst'] }))).toBe('debian-12.5-netinst-2');
    expect(suggestName(draft({ source: 'disk', disk: '/.img' }), around())).toBe('.img');
  });
});
