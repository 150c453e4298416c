// npm run bench: the speed of Vivarium beside QEMU TCG and the host itself, kernel by kernel. bench/README.md says how;
// npm run bench -- --help lists the options.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { changes, checksumProblems, medianOf, summarise } from './bench/figures.mjs';
import { measureIo } from './bench/io.mjs';
import { kernels } from './bench/kernels.mjs';
import { findMachines } from './bench/machines.mjs';
import { Session } from './bench/measure.mjs';
import { HELP, parseOptions, UsageError } from './bench/options.mjs';
import { buildProgram } from './bench/program.mjs';
import { changeTable, hostTable, ioTable, kernelTable } from './bench/report.mjs';
import { ensureBuilt, ensureInstalled, root, say } from './setup.mjs';

const FORMAT = 1;

function runnerOf({ viv }) {
  if (viv) return resolve(viv);
  ensureInstalled();
  ensureBuilt();
  return join(root, 'out', 'main', 'viv.js');
}

async function measure(options, found) {
  const chosen = kernels(options);
  const boots = !options.only || options.only.test('boot') ? found.boots : [];
  const session = new Session();
  for (let number = 0; number < options.starts; number++) {
    say(`Start ${number + 1} of ${options.starts}`);
    await session.boot(boots);
    if (chosen.length > 0) await session.start(found.programs, chosen, options.hotRounds, number);
  }
  return session;
}

function figuresOf({ guest, clock }, session) {
  const { samples, starts, boots } = session;
  return {
    format: FORMAT,
    guest,
    clock,
    host: { cpu: cpus()[0]?.model, cpus: cpus().length, node: process.version },
    kernels: summarise(samples, clock),
    hosts: {
      startWall: medianOf(starts, ({ start }) => start?.wallSeconds),
      startCpu: medianOf(starts, ({ start }) => start?.cpuSeconds),
      totalCpu: medianOf(starts, ({ use }) => use.cpuSeconds),
      peak: medianOf(starts, ({ use }) => use.peakResidentMiB),
      bootWall: medianOf(boots, ({ wallSeconds }) => wallSeconds),
      bootCpu: medianOf(boots, ({ cpuSeconds }) => cpuSeconds),
    },
  };
}

/** --io: disks and the display. */
async function mainIo(options, program, runner) {
  const session = new Session();
  const measured = await measureIo(options, session, program, runner);
  const by = (what) => summarise(session.samples, what);
  const figures = { format: FORMAT, io: measured, elapsed: by('elapsed'), cpu: by('cpu'), seen: by('seen') };
  console.log(`${cpus()[0]?.model}, Node ${process.version}; best rounds, medians over starts`);
  console.log('x TCG: how many times as fast Vivarium is, or as little of the host it takes; above 1 it is ahead\n');
  console.log(ioTable(figures));
  return finish(options, session, figures);
}

function finish({ save }, session, figures) {
  const problems = [...session.problems, ...checksumProblems(session.samples)];
  for (const problem of problems) say(`\nFAILED  ${problem}`);
  if (save && problems.length === 0) writeFileSync(save, `${JSON.stringify(figures, null, 2)}\n`);
  return problems.length ? 1 : 0;
}

/** Figures that were kept. @throws UsageError when they cannot be compared with a run of these options */
function readKept(file, { guest, clock }) {
  let kept;
  try {
    kept = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`--against: ${error.message}`);
  }
  if (kept.format !== FORMAT) throw new UsageError(`--against: ${file} holds no figures of this format`);
  if (kept.guest !== guest || kept.clock !== clock) {
    throw new UsageError(`--against: ${file} has a ${kept.guest}-bit guest and the ${kept.clock}'s clock`);
  }
  return kept;
}

function print(figures, kept) {
  const { guest, clock, host } = figures;
  console.log(`${guest}-bit guest on ${host.cpu}, Node ${host.node}; milliseconds by the ${clock}'s clock`);
  console.log('x TCG, x native and the like: how many times as fast Vivarium is; above 1 it is ahead\n');
  if (Object.keys(figures.kernels).length > 0) console.log(`${kernelTable(figures.kernels)}\n`);
  console.log(hostTable(figures.hosts));
  if (kept) console.log(`\nSince ${kept.name}:\n${changeTable(changes(kept.kernels, figures.kernels))}`);
}

async function main(options) {
  const kept = options.against && { ...readKept(options.against, options), name: options.against };
  const program = buildProgram(options.guest);
  if (program.missing) {
    say(`skipped: ${program.missing}`);
    return 0;
  }
  if (options.io) return mainIo(options, program.path, runnerOf(options));
  const found = findMachines(options, program.path, runnerOf(options));
  for (const why of found.skipped) say(`skipped: ${why}`);
  const session = await measure(options, found);
  const figures = figuresOf(options, session);
  print(figures, kept);
  return finish(options, session, figures);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') console.log(HELP);
  else process.exitCode = await main(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(`${error.message}\n\n${HELP}`);
  process.exitCode = 64;
}
