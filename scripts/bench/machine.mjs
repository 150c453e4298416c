// A machine that runs the guest benchmark, step by step (protocol: program/main.c).
import { setTimeout as sleep } from 'node:timers/promises';
import { EMPTY } from './kernels.mjs';
import { TalkingProcess } from './process.mjs';

const START_SECONDS = 240;
const STEP_SECONDS = 120;
/** A virtual CPU has come to rest by then, and so the host's accounts of it are exact. */
const SETTLE_MS = 3;
const CALIBRATIONS = 7;

/** What a line of the program says: { what, value }, or undefined. A serial console may have put something before it. */
export function parseReply(line) {
  const match = /(vivarium-bench|prepared|ran|checked|failed) (\S.*?)\s*$/.exec(line);
  return match ? { what: match[1], value: match[2] } : undefined;
}

export class Machine {
  #process;
  #isVirtual;
  #overheadNs = 0;

  /** @param {{ name: string, command: string, args: readonly string[], isVirtual: boolean }} launch */
  constructor(launch) {
    this.name = launch.name;
    this.#isVirtual = launch.isVirtual;
    this.#process = new TalkingProcess(launch.command, launch.args);
  }

  /** Waits for the program; resolves to what the start took. */
  async started() {
    await this.#reply('vivarium-bench', START_SECONDS);
    const wallSeconds = this.#process.wallSeconds;
    const cpuSeconds = (await this.#hostNs()) / 1e9;
    await this.#calibrate();
    return { wallSeconds, cpuSeconds };
  }

  async #calibrate() {
    const costs = [];
    for (let i = 0; i < CALIBRATIONS; i++) costs.push((await this.round(EMPTY)).host);
    this.#overheadNs = costs.sort((a, b) => a - b)[CALIBRATIONS >> 1];
  }

  /**
   * Runs a kernel once: nanoseconds by the guest's clock and by the host's (a program on the host has one clock).
   * @returns {Promise<{ guest: number, host: number, checksum: string }>}
   */
  async round({ name, size }) {
    await this.#ask(`prepare ${name} ${size}`, 'prepared');
    const before = await this.#hostNs();
    const guest = Number(await this.#ask('run', 'ran'));
    const cost = (await this.#hostNs()) - before - this.#overheadNs;
    const checksum = await this.#ask('check', 'checked');
    // Less than the guest itself could measure is noise of the calibration; NaN where the host keeps no accounts.
    const host = this.#isVirtual && !Number.isNaN(cost) ? Math.max(cost, 1000) : guest;
    return { guest, host, checksum };
  }

  get use() {
    const { wallSeconds, cpuNanoseconds, peakResidentMiB } = this.#process;
    return { wallSeconds, cpuSeconds: cpuNanoseconds / 1e9, peakResidentMiB };
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

  async #hostNs() {
    if (!this.#isVirtual) return 0;
    await sleep(SETTLE_MS);
    return this.#process.cpuNanoseconds ?? Number.NaN;
  }

  #ask(line, what) {
    this.#process.send(line);
    return this.#reply(what, STEP_SECONDS);
  }

  async #reply(what, seconds) {
    for (;;) {
      const reply = parseReply((await this.#process.until(/^.*\n/m, seconds))[0]);
      if (reply?.what === what) return reply.value;
      if (reply?.what === 'failed') throw new Error(`the program failed: ${reply.value}`);
    }
  }
}
