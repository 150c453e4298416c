// Runs the machines: all at once, but in lockstep, so that whatever else the host does falls on all of them alike.
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from '../setup.mjs';
import { Machine } from './machine.mjs';
import { TalkingProcess } from './process.mjs';

const PROMPT = /\/ # (?:.\[6n)?$/;
const BOOT_SECONDS = 240;

/** Starts every machine once; each runs each kernel once cold and then hot. */
export class Session {
  /** { machine, kernel, size, start, round, guest, host, checksum } of every round */
  samples = [];
  /** { machine, start: { wallSeconds, cpuSeconds }, use: { cpuSeconds, peakResidentMiB } } of every start */
  starts = [];
  /** { machine, wallSeconds, cpuSeconds } of every boot to a prompt */
  boots = [];
  problems = [];
  #failed = new Set();

  async start(launches, kernels, hotRounds, number) {
    const running = [];
    try {
      for (const launch of launches.filter(({ name }) => !this.#failed.has(name))) {
        const machine = new Machine(launch);
        running.push({ machine, start: undefined });
        await this.#guarded(running, machine, async () => {
          running.at(-1).start = await machine.started();
        });
      }
      for (const kernel of kernels) {
        say(`  ${kernel.label ?? kernel.name}`);
        for (const { machine } of [...running]) await this.#guarded(running, machine, () => machine.calibrate());
        for (let round = 0; round <= hotRounds; round++) await this.#round(running, kernel, round, number);
      }
    } finally {
      for (const { machine, start } of running) {
        this.starts.push({ machine: machine.name, start, use: machine.use });
        await machine.quit();
      }
    }
  }

  async #round(running, kernel, round, start) {
    for (const { machine } of [...running]) {
      await this.#guarded(running, machine, async () => {
        const result = await machine.round(kernel);
        const { label = kernel.name, size } = kernel;
        this.samples.push({ machine: machine.name, kernel: label, size, start, round, ...result });
      });
    }
  }

  /** A machine that fails is out of this run; the others go on. */
  async #guarded(running, machine, action) {
    try {
      await action();
    } catch (error) {
      this.#fail(machine.name, error);
      await machine.kill();
      running.splice(
        running.findIndex((entry) => entry.machine === machine),
        1,
      );
    }
  }

  #fail(name, error) {
    this.#failed.add(name);
    this.problems.push(`${name}: ${error.message}`);
  }

  async boot(launches) {
    for (const launch of launches.filter(({ name }) => !this.#failed.has(name))) {
      say(`  boot to a prompt: ${launch.name}`);
      const booting = new TalkingProcess(launch.command, launch.args);
      try {
        await booting.until(PROMPT, BOOT_SECONDS);
        const { wallSeconds } = booting;
        await sleep(10);
        this.boots.push({ machine: launch.name, wallSeconds, cpuSeconds: booting.cpuNanoseconds / 1e9 });
      } catch (error) {
        this.#fail(launch.name, error);
      } finally {
        await booting.kill();
      }
    }
  }
}
