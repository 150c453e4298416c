// Writes a cpio archive in the "newc" format, the one that Linux unpacks as an initramfs.
// [1] Linux, Documentation/driver-api/early-userspace/buffer-format.rst. No hard links, no checksums.

const FILE = 0o100000;
const DIRECTORY = 0o040000;
const LINK = 0o120000;
const DEVICE = 0o020000;
const TRAILER = 'TRAILER!!!';

/** @typedef {{ path: string, mode?: number, data?: Uint8Array, link?: string, device?: [number, number] }} Entry */

/**
 * The archive of these entries, in order: data makes a file, link a symbolic link, device (major, minor) a character
 * device, none of them a directory. Paths have no leading slash; a parent comes before what is in it. All belongs to
 * root and carries time 0, so that equal entries give equal bytes.
 * @param {readonly Entry[]} entries
 */
export function newcArchive(entries) {
  const parts = [];
  let inode = 1;
  for (const entry of entries) parts.push(...record(entry, inode++));
  parts.push(...record({ path: TRAILER, mode: 0 }, 0));
  return Buffer.concat(parts);
}

function record(entry, inode) {
  const name = Buffer.from(`${entry.path}\0`);
  const body = Buffer.from(entry.link ?? entry.data ?? '');
  const [major, minor] = entry.device ?? [0, 0];
  const fields = [inode, modeOf(entry), 0, 0, 1, 0, body.length, 0, 0, major, minor, name.length, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return [head, name, padding(head.length + name.length), body, padding(body.length)];
}

function modeOf({ path, mode, data, link, device }) {
  if (path === TRAILER) return 0;
  if (link !== undefined) return LINK | 0o777;
  if (device) return DEVICE | (mode ?? 0o600);
  if (data !== undefined) return FILE | (mode ?? 0o644);
  return DIRECTORY | (mode ?? 0o755);
}

/** Header with name, and data, are each padded to four bytes. */
function padding(length) {
  return Buffer.alloc(-length & 3);
}
