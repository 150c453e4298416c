/**
 * The browser host: the same app as the desktop one, served to a browser on this computer. Prints one line with the
 * address when it is ready. Ctrl-C with running VMs asks for a second one; SIGTERM and SIGHUP give guests time to shut down.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type App, AppStartError, createApp } from '../app/app.ts';
import { corePorts } from '../app/core-ports.ts';
import { indexPath } from '../app/renderer-files.ts';
import { errnoOf, explain } from '../services/host-error.ts';
import { openBrowser } from './open-browser.ts';
import { parseOptions, USAGE, type WebOptions } from './options.ts';
import { startWebServer, type WebServer } from './server.ts';
import { handleSignals } from './signals.ts';

/** Beside out/main, where the bundle of this file lies. */
const RENDERER_DIR = join(import.meta.dirname, '..', 'renderer');

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if ('usage' in options) return void process.stdout.write(options.usage);
  if ('wrong' in options) return stop(EXIT_USAGE, `${options.wrong}\n\n${USAGE}`);
  const index = indexPath(RENDERER_DIR);
  if (
    !(await access(index).then(
      () => true,
      () => false,
    ))
  )
    // biome-ignore format: one line
    return stop(EXIT_FAILURE, `The user interface is not built: ${index} does not exist. Run npm run build first.`);
  await serve(options);
}

async function serve(options: WebOptions): Promise<void> {
  let server: WebServer | undefined;
  let app: App | undefined;
  const quit = async (): Promise<void> => {
    await server?.close();
    await app?.close();
    process.exit();
  };
  try {
    app = await createApp({ core: corePorts, host: 'browser', dataRoot: options.dataRoot, quit: () => void quit() });
    server = await startWebServer(app, RENDERER_DIR, options.port);
  } catch (error) {
    await app?.close();
    if (error instanceof AppStartError) return stop(EXIT_FAILURE, `${error.message} ${error.hint}`);
    const hint = 'Choose another with --port, or leave the option out to take a free one.';
    if (errnoOf(error) === 'EADDRINUSE') return stop(EXIT_FAILURE, `Port ${options.port} is in use. ${hint}`);
    return stop(EXIT_FAILURE, `Cannot listen on port ${options.port}: ${explain(error)}. ${hint}`);
  }
  handleSignals(app, process, (line) => console.log(line), quit);
  console.log(`Vivarium is ready: ${server.url}`);
  if (options.openBrowser) openBrowser(server.launchUrl());
}

function stop(exitCode: number, message: string): void {
  console.error(message);
  process.exitCode = exitCode;
}

await main();
