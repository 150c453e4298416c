import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AppEvent, NewVm, VmDetails, VmId } from '../../core/contracts/calls.ts';
import { StartError } from '../../core/worker/client-api.ts';
import { corePorts } from '../testing/fake-core.ts';
import { type FakeMachine, FakeMachines } from '../testing/fake-machine.ts';
import { scratchFolder } from '../testing/scratch.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { DefinitionStore } from './definitions.ts';
import { fileChecker } from './files.ts';
import type { OpenPty } from './pty.ts';
import { COMMAND_TIMEOUT_MS, SHUTDOWN_GRACE_MS, type Vm } from './vm.ts';
import { Vms } from './vms.ts';

let dir: DataDir;
let machines: FakeMachines;
let events: AppEvent[];
let ptysClosed: number;
let kernel: string;

const openPty: OpenPty = async (connect) => {
  connect();
  return { path: '/dev/pts/99', close: () => (ptysClosed += 1) };
};

async function open(pty = openPty): Promise<Vms> {
  const store = new DefinitionStore(dir);
  await store.load();
  return new Vms({
    store,
    dir,
    startMachine: machines.start,
    openPty: pty,
    checkFile: fileChecker(corePorts.describeBootFile),
    emit: (event) => events.push(event),
    maxMemoryMiB: 2048,
  });
}

const newVm = (change: Partial<NewVm> = {}): NewVm => ({
  name: 'Debian',
  memoryMiB: 512,
  vcpus: 1,
  source: { kind: 'kernel', kernel, cmdline: 'quiet' },
  ...change,
});

async function create(vms: Vms, name = 'Debian'): Promise<Vm> {
  const created = await vms.create(newVm({ name }));
  if (!created.ok) throw new Error(created.error.message);
  return get(vms, created.value.id);
}

function get(vms: Vms, id: VmId): Vm {
  const found = vms.find(id);
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

async function run(vms: Vms, name = 'Debian'): Promise<{ vm: Vm; machine: FakeMachine }> {
  const vm = await create(vms, name);
  expect(await vm.start()).toEqual({ ok: true, value: undefined });
  return { vm, machine: machines.last };
}

const messages = (details: VmDetails): string[] => details.log.map(({ message }) => message);

beforeEach(async () => {
  const scratch = await scratchFolder();
  dir = await openDataDir(join(scratch, 'data'));
  kernel = join(scratch, 'kernel');
  await writeFile(kernel, 'KERNEL');
  machines = new FakeMachines();
  events = [];
  ptysClosed = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the processor of a VM', () => {
  it('is the one that its definition says after a change, also after a restart', async () => {
    const vms = await open();
    const vm = await create(vms);
    expect(vm.details().cpu.mode).toBe('maximum');
    events.length = 0;
    expect(await vms.edits.setCpu(vm.id, { mode: 'custom', model: 'Nehalem' })).toEqual({ ok: true, value: undefined });
    expect(events).toEqual([{ type: 'vm-changed', vm: vm.summary() }]);
    for (const details of [vm.details(), get(await open(), vm.id).details()]) {
      expect(details.cpu).toMatchObject({ mode: 'custom', model: 'Nehalem' });
      expect(details.domainXml).toBe(await readFile(details.definitionPath, 'utf8'));
    }
    await vm.start();
    expect(machines.last.config.cpu?.model).toBe('Nehalem');
  });

  it('is left as it was by a model that is none, and where the file cannot be written', async () => {
    const vms = await open();
    const vm = await create(vms);
    const before = vm.details();
    expect(await vms.edits.setCpu(vm.id, { mode: 'custom', model: 'Z80' })).toMatchObject({
      error: { code: 'invalid-cpu' },
    });
    await rm(dir.vms, { recursive: true });
    expect(await vms.edits.setCpu(vm.id, { mode: 'host-passthrough' })).toMatchObject({ error: { code: 'storage' } });
    expect(vm.details()).toEqual(before);
  });
});

describe('creating a VM', () => {
  it('defines it: it is listed, shut off, and there after a restart', async () => {
    const vm = await create(await open());
    expect(events).toEqual([{ type: 'vm-changed', vm: vm.summary() }]);
    const again = (await open()).list();
    expect(again.problems).toEqual([]);
    expect(again.vms).toEqual([
      { id: vm.id, name: 'Debian', state: 'shutoff', memoryMiB: 512, vcpus: 1, cpuPercent: 0, uptimeSeconds: 0 },
    ]);
    const details = get(await open(), vm.id).details();
    expect(details.hardware.boot.kernel).toEqual({ kernel, cmdline: 'quiet' });
    expect(details.domainXml).toBe(await readFile(details.definitionPath, 'utf8'));
  });

  it.each([
    [{ name: ' ' }, 'invalid-name', 'name'],
    [{ name: 'a/b' }, 'invalid-name', 'name'],
    [{ memoryMiB: 2 ** 20 }, 'invalid-memory', 'memoryMiB'],
    [{ memoryMiB: 0 }, 'invalid-memory', 'memoryMiB'],
    [{ memoryMiB: 1.5 }, 'invalid-memory', 'memoryMiB'],
    [{ vcpus: 64 }, 'invalid-vcpus', 'vcpus'],
    [{ source: { kind: 'kernel', kernel: '/missing', cmdline: '' } }, 'invalid-kernel', 'source.kernel'],
    [{ source: { kind: 'kernel', kernel: '', cmdline: '' } }, 'invalid-kernel', 'source.kernel'],
    [{ source: { kind: 'kernel', kernel: 'KERNEL', initrd: '/dev', cmdline: '' } }, 'invalid-initrd', 'source.initrd'],
    [{ source: { kind: 'iso', path: '/missing.iso' } }, 'invalid-file', 'source.path'],
    [{ source: { kind: 'iso', path: 'KERNEL' } }, 'invalid-file', 'source.path'],
    [{ source: { kind: 'disk', path: '/dev' } }, 'invalid-file', 'source.path'],
    [{ source: { kind: 'floppy', path: '' } }, 'invalid-file', 'source.path'],
    [{ firmware: { kind: 'image', type: 'rom', path: 'KERNEL' } }, 'invalid-file', 'firmware.path'],
  ] as const)('refuses %j with %s and changes nothing', async (change: Partial<NewVm>, code, field) => {
    const vms = await open();
    const here = JSON.parse(JSON.stringify(change).replaceAll('"KERNEL"', JSON.stringify(kernel))) as Partial<NewVm>;
    const result = await vms.create(newVm(here));
    expect(result).toMatchObject({ ok: false, error: { code, field } });
    expect(vms.list().vms).toEqual([]);
    expect(await readdir(dir.vms)).toEqual([]);
    expect(events).toEqual([]);
  });

  it('says what range of memory there is', async () => {
    const result = await (await open()).create(newVm({ memoryMiB: 1 << 20 }));
    expect(result).toMatchObject({ error: { hint: 'Choose a whole number from 1 to 2048 MiB.' } });
  });

  it('leaves nothing when the folder cannot be written', async () => {
    const vms = await open();
    await rm(dir.vms, { recursive: true });
    await writeFile(dir.vms, 'a file where the folder was');
    expect(await vms.create(newVm())).toMatchObject({ ok: false, error: { code: 'storage' } });
    expect(vms.list().vms).toEqual([]);
  });
});

describe('running a VM', () => {
  it('starts a machine of its definition, with a pty, and says so', async () => {
    const vms = await open();
    const { vm, machine } = await run(vms);
    expect(machine.config).toMatchObject({
      id: vm.id,
      name: 'Debian',
      memoryMiB: 512,
      machine: 'pc',
      boot: { kernel, cmdline: 'quiet' },
      usb: 'piix3-uhci',
    });
    expect(vm.summary()).toMatchObject({ state: 'running', serialPty: '/dev/pts/99' });
    expect(messages(vm.details())).toEqual(['Starting.', 'Running.', 'The serial port is /dev/pts/99.']);
    expect(events.at(-1)).toMatchObject({ type: 'vm-changed', vm: { state: 'running', serialPty: '/dev/pts/99' } });
  });

  it('goes on without a pty where the host has none', async () => {
    const vms = await open(async () => {
      throw new Error('no ptys here');
    });
    const { vm } = await run(vms);
    expect(vm.summary().state).toBe('running');
    expect(vm.summary()).not.toHaveProperty('serialPty');
    expect(messages(vm.details()).at(-1)).toBe(
      'The serial port has no pty on this host (no ptys here); use the Serial tab.',
    );
  });

  it('that fails to start says what failed and what to do, and can be started again', async () => {
    const vm = await create(await open());
    machines.failure = new StartError('The kernel is gone.', 'Choose another one.');
    expect(await vm.start()).toEqual({
      ok: false,
      error: {
        code: 'start-failed',
        message: '"Debian" could not start: The kernel is gone.',
        hint: 'Choose another one.',
      },
    });
    expect(vm.summary()).toMatchObject({ state: 'shutoff', reason: 'Could not start: The kernel is gone.' });
    expect(vm.details().stop).toEqual({
      kind: 'start-failed',
      message: 'The kernel is gone.',
      hint: 'Choose another one.',
    });
    expect((await vm.start()).ok).toBe(true);
    expect(vm.summary()).not.toHaveProperty('reason');
  });

  it('shows figures as the machine gives them, and none when it is off', async () => {
    const { vm, machine } = await run(await open());
    machine.emit({ type: 'stats', stats: { cpuPercent: 42, uptimeSeconds: 7, counters: {}, exits: [] } });
    expect(events.at(-1)).toMatchObject({ type: 'vm-changed', vm: { cpuPercent: 42, uptimeSeconds: 7 } });
    await vm.destroy();
    expect(vm.summary()).toMatchObject({ cpuPercent: 0, uptimeSeconds: 0 });
  });

  it('pauses and resumes; the answer comes when it is done', async () => {
    const { vm } = await run(await open());
    expect((await vm.pause()).ok).toBe(true);
    expect(vm.summary().state).toBe('paused');
    expect((await vm.resume()).ok).toBe(true);
    expect(vm.summary().state).toBe('running');
  });

  it('answers with a failure when the machine does not obey in time', async () => {
    const { vm, machine } = await run(await open());
    vi.useFakeTimers();
    machine.hung = true;
    const paused = vm.pause();
    await vi.advanceTimersByTimeAsync(COMMAND_TIMEOUT_MS);
    expect(await paused).toMatchObject({
      ok: false,
      error: { code: 'internal', hint: expect.stringContaining('force') },
    });
    expect(vm.summary().state).toBe('running');
  });

  it('is forced off, also when its thread hangs', async () => {
    const { vm, machine } = await run(await open());
    vi.useFakeTimers();
    machine.hung = true;
    const destroyed = vm.destroy();
    await vi.advanceTimersByTimeAsync(COMMAND_TIMEOUT_MS);
    expect((await destroyed).ok).toBe(true);
    expect(machine.terminated).toBe(true);
    expect(vm.summary()).toMatchObject({ state: 'shutoff', reason: 'Forced off' });
    expect(ptysClosed).toBe(1);
  });

  it('shuts down when the guest follows the power button', async () => {
    const { vm, machine } = await run(await open());
    expect(vm.shutdown().ok).toBe(true);
    expect(machine.commands).toEqual(['power-button']);
    expect(vm.summary().state).toBe('shutting-down');
    machine.end('stopped', { kind: 'guest-shutdown' });
    expect(vm.summary()).toMatchObject({ state: 'shutoff', reason: 'Shut down by the guest' });
    expect(vm.summary()).not.toHaveProperty('serialPty');
    expect(machine.terminated).toBe(true);
  });

  it('is running again, with a line in its log, when the guest ignores the power button', async () => {
    const { vm } = await run(await open());
    vi.useFakeTimers();
    vm.shutdown();
    await vi.advanceTimersByTimeAsync(SHUTDOWN_GRACE_MS);
    expect(vm.summary().state).toBe('running');
    expect(messages(vm.details()).at(-1)).toMatch(/did not act on the power button within 60 s/);
  });

  it('is reset, and a reset ends shutting down', async () => {
    const { vm, machine } = await run(await open());
    vm.shutdown();
    expect(vm.reset().ok).toBe(true);
    expect(machine.commands).toEqual(['power-button', 'reset']);
    expect(vm.summary().state).toBe('running');
  });

  it('that crashes keeps the reason and the registers, in the log too, and can be started again', async () => {
    const { vm, machine } = await run(await open());
    const stop = { kind: 'vcpu-shutdown', registers: 'RAX 0000000000000001' } as const;
    machine.end('crashed', stop);
    expect(vm.summary()).toMatchObject({ state: 'crashed', reason: expect.stringContaining('Triple fault') });
    expect(vm.details().stop).toEqual(stop);
    expect(vm.details().log.at(-1)).toMatchObject({
      level: 'error',
      message: expect.stringContaining('RAX 0000000000000001'),
    });
    expect((await vm.start()).ok).toBe(true);
    expect(vm.details()).not.toHaveProperty('stop');
  });

  it('hears nothing of the machine of its earlier run', async () => {
    const { vm, machine } = await run(await open());
    await vm.destroy();
    await vm.start();
    machine.emit({ type: 'state', state: 'crashed', reason: { kind: 'worker-died', message: 'late' } });
    expect(vm.summary().state).toBe('running');
  });

  it('writes its log into the data folder', async () => {
    const vms = await open();
    const { machine } = await run(vms);
    machine.emit({ type: 'log', level: 'warning', message: 'from the machine' });
    await vms.forceOffAll();
    const log = await readFile(join(dir.logs, 'Debian.log'), 'utf8');
    expect(log).toMatch(/info: Running\.\n(.*\n)*.* warning: from the machine\n.* info: Forced off\.\n$/);
  });
});

describe('commands in the wrong state', () => {
  it.each(['pause', 'resume', 'shutdown', 'destroy', 'reset', 'textScreen'] as const)(
    '%s is refused with what to do when the VM is off',
    async (command) => {
      const vm = await create(await open());
      expect(await vm[command]()).toMatchObject({ ok: false, error: { code: 'wrong-state', hint: 'Run it first.' } });
    },
  );

  it('start is refused while it runs, and while it is starting', async () => {
    const vm = await create(await open());
    const first = vm.start();
    expect(await vm.start()).toMatchObject({ error: { code: 'wrong-state', hint: 'Wait until it runs.' } });
    expect((await first).ok).toBe(true);
    expect(await vm.start()).toMatchObject({
      error: { message: '"Debian" cannot be started: the virtual machine is running.' },
    });
    expect(machines.started).toHaveLength(1);
  });

  it('shut down is refused while it is paused', async () => {
    const { vm } = await run(await open());
    await vm.pause();
    expect(vm.shutdown()).toMatchObject({ error: { code: 'wrong-state', hint: 'Resume it first.' } });
  });
});

describe('deleting a VM', () => {
  it('takes it off the list and moves its definition to the trash', async () => {
    const vms = await open();
    const vm = await create(vms);
    expect((await vms.delete(vm.id)).ok).toBe(true);
    expect(vms.list().vms).toEqual([]);
    expect(events.at(-1)).toEqual({ type: 'vm-removed', id: vm.id });
    expect(await readdir(dir.trash)).toHaveLength(1);
    expect(await vms.delete(vm.id)).toMatchObject({ error: { code: 'not-found' } });
  });

  it('is refused while it runs', async () => {
    const vms = await open();
    const { vm } = await run(vms);
    expect(await vms.delete(vm.id)).toMatchObject({ error: { code: 'wrong-state' } });
    expect(await readdir(dir.vms)).toEqual(['Debian.xml']);
  });

  it('keeps it when its file cannot be moved', async () => {
    const vms = await open();
    const vm = await create(vms);
    await rm(dir.trash, { recursive: true });
    await writeFile(dir.trash, '');
    expect(await vms.delete(vm.id)).toMatchObject({ error: { code: 'storage' } });
    expect(vms.list().vms).toHaveLength(1);
    await rm(dir.trash);
    await mkdir(dir.trash);
    expect((await vms.delete(vm.id)).ok).toBe(true);
  });
});

describe('all VMs together', () => {
  it('are forced off, the starting one too', async () => {
    const vms = await open();
    const { vm } = await run(vms);
    const second = await create(vms, 'second');
    const starting = second.start();
    expect(vms.active().map(({ name }) => name)).toEqual(['Debian', 'second']);
    await vms.forceOffAll();
    await starting;
    expect([vm.active, second.active]).toEqual([false, false]);
  });

  it('are shut down by their power buttons, and forced off after the grace', async () => {
    const vms = await open();
    const { vm, machine } = await run(vms);
    const { vm: deaf } = await run(vms, 'deaf');
    vi.useFakeTimers();
    const off = vms.shutDownAll(1000);
    machine.end('stopped', { kind: 'guest-shutdown' });
    await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    await off;
    expect(vm.summary().reason).toBe('Shut down by the guest');
    expect(deaf.summary().reason).toBe('Forced off');
  });

  it('give streams while they run, and a reason when they do not', async () => {
    const vms = await open();
    const { vm, machine } = await run(vms);
    const opened = vms.openStream({ kind: 'rfb', vmId: vm.id });
    expect(opened.ok && opened.value).toBe(machine.streams.at(-1));
    await vm.destroy();
    expect(vms.openStream({ kind: 'rfb', vmId: vm.id })).toMatchObject({ error: { code: 'wrong-state' } });
  });
});
