/** A run of the headless runner with its monitor: what is on the screen, the keyboard, the pointer and the media. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { decodePng, type Picture } from './png.ts';
import { VivProcess } from './viv-process.ts';

interface Answer {
  readonly ok: boolean;
  readonly error?: string;
  readonly columns: number;
  readonly lines: readonly string[];
}

const POLL_MS = 250;
const MS_BEFORE_MONITOR = 60_000;

export class VivScreen {
  readonly process: VivProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), 'vivarium-media-'));
  #socket: Promise<Socket> | undefined;
  readonly #waiting: ((answer: Answer) => void)[] = [];

  constructor(args: readonly string[]) {
    this.process = new VivProcess(['run', ...args, '--monitor', this.#path('monitor')]);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  /** Gives the monitor one command. */
  async command(line: string): Promise<Answer> {
    this.#socket ??= this.#connect();
    const socket = await this.#socket;
    if (socket.destroyed) throw new Error(`${line}: the run ended.\n${this.process.errors}`);
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.push(resolve);
      socket.write(`${line}\n`);
    });
    if (!answer.ok) throw new Error(`${line}: ${answer.error}`);
    return answer;
  }

  async #connect(): Promise<Socket> {
    const from = performance.now();
    for (;;) {
      const socket = connect(this.#path('monitor'));
      const connected = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      if (connected) {
        const lost: Answer = { ok: false, error: 'the run ended', columns: 0, lines: [] };
        createInterface({ input: socket })
          .on('line', (line) => this.#waiting.shift()?.(JSON.parse(line) as Answer))
          .on('close', () => {
            for (const resolve of this.#waiting.splice(0)) resolve(lost);
          });
        return socket.on('error', () => {}); // its close says so
      }
      if (this.process.ended || performance.now() - from > MS_BEFORE_MONITOR) {
        throw new Error(`There is no monitor.\n${this.process.errors}`);
      }
      await pause(POLL_MS);
    }
  }

  /** The text screen, a line a row; a graphics mode is one line that says so. */
  async text(): Promise<string> {
    return (await this.command('screen')).lines.map((line) => line.trimEnd()).join('\n');
  }

  /** Resolves with the text screen once it matches; rejects when the run ends first. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const text = await this.text();
      if (pattern.test(text)) return text;
      if (this.process.ended) throw new Error(`The guest ended before ${pattern}:\n${text}\n${this.process.errors}`);
      await pause(POLL_MS);
    }
  }

  /** Types a line and Enter. */
  async type(line: string): Promise<void> {
    await this.command(`type ${line}`);
    await this.press('enter');
  }
  async press(...chords: readonly string[]): Promise<void> {
    await this.command(`key ${chords.join(' ')}`);
  }
  /** A click of the left button, in pixels. */
  async click(x: number, y: number): Promise<void> {
    for (const buttons of [0, 1, 0]) {
      await this.command(`pointer ${x} ${y} ${buttons}`);
      await pause(POLL_MS);
    }
  }

  /** What a viewer sees, by the PNG file that a screenshot is. */
  async picture(): Promise<Picture> {
    const file = this.#path('screen.png');
    await this.command(`screenshot ${file}`);
    return decodePng(readFileSync(file));
  }
  /** Resolves with the first picture that is so; rejects when the run ends before. */
  async untilPicture(is: (picture: Picture) => boolean): Promise<Picture> {
    for (;;) {
      const picture = await this.picture();
      if (is(picture)) return picture;
      await pause(POLL_MS);
    }
  }

  async kill(): Promise<void> {
    await this.process.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
