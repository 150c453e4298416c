/**
 * The composition root: builds the services over one data folder and gives a host what it carries to the renderer —
 * the handlers of every call, the events, and the byte streams. The browser host and Electron use it alike.
 */
import type { AppEvent, CallHandlers, CallName, HostInfo, Reply, VmId, VmSummary } from '../../core/contracts/calls.ts';
import type { CpuModelInfo } from '../../core/contracts/cpu.ts';
import type { StreamAddress } from '../../core/contracts/streams.ts';
import { isCallName, streamAddressSchema, validate, validateRequest } from '../../core/contracts/validators.ts';
import type { ByteStream, StartMachine } from '../../core/worker/client-api.ts';
import { type DataDir, openDataDir } from '../services/data-dir.ts';
import { DefinitionStore } from '../services/definitions.ts';
import { type DescribeBootFile, fileChecker, listDirectory } from '../services/files.ts';
import { explain } from '../services/host-error.ts';
import { hostInfo, maxGuestMemoryMiB } from '../services/host-info.ts';
import { type InstanceLock, lockInstance } from '../services/instance-lock.ts';
import { done, fail, type Outcome, ok } from '../services/outcome.ts';
import { type OpenPty, openPty } from '../services/pty.ts';
import type { Vm } from '../services/vm.ts';
import { Vms } from '../services/vms.ts';
import { offerWelcome } from '../services/welcome.ts';

/** What core gives main: see core-ports.ts for the real one. */
export interface CorePorts {
  readonly startMachine: StartMachine;
  readonly describeBootFile: DescribeBootFile;
  /** The kernel of the Welcome VM: the same bytes every time. */
  readonly buildWelcomeImage: () => Uint8Array;
  /** The CPU models by name, and what of each the hypervisor lacks. */
  readonly describeCpuModels: () => readonly CpuModelInfo[];
}

export interface AppOptions {
  readonly core: CorePorts;
  readonly host: HostInfo['host'];
  readonly dataRoot: string;
  /** Ends the program; called once every VM is off. */
  readonly quit: () => void;
  /** Someone started Vivarium a second time over the same data folder. */
  readonly onSecondStart?: () => void;
  readonly openPty?: OpenPty;
}

/** The program cannot start. message: what happened; hint: what to do. */
export class AppStartError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message);
    this.name = 'AppStartError';
  }
}

export interface App {
  /** Answers one call from outside: name and request are validated, nothing is thrown. */
  call(name: unknown, request: unknown): Promise<Reply<CallName>>;
  /** Events from now on; returns how to stop. */
  onEvent(listener: (event: AppEvent) => void): () => void;
  openStream(address: unknown): Outcome<ByteStream, 'invalid-request' | 'not-found' | 'wrong-state'>;
  activeVms(): readonly VmSummary[];
  /** Tells the renderer that its window is being closed while VMs run. */
  requestClose(): void;
  forceOffAll(): Promise<void>;
  /** Presses every power button, waits, then forces off what still runs. */
  shutDownAll(graceMs: number): Promise<void>;
  /** Gives the data folder up. Every VM must be off. */
  close(): Promise<void>;
}

/** Throws AppStartError when the data folder cannot be used or is in use. */
export async function createApp(options: AppOptions): Promise<App> {
  const { dir, lock } = await openData(options);
  const events = new EventSource();
  const store = new DefinitionStore(dir);
  try {
    await store.load();
    await offerWelcome(store, dir, options.core.buildWelcomeImage());
  } catch (error) {
    await lock.release();
    throw unusable(options.dataRoot, error);
  }
  const checkFile = fileChecker(options.core.describeBootFile);
  const vms = new Vms({
    store,
    dir,
    startMachine: options.core.startMachine,
    openPty: options.openPty ?? openPty,
    checkFile,
    emit: (event) => events.emit(event),
    maxMemoryMiB: maxGuestMemoryMiB(),
  });
  const handlers = {
    'host.info': async () => ok(hostInfo(options.host, dir.root, options.core.describeCpuModels())),
    'vms.list': async () => ok(vms.list()),
    'vms.get': async ({ id }) => vms.details(id),
    'vms.create': (request) => vms.create(request),
    'vms.setCpu': ({ id, cpu }) => vms.edits.setCpu(id, cpu),
    'vms.addDevice': ({ id, device, affect }) => vms.edits.addDevice(id, device, affect),
    'vms.editDevice': ({ id, device, settings }) => vms.edits.editDevice(id, device, settings),
    'vms.removeDevice': ({ id, device, affect }) => vms.edits.removeDevice(id, device, affect),
    'vms.setBoot': ({ id, boot }) => vms.edits.setBoot(id, boot),
    'vms.setMachine': ({ id, machine, firmware }) => vms.edits.setMachine(id, machine, firmware),
    'vms.changeMedia': ({ id, target, path }) => vms.edits.changeMedia(id, target, path),
    'vms.delete': ({ id }) => vms.delete(id),
    'vms.start': ({ id }) => withVm(vms, id, (vm) => vm.start()),
    'vms.pause': ({ id }) => withVm(vms, id, (vm) => vm.pause()),
    'vms.resume': ({ id }) => withVm(vms, id, (vm) => vm.resume()),
    'vms.shutdown': ({ id }) => withVm(vms, id, (vm) => vm.shutdown()),
    'vms.destroy': ({ id }) => withVm(vms, id, (vm) => vm.destroy()),
    'vms.reset': ({ id }) => withVm(vms, id, (vm) => vm.reset()),
    'vms.movePointer': ({ id, motion }) => withVm(vms, id, (vm) => vm.movePointer(motion)),
    'vms.textScreen': ({ id }) => withVm(vms, id, (vm) => vm.textScreen()),
    'files.list': ({ path }) => listDirectory(path, dir.root),
    'files.check': async ({ path, role }) => ok(await checkFile(path, role)),
    'app.quit': async ({ force }) => quit(vms, force, options.quit),
  } satisfies CallHandlers;
  return {
    call: (name, request) => answer(handlers, name, request),
    onEvent: (listener) => events.listen(listener),
    openStream: (address) => {
      const valid = validate<StreamAddress>(streamAddressSchema, address);
      return valid.ok ? vms.openStream(valid.value) : valid;
    },
    activeVms: () => vms.active(),
    requestClose: () => events.emit({ type: 'close-requested', running: vms.active() }),
    forceOffAll: () => vms.forceOffAll(),
    shutDownAll: (graceMs) => vms.shutDownAll(graceMs),
    close: () => lock.release(),
  };
}

async function openData(options: AppOptions): Promise<{ dir: DataDir; lock: InstanceLock }> {
  try {
    const dir = await openDataDir(options.dataRoot);
    const result = await lockInstance(dir.root, options.host, () => options.onSecondStart?.());
    if (result.held) return { dir, lock: result.lock };
    const by = result.by === undefined ? 'another process' : `process ${result.by.pid} (${HOST_WORDS[result.by.host]})`;
    throw new AppStartError(
      `The data folder ${dir.root} is in use by ${by}.`,
      'Use the Vivarium that is already running, or quit it, or choose another data folder.',
    );
  } catch (error) {
    throw error instanceof AppStartError ? error : unusable(options.dataRoot, error);
  }
}

const HOST_WORDS = { electron: 'the desktop app', browser: 'the browser host' } as const;

function unusable(dataRoot: string, error: unknown): AppStartError {
  return new AppStartError(
    `The data folder ${dataRoot} cannot be used: ${explain(error)}.`,
    'Correct that, or choose another folder with --data or VIVARIUM_DATA.',
  );
}

async function withVm<T, E extends string>(
  vms: Vms,
  id: VmId,
  act: (vm: Vm) => Outcome<T, E> | Promise<Outcome<T, E>>,
): Promise<Outcome<T, E | 'not-found'>> {
  const found = vms.find(id);
  return found.ok ? act(found.value) : found;
}

async function quit(vms: Vms, force: boolean, exit: () => void): Promise<Outcome<undefined, 'vms-running'>> {
  const names = vms.active().map((vm) => `"${vm.name}"`);
  if (names.length > 0 && !force) {
    return fail(
      'vms-running',
      `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} still running.`,
      'Shut down first, or quit and force off.',
    );
  }
  await vms.forceOffAll();
  setImmediate(exit); // after the reply
  return done;
}

/** The one place where a request of unknown shape meets a handler. */
async function answer(handlers: CallHandlers, name: unknown, request: unknown): Promise<Reply<CallName>> {
  if (!isCallName(name)) {
    const said = typeof name === 'string' ? `"${name.slice(0, 100)}"` : `a ${typeof name}`;
    return fail('invalid-request', `There is no call named ${said}.`);
  }
  try {
    return await dispatch(handlers, name, request);
  } catch (error) {
    const message = `${name} failed unexpectedly: ${error instanceof Error ? error.message : String(error)}.`;
    return fail('internal', message, 'Try again. If it stays, restart Vivarium and report it with this message.');
  }
}

async function dispatch<K extends CallName>(handlers: CallHandlers, name: K, request: unknown): Promise<Reply<K>> {
  const valid = validateRequest(name, request);
  return valid.ok ? handlers[name](valid.value) : valid;
}

class EventSource {
  readonly #listeners = new Set<(event: AppEvent) => void>();

  listen(listener: (event: AppEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: AppEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
