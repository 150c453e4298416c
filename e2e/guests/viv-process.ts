/** A run of the built headless runner, with its serial port to talk to and its use of the host to measure. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const RUNNER = join(import.meta.dirname, '..', '..', 'out', 'main', 'viv.js');

export interface HostUse {
  readonly cpuSeconds: number;
  readonly residentMiB: number;
}

export class VivProcess {
  readonly exited: Promise<number | null>;
  /** What the runner said on stderr so far. */
  errors = '';
  readonly #child: ChildProcess;
  readonly #startMs = performance.now();
  readonly #watchers = new Set<() => void>();
  #serial = '';

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [RUNNER, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#serial += text;
      for (const watcher of this.#watchers) watcher();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
      for (const watcher of this.#watchers) watcher();
    });
    child.stdin.on('error', () => undefined); // the guest may end while something is being typed
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve(code);
        for (const watcher of this.#watchers) watcher();
      });
    });
  }

  /** All that came out of the serial port. */
  get serial(): string {
    return this.#serial;
  }

  get seconds(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Resolves with what came from now on up to and with the match; rejects when the run ends without it. */
  until(pattern: RegExp, from = this.#serial.length): Promise<string> {
    return this.#until(pattern, () => this.#serial.slice(from));
  }

  /** The same for what comes on stderr, from the beginning. */
  untilErrors(pattern: RegExp): Promise<string> {
    return this.#until(pattern, () => this.errors);
  }

  #until(pattern: RegExp, output: () => string): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const text = output();
        const match = pattern.exec(text);
        if (match === null && !this.ended) return;
        this.#watchers.delete(look);
        if (match !== null) resolve(text.slice(0, match.index + match[0].length));
        else reject(new Error(`The guest ended before ${pattern}:\n${text.slice(-2000)}\n${this.errors}`));
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** Types a command at a shell prompt; resolves with its output. */
  async command(line: string, prompt: RegExp): Promise<string> {
    const from = this.#serial.length;
    this.type(line);
    return this.until(prompt, from);
  }

  /** Processor time and memory of the whole process so far; undefined where the host has no /proc. */
  hostUse(): HostUse | undefined {
    const proc = `/proc/${this.#child.pid}`;
    try {
      // proc(5): utime and stime are fields 14 and 15, in ticks of 1/100 s; the name before them may hold blanks.
      const fields = readFileSync(`${proc}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      const residentKiB = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`${proc}/status`, 'utf8'))?.[1];
      return {
        cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
        residentMiB: Math.round(Number(residentKiB) / 1024),
      };
    } catch {
      return undefined;
    }
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
