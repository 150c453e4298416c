/**
 * The New VM wizard as data: what has been typed, which step is shown, what is wrong and beside which field. Nothing
 * typed is ever lost by going back, and nothing is checked twice: the dialog only draws this.
 */
import type { FileCheck, HostInfo, NewVm } from '../../../core/contracts/calls.ts';
import { MAX_MEMORY_MIB, MAX_VCPUS, MIN_MEMORY_MIB } from '../../../core/contracts/machine.ts';
import { formatCount } from '../../state/format.ts';

export const STEPS = ['boot', 'resources', 'ready'] as const;
export type Step = (typeof STEPS)[number];

export interface Draft {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly memoryMiB: string;
  readonly vcpus: string;
  readonly name: string;
  readonly startNow: boolean;
}
export type FieldName = keyof Omit<Draft, 'startNow'>;
export type FieldErrors = Partial<Readonly<Record<FieldName, string>>>;

/** Both consoles get the kernel's messages; the last one named gets the shell: the screen. */
const DEFAULT_CMDLINE = 'console=ttyS0 console=tty0';

export const EMPTY_DRAFT: Draft = {
  kernel: '',
  initrd: '',
  cmdline: DEFAULT_CMDLINE,
  memoryMiB: '512',
  vcpus: '1',
  name: '',
  startNow: true,
};

/** What main said about the chosen files; a path without an entry has not been answered yet. */
export type FileChecks = ReadonlyMap<string, FileCheck>;
export const checkKey = (role: 'kernel' | 'initrd', path: string): string => `${role}:${path}`;

export interface Surroundings {
  readonly checks: FileChecks;
  readonly host?: Pick<HostInfo, 'maxGuestMemoryMiB'> | undefined;
  readonly takenNames: readonly string[];
}

export function stepErrors(step: Step, draft: Draft, around: Surroundings): FieldErrors {
  switch (step) {
    case 'boot':
      return compact({
        kernel:
          draft.kernel.trim() === ''
            ? 'Choose a kernel: a Linux bzImage or a multiboot ELF file.'
            : badFile('kernel', draft, around),
        initrd: draft.initrd.trim() === '' ? undefined : badFile('initrd', draft, around),
      });
    case 'resources':
      return compact({
        memoryMiB: wholeNumberError(draft.memoryMiB, {
          min: MIN_MEMORY_MIB,
          max: maxMemoryMiB(around.host),
          unit: 'MiB of memory',
        }),
        vcpus: wholeNumberError(draft.vcpus, { min: 1, max: MAX_VCPUS, unit: MAX_VCPUS === 1 ? 'CPU' : 'CPUs' }),
      });
    case 'ready':
      return compact({ name: nameError(draft.name, around.takenNames) });
  }
}

export const maxMemoryMiB = (host: Surroundings['host']): number => host?.maxGuestMemoryMiB ?? MAX_MEMORY_MIB;

/** The first step whose fields are not right, from the first one on; undefined when all are. */
export function firstBadStep(draft: Draft, around: Surroundings): Step | undefined {
  return STEPS.find((step) => Object.keys(stepErrors(step, draft, around)).length > 0);
}

const FIELD_STEPS: Readonly<Record<FieldName, Step>> = {
  kernel: 'boot',
  initrd: 'boot',
  cmdline: 'boot',
  memoryMiB: 'resources',
  vcpus: 'resources',
  name: 'ready',
};

const CODE_FIELDS: Readonly<Record<string, FieldName>> = {
  'invalid-kernel': 'kernel',
  'invalid-initrd': 'initrd',
  'invalid-memory': 'memoryMiB',
  'invalid-vcpus': 'vcpus',
  'invalid-name': 'name',
  'name-taken': 'name',
};

/** Where main's refusal belongs: by its `field` ("boot.kernel" as well as "kernel"), else by its code. */
export function failureField(failure: { readonly code: string; readonly field?: string }): FieldName | undefined {
  const named = failure.field?.split('.').at(-1);
  return named !== undefined && Object.hasOwn(FIELD_STEPS, named) ? (named as FieldName) : CODE_FIELDS[failure.code];
}

export const stepOf = (field: FieldName): Step => FIELD_STEPS[field];

export function toNewVm(draft: Draft): NewVm {
  const initrd = draft.initrd.trim();
  return {
    name: draft.name.trim(),
    memoryMiB: Number(draft.memoryMiB),
    vcpus: Number(draft.vcpus),
    boot: { kernel: draft.kernel.trim(), ...(initrd === '' ? {} : { initrd }), cmdline: draft.cmdline.trim() },
  };
}

/** "linux-6.1" from the verdict on the kernel, "vm" for what does not say; a number makes it new. */
export function suggestName(kernelDescription: string | undefined, takenNames: readonly string[]): string {
  const version = /^Linux kernel (\d+\.\d+)/.exec(kernelDescription ?? '')?.[1];
  const base = version ? `linux-${version}` : 'vm';
  const taken = new Set(takenNames);
  if (version && !taken.has(base)) return base;
  let number = version ? 2 : 1;
  const numbered = () => (version ? `${base}-${number}` : `${base}${number}`);
  while (taken.has(numbered())) number++;
  return numbered();
}

function badFile(role: 'kernel' | 'initrd', draft: Draft, around: Surroundings): string | undefined {
  const check = around.checks.get(checkKey(role, draft[role].trim()));
  return check && !check.ok ? (check.message ?? check.description) : undefined;
}

function wholeNumberError(
  text: string,
  range: { readonly min: number; readonly max: number; readonly unit: string },
): string | undefined {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value)) return `Enter a whole number of ${range.unit}.`;
  if (value < range.min) return `Enter at least ${range.min} ${range.unit}.`;
  if (value > range.max) return `A virtual machine can have up to ${formatCount(range.max)} ${range.unit} here.`;
  return undefined;
}

function nameError(text: string, takenNames: readonly string[]): string | undefined {
  const name = text.trim();
  if (name === '') return 'Give it a name.';
  if (name.includes('/')) return 'A name cannot contain a slash.';
  if (takenNames.includes(name)) return `There is already a virtual machine named “${name}”. Choose another name.`;
  return undefined;
}

function compact(errors: { readonly [K in FieldName]?: string | undefined }): FieldErrors {
  return Object.fromEntries(Object.entries(errors).filter(([, message]) => message !== undefined));
}
