// A process that is talked to in lines, or watched for a text: a machine's serial port, or the program itself.
import { spawn } from 'node:child_process';
import { busiestThread, cpuNanoseconds, peakResidentMiB, threadNanoseconds } from './host-use.mjs';

const KEPT = 4000;
const ALL = 1 << 20;

export class TalkingProcess {
  #child;
  #text = '';
  #errors = '';
  #ended;
  #wake = () => {};
  #began = performance.now();

  constructor(command, args) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin.on('error', () => {}); // of a process that has ended; that is reported where somebody waits
    child.stdout.setEncoding('latin1').on('data', (part) => {
      this.#text = (this.#text + part).slice(-ALL);
      this.#wake();
    });
    child.stderr.setEncoding('utf8').on('data', (part) => {
      this.#errors = (this.#errors + part).slice(-KEPT);
    });
    this.closed = new Promise((resolve) => {
      const end = (how) => {
        this.#ended = how;
        this.#wake();
        resolve();
      };
      child.once('error', (error) => end(error.message));
      child.once('close', (status, signal) => end(`it ended with ${signal ?? `status ${status}`}`));
    });
    const endWithUs = () => child.kill('SIGKILL');
    process.once('exit', endWithUs);
    this.closed.then(() => process.removeListener('exit', endWithUs));
  }

  get wallSeconds() {
    return (performance.now() - this.#began) / 1000;
  }

  get cpuNanoseconds() {
    return cpuNanoseconds(this.#child.pid);
  }

  get busiestThread() {
    return busiestThread(this.#child.pid);
  }

  threadNanoseconds(thread) {
    return threadNanoseconds(this.#child.pid, thread);
  }

  get peakResidentMiB() {
    return peakResidentMiB(this.#child.pid);
  }

  /** The end of what it wrote to standard error. */
  get errorText() {
    return this.#errors;
  }

  send(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Waits until the output not yet taken has a match; takes it and all before it. @throws when none comes */
  async until(pattern, seconds) {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match) {
        this.#text = this.#text.slice(match.index + match[0].length);
        return match;
      }
      if (this.#ended) throw this.#failure(this.#ended);
      const left = deadline - performance.now();
      if (left <= 0) throw this.#failure(`no ${pattern} within ${seconds} s`);
      await this.#news(left);
    }
  }

  #news(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #failure(what) {
    return new Error([what, this.#text.slice(-KEPT).trim(), this.#errors.trim()].filter(Boolean).join('\n'));
  }

  /** Ends it at once. */
  async kill() {
    this.#child.kill('SIGKILL');
    await this.closed;
  }
}
