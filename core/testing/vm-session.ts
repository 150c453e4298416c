/** A running machine as a test watches it: what it says on the serial line, its events, its end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { MachineEvent, StopReason } from '../contracts/machine.ts';
import type { Vm } from '../worker/client.ts';
import { RfbTestClient } from './rfb-client.ts';

const SCREEN_POLL_MS = 50;

export class VmSession {
  readonly events: MachineEvent[] = [];
  readonly stopped: Promise<StopReason>;
  readonly serial;
  text = '';
  closed = false;
  #changed: () => void = () => {};

  constructor(readonly vm: Vm) {
    this.stopped = new Promise((resolve) => {
      vm.onEvent((event) => {
        this.events.push(event);
        if (event.type === 'state' && event.reason) resolve(event.reason);
        this.#changed();
      });
    });
    this.serial = this.openSerial();
  }

  openSerial() {
    const stream = this.vm.openStream('serial');
    stream.onMessage((message) => {
      if (message instanceof ArrayBuffer) this.text += new TextDecoder().decode(message);
      if (message === 'close') this.closed = true;
      this.#changed();
    });
    return stream;
  }

  /** Types on the serial line. */
  type(text: string): void {
    this.serial.send(new TextEncoder().encode(text).buffer);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  untilState(state: string): Promise<void> {
    return this.until(() => this.events.some((event) => event.type === 'state' && event.state === state));
  }

  /** The screen, as one text, once it matches. */
  async untilScreen(pattern: RegExp): Promise<string> {
    for (;;) {
      const text = (await this.vm.textScreen()).lines.join('\n');
      if (pattern.test(text)) return text;
      await pause(SCREEN_POLL_MS);
    }
  }

  /** A viewer of the display, connected. */
  async openDisplay(): Promise<RfbTestClient> {
    const stream = this.vm.openStream('rfb');
    const viewer = new RfbTestClient((channel) => {
      stream.onMessage((message) => message instanceof ArrayBuffer && channel.send(new Uint8Array(message)));
      channel.onData((bytes) => stream.send(new Uint8Array(bytes).buffer));
    });
    await viewer.connect();
    return viewer;
  }
}
