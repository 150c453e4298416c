// npm run guests: puts Debian's cloud kernel and an initramfs with a busybox shell into the cache, ready for a VM.
//   npm run -s guests -- --json   prints {"kernel": ..., "initrd": ...} and nothing else on stdout
// The kernel is Debian's own, unchanged. The initramfs is made here: busybox, two modules of that kernel (the power button
// and the input events it reports by) and the few lines below.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cacheFolder } from './cache.mjs';
import { newcArchive } from './cpio.mjs';
import { Apt, isDebianLike, unpackDeb } from './debian.mjs';
import { isEntry, say } from './setup.mjs';

const META_PACKAGE = 'linux-image-cloud-amd64';
const IMAGE_PACKAGE = /^linux-image-[0-9].*-cloud-amd64(?:-unsigned)?$/;
const MODULES = ['button.ko', 'evdev.ko'];
/** What is kept of the packages; the initramfs can be made again from it without a network. */
const PARTS = ['vmlinuz', 'busybox', ...MODULES];

const RC_SCRIPT = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
/bin/busybox --install -s
dmesg -n 3
hostname vivarium
ip link set lo up
for module in ${MODULES.join(' ')}; do insmod /lib/modules/$module; done
ready="Vivarium guest ready: Linux $(uname -r), shells on ttyS0 and tty1"
for tty in ttyS0 tty1; do echo "$ready" 2>/dev/null >/dev/$tty; done
exit 0
`;

// The fixed power button is an input device of its own, so the first event on it is a press.
const POWER_BUTTON_SCRIPT = `#!/bin/sh
event=$(grep -A 5 'Name="Power Button"' /proc/bus/input/devices | grep -o -m 1 'event[0-9]*')
[ -n "$event" ] || exec sleep 2147483647
head -c 1 /dev/input/$event >/dev/null
echo "Power button pressed: shutting down" >/dev/console
poweroff -f
`;

// busybox init gives a command with a leading '-' a session and the terminal as its controlling one. It also resets the
// terminal of each command that it starts, so the power button's is not the console: a shell is using that.
const INITTAB = `::sysinit:/etc/rc
ttyS0::respawn:-/bin/sh
tty1::respawn:-/bin/sh
null::respawn:/etc/power-button
::ctrlaltdel:/sbin/reboot -f
`;

const PROFILE = `PS1='\\w # '
HOME=/root
PATH=/bin:/sbin:/usr/bin:/usr/sbin
export PS1 HOME PATH
`;

/** The initramfs of these parts, gzipped. */
function initramfs(part) {
  const folders = [
    'bin',
    'dev',
    'etc',
    'lib',
    'lib/modules',
    'proc',
    'root',
    'sbin',
    'sys',
    'tmp',
    'usr',
    'usr/bin',
    'usr/sbin',
  ];
  const script = (path, text) => ({ path, data: Buffer.from(text), mode: 0o755 });
  return gzipSync(
    newcArchive([
      ...folders.map((path) => ({ path })),
      { path: 'dev/console', device: [5, 1] },
      { path: 'bin/busybox', data: part('busybox'), mode: 0o755 },
      ...['bin/sh', 'bin/mount', 'bin/mkdir'].map((path) => ({ path, link: '/bin/busybox' })),
      { path: 'init', link: '/bin/busybox' },
      script('etc/rc', RC_SCRIPT),
      script('etc/power-button', POWER_BUTTON_SCRIPT),
      { path: 'etc/inittab', data: Buffer.from(INITTAB) },
      { path: 'etc/profile', data: Buffer.from(PROFILE) },
      ...MODULES.map((module) => ({ path: `lib/modules/${module}`, data: part(module) })),
    ]),
    { level: 9 },
  );
}

function writeAtomically(path, data) {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, data);
  renameSync(temporary, path);
}

const findFile = (folder, pattern) => {
  const found = readdirSync(folder, { recursive: true }).find((path) => pattern.test(path.replaceAll('\\', '/')));
  if (!found) throw new Error(`the package unpacked to ${folder} has no ${pattern}`);
  return join(folder, found);
};

/** Copies what is needed out of the two unpacked packages into a folder named after the kernel's release. */
function keepParts(store, kernelFolder, busyboxFolder) {
  const kernel = findFile(kernelFolder, /^boot\/vmlinuz-[^/]*$/);
  const release = basename(kernel).slice('vmlinuz-'.length);
  const fresh = join(store, `${release}.${process.pid}.new`);
  mkdirSync(fresh, { recursive: true });
  const keep = (name, from) => writeFileSync(join(fresh, name), readFileSync(from));
  keep('vmlinuz', kernel);
  keep('busybox', findFile(busyboxFolder, /^(?:usr\/)?bin\/busybox$/));
  for (const module of MODULES) keep(module, findFile(kernelFolder, new RegExp(`/kernel/.*/${module}$`)));
  const folder = join(store, release);
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return folder;
}

function fromApt(store) {
  const apt = new Apt(store);
  apt.require(META_PACKAGE, 'amd64');
  const image = apt.dependency(META_PACKAGE, IMAGE_PACKAGE);
  say(`Fetching ${image} ${apt.version(image)} and busybox-static ${apt.version('busybox-static')} from Debian ...`);
  return withUnpacked([() => apt.unpack(image), () => apt.unpack('busybox-static')], (folders) =>
    keepParts(store, ...folders),
  );
}

function fromDebFiles(store) {
  const files = readdirSync(store);
  const wanted = [/^linux-image-.*-cloud-amd64.*\.deb$/, /^busybox-static.*\.deb$/].map((name) =>
    files.find((file) => name.test(file)),
  );
  if (wanted.some((file) => !file)) return undefined;
  say(`Unpacking ${wanted.join(' and ')} ...`);
  const unpack = (file) => () => {
    const folder = join(store, `unpack-${file}`);
    mkdirSync(folder, { recursive: true });
    unpackDeb(join(store, file), folder);
    return folder;
  };
  return withUnpacked(wanted.map(unpack), (folders) => keepParts(store, ...folders));
}

function withUnpacked(unpackers, use) {
  const folders = [];
  try {
    for (const unpack of unpackers) folders.push(unpack());
    return use(folders);
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

const byHand = (store) => `Get these two packages of Debian 12, amd64, as .deb files:
  https://packages.debian.org/bookworm/${META_PACKAGE} (follow its "dep:" to linux-image-...-cloud-amd64)
  https://packages.debian.org/bookworm/busybox-static
put them into ${store} and run this again.`;

/** The newest kept parts, if there are any that are complete. */
function keptParts(store) {
  const complete = (folder) => PARTS.every((part) => existsSync(join(store, folder, part)));
  const newest = readdirSync(store)
    .filter(complete)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  return newest && join(store, newest);
}

/**
 * Makes sure that kernel and initramfs are in the cache.
 * @returns {{ kernel: string, initrd: string, made: boolean }}
 * @throws when they are not there and cannot be had; the message says what to do
 */
export function ensureGuests() {
  const store = join(cacheFolder(), 'guests');
  mkdirSync(store, { recursive: true });
  const folder = keptParts(store) ?? fromDebFiles(store) ?? fetchParts(store);
  const image = initramfs((name) => readFileSync(join(folder, name)));
  // Named by what is in it: a running VM keeps the file it was started with.
  const digest = createHash('sha256').update(image).digest('hex').slice(0, 12);
  const guests = { kernel: join(folder, 'vmlinuz'), initrd: join(folder, `initrd-${digest}.img`) };
  const made = !existsSync(guests.initrd);
  if (made) writeAtomically(guests.initrd, image);
  return { ...guests, made };
}

function fetchParts(store) {
  if (!isDebianLike()) {
    throw new Error(`This is not a Debian-like host, so the guest's parts cannot be fetched here. ${byHand(store)}`);
  }
  try {
    return fromApt(store);
  } catch (error) {
    throw new Error(`Debian's packages could not be fetched: ${error.message}\n${byHand(store)}`);
  }
}

if (isEntry(import.meta.url)) {
  try {
    const { kernel, initrd, made } = ensureGuests();
    say(made ? 'Made the guest:' : 'The guest is in the cache:');
    if (process.argv.includes('--json')) console.log(JSON.stringify({ kernel, initrd }));
    else console.log(`kernel  ${kernel}\ninitrd  ${initrd}\ncommand line  console=ttyS0 console=tty0`);
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
