// v86, the other emulator that runs in a browser: got from npm into the cache, never a dependency of the app.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../cache.mjs';
import { ensureGuest } from '../guests.mjs';
import { npm, say } from '../setup.mjs';

const VERSION = '0.5.462';
const RUNNER = fileURLToPath(new URL('./v86-guest.mjs', import.meta.url));

/** The folder of the package. @throws when it is not in the cache and npm has no way to it */
function ensurePackage() {
  const store = join(cacheFolder(), `v86-${VERSION}`);
  const folder = join(store, 'node_modules', 'v86');
  if (existsSync(join(folder, 'package.json'))) return folder;
  say(`Fetching v86 ${VERSION} from npm ...`);
  mkdirSync(store, { recursive: true });
  const { command, args, options } = npm(
    ...['install', '--prefix', store, '--no-save', '--no-audit', '--no-fund', '--ignore-scripts'],
    ...['--fetch-retries=0', '--loglevel=error', `v86@${VERSION}`],
  );
  const { status, error, stderr } = spawnSync(command, args, { ...options, cwd: store, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm install v86@${VERSION}: ${error?.message ?? stderr.trim()}`);
  return folder;
}

/**
 * What starts a machine of v86 with SeaBIOS.
 * @returns {(what: { kernel: string, initrd: string, append: string, memory: number }) => object}
 * @throws when it cannot be had here
 */
export function v86Launcher() {
  const folder = ensurePackage();
  const bios = join(ensureGuest('seabios').folder, 'bios-256k.bin');
  return (what) => ({
    name: 'v86',
    isVirtual: true,
    command: process.execPath,
    args: [
      RUNNER,
      ...Object.entries({ ...what, v86: folder, bios }).flatMap(([option, value]) => [`--${option}`, `${value}`]),
    ],
  });
}
