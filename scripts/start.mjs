// npm start: the desktop app in Electron where that can be had, else the same app in the browser.
//   npm start -- --browser    the browser host in any case
//   npm start -- --electron   try again to fetch Electron, if that failed in the last hour
// Other options go to the host: npm start -- --help
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureElectron } from './electron.mjs';
import { ensureBuilt, ensureInstalled, root, say } from './setup.mjs';

/** An Electron that ends with an error so soon has not started: missing libraries, no sandbox, no usable display. */
const FAILED_START_MS = 10_000;

const ownOptions = new Set(['--browser', '--electron']);
const hostArguments = process.argv.slice(2).filter((argument) => !ownOptions.has(argument));
const wants = (option) => process.argv.includes(option);

function hasDisplay() {
  return process.platform !== 'linux' || Boolean(process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']);
}

/** Runs a host in the foreground until it ends; it gets the signals that this process gets. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    // A terminal sends Ctrl-C to both processes; a service manager's SIGTERM reaches only this one.
    const ignore = () => {};
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', ignore);
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, forward);
    const end = (result) => {
      process.off('SIGINT', ignore);
      for (const signal of ['SIGTERM', 'SIGHUP']) process.off(signal, forward);
      resolve(result);
    };
    child.on('error', (error) => end({ code: 1, why: error.message }));
    child.on('exit', (code, signal) => end({ code: code ?? 1, why: signal ? `signal ${signal}` : `status ${code}` }));
  });
}

/** The exit status of the app in Electron, or undefined when it has to be the browser, having said why. */
async function runElectron() {
  if (wants('--browser') || hostArguments.length > 0) return undefined; // options are the browser host's
  const browserInstead = (why) => say(`${why}: serving the app in your browser instead.`);
  if (!hasDisplay()) return browserInstead('There is no display for Electron here');
  const { path, missing } = await ensureElectron({ again: wants('--electron') });
  if (!path) return browserInstead(`Electron's binary could not be fetched (${missing})`);
  const asRoot = process.getuid?.() === 0 && process.platform === 'linux';
  const began = performance.now();
  const { code, why } = await run(path, [...(asRoot ? ['--no-sandbox'] : []), root]);
  if (code === 0 || performance.now() - began > FAILED_START_MS) return code;
  return browserInstead(`Electron did not start (${why})`);
}

ensureInstalled();
ensureBuilt();
const status = await runElectron();
process.exitCode =
  status ?? (await run(process.execPath, [join(root, 'out', 'main', 'web.js'), ...hostArguments])).code;
