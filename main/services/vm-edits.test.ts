/** Edits as a renderer asks for them: by calls, over definitions on disk and a machine that runs. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { CallName, NewVm, Request, Response, VmId } from '../../core/contracts/calls.ts';
import { type App, createApp } from '../app/app.ts';
import { corePorts, machines } from '../testing/fake-core.ts';
import { isoImage } from '../testing/iso-image.ts';
import { scratchFolder } from '../testing/scratch.ts';

let folder: string;
let app: App;
let id: VmId;

async function ask<K extends CallName>(name: K, request: Request<K>): Promise<Response<K>> {
  const reply = await app.call(name, request);
  if (!reply.ok) throw new Error(`${name}: ${reply.error.message}`);
  return reply.value as Response<K>;
}
const file = async (name: string, bytes: Uint8Array): Promise<string> => {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
};
const details = () => ask('vms.get', { id });
const definition = async () => readFile((await details()).definitionPath, 'utf8');
const create = async (change: Partial<NewVm>): Promise<VmId> => {
  const path = await file('a.iso', isoImage({ label: 'A', platforms: ['BIOS'] }));
  const vm: NewVm = { name: 'a', memoryMiB: 64, vcpus: 1, source: { kind: 'iso', path }, ...change };
  return (await ask('vms.create', vm)).id;
};

beforeEach(async () => {
  folder = await scratchFolder();
  app = await createApp({
    core: corePorts,
    host: 'browser',
    dataRoot: join(folder, 'data'),
    quit: () => {},
    openPty: async () => {
      throw new Error('no ptys in this test');
    },
  });
  onTestFinished(async () => {
    await app.forceOffAll();
    await app.close();
  });
  id = await create({});
});

describe('a definition', () => {
  it('has a new device after a call, and not without its image', async () => {
    const source = await file('d.img', new Uint8Array(4096));
    const disk = { kind: 'disk', device: 'disk', bus: 'ide', readOnly: false, source } as const;
    expect(await ask('vms.addDevice', { id, device: disk })).toEqual({ device: 'disk:hda' });
    const before = await definition();
    const bad = { ...disk, source: join(folder, 'none.img') };
    for (const reply of [
      await app.call('vms.addDevice', { id, device: bad }),
      await app.call('vms.editDevice', { id, device: 'disk:hda', settings: bad }),
    ]) {
      expect(reply).toMatchObject({ ok: false, error: { code: 'invalid-file', field: 'source' } });
    }
    expect(await definition()).toBe(before);
    await ask('vms.setBoot', { id, boot: { order: ['disk:hda', 'disk:hdc'], menuTimeoutMs: 2000 } });
    expect((await details()).hardware.boot).toEqual({ order: ['disk:hda', 'disk:hdc'], menuTimeoutMs: 2000 });
    await ask('vms.removeDevice', { id, device: 'disk:hda' });
    expect((await details()).hardware.boot.order).toEqual(['disk:hdc']);
  });

  it('takes another board only where its drives fit, and firmware that is there', async () => {
    const bios = { kind: 'bios' } as const;
    const q35 = await app.call('vms.setMachine', { id, machine: 'q35', firmware: bios });
    expect(q35).toMatchObject({ error: { code: 'no-place', message: expect.stringContaining('hdc') } });
    const settings = { kind: 'disk', device: 'cdrom', bus: 'sata', readOnly: true } as const;
    await ask('vms.editDevice', { id, device: 'disk:hdc', settings });
    const rom = { kind: 'image', type: 'pflash', path: await file('CODE.fd', new Uint8Array(8192)) } as const;
    await ask('vms.setMachine', { id, machine: 'q35', firmware: rom });
    expect((await details()).hardware).toMatchObject({ machine: 'q35', firmware: rom });
    const nvram = join(folder, 'data', 'nvram', `${id}_VARS.fd`);
    await ask('vms.start', { id });
    expect(machines.last.config.firmware).toEqual({ kind: 'image', path: rom.path, nvram });
    const missing = { ...rom, path: join(folder, 'no.fd') };
    const refused = await app.call('vms.setMachine', { id, machine: 'q35', firmware: missing });
    expect(refused).toMatchObject({ error: { code: 'invalid-file', field: 'firmware.path' } });
  });

  it('with what Vivarium cannot run yet is not started, and says why', async () => {
    const xml = await definition();
    const path = (await details()).definitionPath;
    await app.forceOffAll();
    await app.close();
    await writeFile(path, xml.replace('type="raw"', 'type="qcow2"'));
    app = await createApp({ core: corePorts, host: 'browser', dataRoot: join(folder, 'data'), quit: () => {} });
    const reply = await app.call('vms.start', { id });
    expect(reply).toMatchObject({ error: { code: 'start-failed', message: expect.stringContaining('format qcow2') } });
    expect((await details()).reason).toContain('qcow2');
  });
});

describe('a VM that runs', () => {
  it('keeps its hardware until it is shut down, and says what it has', async () => {
    await ask('vms.start', { id });
    await ask('vms.addDevice', { id, device: { kind: 'watchdog', action: 'reset' } });
    const { hardware, activeHardware } = await details();
    expect(hardware.devices.map(({ element }) => element)).toContain('watchdog');
    expect(activeHardware?.devices.map(({ element }) => element)).not.toContain('watchdog');
    await ask('vms.destroy', { id });
    expect((await details()).activeHardware).toBeUndefined();
  });

  it('gets another medium at once, and so does its definition', async () => {
    const other = await file('b.iso', isoImage({ label: 'B', platforms: [] }));
    await ask('vms.start', { id });
    await ask('vms.changeMedia', { id, target: 'hdc', path: other });
    expect(machines.last.commands).toContain('change-media');
    const { hardware, activeHardware } = await details();
    for (const each of [hardware, activeHardware]) {
      expect(each?.devices.find(({ target }) => target === 'hdc')?.settings).toMatchObject({ source: other });
    }
    await ask('vms.changeMedia', { id, target: 'hdc' });
    expect(await definition()).not.toContain('<source');
  });

  it('keeps its medium where the guest has locked the drive, or the file is none', async () => {
    await ask('vms.start', { id });
    const before = await definition();
    machines.last.mediaRefusal = 'The guest has locked the drive hdc.';
    const locked = await app.call('vms.changeMedia', { id, target: 'hdc' });
    expect(locked).toMatchObject({ error: { code: 'media-refused', message: 'The guest has locked the drive hdc.' } });
    const text = await file('notes.txt', new TextEncoder().encode('text'));
    const bad = await app.call('vms.changeMedia', { id, target: 'hdc', path: text });
    expect(bad).toMatchObject({ error: { code: 'invalid-file', field: 'path' } });
    expect(await app.call('vms.changeMedia', { id, target: 'fda' })).toMatchObject({ error: { code: 'wrong-device' } });
    expect(await definition()).toBe(before);
  });

  it('gets a device at once where that is asked for, with the same name as in its definition', async () => {
    await ask('vms.start', { id });
    const machine = machines.last;
    await ask('vms.addDevice', { id, device: { kind: 'watchdog', action: 'reset' }, affect: 'both' });
    expect(machine.commands.at(-1)).toBe('attach-device');
    const disk = { kind: 'disk', device: 'cdrom', bus: 'sata', readOnly: true } as const;
    expect(await ask('vms.addDevice', { id, device: disk, affect: 'live' })).toEqual({ device: 'disk:sda' });
    expect(await ask('vms.addDevice', { id, device: disk, affect: 'config' })).toEqual({ device: 'disk:sda' });
    expect(await ask('vms.addDevice', { id, device: disk, affect: 'both' })).toEqual({ device: 'disk:sdb' });
    const { hardware, activeHardware } = await details();
    for (const each of [hardware, activeHardware]) {
      expect(each?.devices.map((device) => device.id)).toEqual(
        expect.arrayContaining(['watchdog', 'disk:sda', 'disk:sdb']),
      );
    }
  });

  it.each([
    ['is of no kind for that', { kind: 'panic' }, undefined, 'not-hot-pluggable'],
    ['the machine refuses', { kind: 'watchdog', action: 'none' }, 'No PCI slot is free.', 'hot-plug-refused'],
  ] as const)('and its definition stay as they are where the device %s', async (_what, device, refusal, code) => {
    await ask('vms.start', { id });
    machines.last.deviceRefusal = refusal;
    const before = await details();
    for (const affect of ['live', 'both'] as const) {
      expect(await app.call('vms.addDevice', { id, device, affect })).toMatchObject({ ok: false, error: { code } });
    }
    const { hardware, activeHardware } = await details();
    expect({ hardware, activeHardware }).toEqual({
      hardware: before.hardware,
      activeHardware: before.activeHardware,
    });
  });

  it('loses a device when its guest lets go of it, and the definition at once', async () => {
    await ask('vms.addDevice', { id, device: { kind: 'watchdog', action: 'reset' } });
    await ask('vms.start', { id });
    const ids = async () => {
      const { hardware, activeHardware } = await details();
      return [hardware, activeHardware].map((each) => each?.devices.some((device) => device.id === 'watchdog'));
    };
    machines.last.holdsDevices = true;
    const removing = ask('vms.removeDevice', { id, device: 'watchdog', affect: 'both' });
    await vi.waitFor(() => expect(machines.last.commands).toContain('detach-device'));
    expect(await ids()).toEqual([true, true]);
    machines.last.emit({ type: 'device', device: 'watchdog', change: 'detached' });
    expect(await removing).toEqual({ asked: false });
    expect(await ids()).toEqual([false, false]);
    machines.last.emit({ type: 'device', device: 'usb-controller', change: 'detached' }); // came with a tablet
    expect(await app.call('vms.removeDevice', { id, device: 'watchdog', affect: 'live' })).toMatchObject({
      error: { code: 'wrong-device' },
    });
  });

  it('keeps a device that its guest holds on to, and can lose it later', async () => {
    await ask('vms.addDevice', { id, device: { kind: 'watchdog', action: 'reset' } });
    await ask('vms.start', { id });
    const machine = machines.last;
    machine.holdsDevices = true;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const removing = app.call('vms.removeDevice', { id, device: 'watchdog', affect: 'live' });
    await vi.advanceTimersByTimeAsync(6000);
    expect(await removing).toEqual({ ok: true, value: { asked: true } });
    const has = async () => (await details()).activeHardware?.devices.some((device) => device.id === 'watchdog');
    expect(await has()).toBe(true);
    machine.emit({ type: 'device', device: 'watchdog', change: 'detached' });
    expect(await has()).toBe(false);
    expect((await details()).hardware.devices.some((device) => device.id === 'watchdog')).toBe(true);
  });

  it('that is off has no running hardware to change', async () => {
    const device = { kind: 'watchdog', action: 'reset' } as const;
    for (const affect of ['live', 'both'] as const) {
      expect(await app.call('vms.addDevice', { id, device, affect })).toMatchObject({ error: { code: 'wrong-state' } });
    }
    expect((await details()).hardware.devices.some(({ element }) => element === 'watchdog')).toBe(false);
  });

  it('has no drive yet that was added since: only the definition changes', async () => {
    await ask('vms.start', { id });
    await ask('vms.addDevice', { id, device: { kind: 'disk', device: 'floppy', bus: 'fdc', readOnly: false } });
    const floppy = await file('f.img', new Uint8Array(1440 * 1024));
    await ask('vms.changeMedia', { id, target: 'fda', path: floppy });
    expect(machines.last.commands).not.toContain('change-media');
    expect(await definition()).toContain('f.img');
  });
});
