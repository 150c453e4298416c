// npm run soak: a guest works for an hour and reboots every few minutes; memory and speed must stay what they are.
//   npm run soak -- --minutes 10
// A line each 30 s, and a verdict, which the exit status says too. soak/verdict.mjs has the bounds.
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { TalkingProcess } from './bench/process.mjs';
import { ensureBuilt, ensureInstalled, root, say } from './setup.mjs';
import { soakGuest } from './soak/guest.mjs';
import { verdictOf } from './soak/verdict.mjs';

const HELP = `Usage: npm run soak -- [OPTION...]

  --minutes N       how long (default 60)
  --reboot-every N  minutes between reboots of the guest (default 5)
  --viv FILE        the headless runner of another build, instead of building this clone
`;
const SAMPLE_SECONDS = 30;
const STEP_SECONDS = 300;
const MEMORY_MIB = 256;
const READY = /Vivarium guest ready.*?# /s;
const STATS = /t=[\d.]+ .*? blocks=(\d+) regions=(\d+) modules=(\d+) rss=(\d+)MiB/g;

function parseOptions(args) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args,
    options: { minutes: text, 'reboot-every': text, viv: text, help: { type: 'boolean', short: 'h' } },
  });
  const number = (name, usual) => {
    const value = Number(values[name] ?? usual);
    if (!(value > 0)) throw new TypeError(`--${name} '${values[name]}' is no number of minutes`);
    return value;
  };
  return { help: values.help, minutes: number('minutes', 60), rebootEvery: number('reboot-every', 5), viv: values.viv };
}

function runnerOf({ viv }) {
  if (viv) return resolve(viv);
  ensureInstalled();
  ensureBuilt();
  return join(root, 'out', 'main', 'viv.js');
}

class Soak {
  samples = [];
  rounds = 0;
  boots = 0;
  #digest;
  #process;

  constructor(runner, { kernel, initrd }) {
    const boot = ['--kernel', kernel, '--initrd', initrd, '--append', 'console=ttyS0 loglevel=3'];
    const args = [runner, 'run', ...boot, '--memory', String(MEMORY_MIB), '--stats-every', '5'];
    this.#process = new TalkingProcess(process.execPath, args);
  }

  get seconds() {
    return this.#process.wallSeconds;
  }

  /** Works until the time is over. @throws for a guest that falls silent or ends, or that computes something else */
  async work({ minutes, rebootEvery }) {
    await this.#booted();
    let rebootAt = rebootEvery * 60;
    let sampleAt = SAMPLE_SECONDS;
    while (this.seconds < minutes * 60) {
      await this.#round();
      if (this.seconds >= sampleAt) {
        sampleAt = Math.max(sampleAt + SAMPLE_SECONDS, this.seconds);
        await this.#sample();
      }
      if (this.seconds < rebootAt) continue;
      rebootAt += rebootEvery * 60;
      this.#process.send('reboot -f');
      await this.#booted();
    }
  }

  async end() {
    this.#process.send('poweroff -f');
    await Promise.race([this.#process.closed, sleep(20_000, undefined, { ref: false })]);
    await this.#process.kill();
  }

  async #booted() {
    await this.#process.until(READY, STEP_SECONDS);
    this.boots++;
  }

  async #round() {
    this.#process.send('soak-round');
    const [, digest] = await this.#process.until(/soak-round ([0-9a-f]{32})/, STEP_SECONDS);
    this.rounds++;
    this.#digest ??= digest;
    if (digest !== this.#digest) throw new Error(`round ${this.rounds} computed ${digest}, not ${this.#digest}`);
  }

  /** The work unit's time is the host's processor time, where it keeps accounts: others work there, too. */
  async #sample() {
    const before = this.#process.cpuNanoseconds;
    this.#process.send('soak-unit');
    const [, guestNs] = await this.#process.until(/soak-unit (\d+) ns/, STEP_SECONDS);
    const unitNs = before === undefined ? Number(guestNs) : this.#process.cpuNanoseconds - before;
    const [blocks, regions, modules, residentMiB] = this.#stats();
    const sample = { seconds: this.seconds, residentMiB, blocks, regions, modules, unitSeconds: unitNs / 1e9 };
    this.samples.push(sample);
    console.log(
      [
        `${(sample.seconds / 60).toFixed(1).padStart(5)} min`,
        `rss ${residentMiB} MiB, ${blocks} blocks, ${regions} regions, ${modules} modules so far`,
        `unit ${sample.unitSeconds.toFixed(2)} s, ${this.rounds} rounds, ${this.boots} boots`,
      ].join('  '),
    );
  }

  #stats() {
    const last = [...this.#process.errorText.matchAll(STATS)].at(-1);
    if (!last) throw new Error('the runner prints no statistics');
    return last.slice(1).map(Number);
  }
}

async function main(options) {
  const soak = new Soak(runnerOf(options), soakGuest());
  const failures = [];
  try {
    await soak.work(options);
  } catch (error) {
    failures.push(error.message);
  }
  await soak.end();
  const { ok, figures, problems } = verdictOf(soak.samples, failures);
  console.log(`\n${soak.rounds} rounds and ${soak.boots} boots in ${(soak.seconds / 60).toFixed(1)} minutes`);
  for (const figure of figures) console.log(figure);
  for (const problem of problems) console.log(`FAILED  ${problem}`);
  console.log(ok ? 'steady' : 'not steady');
  return ok ? 0 : 1;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else process.exitCode = await main(options);
} catch (error) {
  say(`${error.message}\n\n${HELP}`);
  process.exitCode = 64;
}
