// npm run check: types per side, format and lint, import rules, unused code, lock file. Each counts as one test.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockProblems } from './check-lock.mjs';
import { importCircles } from './import-circles.mjs';
import { ensureInstalled, isEntry, root, say } from './setup.mjs';

const SIDES = ['core', 'core/worker', 'main', 'renderer', 'e2e', '.'];
const CRUISED = ['core', 'main', 'renderer', 'e2e'];
/** An action of one page returns the next, and that one leads back. */
const PAGE_OBJECTS = /^e2e\/pages\//;

/** Runs a tool from node_modules; resolves with its status and both outputs. */
function tool(script, args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], { cwd: root });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (part) => (text[name] += part));
    child.on('error', (error) => resolve({ status: 1, stdout: '', stderr: error.message }));
    child.on('close', (status) => resolve({ status, ...text }));
  });
}

const passes = async (script, args) => {
  const { status, stdout, stderr } = await tool(script, args);
  return status === 0 ? '' : `${stdout}${stderr}`.trim() || `${script} ended with status ${status}`;
};

/**
 * dependency-cruiser finds nothing wrong in a program it cannot read, so the modules it saw are counted against the
 * files on disk.
 */
async function importRules() {
  const { stdout, stderr } = await tool('dependency-cruiser/bin/dependency-cruise.mjs', [...CRUISED, '-T', 'json']);
  let cruise;
  try {
    cruise = JSON.parse(stdout);
  } catch {
    return `dependency-cruiser gave no result: ${stderr.trim()}`;
  }
  const seen = cruise.modules.filter((module) => /^(core|main|renderer|e2e)\/.*\.tsx?$/.test(module.source));
  const present = CRUISED.flatMap((folder) => readdirSync(join(root, folder), { recursive: true }))
    .map(String)
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'));
  if (seen.length < present.length || present.length === 0) {
    return `dependency-cruiser saw ${seen.length} modules of ${present.length} files: are @swc/core and the config right?`;
  }
  const imports = seen.reduce((sum, module) => sum + module.dependencies.length, 0);
  if (imports < seen.length)
    return `dependency-cruiser saw ${imports} imports in ${seen.length} modules: too few to be true`;
  const broken = cruise.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  const circles = importCircles(
    seen.filter(({ source }) => !PAGE_OBJECTS.test(source)),
    root,
  );
  return [...broken, ...circles.map((circle) => `circle: ${circle.join(' -> ')}`)].join('\n');
}

const CHECKS = [
  ...SIDES.map((side) => [
    `types of ${side === '.' ? 'tests and configs' : side}`,
    () => passes('typescript/bin/tsc', ['-p', side]),
  ]),
  ['format and lint (biome)', () => passes('@biomejs/biome/bin/biome', ['check', '--max-diagnostics=50'])],
  ['import rules (dependency-cruiser)', importRules],
  ['unused files, exports and packages (knip)', () => passes('knip/bin/knip.js', ['--no-progress'])],
  ['lock file', async () => lockProblems(readFileSync(join(root, 'package-lock.json'), 'utf8')).join('\n')],
];

/** Runs every check, prints one line each and the complaints below it; resolves with the counts. */
export async function check() {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, run] of CHECKS) {
    const complaint = await run();
    counts[complaint ? 'failed' : 'passed'] += 1;
    say(`${complaint ? 'not ok' : 'ok    '}  ${name}${complaint ? `\n${complaint}` : ''}`);
  }
  return counts;
}

if (isEntry(import.meta.url)) {
  ensureInstalled();
  process.exitCode = (await check()).failed ? 1 : 0;
}
