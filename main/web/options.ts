/** The command line of the browser host. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultDataRoot } from '../services/data-dir.ts';

export interface WebOptions {
  /** 0: a free one. */
  readonly port: number;
  readonly dataRoot: string;
  readonly openBrowser: boolean;
}

export const USAGE = `Usage: node out/main/web.js [--port N] [--data DIR] [--no-open]

Serves Vivarium to a browser on this computer.
  --port N     listen on port N of 127.0.0.1 (or PORT=N); without it a free one is taken
  --data DIR   keep virtual machines in DIR (or VIVARIUM_DATA=DIR)
  --no-open    print the address only, open no browser
  --help       print this
`;

/** The options, or what to print instead: usage (asked for) or what is wrong. */
export function parseOptions(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): WebOptions | { readonly usage: string } | { readonly wrong: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        data: { type: 'string' },
        'no-open': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) return { usage: USAGE };
    const port = values.port ?? env['PORT'] ?? '0';
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return { wrong: `"${port}" is not a port: 0 to 65535.` };
    if (values.data === '') return { wrong: '--data needs a folder.' };
    return {
      port: Number(port),
      dataRoot: values.data === undefined ? defaultDataRoot(env) : resolve(values.data),
      openBrowser: !values['no-open'],
    };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}
