/** What the file chooser shows: folders of the host, and what a chosen file turns out to be. */
import { access, type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { DirectoryEntry, DirectoryListing, FileCheck, FileRole } from '../../core/contracts/calls.ts';
import { describeMedium } from './disk-image.ts';
import { errnoOf, explain } from './host-error.ts';
import { fail, type Outcome, ok } from './outcome.ts';

export type CheckFile = (path: string, role: FileRole) => Promise<FileCheck>;
/** Tell what a file is from its bytes (core/firmware); the initrd's first bytes are enough. */
export interface DescribeBootFile {
  readonly kernel: (bytes: Uint8Array) => FileCheck;
  readonly initrd: (head: Uint8Array) => FileCheck;
}

/** More than any kernel; guards against reading a disk image as one. */
const MAX_KERNEL_BYTES = 512 * 2 ** 20;
const INITRD_HEAD_BYTES = 4096;
/** What fits below 4 GiB with the rest of a board. */
const MAX_FIRMWARE_BYTES = 16 * 2 ** 20;
const FIRMWARE_BLOCK_BYTES = 4096;
const PARALLEL_STATS = 64;

/** Lists a folder, the home folder without a path. '~' and relative paths start at the home folder. */
export async function listDirectory(
  path: string | undefined,
  dataDir: string,
): Promise<Outcome<DirectoryListing, 'not-found' | 'not-a-directory' | 'permission'>> {
  const home = homedir();
  const wanted = path === undefined || path === '' ? home : resolve(home, path.replace(/^~(?=$|[\\/])/, home));
  try {
    const names = await readdir(wanted);
    const parent = dirname(wanted);
    const places = [{ label: 'Home', path: home }, { label: 'Vivarium', path: dataDir }, ...(await roots())];
    const entries = await describeEntries(wanted, names);
    return ok({ path: wanted, ...(parent === wanted ? {} : { parent }), places, entries });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOTDIR')
      return fail('not-a-directory', `${wanted} is not a folder.`, 'Choose the folder that it is in.', 'path');
    if (errno === 'EACCES' || errno === 'EPERM')
      return fail('permission', `You may not look into ${wanted}.`, 'Choose another folder.', 'path');
    return fail('not-found', `${wanted} could not be opened: ${explain(error)}.`, 'Correct the path.', 'path');
  }
}

async function describeEntries(directory: string, names: readonly string[]): Promise<readonly DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  for (let start = 0; start < names.length; start += PARALLEL_STATS) {
    const some = await Promise.all(names.slice(start, start + PARALLEL_STATS).map((name) => describe(directory, name)));
    for (const entry of some) if (entry !== undefined) entries.push(entry);
  }
  const collator = new Intl.Collator(undefined, { numeric: true });
  return entries.sort((a, b) => a.kind.localeCompare(b.kind) || collator.compare(a.name, b.name));
}

/** Undefined for what is neither file nor folder, and for links that lead nowhere. */
async function describe(directory: string, name: string): Promise<DirectoryEntry | undefined> {
  const path = join(directory, name);
  try {
    const entry = await stat(path);
    if (!entry.isFile() && !entry.isDirectory()) return undefined;
    return {
      name,
      path,
      kind: entry.isDirectory() ? 'directory' : 'file',
      sizeBytes: entry.isDirectory() ? 0 : entry.size,
      modifiedMs: entry.mtimeMs,
      hidden: name.startsWith('.'),
    };
  } catch {
    return undefined;
  }
}

async function roots(): Promise<readonly { label: string; path: string }[]> {
  if (process.platform !== 'win32') return [{ label: 'File system', path: '/' }];
  const drives = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((letter) => `${letter}:\\`);
  const present = await Promise.all(
    drives.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return drives.filter((_, index) => present[index]).map((path) => ({ label: path, path }));
}

/** What is wrong with a file, and what to do. */
interface Unusable {
  readonly description: string;
  readonly advice: string;
}

export function fileChecker(describeBootFile: DescribeBootFile): CheckFile {
  return async (path, role) => {
    const unusable = await refuseFile(path, role);
    if (unusable !== undefined) return refusalOf(unusable);
    try {
      const { size, verdict } = await withFile(path, (file, sizeBytes) =>
        describeFile(file, sizeBytes, role, describeBootFile),
      );
      const { ok, description, message, warning } = verdict;
      const sized = `${description}, ${sizeOf(size)}`;
      if (ok) return { ok, description: sized, ...(warning !== undefined && { warning }) };
      return refusalOf({ description: sized, advice: message ?? CHOOSE_ANOTHER });
    } catch (error) {
      return refusalOf(unreadable(error));
    }
  };
}

async function withFile(
  path: string,
  describe: (file: FileHandle, sizeBytes: number) => Promise<FileCheck>,
): Promise<{ size: number; verdict: FileCheck }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return { size, verdict: await describe(file, size) };
  } finally {
    await file.close();
  }
}

/** Of a kernel all is read, since its description checks all of it; of others the parts that tell. */
async function describeFile(
  file: FileHandle,
  sizeBytes: number,
  role: FileRole,
  describeBootFile: DescribeBootFile,
): Promise<FileCheck> {
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, sizeBytes - offset)));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  };
  if (role === 'kernel') return describeBootFile.kernel(await read(0, MAX_KERNEL_BYTES));
  if (role === 'initrd') return describeBootFile.initrd(await read(0, INITRD_HEAD_BYTES));
  if (role === 'firmware') return describeFirmware(await read(0, FIRMWARE_BLOCK_BYTES), sizeBytes);
  return describeMedium({ sizeBytes, read }, role);
}

/** UEFI images begin with a firmware volume, whose signature is at byte 40. */
function describeFirmware(head: Uint8Array, sizeBytes: number): FileCheck {
  if (sizeBytes > MAX_FIRMWARE_BYTES || sizeBytes % FIRMWARE_BLOCK_BYTES !== 0) {
    const message = 'A firmware image has whole 4-KiB blocks, and 16 MiB at most.';
    return { ok: false, description: 'a file of another size than firmware has', message };
  }
  const isUefi = new TextDecoder('latin1').decode(head.subarray(40, 44)) === '_FVH';
  return { ok: true, description: isUefi ? 'UEFI firmware' : 'firmware image' };
}

const CHOOSE_ANOTHER = 'Choose another file.';

function refusalOf({ description, advice }: Unusable): FileCheck {
  return { ok: false, description, message: `This is ${description}. ${advice}` };
}

const ROLE_WORDS: Readonly<Record<FileRole, string>> = {
  kernel: 'kernel',
  initrd: 'initrd',
  iso: 'install medium',
  disk: 'disk',
  floppy: 'floppy drive',
  firmware: 'firmware',
};

async function refuseFile(path: string, role: FileRole): Promise<Unusable | undefined> {
  if (path.trim() === '') return { description: 'no file', advice: `Choose a file for the ${ROLE_WORDS[role]}.` };
  if (!isAbsolute(path))
    return { description: 'not a full path', advice: 'Write the path from the root folder, or browse.' };
  try {
    const entry = await stat(path);
    if (entry.isDirectory())
      return { description: 'a folder', advice: `Choose the file for the ${ROLE_WORDS[role]} in it.` };
    // Opening a pipe or a device could wait for ever.
    if (!entry.isFile()) return { description: 'not a regular file', advice: CHOOSE_ANOTHER };
    if (entry.size === 0) return { description: 'an empty file', advice: CHOOSE_ANOTHER };
    if (role === 'kernel' && entry.size > MAX_KERNEL_BYTES) {
      const advice = 'Choose a Linux bzImage or a multiboot ELF file.';
      return { description: `a file too big to be a kernel (${sizeOf(entry.size)})`, advice };
    }
    return undefined;
  } catch (error) {
    return unreadable(error);
  }
}

function unreadable(error: unknown): Unusable {
  if (errnoOf(error) === 'ENOENT')
    return { description: 'a file that does not exist', advice: 'Correct the path, or choose another file.' };
  return {
    description: `a file that cannot be read: ${explain(error)}`,
    advice: 'Correct its permissions, or choose another file.',
  };
}

function sizeOf(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 1024)} KiB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
