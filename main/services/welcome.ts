/**
 * The virtual machine that a new user finds in the list: our own small guest, built by this program, so that a first
 * click on Run shows something. Its kernel file marks that it has been offered: who deletes the VM is not offered it again.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmId } from '../../core/contracts/calls.ts';
import { removeTemporaries, replaceFile } from './atomic-file.ts';
import type { DataDir } from './data-dir.ts';
import type { DefinitionStore } from './definitions.ts';
import { Domain } from './domain-xml.ts';
import { errnoOf } from './host-error.ts';

const MEMORY_MIB = 64;

/** Brings the kernel file up to date with this build; on the very first start also defines the VM. */
export async function offerWelcome(store: DefinitionStore, dir: DataDir, image: Uint8Array): Promise<void> {
  await removeTemporaries(dir.images);
  const kernel = join(dir.images, 'welcome.elf');
  const present = await readIfPresent(kernel);
  if (present !== undefined && Buffer.compare(present, image) === 0) return;
  // The definition goes first: a kill between the two makes the next start try again, and "name taken" is no harm then.
  if (present === undefined) {
    const vm = {
      name: 'Welcome',
      memoryMiB: MEMORY_MIB,
      vcpus: 1,
      source: { kind: 'kernel', kernel, cmdline: '' },
    } as const;
    const description = 'A small guest that comes with Vivarium. Run it, then type something.';
    await store.add(Domain.create(vm, randomUUID() as VmId, { description }));
  }
  await replaceFile(kernel, image);
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
