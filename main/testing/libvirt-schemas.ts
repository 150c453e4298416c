/**
 * libvirt's own RelaxNG schemas, as the judge of our domain XML: the host's, those in Vivarium's cache, or fetched into
 * it from Debian's package libvirt0 (nothing is installed).
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const HOST_FOLDER = '/usr/share/libvirt/schemas';
const ROOT = join(import.meta.dirname, '..', '..');

/** What scripts/*.mjs export of use here; they carry no types. */
interface Scripts {
  readonly cacheFolder: () => string;
  readonly isDebianLike: () => boolean;
  readonly Apt: new (
    folder: string,
  ) => {
    require(name: string, architecture: string): void;
    unpack(name: string): string;
  };
}

/** Says 'valid' of a domain, or what is wrong; `missing` where there are no schemas. The process keeps it. */
export async function libvirtJudge(): Promise<
  { readonly verdict: (xml: string) => string } | { readonly missing: string }
> {
  const schemas = await libvirtSchemas();
  if ('missing' in schemas) return schemas;
  const { RelaxNGValidator, XmlDocument } = await import('libxml2-wasm');
  const { xmlRegisterFsInputProviders } = await import('libxml2-wasm/lib/nodejs.mjs');
  xmlRegisterFsInputProviders();
  const path = join(schemas.folder, 'domain.rng');
  const schema = XmlDocument.fromBuffer(await readFile(path), { url: pathToFileURL(path).href });
  const validator = RelaxNGValidator.fromDoc(schema);
  const verdict = (xml: string): string => {
    using document = XmlDocument.fromString(xml);
    try {
      validator.validate(document);
      return 'valid';
    } catch (error) {
      return String(error);
    }
  };
  return { verdict };
}

/** The folder of the schemas, or why there is none. */
async function libvirtSchemas(): Promise<{ readonly folder: string } | { readonly missing: string }> {
  if (existsSync(join(HOST_FOLDER, 'domain.rng'))) return { folder: HOST_FOLDER };
  try {
    const { cacheFolder, isDebianLike, Apt } = await scripts();
    const folder = join(cacheFolder(), 'libvirt-schemas');
    if (existsSync(join(folder, 'domain.rng'))) return { folder };
    if (!isDebianLike()) return { missing: 'libvirt is not installed and this host has no Debian packages' };
    await mkdir(folder, { recursive: true });
    const apt = new Apt(cacheFolder());
    apt.require('libvirt0', 'amd64');
    const unpacked = apt.unpack('libvirt0');
    await cp(join(unpacked, HOST_FOLDER), folder, { recursive: true });
    await rm(unpacked, { recursive: true, force: true });
    return { folder };
  } catch (error) {
    return { missing: `the package libvirt0 could not be fetched: ${error instanceof Error ? error.message : error}` };
  }
}

async function scripts(): Promise<Scripts> {
  const load = (name: string): Promise<Partial<Scripts>> => import(pathToFileURL(join(ROOT, 'scripts', name)).href);
  return { ...(await load('cache.mjs')), ...(await load('debian.mjs')) } as Scripts;
}
