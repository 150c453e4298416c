/**
 * Validators of what crosses a border towards main: the request of every call (calls.ts), stream addresses
 * (streams.ts) and the configuration handed to a machine worker (machine.ts). They check shape and size only; what a
 * value means (is the name taken, does the kernel exist) is the handler's business and has error codes of its own.
 * The types are the contract: validators.test.ts proves at compile time that these schemas say the same.
 */
import { z } from 'zod';
import type { CallFailure, CallName, Request, VmId } from './calls.ts';
import { CPU_CHECKS, CPU_FEATURE_POLICIES, CPU_MODEL_NAMES, CPU_MODES } from './cpu.ts';
import { MAX_BOOT_MENU_MS, USB_CONTROLLER_MODELS, VIDEO_MEMORY_MIB, WATCHDOG_ACTIONS } from './hardware.ts';
import type { MachineConfig } from './machine.ts';
import type { StreamAddress } from './streams.ts';

/** Longest path of any host we know (Windows' extended paths). */
const MAX_PATH_CHARS = 32_767;
const MAX_TEXT_CHARS = 65_536;
const MAX_NAME_CHARS = 256;
const MAX_PORT = 65_535;

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

const MACHINE_TYPES = ['pc', 'q35'] as const;
const DISK_BUSES = ['ide', 'sata', 'fdc', 'usb'] as const;
const DISK_DEVICES = ['disk', 'cdrom', 'floppy'] as const;
const INPUT_TYPES = ['keyboard', 'mouse', 'tablet'] as const;
const INPUT_BUSES = ['ps2', 'usb'] as const;
const FILE_ROLES = ['kernel', 'initrd', 'iso', 'disk', 'floppy', 'firmware'] as const;
const DEVICE_SCOPES = ['config', 'live', 'both'] as const;
const MAX_BOOT_DEVICES = 64;

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be one of ${values.join(', ')}`);
const filePath = () => line(path());
const directBoot = { kernel: filePath(), initrd: filePath().exactOptional(), cmdline: line(text()) };
const motion = () => number().int('must be a whole number').min(-32_768).max(32_767);
const deviceId = () => line(text(MAX_NAME_CHARS));
const videoMemory = () =>
  number().refine((mib) => VIDEO_MEMORY_MIB.includes(mib), 'must be a power of two from 1 to 64');
const menuTimeout = () =>
  number()
    .int('must be a whole number')
    .min(0, 'must not be negative')
    .max(MAX_BOOT_MENU_MS, `must be at most ${MAX_BOOT_MENU_MS}`);

const deviceSettings = () =>
  z.discriminatedUnion(
    'kind',
    [
      object({
        kind: z.literal('disk'),
        device: oneOf(DISK_DEVICES),
        bus: oneOf(DISK_BUSES),
        source: filePath().exactOptional(),
        readOnly: flag(),
      }),
      object({ kind: z.literal('input'), type: oneOf(INPUT_TYPES), bus: oneOf(INPUT_BUSES) }),
      object({ kind: z.literal('usb-controller'), model: oneOf(USB_CONTROLLER_MODELS) }),
      object({ kind: z.literal('video'), memoryMiB: videoMemory() }),
      object({ kind: z.literal('watchdog'), action: oneOf(WATCHDOG_ACTIONS) }),
      object({ kind: z.literal('panic') }),
    ],
    'must be a device',
  );

const firmwareChoice = () =>
  z.discriminatedUnion(
    'kind',
    [
      object({ kind: z.literal('bios') }),
      object({ kind: z.literal('image'), path: filePath(), type: oneOf(['rom', 'pflash']) }),
    ],
    'must be bios or an image',
  );

const newVmSource = () =>
  z.discriminatedUnion(
    'kind',
    [
      object({ kind: z.literal('iso'), path: filePath(), disk: filePath().exactOptional() }),
      object({ kind: z.literal('disk'), path: filePath() }),
      object({ kind: z.literal('floppy'), path: filePath() }),
      object({ kind: z.literal('kernel'), ...directBoot }),
    ],
    'must be an ISO, a disk, a floppy or a kernel',
  );

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
    machine: oneOf(MACHINE_TYPES).exactOptional(),
    firmware: firmwareChoice().exactOptional(),
    source: newVmSource(),
  }),
  'vms.setCpu': object({ id: vmId(), cpu: cpuChoice() }),
  'vms.addDevice': object({ id: vmId(), device: deviceSettings(), affect: oneOf(DEVICE_SCOPES).exactOptional() }),
  'vms.editDevice': object({ id: vmId(), device: deviceId(), settings: deviceSettings() }),
  'vms.removeDevice': object({ id: vmId(), device: deviceId(), affect: oneOf(DEVICE_SCOPES).exactOptional() }),
  'vms.setBoot': object({
    id: vmId(),
    boot: object({
      order: z.array(deviceId()).max(MAX_BOOT_DEVICES, `must name at most ${MAX_BOOT_DEVICES} devices`).readonly(),
      menuTimeoutMs: menuTimeout().exactOptional(),
      kernel: object(directBoot).exactOptional(),
    }),
  }),
  'vms.setMachine': object({ id: vmId(), machine: oneOf(MACHINE_TYPES), firmware: firmwareChoice() }),
  'vms.changeMedia': object({ id: vmId(), target: line(text(MAX_NAME_CHARS)), path: filePath().exactOptional() }),
  'vms.delete': oneVm(),
  'vms.start': oneVm(),
  'vms.pause': oneVm(),
  'vms.resume': oneVm(),
  'vms.shutdown': oneVm(),
  'vms.destroy': oneVm(),
  'vms.reset': oneVm(),
  'vms.movePointer': object({
    id: vmId(),
    motion: object({ dx: motion(), dy: motion(), wheel: motion(), buttons: motion() }),
  }),
  'vms.textScreen': oneVm(),
  'files.list': object({ path: path().exactOptional() }),
  'files.check': object({ path: path(), role: oneOf(FILE_ROLES) }),
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
  device: z.enum(DISK_DEVICES),
  bus: z.enum(DISK_BUSES),
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
  machine: z.enum(MACHINE_TYPES).exactOptional(),
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
  bootMenuMs: menuTimeout().exactOptional(),
  disks: z.array(diskConfigSchema).readonly().exactOptional(),
  inputs: z
    .array(object({ type: z.enum(INPUT_TYPES), bus: z.enum(INPUT_BUSES) }))
    .readonly()
    .exactOptional(),
  usb: z.enum(USB_CONTROLLER_MODELS).exactOptional(),
  videoMemoryMiB: videoMemory().exactOptional(),
  vnc: object({
    address: line(text(MAX_NAME_CHARS)).min(1, 'must not be empty'),
    port: positiveInteger().max(MAX_PORT, `must be at most ${MAX_PORT}`).exactOptional(),
    password: line(text()).exactOptional(),
    passwordValidToMs: number().exactOptional(),
  }).exactOptional(),
  watchdog: z.enum(WATCHDOG_ACTIONS).exactOptional(),
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
  source: 'What to start from',
  'source.kernel': 'The kernel path',
  'source.initrd': 'The initrd path',
  'source.cmdline': 'The kernel command line',
  'source.path': 'The path of the image',
  'source.disk': 'The path of the disk image',
  device: 'The device',
  settings: 'The device',
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
