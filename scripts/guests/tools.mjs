// Programs that build guests' media: the host's own, or Debian's, installed where that is possible.
import { spawnSync } from 'node:child_process';
import { isDebianLike } from '../debian.mjs';
import { say } from '../setup.mjs';

/** Each program with the package of Debian that it is in. */
const PACKAGES = {
  'grub-mkrescue': 'grub-common',
  'grub-mkimage': 'grub-common',
  xorriso: 'xorriso',
  mformat: 'mtools',
  mkdosfs: 'dosfstools',
  mke2fs: 'e2fsprogs',
  sfdisk: 'fdisk',
  debootstrap: 'debootstrap',
  syslinux: 'syslinux',
};
/** Where Debian has the programs of its administrator, also when they are not in this user's path. */
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Runs a program to its end; returns what it printed. @throws with what it complained of */
export function runTool(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    ...options,
    env: { ...process.env, PATH, ...options.env },
  });
  if (status === 0) return stdout;
  const complaint = error?.message ?? stderr.trim().split('\n').slice(-3).join(' / ');
  throw new Error(`${command} failed: ${complaint}`);
}

const isThere = (command) =>
  spawnSync('sh', ['-c', `command -v ${command}`], { env: { ...process.env, PATH } }).status === 0;

function install(packages) {
  say(`Installing the Debian packages ${packages.join(', ')} ...`);
  const apt = (...args) =>
    spawnSync('apt-get', args, {
      stdio: ['ignore', process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const get = () => apt('install', '-y', '--no-install-recommends', ...packages);
  return get() || (apt('update') && get());
}

/** Makes sure that these programs can be run. @throws when they are missing; the message names their packages */
export function requireTools(commands) {
  const missing = () => commands.filter((command) => !isThere(command));
  if (missing().length === 0) return;
  const packages = [...new Set(missing().map((command) => PACKAGES[command]))];
  if (isDebianLike() && process.getuid?.() === 0) install(packages);
  const [first] = missing();
  if (first) throw new Error(`${first} is not here; it is in Debian's package ${PACKAGES[first]}`);
}
