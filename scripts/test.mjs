// npm test: everything that can say whether this clone is right. The last line is "N passed, N failed, N skipped".
//   npm test -- check unit   only these sections
//   npm test -- media-long   real media that take long: installers, Debian on disks, OVMF; never without being asked for
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './check.mjs';
import { findGuests, guestEnvironment, runE2e } from './e2e.mjs';
import { GUESTS } from './guests/catalogue.mjs';
import { ensureInstalled, root, say } from './setup.mjs';

const SECTION_MS = 20 * 60_000;

/** Runs one Vitest project; returns the counts of its JSON report. */
function vitest(project, environment = {}, filters = [], timeoutMs = SECTION_MS) {
  const report = join(root, 'out', 'test', `${project}${filters.length > 0 ? '-some' : ''}.json`);
  mkdirSync(join(root, 'out', 'test'), { recursive: true });
  rmSync(report, { force: true });
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...[...filters, '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...environment },
      timeout: timeoutMs, // a thread in an endless loop cannot be ended by Vitest's own time-outs
      killSignal: 'SIGKILL',
    },
  );
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    // A file that does not load has no tests that could fail.
    const isBroken = ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
    const failed = result.numFailedTests + result.testResults.filter(isBroken).length;
    return {
      passed: result.numPassedTests,
      failed: failed || (status === 0 ? 0 : 1),
      skipped: result.numPendingTests + result.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** In a process of its own: a failed build ends that one. */
function build() {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs'), 'build'], { stdio: 'inherit' });
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

let built;
function onBuilt(section) {
  built ??= build().failed === 0;
  return built ? section() : { passed: 0, failed: 0, skipped: 1, reason: 'the build failed' };
}

let found;
function guests() {
  found ??= findGuests();
  return found;
}
const guestFiles = () => guestEnvironment(guests());

/** Media that take minutes or hundreds of MB: only when asked for. */
function mediaLong() {
  const files = guestEnvironment(findGuests(Object.keys(GUESTS)));
  return onBuilt(() => vitest('media-long', files, [], 6 * SECTION_MS));
}

const SECTIONS = {
  check,
  unit: () => vitest('unit'),
  // The processor's tests again, with all code translated from its first execution.
  translated: () =>
    vitest('unit', { VIVARIUM_TRANSLATE: 'always', VIVARIUM_CASES: '2' }, [
      'core/cpu/system-',
      'core/cpu/silicon',
      'core/kvm/',
      'core/testing/bare-metal',
    ]),
  build,
  guests: () => {
    const missing = Object.values(guests()).flatMap((guest) => guest.missing ?? []);
    const passed = Object.keys(guests()).length - missing.length;
    return { passed, failed: 0, skipped: missing.length, reason: missing[0] };
  },
  boot: () => onBuilt(() => vitest('boot', guestFiles())),
  e2e: () => onBuilt(() => runE2e([], guestFiles())),
  'media-long': mediaLong,
};
const ONLY_WHEN_ASKED = ['media-long'];

const total = { passed: 0, failed: 0, skipped: 0 };
const rows = [];

async function runSection(name) {
  say(`\n=== ${name} ===`);
  const began = performance.now();
  const counts = await SECTIONS[name]();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const why = counts.reason ? `  (skipped: ${counts.reason})` : '';
  rows.push(`${name.padEnd(8)} ${seconds.padStart(7)} s  ${line(counts)}${why}`);
  for (const key of Object.keys(total)) total[key] += counts[key];
}

const line = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !(name in SECTIONS));
if (unknown) {
  say(`There is no section "${unknown}". There are: ${Object.keys(SECTIONS).join(', ')}.`);
  process.exit(2);
}
ensureInstalled();
for (const name of Object.keys(SECTIONS)) {
  if (wanted.length === 0 ? !ONLY_WHEN_ASKED.includes(name) : wanted.includes(name)) await runSection(name);
}
say(`\n${rows.join('\n')}\n`);
console.log(line(total));
process.exitCode = total.failed ? 1 : 0;
