/**
 * The monitor of `viv run`: commands from a local socket, a line each, every one answered by a line of JSON. It is how
 * scripts see the screen, type, point, change media and plug devices while a machine runs.
 */
import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type DeviceEvent,
  type MachineCommand,
  type MachineEvent,
  nameOfPlugged,
  type PluggedDevice,
} from '../../core/contracts/machine.ts';
import type { Vm } from '../../core/worker/client.ts';
import { InputViewer, keysymsOf, keysymsToType } from './input-viewer.ts';
import { ATTACH_HELP, parsePluggable } from './pluggable.ts';

const MONITOR_HELP = `Commands of the monitor, a line each; every one is answered by a line of JSON:
  screen                      the text on the screen
  screenshot FILE             writes what the screen shows to a PNG file
  type TEXT                   types it, on a US keyboard
  key CHORD...                presses keys: a, enter, f12, ctrl+alt+delete
  pointer X Y [BUTTONS]       moves the pointer, in pixels; buttons: 1 left, 2 middle, 4 right, 8 and 16 the wheel
  media TARGET [FILE]         puts a medium into a CD-ROM or floppy drive, or takes it out
${ATTACH_HELP}  reset, power                the buttons of the machine's case
`;

/** What is wrong with a command, for whoever gave it. */
class CommandError extends Error {}

type Answer = object | undefined;

export class Monitor {
  readonly #vm: Vm;
  readonly #hands: InputViewer;
  readonly #deviceWaiters: { readonly device: PluggedDevice; readonly resolve: (event: DeviceEvent) => void }[] = [];
  readonly #mediaWaiters: ((event: MachineEvent & { type: 'media' }) => void)[] = [];
  readonly #commands: Readonly<Record<string, (rest: string) => Promise<Answer> | Answer>> = {
    help: () => ({ help: MONITOR_HELP }),
    screen: () => this.#vm.textScreen(),
    screenshot: (file) => this.#screenshot(file),
    type: (text) => this.#type(text),
    key: (chords) => this.#press(chords),
    pointer: (numbers) => this.#point(numbers),
    media: (rest) => this.#changeMedia(rest),
    attach: (text) => this.#attach(text),
    detach: (name) => this.#tellDevice({ type: 'detach-device', device: name as PluggedDevice }),
    reset: () => this.#push('reset'),
    power: () => this.#push('power-button'),
  };

  constructor(vm: Vm) {
    this.#vm = vm;
    this.#hands = new InputViewer(vm.openStream('rfb'));
    vm.onEvent((event) => {
      if (event.type === 'media') this.#mediaWaiters.shift()?.(event);
      if (event.type === 'device') this.#onDevice(event);
    });
  }

  /** Does one command; resolves to its answer. Never rejects. */
  async execute(line: string): Promise<string> {
    const [, verb = '', rest = ''] = /^(\S*)\s?(.*)$/.exec(line) ?? [];
    try {
      const command = Object.hasOwn(this.#commands, verb) ? this.#commands[verb] : undefined;
      if (!command) throw new CommandError(`there is no command '${verb}'`);
      return JSON.stringify({ ok: true, ...(await command(rest)) });
    } catch (error) {
      return JSON.stringify({ ok: false, error: error instanceof Error ? error.message : String(error) });
    }
  }

  #push(type: 'reset' | 'power-button'): Answer {
    this.#vm.command({ type });
    return undefined;
  }

  async #screenshot(file: string): Promise<Answer> {
    if (file === '') throw new CommandError('screenshot needs a file');
    await writeFile(resolve(file), await this.#vm.screenshot());
    return undefined;
  }

  async #type(text: string): Promise<Answer> {
    for (const character of text) await this.#hands.press(keysymsToType(character));
    return undefined;
  }

  async #press(chords: string): Promise<Answer> {
    const keys = chords.split(' ').map((chord) => {
      const keysyms = keysymsOf(chord);
      if (!keysyms) throw new CommandError(`there is no key '${chord}'`);
      return keysyms;
    });
    for (const keysyms of keys) await this.#hands.press(keysyms);
    return undefined;
  }

  async #point(rest: string): Promise<Answer> {
    const match = /^(\d{1,5}) (\d{1,5})(?: (\d{1,3}))?$/.exec(rest);
    if (!match) throw new CommandError('pointer needs two numbers or three');
    await this.#hands.point(Number(match[1]), Number(match[2]), Number(match[3] ?? 0));
    return undefined;
  }

  async #attach(text: string): Promise<Answer> {
    const device = parsePluggable(text);
    if (!device) throw new CommandError(`'${text}' is no device to attach`);
    return this.#tellDevice({ type: 'attach-device', device });
  }

  async #tellDevice(command: MachineCommand & { type: 'attach-device' | 'detach-device' }): Promise<Answer> {
    const device = command.type === 'attach-device' ? nameOfPlugged(command.device) : command.device;
    const answer = new Promise<DeviceEvent>((resolve) => this.#deviceWaiters.push({ device, resolve }));
    this.#vm.command(command);
    const event = await answer;
    if (event.change === 'refused') throw new CommandError(event.why);
    return { device, change: event.change };
  }

  /** A guest lets go of devices at any time: only what is about the same one is an answer. */
  #onDevice(event: DeviceEvent): void {
    const index = this.#deviceWaiters.findIndex(({ device }) => device === event.device);
    for (const { resolve } of index < 0 ? [] : this.#deviceWaiters.splice(index, 1)) resolve(event);
  }

  async #changeMedia(rest: string): Promise<Answer> {
    const [, target = '', file = ''] = /^(\S+)\s?(.*)$/.exec(rest) ?? [];
    const done = new Promise<MachineEvent & { type: 'media' }>((resolve) => this.#mediaWaiters.push(resolve));
    this.#vm.command({ type: 'change-media', target, ...(file !== '' && { path: resolve(file) }) });
    const { refusal } = await done;
    if (refusal !== undefined) throw new CommandError(refusal);
    return undefined;
  }
}

/** Listens at a path for whoever wants to give commands. Rejects when that cannot be. */
export function serveMonitor(monitor: Pick<Monitor, 'execute'>, path: string): Promise<Server> {
  const server = createServer((socket) => void converse(monitor, socket));
  return new Promise((done, failed) => {
    server.once('error', failed).listen(path, () => done(server.off('error', failed)));
  });
}

async function converse(monitor: Pick<Monitor, 'execute'>, socket: Socket): Promise<void> {
  socket.unref(); // it does not keep a machine that has ended
  socket.on('error', () => {}); // whoever it was has left
  for await (const line of createInterface({ input: socket })) socket.write(`${await monitor.execute(line)}\n`);
}
