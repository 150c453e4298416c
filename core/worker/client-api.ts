/**
 * What main sees of a running VM: a handle on its threads. Implemented in client.ts, faked in main's own unit tests.
 */
import type { MachineCommand, MachineConfig, MachineEvent, TextScreen } from '../contracts/machine.ts';
import type { StreamKind, StreamMessage } from '../contracts/streams.ts';

/** One viewer's end of a stream. */
export interface ByteStream {
  send(message: StreamMessage): void;
  /**
   * Of a display no more comes until the listener has taken what came: where it returns a promise, when that settles.
   */
  onMessage(listener: (message: StreamMessage) => unknown): void;
  close(): void;
}

export interface MachineHandle {
  readonly config: MachineConfig;
  command(command: MachineCommand): void;
  onEvent(listener: (event: MachineEvent) => void): void;
  /** A new viewer of the display or serial port. Several at once are fine. Closes with the machine. */
  openStream(kind: StreamKind): ByteStream;
  textScreen(): Promise<TextScreen>;
  /** Ends the threads at once, without asking the guest; resolves when they are gone. */
  terminate(): Promise<void>;
}

/**
 * Starts the threads of one VM. Resolves once the guest runs; rejects with a StartError (message: what failed, hint:
 * what to do next) for a missing or bad kernel, too much memory and the like, leaving nothing behind.
 */
export type StartMachine = (config: MachineConfig) => Promise<MachineHandle>;

/** What a failed start is about: a boot file, the amount of memory, or anything else. */
export type StartErrorSubject = 'file' | 'memory' | 'other';

export class StartError extends Error {
  constructor(
    message: string,
    readonly hint: string,
    readonly subject: StartErrorSubject = 'other',
  ) {
    super(message);
    this.name = 'StartError';
  }
}
