// npm run guests: puts guests from Debian's packages into the cache, ready for a VM: by default its cloud kernel with an
// initramfs that has a busybox shell.
//   npm run guests -- amd64 686      these (guests/catalogue.mjs lists them all)
//   npm run -s guests -- --json      prints {"kernel": ..., "initrd": ...} and nothing else on stdout
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache.mjs';
import { DEFAULT_GUEST, GUESTS } from './guests/catalogue.mjs';
import { ensureImage, RECIPES } from './guests/images.mjs';
import { initramfs } from './guests/initramfs.mjs';
import { ensureParts } from './guests/parts.mjs';
import { isEntry, say } from './setup.mjs';

function writeAtomically(path, data) {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, data);
  renameSync(temporary, path);
}

/** Named by what is in it: a running VM keeps the file it was started with. */
function ensureInitramfs(folder) {
  const image = initramfs((name) => readFileSync(join(folder, name)));
  const digest = createHash('sha256').update(image).digest('hex').slice(0, 12);
  const initrd = join(folder, `initrd-${digest}.img`);
  if (!existsSync(initrd)) writeAtomically(initrd, image);
  return initrd;
}

/**
 * Makes sure that a guest's kernel and, if it has one, initramfs are in the cache, or the folder with its files.
 * @returns {{ kernel: string, initrd?: string } | { folder: string }}
 * @throws when they are not there and cannot be had; the message says what to do
 */
export function ensureGuest(name) {
  const guest = GUESTS[name];
  if (!guest) throw new Error(`There is no guest "${name}". There are: ${Object.keys(GUESTS).join(', ')}.`);
  const store = join(cacheFolder(), 'guests', name);
  if (guest.kind === 'image') {
    const inputs = guest.from.map((other) => ensureGuest(other).folder);
    return { folder: ensureImage(name, RECIPES[guest.recipe], inputs, store) };
  }
  const folder = ensureParts(guest, store);
  if (guest.kind === 'files') return { folder };
  const kernel = join(folder, 'vmlinuz');
  return guest.kind === 'linux' ? { kernel, initrd: ensureInitramfs(folder) } : { kernel };
}

function print(name) {
  const { kernel, initrd, folder } = ensureGuest(name);
  if (process.argv.includes('--json')) console.log(JSON.stringify({ kernel, initrd, folder }));
  else if (folder) console.log(`${name}\nfiles   ${folder}`);
  else
    console.log(
      `${name}\nkernel  ${kernel}${initrd ? `\ninitrd  ${initrd}` : ''}\ncommand line  console=ttyS0 console=tty0`,
    );
}

if (isEntry(import.meta.url)) {
  const names = process.argv.slice(2).filter((argument) => argument !== '--json');
  try {
    for (const name of names.length > 0 ? names : [DEFAULT_GUEST]) print(name);
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}
