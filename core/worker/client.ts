/**
 * Main's side of a VM: starts its threads, hands out viewers' streams, and sees to it that the end of a thread, however
 * it comes, ends this VM and nothing else. The only file of core that main uses at run time, beside the contracts.
 */
import { totalmem } from 'node:os';
import { MessageChannel, type MessagePort, type TransferListItem, Worker } from 'node:worker_threads';
import type { CpuModelInfo } from '../contracts/cpu.ts';
import {
  MAX_MEMORY_MIB,
  MAX_VCPUS,
  type MachineCommand,
  type MachineConfig,
  type MachineEvent,
  MIN_MEMORY_MIB,
  type StopReason,
  type TextScreen,
} from '../contracts/machine.ts';
import type { StreamKind, StreamMessage } from '../contracts/streams.ts';
import { describeBootImage, describeInitrd } from '../firmware/inspect.ts';
import { openKvm } from '../kvm/index.ts';
import { cpuModels } from '../machine/cpuid.ts';
import { type ByteStream, type MachineHandle, StartError } from './client-api.ts';
import { Kick } from './machine-clock.ts';
import type {
  FromIo,
  FromMachine,
  IoWorkerData,
  MachineWorkerData,
  Picture,
  SharedDisplay,
  ToIo,
  ToMachine,
} from './messages.ts';
import type { FromViewer } from './stream-port.ts';

export { buildWelcomeImage } from '../guests/welcome/image.ts';

/** The CPU models by name, and what of each the hypervisor lacks. */
export const describeCpuModels = (): CpuModelInfo[] => cpuModels(openKvm());

/** What a chosen file is. Kernels are looked at whole, of an initial RAM disk the first bytes do. */
export const describeBootFile = { kernel: describeBootImage, initrd: describeInitrd } as const;

/** A MachineHandle that can also take pictures. */
export interface Vm extends MachineHandle {
  /** What the screen shows, as a PNG file; after the end, what it showed last. */
  screenshot(): Promise<Uint8Array>;
}

/** How long a machine that ended may take over its last picture and last serial output, in ms. */
const LAST_WORDS_TIMEOUT_MS = 2000;
const MIB = 2 ** 20;

/** StartMachine of client-api.ts. */
export async function startMachine(config: MachineConfig): Promise<Vm> {
  checkConfig(config);
  const kick = Kick.createBuffer();
  const { port1: inputSource, port2: inputSink } = new MessageChannel();
  // The I/O thread first: a guest may end before anything else can be done with its machine's thread.
  const ioData: IoWorkerData = {
    name: config.name,
    kick,
    input: inputSource,
    ...(config.vnc && { vnc: config.vnc }),
  };
  const io = new Worker(new URL('./io-worker.js', import.meta.url), {
    name: `${config.name}: I/O`,
    workerData: ioData,
    transferList: [inputSource],
  });
  const machineData: MachineWorkerData = { config, kick, input: inputSink };
  const machine = new Worker(new URL('./machine-worker.js', import.meta.url), {
    name: `${config.name}: machine`,
    workerData: machineData,
    transferList: [inputSink],
  });
  let display: SharedDisplay;
  try {
    display = await untilStarted(machine);
  } catch (error) {
    await Promise.all([machine.terminate(), io.terminate()]);
    throw error;
  }
  const toIo: ToIo = { type: 'display', display };
  io.postMessage(toIo);
  return new RunningVm(config, machine, io, new Kick(kick));
}

function checkConfig({ memoryMiB, vcpus }: MachineConfig): void {
  if (!Number.isInteger(memoryMiB) || memoryMiB < MIN_MEMORY_MIB || memoryMiB > MAX_MEMORY_MIB) {
    throw new StartError(
      `A virtual machine cannot have ${memoryMiB} MiB of memory: this version gives ${MIN_MEMORY_MIB} to ${MAX_MEMORY_MIB} MiB.`,
      `Set its memory to ${MAX_MEMORY_MIB} MiB or less.`,
      'memory',
    );
  }
  const hostMiB = Math.floor(totalmem() / MIB);
  if (memoryMiB > hostMiB) {
    throw new StartError(
      `The virtual machine asks for ${memoryMiB} MiB of memory; this computer has ${hostMiB} MiB in all.`,
      'Give it less memory.',
      'memory',
    );
  }
  if (vcpus !== MAX_VCPUS) {
    throw new StartError(`The virtual machine asks for ${vcpus} CPUs; this version gives one.`, 'Set its CPUs to 1.');
  }
}

function untilStarted(machine: Worker): Promise<SharedDisplay> {
  return new Promise((resolve, reject) => {
    const died = (why: string): void =>
      reject(new StartError(`The thread of the machine ended while it started: ${why}.`, 'Try again.'));
    const onError = (error: Error): void => died(error.message);
    const onExit = (code: number): void => died(`exit code ${code}`);
    machine.once('error', onError).once('exit', onExit);
    machine.once('message', (message: FromMachine) => {
      machine.off('error', onError).off('exit', onExit);
      if (message.type === 'started') resolve(message.display);
      else if (message.type === 'start-failed') {
        reject(new StartError(message.message, message.hint, message.subject));
      } else died('it reported events before it had started');
    });
  });
}

class RunningVm implements Vm {
  readonly config: MachineConfig;
  readonly #machine: Worker;
  readonly #io: Worker;
  readonly #kick: Kick;
  readonly #streams = new Set<PortStream>();
  readonly #pictures = new Map<number, (picture: Picture | undefined) => void>();
  readonly #gone: Promise<void>;
  #listeners: ((event: MachineEvent) => void)[] = [];
  /** Events from before the first listener. */
  #unheard: MachineEvent[] = [];
  #nextRequest = 0;
  #ended = false;
  #lastPicture: Promise<Picture | undefined> | undefined;
  /** Set by the machine's last event: then the end of its thread is as it should be. */
  #stopReported = false;

  constructor(config: MachineConfig, machine: Worker, io: Worker, kick: Kick) {
    this.config = config;
    this.#machine = machine;
    this.#io = io;
    this.#kick = kick;
    machine.on('message', (message: FromMachine) => this.#fromMachine(message));
    io.on('message', (message: FromIo) => this.#fromIo(message));
    for (const [worker, what] of [
      [machine, 'machine'],
      [io, 'display'],
    ] as const) {
      worker.on('error', (error) => this.#died(`the ${what} thread failed: ${error.message}`));
      worker.on('exit', (code) => this.#died(`the ${what} thread ended by itself (exit code ${code})`));
    }
    this.#gone = Promise.all([machine, io].map((worker) => new Promise((done) => worker.once('exit', done)))).then(
      () => undefined,
    );
  }

  command(command: MachineCommand): void {
    this.#toMachine({ type: 'command', command });
  }

  onEvent(listener: (event: MachineEvent) => void): void {
    this.#listeners.push(listener);
    for (const event of this.#unheard.splice(0)) listener(event);
  }

  openStream(kind: StreamKind): ByteStream {
    const { port1, port2 } = new MessageChannel();
    const stream = new PortStream(kind, port1, {
      sent: kind === 'serial' ? () => this.#kick.kick() : () => {},
      closed: () => this.#streams.delete(stream),
    });
    this.#streams.add(stream);
    if (this.#ended) stream.end();
    else if (kind === 'serial') this.#toMachine({ type: 'serial-viewer', port: port2 }, [port2]);
    else this.#toIo({ type: 'display-viewer', port: port2 }, [port2]);
    return stream;
  }

  async textScreen(): Promise<TextScreen> {
    return (await this.#picture()).text;
  }

  async screenshot(): Promise<Uint8Array> {
    return (await this.#picture()).png;
  }

  async terminate(): Promise<void> {
    this.#end({ kind: 'destroyed' }, 'stopped');
    await this.#gone;
  }

  #toMachine(message: ToMachine, transfer: readonly TransferListItem[] = []): void {
    this.#machine.postMessage(message, transfer);
    this.#kick.kick();
  }

  #toIo(message: ToIo, transfer: readonly TransferListItem[] = []): void {
    this.#io.postMessage(message, transfer);
  }

  #fromMachine(message: FromMachine): void {
    if (message.type !== 'event') return;
    const { event } = message;
    if (event.type !== 'state' || (event.state !== 'stopped' && event.state !== 'crashed')) {
      if (!this.#stopReported) this.#emit(event);
      return;
    }
    this.#stopReported = true;
    this.#lastPicture ??= this.#takePicture(LAST_WORDS_TIMEOUT_MS);
    const { state, reason = { kind: 'destroyed' } } = event;
    const serialEnds = [...this.#streams].filter((stream) => stream.kind === 'serial').map((stream) => stream.ended);
    const timeUp = new Promise((resolve) => setTimeout(resolve, LAST_WORDS_TIMEOUT_MS).unref());
    const lastWords = Promise.all([this.#lastPicture, ...serialEnds]);
    void Promise.race([lastWords, timeUp]).then(() => this.#end(reason, state));
  }

  #fromIo(message: FromIo): void {
    if (message.type === 'log') {
      this.#emit(message);
      return;
    }
    this.#pictures.get(message.request)?.(message.picture);
  }

  #died(message: string): void {
    if (this.#stopReported) return;
    this.#end({ kind: 'worker-died', message }, 'crashed');
  }

  /** Once: tells everyone, then ends the threads. */
  #end(reason: StopReason, state: 'stopped' | 'crashed'): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopReported = true;
    this.#lastPicture ??= Promise.resolve(undefined);
    for (const settle of this.#pictures.values()) settle(undefined);
    this.#emit({ type: 'state', state, reason });
    for (const stream of [...this.#streams]) stream.end();
    void this.#machine.terminate();
    void this.#io.terminate();
  }

  #emit(event: MachineEvent): void {
    if (this.#listeners.length === 0) this.#unheard.push(event);
    for (const listener of this.#listeners) listener(event);
  }

  async #picture(): Promise<Picture> {
    const picture = await (this.#lastPicture ?? this.#takePicture());
    if (!picture) throw new Error('the machine ended before its screen could be read');
    return picture;
  }

  /** Undefined when the machine ends meanwhile, or the time is up. */
  #takePicture(timeoutMs?: number): Promise<Picture | undefined> {
    return new Promise((resolve) => {
      const request = this.#nextRequest++;
      const settle = (picture: Picture | undefined): void => {
        clearTimeout(timer);
        this.#pictures.delete(request);
        resolve(picture);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => settle(undefined), timeoutMs);
      this.#pictures.set(request, settle);
      this.#toIo({ type: 'picture', request });
    });
  }
}

type StreamListener = Parameters<ByteStream['onMessage']>[0];

/** A viewer's end. */
class PortStream implements ByteStream {
  /** Settles when nothing comes any more. */
  readonly ended: Promise<void>;
  #settleEnded: () => void = () => {};
  readonly #port: MessagePort;
  readonly #hooks: { readonly sent: () => void; readonly closed: () => void };
  #listener: StreamListener | undefined;
  #closed = false;

  constructor(
    readonly kind: StreamKind,
    port: MessagePort,
    hooks: { readonly sent: () => void; readonly closed: () => void },
  ) {
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#port = port;
    this.#hooks = hooks;
    port.on('close', () => this.end());
  }

  send(message: StreamMessage): void {
    if (this.#closed) return;
    this.#port.postMessage(message, message instanceof ArrayBuffer ? [message] : []);
    this.#hooks.sent();
  }

  onMessage(listener: StreamListener): void {
    this.#listener = listener;
    if (this.#closed) {
      queueMicrotask(() => void listener('close'));
      return;
    }
    this.#port.on('message', (message: StreamMessage) => {
      if (message === 'close') this.end();
      else if (!this.#closed) void this.#deliver(message, listener);
    });
  }

  async #deliver(message: StreamMessage, listener: StreamListener): Promise<void> {
    const bytes = message instanceof ArrayBuffer ? message.byteLength : 0;
    await listener(message);
    if (bytes > 0 && this.kind === 'rfb' && !this.#closed) this.#port.postMessage(bytes satisfies FromViewer);
  }

  close(): void {
    if (this.#closed) return;
    this.send('close');
    this.#finish();
  }

  /** The VM's side is gone: the viewer is told, once. */
  end(): void {
    if (this.#closed) return;
    this.#finish();
    void this.#listener?.('close');
  }

  #finish(): void {
    this.#closed = true;
    this.#hooks.closed();
    this.#settleEnded();
    this.#port.close();
  }
}
