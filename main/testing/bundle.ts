/** Builds TypeScript of main into one file that plain Node runs, for tests that need a process or a built host. */
import { join } from 'node:path';
import { build, type Plugin } from 'vite';

export interface BundleOptions {
  /** Name of each output file to its source. */
  readonly entries: Readonly<Record<string, string>>;
  readonly outDir: string;
  readonly format: 'es' | 'cjs';
  /** Not bundled, looked up when it runs. */
  readonly external?: readonly string[];
  readonly plugins?: readonly Plugin[];
}

export async function bundle({ entries, outDir, format, external = [], plugins = [] }: BundleOptions): Promise<void> {
  const extension = format === 'es' ? 'mjs' : 'cjs';
  await build({
    configFile: false,
    logLevel: 'warn',
    root: join(import.meta.dirname, '..', '..'),
    plugins: [...plugins],
    ssr: { noExternal: true, external: [...external] },
    build: {
      ssr: true,
      target: 'node20.19',
      outDir,
      emptyOutDir: false,
      rolldownOptions: {
        input: { ...entries },
        external: [...external],
        output: { format, entryFileNames: `[name].${extension}`, chunkFileNames: `[name]-[hash].${extension}` },
      },
    },
  });
}
