/**
 * The New VM wizard as data: what has been typed, which step is shown, what is wrong and beside which field. Nothing
 * typed is ever lost by going back or by choosing another source, and nothing is checked twice: the dialog only draws
 * this.
 */
import type { FileCheck, FileRole, HostInfo, NewVm, NewVmSource } from '../../../core/contracts/calls.ts';
import type { FirmwareImage } from '../../../core/contracts/hardware.ts';
import { MAX_MEMORY_MIB, MAX_VCPUS, type MachineType, MIN_MEMORY_MIB } from '../../../core/contracts/machine.ts';
import { formatCount } from '../../state/format.ts';
import type { NewVmStart } from '../../state/store.ts';

export const STEPS = ['source', 'resources', 'ready'] as const;
export type Step = (typeof STEPS)[number];
export type SourceKind = NewVmSource['kind'];

export interface Draft {
  readonly source: SourceKind;
  readonly iso: string;
  /** A disk to install to, beside the ISO. */
  readonly target: string;
  readonly disk: string;
  readonly floppy: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly memoryMiB: string;
  readonly vcpus: string;
  readonly machine: MachineType;
  /** BIOS, or the path of an image that the host has. */
  readonly firmware: string;
  readonly name: string;
  readonly startNow: boolean;
}
export type FieldName = keyof Omit<Draft, 'startNow' | 'source' | 'machine' | 'firmware'>;
export type FieldErrors = Partial<Readonly<Record<FieldName, string>>>;

export const BIOS = 'bios';
/** Both consoles get the kernel's messages; the last one named gets the shell: the screen. */
const DEFAULT_CMDLINE = 'console=ttyS0 console=tty0';

export const EMPTY_DRAFT: Draft = {
  source: 'iso',
  iso: '',
  target: '',
  disk: '',
  floppy: '',
  kernel: '',
  initrd: '',
  cmdline: DEFAULT_CMDLINE,
  memoryMiB: '512',
  vcpus: '1',
  machine: 'pc',
  firmware: BIOS,
  name: '',
  startNow: true,
};

/** Filled in by what was dropped on the window. */
export function draftFor(start: NewVmStart | undefined): Draft {
  if (!start) return EMPTY_DRAFT;
  return { ...EMPTY_DRAFT, source: start.source, ...('path' in start && { [start.source]: start.path }) };
}

export type FileFieldName = 'iso' | 'target' | 'disk' | 'floppy' | 'kernel' | 'initrd';
interface FileFieldRule {
  readonly field: FileFieldName;
  readonly role: FileRole;
  /** Said when it is empty; absent where it may be. */
  readonly missing?: string;
}

/** The files of each source, the one it starts from first. */
export const FILES: Readonly<Record<SourceKind, readonly [FileFieldRule, ...FileFieldRule[]]>> = {
  iso: [
    { field: 'iso', role: 'iso', missing: 'Choose an ISO image.' },
    { field: 'target', role: 'disk' },
  ],
  disk: [{ field: 'disk', role: 'disk', missing: 'Choose a disk image.' }],
  floppy: [{ field: 'floppy', role: 'floppy', missing: 'Choose a floppy image.' }],
  kernel: [
    { field: 'kernel', role: 'kernel', missing: 'Choose a kernel: a Linux bzImage or a multiboot ELF file.' },
    { field: 'initrd', role: 'initrd' },
  ],
};

/** What main said about the chosen files; a path without an entry has not been answered yet. */
export type FileChecks = ReadonlyMap<string, FileCheck>;
export const checkKey = (role: FileRole, path: string): string => `${role}:${path}`;

export interface Surroundings {
  readonly checks: FileChecks;
  readonly host?: Pick<HostInfo, 'maxGuestMemoryMiB' | 'firmwareImages'> | undefined;
  readonly takenNames: readonly string[];
}

export function verdictOf(rule: FileFieldRule, draft: Draft, checks: FileChecks): FileCheck | undefined {
  return checks.get(checkKey(rule.role, draft[rule.field].trim()));
}

export function stepErrors(step: Step, draft: Draft, around: Surroundings): FieldErrors {
  switch (step) {
    case 'source':
      return compact(
        Object.fromEntries(FILES[draft.source].map((rule) => [rule.field, fileError(rule, draft, around)])),
      );
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

const OTHER_FIELD_STEPS: Readonly<Partial<Record<FieldName, Step>>> = {
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

/** Where main's refusal belongs: by its `field` ("source.path" as well as "name"), else by its code. */
export function failureField(
  failure: { readonly code: string; readonly field?: string },
  source: SourceKind,
): FieldName | undefined {
  const named = failure.field?.split('.').at(-1);
  if (failure.field === 'source.path' && source !== 'kernel') return source;
  if (failure.field === 'source.disk') return 'target';
  const known = named !== undefined && Object.hasOwn(EMPTY_DRAFT, named) && named !== 'source';
  return known ? (named as FieldName) : CODE_FIELDS[failure.code];
}

export const stepOf = (field: FieldName): Step => OTHER_FIELD_STEPS[field] ?? 'source';

export function toNewVm(draft: Draft, images: readonly FirmwareImage[] = []): NewVm {
  const image = images.find(({ path }) => path === draft.firmware);
  return {
    name: draft.name.trim(),
    memoryMiB: Number(draft.memoryMiB),
    vcpus: Number(draft.vcpus),
    machine: draft.machine,
    ...(image && { firmware: { kind: 'image', path: image.path, type: image.type } }),
    source: sourceOf(draft),
  };
}

function sourceOf(draft: Draft): NewVmSource {
  const path = (field: FileFieldName): string => draft[field].trim();
  switch (draft.source) {
    case 'iso':
      return { kind: 'iso', path: path('iso'), ...(path('target') !== '' && { disk: path('target') }) };
    case 'disk':
    case 'floppy':
      return { kind: draft.source, path: path(draft.source) };
    case 'kernel':
      return {
        kind: 'kernel',
        kernel: path('kernel'),
        ...(path('initrd') !== '' && { initrd: path('initrd') }),
        cmdline: draft.cmdline.trim(),
      };
  }
}

/** "linux-6.1" from the verdict on a kernel, "debian-12" from debian-12.iso, "vm1" else; a number makes it new. */
export function suggestName(draft: Draft, around: Pick<Surroundings, 'checks' | 'takenNames'>): string {
  const base = baseName(draft, around.checks);
  const taken = new Set(around.takenNames);
  if (base !== undefined && !taken.has(base)) return base;
  let number = base === undefined ? 1 : 2;
  const numbered = () => (base === undefined ? `vm${number}` : `${base}-${number}`);
  while (taken.has(numbered())) number++;
  return numbered();
}

function baseName(draft: Draft, checks: FileChecks): string | undefined {
  const [rule] = FILES[draft.source];
  if (draft.source === 'kernel') {
    const version = /^Linux kernel (\d+\.\d+)/.exec(verdictOf(rule, draft, checks)?.description ?? '')?.[1];
    return version && `linux-${version}`;
  }
  const file = draft[rule.field].trim().split(/[\\/]/).at(-1) ?? '';
  return file.replace(/(?<=.)\.[A-Za-z]\w{1,4}$/, '').trim() || undefined;
}

function fileError(rule: FileFieldRule, draft: Draft, { checks }: Surroundings): string | undefined {
  if (draft[rule.field].trim() === '') return rule.missing;
  const check = verdictOf(rule, draft, checks);
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
