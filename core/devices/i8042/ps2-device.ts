/**
 * What keyboard and mouse have in common on the controller's side of their cable: replies that go out before anything
 * else, one command waiting for its parameter, and the byte to repeat when asked.
 */
import { list, u8 } from '../state-shape.ts';
import { ACK } from './i8042.regs.ts';

/** A guest that sends commands and never reads the replies loses the replies beyond these. */
const MAX_REPLIES = 16;

export interface Ps2State {
  replies: number[];
  /** The command whose parameter comes next; 0 for none. */
  parameterOf: number;
  lastSent: number;
}

export const PS2_FIELDS = { replies: list(MAX_REPLIES, u8), parameterOf: u8, lastSent: u8 } as const;

export abstract class Ps2Device<S extends Ps2State> {
  /** onData: the controller, told when there may be a new byte to take. */
  constructor(
    protected s: S,
    protected readonly onData: () => void,
  ) {}

  abstract hasData(): boolean;
  protected abstract takeData(): number | undefined;
  protected abstract command(byte: number): void;
  protected abstract parameter(command: number, value: number): void;

  /** The next byte for the controller. */
  take(): number | undefined {
    const byte = this.s.replies.shift() ?? this.takeData();
    if (byte !== undefined) this.s.lastSent = byte;
    return byte;
  }

  /** A byte from the controller. */
  write(byte: number): void {
    const { parameterOf } = this.s;
    this.s.parameterOf = 0;
    if (parameterOf !== 0) this.parameter(parameterOf, byte);
    else this.command(byte);
  }

  protected reply(...bytes: readonly number[]): void {
    for (const byte of bytes) if (this.s.replies.length < MAX_REPLIES) this.s.replies.push(byte);
  }

  /** Acknowledges a command and waits for the byte that belongs to it. */
  protected awaitParameter(command: number): void {
    this.s.parameterOf = command;
    this.reply(ACK);
  }
}
