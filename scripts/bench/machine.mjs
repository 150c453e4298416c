// A machine that runs the guest benchmark, step by step (protocol: program/main.c).
import { setTimeout as sleep } from 'node:timers/promises';
import { EMPTY } from './kernels.mjs';
import { TalkingProcess } from './process.mjs';

const START_SECONDS = 240;
const STEP_SECONDS = 120;
/** A virtual CPU has come to rest by then, and so the host's accounts of it are exact. */
const SETTLE_MS = 3;
const CALIBRATIONS = 3;

/** Less than this is noise of the calibration. */
const LEAST_NS = 1000;

/** What a line of the program says: { what, value }, or undefined. A serial console may have put something before it. */
export function parseReply(line) {
  const match = /(vivarium-bench|prepared|ran|checked|failed) (\S.*?)\s*$/.exec(line);
  return match ? { what: match[1], value: match[2] } : undefined;
}

export class Machine {
  #process;
  #isVirtual;
  /** The host's thread of the virtual CPU: by far the busiest in a start. */
  #vcpu;
  /** What a round that does nothing costs at least: commands and answers on the serial port. */
  #overheadNs = 0;

  /** Where its display is served. */
  #vncPort;

  /** @param {{ name: string, command: string, args: readonly string[], isVirtual: boolean, vncPort?: number }} launch */
  constructor(launch) {
    this.name = launch.name;
    this.#isVirtual = launch.isVirtual;
    this.#vncPort = launch.vncPort;
    this.#process = new TalkingProcess(launch.command, launch.args);
  }

  /** Waits for the program; resolves to what the start took. */
  async started() {
    await this.#reply('vivarium-bench', START_SECONDS);
    const wallSeconds = this.#process.wallSeconds;
    await sleep(SETTLE_MS);
    this.#vcpu = this.#process.busiestThread;
    return { wallSeconds, cpuSeconds: this.#process.cpuNanoseconds / 1e9 };
  }

  /** Measures what the measuring costs. It falls while the guest's own paths get hot, so this is done again and again. */
  async calibrate() {
    if (!this.#isVirtual) return;
    const costs = [];
    for (let i = 0; i < CALIBRATIONS; i++) costs.push((await this.#measure(EMPTY)).host);
    this.#overheadNs = Math.min(...costs);
  }

  /**
   * Runs a kernel once: processor time by the guest's clock, and what the virtual CPU's thread cost the host. Both are the
   * guest's where the host keeps no accounts; a program on the host has one clock only. `elapsed` is how long it took by
   * the guest's clock, `cpu` what all threads cost the host, `seen` what the kernel's viewer tells (viewer.mjs).
   * @returns {Promise<{ guest: number, host: number, elapsed: number, cpu?: number, seen?: number, checksum: string }>}
   */
  async round(kernel) {
    const { host, ...rest } = await this.#measure(kernel);
    return { ...rest, host: host === undefined ? rest.guest : Math.max(host - this.#overheadNs, LEAST_NS) };
  }

  async #measure({ name, size, viewer }) {
    await this.#ask(`prepare ${name} ${size}`, 'prepared');
    const watching = await viewer?.(this.#vncPort);
    try {
      const before = await this.#vcpuNs();
      const cpuBefore = this.#process.cpuNanoseconds;
      const seeing = watching?.begin();
      seeing?.catch(() => {}); // it is told where its end is awaited
      const [guest, elapsed] = (await this.#ask('run', 'ran')).split(' ').map(Number);
      const seen = await watching?.end(seeing);
      const after = await this.#vcpuNs();
      const cpu = after === undefined ? undefined : this.#process.cpuNanoseconds - cpuBefore;
      const checksum = await this.#ask('check', 'checked');
      return { guest, host: after === undefined ? undefined : after - before, elapsed, cpu, seen, checksum };
    } finally {
      watching?.close();
    }
  }

  get use() {
    const { cpuNanoseconds, peakResidentMiB } = this.#process;
    return { cpuSeconds: cpuNanoseconds / 1e9, peakResidentMiB };
  }

  /** Lets the guest power off; a machine that does not is ended. */
  async quit() {
    this.#process.send('quit');
    const waited = new AbortController();
    await Promise.race([this.#process.closed, sleep(10_000, undefined, { signal: waited.signal }).catch(() => {})]);
    waited.abort();
    await this.#process.kill();
  }

  kill() {
    return this.#process.kill();
  }

  async #vcpuNs() {
    if (!this.#isVirtual) return undefined;
    await sleep(SETTLE_MS);
    return this.#process.threadNanoseconds(this.#vcpu);
  }

  #ask(line, what) {
    this.#process.send(line);
    return this.#reply(what, STEP_SECONDS);
  }

  async #reply(what, seconds) {
    for (;;) {
      const reply = parseReply((await this.#process.until(/[^\n]*\n/, seconds))[0]);
      if (reply?.what === what) return reply.value;
      if (reply?.what === 'failed') throw new Error(`the program failed: ${reply.value}`);
    }
  }
}
