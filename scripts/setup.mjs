// Gets a clone ready: the packages of the lock file, then the build. Every other script starts here.
//   node scripts/setup.mjs         installs where needed
//   node scripts/setup.mjs build   installs and builds where needed
// Plain Node, no packages. Everything it prints goes to stderr: stdout belongs to the command that follows.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'out');

const NODE_NEEDED = [20, 19];

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) return;
  console.error(
    `Vivarium needs Node ${NODE_NEEDED.join('.')} or later; this is Node ${process.versions.node}.\n` +
      'Install a current Node (https://nodejs.org) and run the command again.',
  );
  process.exit(1);
}
requireNode();

/** Progress for a person at a terminal or a log; never on stdout. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Runs a command with its output on stderr and ends this process when it fails. */
function mustRun(what, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', process.stderr, process.stderr], ...options });
  if (result.status === 0) return;
  say(`${what} failed${result.error ? `: ${result.error.message}` : ''}; the lines above say why.`);
  process.exit(result.status || 1);
}

/** The node_modules folder holds what the lock file asks for: npm keeps its own list of what it put there. */
export function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '') return true;
      const have = present[path];
      return have ? have.version === entry.version && have.integrity === entry.integrity : entry.optional === true;
    });
  } catch {
    return false;
  }
}

/** How npm is started. It is a batch file on Windows, which only a shell starts; under `npm run` npm says where its own script is. */
export function npm(...args) {
  const script = process.env['npm_execpath'];
  if (script?.endsWith('.js')) return { command: process.execPath, args: [script, ...args], options: {} };
  return { command: 'npm', args, options: { shell: process.platform === 'win32' } };
}

export function ensureInstalled() {
  if (isInstalled()) return;
  withLock(() => {
    if (isInstalled()) return;
    say('Installing the packages of package-lock.json (npm ci) ...');
    const { command, args, options } = npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
    mustRun('npm ci', command, args, options);
  });
}

const SOURCES = [
  'core',
  'main',
  'renderer',
  'electron.config.ts',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
];
const NOT_BUILT = /\.(?:test|bench)\.tsx?$|\.md$/;

function* filesUnder(path) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    yield path;
    return;
  }
  for (const name of readdirSync(path).sort()) yield* filesUnder(join(path, name));
}

/** Contents, not times: a checkout, a branch change and a deleted file all count, a touched file does not. */
function sourcesDigest() {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of filesUnder(join(root, source))) {
      if (!NOT_BUILT.test(file))
        hash
          .update(`${relative(root, file)}\0`)
          .update(readFileSync(file))
          .update('\0');
    }
  }
  return hash.digest('hex');
}

const stampFile = join(out, 'built-from');

function isBuilt(digest) {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest;
}

/** Builds when the sources differ from those that out/ was built from. */
export function ensureBuilt() {
  if (isBuilt(sourcesDigest())) return;
  withLock(() => {
    if (!isBuilt(sourcesDigest())) build();
  });
}

/** Builds beside out/ and swaps, so that a failed build, or one under a running app, breaks nothing. */
function build() {
  say('Building ...');
  const digest = sourcesDigest();
  for (const left of readdirSync(out).filter((name) => /^(new|old)-/.test(name))) {
    rmSync(join(out, left), { recursive: true, force: true }); // of a build that was killed
  }
  const fresh = mkdtempSync(join(out, 'new-'));
  const old = mkdtempSync(join(out, 'old-'));
  try {
    const cli = join(root, 'node_modules', 'electron-vite', 'bin', 'electron-vite.js');
    const args = [cli, 'build', '-c', 'electron.config.ts', '--outDir', fresh, '--logLevel', 'warn'];
    mustRun('The build', process.execPath, args);
    rmSync(stampFile, { force: true });
    for (const part of readdirSync(fresh)) {
      if (existsSync(join(out, part))) renameSync(join(out, part), join(old, part));
      renameSync(join(fresh, part), join(out, part));
    }
    writeFileSync(stampFile, digest);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

const LOCK_WAIT_MS = 10 * 60_000;

/** One install or build at a time in one clone; the others wait. A lock whose owner is gone is taken over. */
function withLock(action) {
  mkdirSync(out, { recursive: true });
  const lock = join(out, 'setup.lock');
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isStale(lock)) rmSync(lock, { force: true });
    else if (Date.now() > deadline) {
      say(`Another set-up of this clone has held ${lock} for ten minutes. If none is running, delete that file.`);
      process.exit(1);
    } else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  const release = () => rmSync(lock, { force: true });
  process.once('exit', release);
  try {
    action();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

function isStale(lock) {
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    if (!owner) return Date.now() - statSync(lock).mtimeMs > 5000; // created, not yet written
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** The module at this address is the one that Node was started with. */
export function isEntry(moduleUrl) {
  return process.argv[1] !== undefined && moduleUrl === pathToFileURL(process.argv[1]).href;
}

if (isEntry(import.meta.url)) {
  ensureInstalled();
  if (process.argv[2] === 'build') ensureBuilt();
}
