/** What the file chooser shows: folders of the host, and what a file chosen as kernel or initrd turns out to be. */
import { access, open, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { DirectoryEntry, DirectoryListing, FileCheck } from '../../core/contracts/calls.ts';
import { errnoOf, explain } from './host-error.ts';
import { fail, type Outcome, ok } from './outcome.ts';

type BootFileRole = 'kernel' | 'initrd';
export type CheckBootFile = (path: string, role: BootFileRole) => Promise<FileCheck>;
/** Tell what a file is from its bytes (core/firmware); the initrd's first bytes are enough. */
export interface DescribeBootFile {
  readonly kernel: (bytes: Uint8Array) => FileCheck;
  readonly initrd: (head: Uint8Array) => FileCheck;
}

/** More than any kernel; guards against reading a disk image as one. */
const MAX_KERNEL_BYTES = 512 * 2 ** 20;
const INITRD_HEAD_BYTES = 4096;
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

export function bootFileChecker(describeBootFile: DescribeBootFile): CheckBootFile {
  return async (path, role) => {
    const unusable = await refuseFile(path, role);
    if (unusable !== undefined) return refusalOf(unusable);
    try {
      const { size, head } = await readHead(path, role);
      const { ok, description, message } = describeBootFile[role](head);
      const sized = `${description}, ${sizeOf(size)}`;
      return ok ? { ok, description: sized } : refusalOf({ description: sized, advice: message ?? CHOOSE_ANOTHER });
    } catch (error) {
      return refusalOf(unreadable(error));
    }
  };
}

const CHOOSE_ANOTHER = 'Choose another file.';

function refusalOf({ description, advice }: Unusable): FileCheck {
  return { ok: false, description, message: `This is ${description}. ${advice}` };
}

async function refuseFile(path: string, role: BootFileRole): Promise<Unusable | undefined> {
  if (path.trim() === '') return { description: 'no file', advice: `Choose a file for the ${role}.` };
  if (!isAbsolute(path))
    return { description: 'not a full path', advice: 'Write the path from the root folder, or browse.' };
  try {
    const entry = await stat(path);
    if (entry.isDirectory()) return { description: 'a folder', advice: `Choose the ${role} file in it.` };
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

/** All of a kernel, since its description checks all of it; of an initrd the beginning. */
async function readHead(path: string, role: BootFileRole): Promise<{ size: number; head: Uint8Array }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(
      role === 'kernel' ? Math.min(size, MAX_KERNEL_BYTES) : Math.min(size, INITRD_HEAD_BYTES),
    );
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return { size, head: bytes.subarray(0, bytesRead) };
  } finally {
    await file.close();
  }
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
