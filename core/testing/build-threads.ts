/**
 * Builds programs that start worker threads, for tests that run real ones: the same flat folder of bundles as in out/,
 * somewhere temporary.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const ROOT = resolve(import.meta.dirname, '../..');

export const CLIENT = { client: 'core/worker/client.ts' } as const;
export const IO_WORKER = { 'io-worker': 'core/worker/io-worker.ts' } as const;
export const MACHINE_WORKER = { 'machine-worker': 'core/worker/machine-worker.ts' } as const;

/** The folder that holds NAME.js for each entry. Inside the repository's dependencies, so that those resolve. */
export async function buildThreads(entries: Readonly<Record<string, string>>): Promise<string> {
  const outDir = mkdtempSync(join(ROOT, 'node_modules', '.vivarium-test-'));
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    build: {
      ssr: true,
      outDir,
      target: 'node20.19',
      minify: false,
      rolldownOptions: {
        input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(ROOT, path)])),
        external: ['koffi'],
        output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
  });
  writeFileSync(join(outDir, 'package.json'), '{ "type": "module" }');
  return outDir;
}

export function removeThreads(dir: string | undefined): void {
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
}

/** A folder for a test's own files. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'vivarium-test-'));
