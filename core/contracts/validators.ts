/**
 * Validators of what crosses a border towards main: the request of every call (calls.ts), stream addresses
 * (streams.ts) and the configuration handed to a machine worker (machine.ts). They check shape and size only; what a
 * value means (is the name taken, does the kernel exist) is the handler's business and has error codes of its own.
 * The types are the contract: validators.test.ts proves at compile time that these schemas say the same.
 */
import { z } from 'zod';
import type { CallFailure, CallName, Request, VmId } from './calls.ts';
import { CPU_CHECKS, CPU_FEATURE_POLICIES, CPU_MODEL_NAMES, CPU_MODES } from './cpu.ts';
import type { MachineConfig } from './machine.ts';
import type { StreamAddress } from './streams.ts';

/** Longest path of any host we know (Windows' extended paths). */
const MAX_PATH_CHARS = 32_767;
const MAX_TEXT_CHARS = 65_536;
const MAX_NAME_CHARS = 256;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const ABSOLUTE_PATH = /^(?:\/|[A-Za-z]:[\\/]|\\\\)/;

const text = (maxChars = MAX_TEXT_CHARS) =>
  z.string('must be text').max(maxChars, `must have at most ${maxChars} characters`);
const number = () => z.number('must be a number');
const flag = () => z.boolean('must be true or false');
const path = () => text(MAX_PATH_CHARS).regex(/^[^\0]*$/, 'must not contain a NUL character');
/** What XML can hold, on one line: paths and texts that become part of a definition. */
const line = (schema: z.ZodString) =>
  schema.regex(/^[^\p{Cc}\p{Cs}\ufffe\uffff]*$/u, 'must not contain control characters or line breaks');
const absolutePath = () => line(path()).regex(ABSOLUTE_PATH, 'must be an absolute path');
const vmId = () =>
  z
    .string('must be text')
    .regex(UUID, 'must be the id of a virtual machine')
    .transform((id) => id as VmId);

function object<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `must not have the field ${issue.keys.join(', ')}` : 'must be an object',
  });
}

const nothing = () => z.void('must be empty');
const oneVm = () => object({ id: vmId() });

const cpuChoice = () =>
  z.union(
    [
      object({ mode: z.enum(['maximum', 'host-model', 'host-passthrough']) }),
      object({ mode: z.literal('custom'), model: line(text(MAX_NAME_CHARS)) }),
    ],
    'must be a mode, or mode custom with a model',
  );

export const requestSchemas = {
  'host.info': nothing(),
  'vms.list': nothing(),
  'vms.get': oneVm(),
  'vms.create': object({
    name: text(),
    memoryMiB: number(),
    vcpus: number(),
    boot: object({ kernel: line(path()), initrd: line(path()).exactOptional(), cmdline: line(text()) }),
  }),
  'vms.setCpu': object({ id: vmId(), cpu: cpuChoice() }),
  'vms.delete': oneVm(),
  'vms.start': oneVm(),
  'vms.pause': oneVm(),
  'vms.resume': oneVm(),
  'vms.shutdown': oneVm(),
  'vms.destroy': oneVm(),
  'vms.reset': oneVm(),
  'vms.textScreen': oneVm(),
  'files.list': object({ path: path().exactOptional() }),
  'files.check': object({ path: path(), role: z.enum(['kernel', 'initrd'], 'must be kernel or initrd') }),
  'app.quit': object({ force: flag() }),
} satisfies { readonly [K in CallName]: z.ZodType<Request<K>> };

export const streamAddressSchema = object({
  kind: z.enum(['rfb', 'serial'], 'must be rfb or serial'),
  vmId: vmId(),
}) satisfies z.ZodType<StreamAddress>;

const positiveInteger = () => number().int('must be a whole number').min(1, 'must be at least 1');

const cpuConfigSchema = object({
  mode: z.enum(CPU_MODES),
  model: z.enum(CPU_MODEL_NAMES).exactOptional(),
  fallback: z.enum(['allow', 'forbid']),
  check: z.enum(CPU_CHECKS),
  features: z.array(object({ name: text(MAX_NAME_CHARS), policy: z.enum(CPU_FEATURE_POLICIES) })).readonly(),
});

const diskConfigSchema = object({
  target: text(MAX_NAME_CHARS).min(1, 'must not be empty'),
  device: z.enum(['disk', 'cdrom', 'floppy']),
  bus: z.enum(['ide', 'sata', 'fdc', 'usb']),
  source: absolutePath().exactOptional(),
  format: z.literal('raw'),
  readOnly: flag(),
  bootOrder: positiveInteger().exactOptional(),
});

export const machineConfigSchema = object({
  id: text().min(1, 'must not be empty'),
  name: text().min(1, 'must not be empty'),
  memoryMiB: positiveInteger(),
  vcpus: positiveInteger(),
  cpu: cpuConfigSchema.exactOptional(),
  machine: z.enum(['pc', 'q35']).exactOptional(),
  boot: object({
    kernel: absolutePath(),
    initrd: absolutePath().exactOptional(),
    cmdline: line(text()),
  }).exactOptional(),
  firmware: z
    .union([
      object({ kind: z.literal('bios') }),
      object({ kind: z.literal('image'), path: absolutePath(), nvram: absolutePath().exactOptional() }),
    ])
    .exactOptional(),
  bootMenuMs: number().int('must be a whole number').min(0).max(65_535).exactOptional(),
  disks: z.array(diskConfigSchema).readonly().exactOptional(),
  inputs: z
    .array(object({ type: z.enum(['keyboard', 'mouse', 'tablet']), bus: z.enum(['ps2', 'usb']) }))
    .readonly()
    .exactOptional(),
  usb: z.enum(['piix3-uhci', 'ich9-ehci1', 'qemu-xhci']).exactOptional(),
  videoMemoryMiB: number()
    .refine((mib) => [1, 2, 4, 8, 16, 32, 64].includes(mib), 'must be a power of two from 1 to 64')
    .exactOptional(),
  watchdog: z.enum(['reset', 'shutdown', 'poweroff', 'pause', 'none', 'inject-nmi']).exactOptional(),
  panic: flag().exactOptional(),
  debugConsole: z.union([z.literal('-'), absolutePath()]).exactOptional(),
  debugExit: flag().exactOptional(),
}) satisfies z.ZodType<MachineConfig>;

/** What a person calls the fields of requests. A field without an entry goes by its own name. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  id: 'The virtual machine id',
  vmId: 'The virtual machine id',
  kind: 'The kind of stream',
  name: 'The name',
  memoryMiB: 'The memory size',
  vcpus: 'The number of CPUs',
  cpu: 'The CPU',
  boot: 'The boot setting',
  'boot.kernel': 'The kernel path',
  'boot.initrd': 'The initrd path',
  'boot.cmdline': 'The kernel command line',
  path: 'The path',
  role: 'The role of the file',
  force: 'The force option',
};

export type Validated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: CallFailure<'invalid-request'> };

/** Validates `input`; on failure says in one sentence what is wrong first, and with which field. */
export function validate<T>(schema: z.ZodType<T>, input: unknown): Validated<T> {
  const result = schema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const issue = result.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  const subject = FIELD_NAMES[field] ?? (field === '' ? 'The request' : field);
  const message = `${subject} ${issue?.message ?? 'is not valid'}.`;
  return { ok: false, error: { code: 'invalid-request', message, ...(field === '' ? {} : { field }) } };
}

export function isCallName(name: unknown): name is CallName {
  return typeof name === 'string' && Object.hasOwn(requestSchemas, name);
}

/** Validates the request of one call. */
export function validateRequest<K extends CallName>(call: K, input: unknown): Validated<Request<K>> {
  return validate(requestSchemas[call] as z.ZodType<Request<K>>, input);
}
