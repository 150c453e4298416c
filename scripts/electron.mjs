// Electron's binary: where it is, and fetching it. Its npm package has no install script; the binary comes on first use.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheFolder } from './cache.mjs';
import { root, say } from './setup.mjs';

const folder = join(root, 'node_modules', 'electron');

/** A download that brings nothing for so long has failed; a slow one may take its time. */
const STALL_MS = 15_000;
const EXTRACT_MS = 3 * 60_000;
/** How long a failed attempt is remembered: starting the app again must not wait for the network again. */
const REMEMBER_MS = 60 * 60_000;

const readText = (path) => (existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined);
const electronVersion = () => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;

/** The path of the binary, or undefined where it is not. */
export function electronBinary() {
  const dist = process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(folder, 'dist');
  const name = readText(join(folder, 'path.txt')) ?? (process.platform === 'win32' ? 'electron.exe' : 'electron');
  const binary = join(dist, name);
  return existsSync(binary) ? binary : undefined;
}

const memory = () => join(cacheFolder(), 'electron-unavailable.json');

function rememberedFailure(version) {
  try {
    const { version: failed, atMs, why } = JSON.parse(readFileSync(memory(), 'utf8'));
    const minutes = Math.floor((Date.now() - atMs) / 60_000);
    if (failed !== version || minutes < 0 || minutes >= REMEMBER_MS / 60_000) return undefined;
    return `${why}, tried ${minutes} min ago; npm start -- --electron tries again`;
  } catch {
    return undefined;
  }
}

function remember(version, why) {
  try {
    mkdirSync(cacheFolder(), { recursive: true });
    writeFileSync(memory(), JSON.stringify({ version, atMs: Date.now(), why }));
  } catch {
    // A cache that cannot be written only means that the next start tries again.
  }
}

/** Puts Electron's archive into Electron's own cache, with its own downloader, which verifies checksums. */
async function download(version) {
  const require = createRequire(join(folder, 'install.js'));
  const { downloadArtifact } = await import(pathToFileURL(require.resolve('@electron/get')).href);
  const stalled = new AbortController();
  const stop = () => stalled.abort(new Error(`no answer for ${STALL_MS / 1000} s`));
  let timer = setTimeout(stop, STALL_MS);
  let told = 0;
  const onProgress = ({ percent }) => {
    clearTimeout(timer);
    timer = setTimeout(stop, STALL_MS);
    if (percent * 10 >= told + 1) say(`  ${Math.floor(percent * 100)} %`);
    told = Math.max(told, Math.floor(percent * 10));
  };
  try {
    await downloadArtifact({
      version,
      artifactName: 'electron',
      platform: process.platform,
      arch: process.arch,
      checksums: JSON.parse(readFileSync(join(folder, 'checksums.json'), 'utf8')),
      downloadOptions: { quiet: true, signal: stalled.signal, getProgressCallback: onProgress },
    });
  } finally {
    clearTimeout(timer);
  }
}

const reason = (error) => error.cause?.message ?? error.cause?.code ?? error.message;

/**
 * The binary, fetched if need be: { path }, or { missing: why }. Never throws, never waits long for a silent network.
 * @param {{ again?: boolean }} options again: forget a failure of the last hour
 */
export async function ensureElectron({ again = false } = {}) {
  const present = electronBinary();
  if (present) return { path: present };
  try {
    const version = electronVersion();
    const failure = again ? undefined : rememberedFailure(version);
    if (failure) return { missing: failure };
    say(`Fetching Electron ${version}, once ...`);
    const missing = await fetchElectron(version);
    if (missing) remember(version, missing);
    else rmSync(memory(), { force: true });
    return missing ? { missing } : { path: electronBinary() };
  } catch (error) {
    return { missing: error.message };
  }
}

/** Why it failed, or undefined. */
async function fetchElectron(version) {
  try {
    await download(version);
  } catch (error) {
    return reason(error);
  }
  // Finds the archive in the cache now, and extracts it.
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'install.js')], {
    encoding: 'utf8',
    timeout: EXTRACT_MS,
  });
  if (status === 0 && electronBinary()) return undefined;
  return stderr?.trim().split('\n')[0] || 'its archive could not be extracted';
}
