/** A machine without threads, for tests of main: it obeys commands, and the test says what its guest does. */
import {
  type MachineCommand,
  type MachineConfig,
  type MachineEvent,
  nameOfPlugged,
  type PluggedDevice,
  type StopReason,
} from '../../core/contracts/machine.ts';
import type { StreamKind, StreamMessage } from '../../core/contracts/streams.ts';
import type { ByteStream, MachineHandle } from '../../core/worker/client-api.ts';

export class FakeStream implements ByteStream {
  /** What the viewer sent. */
  readonly sent: StreamMessage[] = [];
  closed = false;
  #listener: ((message: StreamMessage) => void) | undefined;

  constructor(readonly kind: StreamKind) {}

  send(message: StreamMessage): void {
    this.sent.push(message);
  }

  onMessage(listener: (message: StreamMessage) => void): void {
    this.#listener = listener;
    queueMicrotask(() => this.emit('open'));
  }

  close(): void {
    this.closed = true;
  }

  emit(message: StreamMessage): void {
    if (!this.closed) this.#listener?.(message);
  }

  sentText(): string {
    return this.sent.map((message) => (typeof message === 'string' ? '' : new TextDecoder().decode(message))).join('');
  }
}

export class FakeMachine implements MachineHandle {
  readonly commands: MachineCommand['type'][] = [];
  readonly streams: FakeStream[] = [];
  terminated = false;
  /** A machine whose thread hangs answers no command. */
  hung = false;
  /** Why its drives refuse another medium; undefined: they do not. */
  mediaRefusal: string | undefined;
  /** Why it takes no device in or out; undefined: it does. */
  deviceRefusal: string | undefined;
  /** Its guest lets go of devices when the test says so. */
  holdsDevices = false;
  #listener: ((event: MachineEvent) => void) | undefined;

  constructor(readonly config: MachineConfig) {}

  command(command: MachineCommand): void {
    this.commands.push(command.type);
    if (!this.hung) queueMicrotask(() => this.#obey(command));
  }

  onEvent(listener: (event: MachineEvent) => void): void {
    this.#listener = listener;
  }

  openStream(kind: StreamKind): ByteStream {
    const stream = new FakeStream(kind);
    this.streams.push(stream);
    return stream;
  }

  async textScreen() {
    return { columns: 5, rows: 1, lines: ['hello'] };
  }

  async terminate(): Promise<void> {
    this.terminated = true;
  }

  emit(event: MachineEvent): void {
    this.#listener?.(event);
  }

  end(state: 'stopped' | 'crashed', reason: StopReason): void {
    this.emit({ type: 'state', state, reason });
    for (const stream of this.streams) stream.emit('close');
  }

  #answer(device: PluggedDevice, change: 'attached' | 'detached' | 'asked'): void {
    const why = this.deviceRefusal;
    if (why === undefined) this.emit({ type: 'device', device, change });
    else this.emit({ type: 'device', device, change: 'refused', why });
  }

  #obey(command: MachineCommand): void {
    if (command.type === 'pause') this.emit({ type: 'state', state: 'paused' });
    if (command.type === 'resume') this.emit({ type: 'state', state: 'running' });
    if (command.type === 'change-media') {
      const { target } = command;
      this.emit({ type: 'media', target, ...(this.mediaRefusal !== undefined && { refusal: this.mediaRefusal }) });
    }
    if (command.type === 'attach-device') this.#answer(nameOfPlugged(command.device), 'attached');
    if (command.type === 'detach-device') this.#answer(command.device, this.holdsDevices ? 'asked' : 'detached');
    if (command.type === 'destroy') this.end('stopped', { kind: 'destroyed' });
  }
}

/** A StartMachine that remembers what it started; `failure` makes the next start fail. */
export class FakeMachines {
  readonly started: FakeMachine[] = [];
  failure: Error | undefined;

  readonly start = async (config: MachineConfig): Promise<MachineHandle> => {
    if (this.failure !== undefined) {
      const failure = this.failure;
      this.failure = undefined;
      throw failure;
    }
    const machine = new FakeMachine(config);
    this.started.push(machine);
    return machine;
  };

  get last(): FakeMachine {
    const machine = this.started.at(-1);
    if (machine === undefined) throw new Error('no machine was started');
    return machine;
  }
}
