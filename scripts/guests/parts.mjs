// The files that a guest is made of, out of Debian's packages into the cache, where they are found again without a network.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Apt, isDebianLike, unpackDeb } from '../debian.mjs';
import { say } from '../setup.mjs';
import { MODULES } from './initramfs.mjs';

/** What is kept of the packages of a guest: name of the part, and where it lies in the unpacked packages. */
function partsOf(guest) {
  if (guest.kind === 'files') return guest.parts;
  if (guest.kind === 'memtest') return { vmlinuz: new RegExp(`^boot/${guest.file.replaceAll(/[.+]/g, '\\$&')}$`) };
  const modules = [...MODULES, ...(guest.drivers ?? [])].map((module) => [module, new RegExp(`/kernel/.*/${module}$`)]);
  return {
    vmlinuz: /^boot\/vmlinuz-[^/]*$/,
    busybox: /^(?:usr\/)?bin\/busybox$/,
    ...Object.fromEntries(modules),
  };
}

const findFile = (folders, pattern) => {
  for (const folder of folders) {
    const found = readdirSync(folder, { recursive: true }).find((path) => pattern.test(path.replaceAll('\\', '/')));
    if (found) return join(folder, found);
  }
  throw new Error(`the packages unpacked to ${folders.join(', ')} have no ${pattern}`);
};

/** Copies what is needed out of unpacked packages into a folder named after the kernel's file. */
function keepParts(guest, store, folders) {
  const files = Object.entries(partsOf(guest)).map(([name, pattern]) => [name, findFile(folders, pattern)]);
  const folder = join(store, basename(files[0][1]));
  const fresh = `${folder}.${process.pid}.new`;
  mkdirSync(fresh, { recursive: true });
  for (const [name, from] of files) writeFileSync(join(fresh, name), readFileSync(from));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
  return folder;
}

function fromApt(guest, store) {
  const apt = new Apt(store);
  apt.require(guest.meta, guest.architecture);
  const packages = guest.kind === 'linux' ? [apt.dependency(guest.meta, guest.image), 'busybox-static'] : [guest.meta];
  say(`Fetching ${packages.map((name) => `${name} ${apt.version(name)}`).join(' and ')} from Debian ...`);
  return withUnpacked(
    packages.map((name) => () => apt.unpack(name)),
    (folders) => keepParts(guest, store, folders),
  );
}

/** Packages that somebody put into the store by hand. */
function fromDebFiles(guest, store) {
  const files = readdirSync(store).filter((file) => file.endsWith('.deb'));
  const wanted =
    guest.kind === 'linux' ? [guest.image, /^busybox-static$/] : [new RegExp(`^${guest.meta.replaceAll('+', '\\+')}$`)];
  const found = wanted.map((name) => files.find((file) => name.test(file.split('_')[0])));
  if (found.some((file) => !file)) return undefined;
  say(`Unpacking ${found.join(' and ')} ...`);
  const unpack = (file) => () => {
    const folder = join(store, `unpack-${file}`);
    mkdirSync(folder, { recursive: true });
    unpackDeb(join(store, file), folder);
    return folder;
  };
  return withUnpacked(found.map(unpack), (folders) => keepParts(guest, store, folders));
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

function byHand(guest, store) {
  const needed =
    guest.kind === 'linux'
      ? [`${guest.meta} (follow its "dep:" to the package with the kernel)`, 'busybox-static']
      : [guest.meta];
  const pages = needed.map((name) => `  https://packages.debian.org/bookworm/${name}`).join('\n');
  return `Get from Debian 12, ${guest.architecture}, as .deb files:\n${pages}\nput them into ${store} and run this again.`;
}

/** The newest kept parts, if there are any that are complete. */
function keptParts(guest, store) {
  const complete = (folder) => Object.keys(partsOf(guest)).every((part) => existsSync(join(store, folder, part)));
  const newest = readdirSync(store)
    .filter(complete)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1);
  return newest && join(store, newest);
}

function fetchParts(guest, store) {
  if (!isDebianLike()) {
    throw new Error(`This is not a Debian-like host, so the guest cannot be fetched here. ${byHand(guest, store)}`);
  }
  try {
    return fromApt(guest, store);
  } catch (error) {
    throw new Error(`Debian's packages could not be fetched: ${error.message}\n${byHand(guest, store)}`);
  }
}

/** The folder with the parts of a guest. @throws when it is not there and cannot be had; the message says what to do */
export function ensureParts(guest, store) {
  mkdirSync(store, { recursive: true });
  return keptParts(guest, store) ?? fromDebFiles(guest, store) ?? fetchParts(guest, store);
}
