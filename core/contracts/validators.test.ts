import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { CallName, Request } from './calls.ts';
import type { MachineConfig } from './machine.ts';
import type { StreamAddress } from './streams.ts';
import {
  isCallName,
  machineConfigSchema,
  type requestSchemas,
  streamAddressSchema,
  validate,
  validateRequest,
} from './validators.ts';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** The calls whose schema accepts more or less than its type says; must be `never`. */
type Disagreeing = {
  [K in CallName]: Same<z.output<(typeof requestSchemas)[K]>, Request<K>> extends true ? never : K;
}[CallName];

const ID = '0f9a3f0e-6f0b-4c57-9f2b-6a5d2f6c1b11';
const source = { kind: 'kernel', kernel: '/boot/vmlinuz', cmdline: '' };
const NEW_VM = { name: 'Debian', memoryMiB: 512, vcpus: 1, source };

describe('request validators', () => {
  it('say exactly what the types say', () => {
    const agrees: [Disagreeing] extends [never] ? true : Disagreeing = true;
    const streams: Same<z.output<typeof streamAddressSchema>, StreamAddress> = true;
    const machine: Same<z.output<typeof machineConfigSchema>, MachineConfig> = true;
    expect([agrees, streams, machine]).toEqual([true, true, true]);
  });

  it('pass a well-formed request through unchanged', () => {
    expect(validateRequest('vms.create', NEW_VM)).toEqual({ ok: true, value: NEW_VM });
    const iso = { ...NEW_VM, machine: 'q35', source: { kind: 'iso', path: '/a.iso' } };
    expect(validateRequest('vms.create', iso)).toEqual({ ok: true, value: iso });
    expect(validateRequest('vms.get', { id: ID })).toEqual({ ok: true, value: { id: ID } });
    expect(validateRequest('files.list', {})).toEqual({ ok: true, value: {} });
    expect(validateRequest('vms.list', undefined)).toEqual({ ok: true, value: undefined });
  });

  it.each([
    ['vms.get', { id: '../../etc/passwd' }, 'id', 'The virtual machine id must be the id of a virtual machine.'],
    ['vms.create', { ...NEW_VM, memoryMiB: '512' }, 'memoryMiB', 'The memory size must be a number.'],
    ['vms.create', { ...NEW_VM, memoryMiB: Number.NaN }, 'memoryMiB', 'The memory size must be a number.'],
    [
      'vms.create',
      { ...NEW_VM, source: { ...source, kernel: 'a\0b' } },
      'source.kernel',
      'The kernel path must not contain a NUL character.',
    ],
    [
      'vms.create',
      { ...NEW_VM, source: { ...source, cmdline: 'a\nb' } },
      'source.cmdline',
      'The kernel command line must not contain control characters or line breaks.',
    ],
    ['vms.create', { ...NEW_VM, name: 'x'.repeat(70_000) }, 'name', 'The name must have at most 65536 characters.'],
    ['vms.create', { ...NEW_VM, admin: true }, undefined, 'The request must not have the field admin.'],
    ['vms.list', {}, undefined, 'The request must be empty.'],
    ['vms.start', null, undefined, 'The request must be an object.'],
    ['files.list', { path: undefined }, 'path', 'The path must be text.'],
    [
      'files.check',
      { path: '/x', role: 'cpu' },
      'role',
      'The role of the file must be one of kernel, initrd, iso, disk, floppy, firmware.',
    ],
    [
      'vms.addDevice',
      { id: ID, device: { kind: 'disk', device: 'disk', bus: 'scsi', readOnly: false } },
      'device.bus',
      'device.bus must be one of ide, sata, fdc, usb.',
    ],
    [
      'vms.setBoot',
      { id: ID, boot: { order: ['disk:hda'], menuTimeoutMs: 1e6 } },
      'boot.menuTimeoutMs',
      'boot.menuTimeoutMs must be at most 65535.',
    ],
    ['app.quit', { force: 1 }, 'force', 'The force option must be true or false.'],
  ] as const)('answer a malformed %s with what is wrong: %j', (call, request, field, message) => {
    const result = validateRequest(call, request);
    expect(result).toEqual({
      ok: false,
      error: { code: 'invalid-request', message, ...(field === undefined ? {} : { field }) },
    });
  });

  it('know a call by its own name only', () => {
    expect(isCallName('vms.list')).toBe(true);
    expect(isCallName('toString')).toBe(false);
    expect(isCallName(7)).toBe(false);
  });
});

describe('stream and machine validators', () => {
  it('refuse an unknown kind of stream', () => {
    expect(validate(streamAddressSchema, { kind: 'rfb', vmId: ID }).ok).toBe(true);
    expect(validate(streamAddressSchema, { kind: 'disk', vmId: ID })).toMatchObject({ error: { field: 'kind' } });
  });

  it('take a machine with firmware, drives and USB, and no kernel', () => {
    const config = {
      id: ID,
      name: 'x',
      memoryMiB: 64,
      vcpus: 1,
      machine: 'q35',
      firmware: { kind: 'image', path: '/fw', nvram: '/vars' },
      bootMenuMs: 3000,
      disks: [{ target: 'sda', device: 'cdrom', bus: 'sata', format: 'raw', readOnly: true, bootOrder: 1 }],
      inputs: [{ type: 'tablet', bus: 'usb' }],
      usb: 'qemu-xhci',
      videoMemoryMiB: 16,
      vnc: { address: '::1', port: 5901, password: 'x', passwordValidToMs: 1e12 },
      watchdog: 'reset',
      panic: true,
    };
    expect(validate(machineConfigSchema, config)).toEqual({ ok: true, value: config });
    expect(validate(machineConfigSchema, { ...config, videoMemoryMiB: 12 }).ok).toBe(false);
    expect(validate(machineConfigSchema, { ...config, vnc: { address: '::1', port: 65_536 } }).ok).toBe(false);
    expect(validate(machineConfigSchema, { ...config, firmware: { kind: 'image', path: 'fw' } }).ok).toBe(false);
  });

  it('want absolute paths and whole numbers for a machine', () => {
    const config = { id: ID, name: 'x', memoryMiB: 64, vcpus: 1, boot: { kernel: '/k', cmdline: 'quiet' } };
    expect(validate(machineConfigSchema, config)).toEqual({ ok: true, value: config });
    expect(validate(machineConfigSchema, { ...config, boot: { kernel: 'C:\\vm\\k', cmdline: '' } }).ok).toBe(true);
    expect(validate(machineConfigSchema, { ...config, memoryMiB: 1.5 })).toMatchObject({
      error: { message: 'The memory size must be a whole number.' },
    });
    expect(validate(machineConfigSchema, { ...config, boot: { kernel: 'k', cmdline: '' } })).toMatchObject({
      error: { message: 'The kernel path must be an absolute path.' },
    });
  });
});
