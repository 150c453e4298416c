/**
 * Files that are whole at any instant, also when the process or the host dies: the data goes to a temporary file
 * beside the target, is forced to disk, and only then takes the target's name; the folder is forced last, so that the
 * new name survives a power cut too. A temporary file that a kill left behind is removed at the next start.
 */
import { randomUUID } from 'node:crypto';
import { constants, copyFile, link, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from './host-error.ts';

const TEMPORARY = /^\.vivarium-[0-9a-f-]{36}\.tmp$/;

/** Replaces `path`, or creates it. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = await writeTemporary(dirname(path), data);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Creates `path`; false, changing nothing, when something of that name exists. */
export async function createFile(path: string, data: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(dirname(path), data);
  try {
    await linkOrCopy(temporary, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Moves a file within one file system, durably. The caller chooses a free name: an existing target is replaced. */
export async function moveFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
  await syncDirectory(dirname(from));
}

/** Removes the temporary files that an earlier process left in a folder. */
export async function removeTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (TEMPORARY.test(name)) await rm(join(directory, name));
}

async function writeTemporary(directory: string, data: string | Uint8Array): Promise<string> {
  const path = join(directory, `.vivarium-${randomUUID()}.tmp`);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(data);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return path;
}

/** A hard link never replaces its target, a rename would. FAT has no links: there an exclusive copy must do. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // a folder cannot be opened there; NTFS journals its names
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
