/**
 * The definitions of VMs on disk: `<data>/vms/<name>.xml`, libvirt domain XML, one file per VM, whole at any instant.
 * A file that cannot be used is reported and otherwise left alone: it is never written, moved or replaced, and no new
 * VM takes the name that it may hold. Other programs' changes are seen at the next start.
 */
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { DefinitionProblem } from '../../core/contracts/calls.ts';
import { createFile, moveFile, removeTemporaries, replaceFile } from './atomic-file.ts';
import type { DataDir } from './data-dir.ts';
import { Domain, DomainXmlError } from './domain-xml.ts';
import { fileNameOf } from './file-name.ts';
import { errnoOf, explain } from './host-error.ts';
import { fail, type Outcome, ok } from './outcome.ts';
import { sameName } from './vm-name.ts';

export interface Definition {
  readonly path: string;
  readonly domain: Domain;
  /** The text of the file. */
  readonly xml: string;
}

interface BrokenDefinition {
  readonly problem: DefinitionProblem;
  /** As far as it could be told. */
  readonly name?: string | undefined;
}

const EXTENSION = '.xml';
const MAX_FILE_BYTES = 1 << 20;

export class DefinitionStore {
  readonly #dir: DataDir;
  #definitions: readonly Definition[] = [];
  #broken: readonly BrokenDefinition[] = [];
  /** Changes go one after the other, so that two VMs created at once cannot take the same name. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(dir: DataDir) {
    this.#dir = dir;
  }

  get definitions(): readonly Definition[] {
    return this.#definitions;
  }

  get problems(): readonly DefinitionProblem[] {
    return this.#broken.map((broken) => broken.problem);
  }

  /** Reads the folder. Throws the host's error when the folder itself cannot be read. */
  async load(): Promise<void> {
    await removeTemporaries(this.#dir.vms);
    const names = (await readdir(this.#dir.vms)).filter((name) => name.toLowerCase().endsWith(EXTENSION)).sort();
    const found: Definition[] = [];
    const broken: BrokenDefinition[] = [];
    for (const name of names) {
      const read = await readDefinition(join(this.#dir.vms, name));
      if ('domain' in read) found.push(read);
      else broken.push(read);
    }
    // Of a file and its copy, the one named as its VM is the original.
    found.sort((a, b) => Number(hasOwnName(b)) - Number(hasOwnName(a)) || (a.path < b.path ? -1 : 1));
    const definitions: Definition[] = [];
    for (const definition of found) {
      const problem = clashOf(definition, definitions);
      if (problem === undefined) definitions.push(definition);
      else broken.push({ problem, name: definition.domain.name });
    }
    this.#definitions = definitions;
    this.#broken = broken;
  }

  /** Writes the definition of a new VM. On failure nothing of it stays on disk. */
  add(domain: Domain): Promise<Outcome<Definition, 'name-taken' | 'storage'>> {
    return this.#enqueue(() => this.#add(domain));
  }

  /** Writes a changed domain in the place of the definition it was made of; on failure the old one stays. */
  replace(definition: Definition, domain: Domain): Promise<Outcome<Definition, 'not-found' | 'storage'>> {
    return this.#enqueue(() => this.#replace(definition, domain));
  }

  /** Moves a definition to the trash folder. */
  remove(definition: Definition): Promise<Outcome<undefined, 'storage'>> {
    return this.#enqueue(() => this.#remove(definition));
  }

  async #add(domain: Domain): Promise<Outcome<Definition, 'name-taken' | 'storage'>> {
    const taken = this.#holderOf(domain.name);
    if (taken !== undefined) return fail('name-taken', taken, 'Choose another name.', 'name');
    const xml = domain.toXml();
    try {
      const path = await this.#createUnderFreeName(fileNameOf(domain.name), xml);
      const definition = { path, domain, xml };
      this.#definitions = [...this.#definitions, definition];
      return ok(definition);
    } catch (error) {
      return fail(
        'storage',
        `The definition of "${domain.name}" could not be written to ${this.#dir.vms}: ${explain(error)}.`,
        'Free some space or correct the permissions of the folder, then create the virtual machine again.',
      );
    }
  }

  async #replace(old: Definition, domain: Domain): Promise<Outcome<Definition, 'not-found' | 'storage'>> {
    if (!this.#definitions.includes(old))
      return fail(
        'not-found',
        `The definition of "${domain.name}" has changed or was deleted meanwhile.`,
        'Try again.',
      );
    const definition = { path: old.path, domain, xml: domain.toXml() };
    try {
      if ((await readFile(old.path, 'utf8')) !== old.xml)
        return fail(
          'storage',
          `${old.path} was changed by another program, and is left as it is.`,
          'Start Vivarium again to take up that change, then make this one.',
        );
      await replaceFile(old.path, definition.xml);
    } catch (error) {
      return fail(
        'storage',
        `The definition of "${domain.name}" could not be written to ${old.path}: ${explain(error)}.`,
        'Free some space or correct the permissions of the folder, then try again.',
      );
    }
    this.#definitions = this.#definitions.map((other) => (other === old ? definition : other));
    return ok(definition);
  }

  async #remove(definition: Definition): Promise<Outcome<undefined, 'storage'>> {
    const stamp = new Date().toISOString().replaceAll(':', '-');
    const target = join(this.#dir.trash, `${basename(definition.path, EXTENSION)} ${stamp}${EXTENSION}`);
    try {
      await moveFile(definition.path, target);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') {
        return fail(
          'storage',
          `${definition.path} could not be moved to the trash folder: ${explain(error)}.`,
          'Correct the permissions of the data folder, then delete the virtual machine again.',
        );
      }
    }
    this.#definitions = this.#definitions.filter((other) => other !== definition);
    return ok(undefined);
  }

  /** Who has this name already, as a sentence. A broken file holds the name in it and the one its file name says. */
  #holderOf(name: string): string | undefined {
    if (this.#definitions.some((other) => sameName(other.domain.name, name)))
      return `There is already a virtual machine named "${name}".`;
    const fileName = `${fileNameOf(name)}${EXTENSION}`.toLowerCase();
    const broken = this.#broken.find(
      (other) =>
        basename(other.problem.path).toLowerCase() === fileName ||
        (other.name !== undefined && sameName(other.name, name)),
    );
    return broken && `The name "${name}" belongs to a definition that could not be used: ${broken.problem.path}.`;
  }

  async #createUnderFreeName(base: string, xml: string): Promise<string> {
    // Names that differ in case only share a file on some hosts; the second gets a number.
    for (let number = 1; ; number += 1) {
      const path = join(this.#dir.vms, `${base}${number === 1 ? '' : `~${number}`}${EXTENSION}`);
      if (await createFile(path, xml)) return path;
      if (number === 1000) throw new Error(`${base}${EXTENSION} and its numbered variants exist`);
    }
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

async function readDefinition(path: string): Promise<Definition | BrokenDefinition> {
  let xml = '';
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new DomainXmlError(`The file has ${size} bytes; a definition has a few thousand.`, 'Move it elsewhere.');
    xml = decode(await readFile(path));
    return { path, xml, domain: Domain.parse(xml) };
  } catch (error) {
    const name = /<name>([^<&]+)<\/name>/.exec(xml)?.[1];
    if (error instanceof DomainXmlError) return { name, problem: { path, message: error.message, hint: error.hint } };
    const dangling = errnoOf(error) === 'ENOENT' && (await isLink(path));
    const why = dangling ? 'it links to a file that does not exist' : explain(error);
    const message = `The file could not be read: ${why}.`;
    const hint = 'Correct the file or its permissions and start Vivarium again, or move it elsewhere.';
    return { problem: { path, message, hint } };
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new DomainXmlError('The file is not UTF-8 text.', 'Save it as UTF-8, or restore a copy.');
  }
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );
}

function hasOwnName(definition: Definition): boolean {
  return basename(definition.path) === `${fileNameOf(definition.domain.name)}${EXTENSION}`;
}

function clashOf(definition: Definition, others: readonly Definition[]): DefinitionProblem | undefined {
  const { path, domain } = definition;
  const sameUuid = others.find((other) => other.domain.uuid === domain.uuid);
  if (sameUuid !== undefined) {
    return {
      path,
      message: `The file has the same uuid as "${sameUuid.domain.name}" in ${sameUuid.path}.`,
      hint: 'Give it a name and a uuid of its own, or remove it, and start Vivarium again.',
    };
  }
  const twin = others.find((other) => sameName(other.domain.name, domain.name));
  if (twin === undefined) return undefined;
  return {
    path,
    message: `The name "${domain.name}" is used by ${twin.path} too.`,
    hint: 'Give it a name of its own, or remove it, and start Vivarium again.',
  };
}
