/**
 * The log of one VM: the last lines in memory for the window, all of them in a file that is turned over at a size.
 * Guests cause lines, so length, rate and size are bounded, and control characters do not reach the file.
 */
import { appendFile, rename, stat } from 'node:fs/promises';
import type { LogLine } from '../../core/contracts/calls.ts';
import { explain } from './host-error.ts';

const MAX_LINES = 500;
const MAX_LINE_CHARS = 2000;
const MAX_LINES_PER_SECOND = 50;
const MAX_FILE_BYTES = 1 << 20;

export class VmLog {
  readonly path: string;
  readonly #onLine: (line: LogLine) => void;
  readonly #now: () => number;
  #lines: LogLine[] = [];
  #second = 0;
  #linesThisSecond = 0;
  #dropped = 0;
  #unwritten = '';
  #writing: Promise<void> | undefined;

  /** onLine is told each line that is kept; now gives milliseconds since 1970. */
  constructor(path: string, onLine: (line: LogLine) => void, now: () => number = Date.now) {
    this.path = path;
    this.#onLine = onLine;
    this.#now = now;
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  add(level: LogLine['level'], message: string): void {
    const timeMs = this.#now();
    const second = Math.floor(timeMs / 1000);
    if (second !== this.#second) {
      const dropped = this.#dropped;
      this.#second = second;
      this.#linesThisSecond = 0;
      this.#dropped = 0;
      if (dropped > 0) this.#keep({ timeMs, level: 'warning', message: `${dropped} more lines were dropped.` });
    }
    this.#linesThisSecond += 1;
    if (this.#linesThisSecond > MAX_LINES_PER_SECOND) this.#dropped += 1;
    else this.#keep({ timeMs, level, message: message.slice(0, MAX_LINE_CHARS) });
  }

  /** Resolves when everything so far is in the file. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #keep(line: LogLine): void {
    this.#lines = [...this.#lines.slice(1 - MAX_LINES), line];
    // Registers come as several lines; in the file each line after the first is indented.
    const message = line.message.replaceAll('\n', '\n    ').replace(/[^\P{Cc}\n]/gu, '?');
    this.#unwritten += `${new Date(line.timeMs).toISOString()} ${line.level}: ${message}\n`;
    this.#writing ??= this.#write();
    this.#onLine(line);
  }

  async #write(): Promise<void> {
    try {
      while (this.#unwritten !== '') {
        const text = this.#unwritten;
        this.#unwritten = '';
        const size = await stat(this.path).then(
          (entry) => entry.size,
          () => 0,
        );
        if (size > MAX_FILE_BYTES) await rename(this.path, `${this.path}.1`);
        await appendFile(this.path, text, { mode: 0o600 });
      }
    } catch (error) {
      // The lines stay in memory; a full disk must not stop a VM, and one line says so.
      this.#unwritten = '';
      const message = `The log file ${this.path} could not be written: ${explain(error)}.`;
      if (!this.#lines.some((line) => line.message === message)) {
        const line: LogLine = { timeMs: this.#now(), level: 'warning', message };
        this.#lines = [...this.#lines, line];
        this.#onLine(line);
      }
    } finally {
      this.#writing = undefined;
    }
  }
}
