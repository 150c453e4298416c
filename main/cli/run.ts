/** `viv run`: one machine without a window, for scripts and tests. The same threads as in the app. */
import { writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { MachineConfig, MachineStats, StopReason } from '../../core/contracts/machine.ts';
import { startMachine, type Vm } from '../../core/worker/client.ts';
import { StartError } from '../../core/worker/client-api.ts';
import {
  EXIT_INTERRUPTED,
  EXIT_NO_INPUT,
  EXIT_OK,
  EXIT_OS_ERROR,
  EXIT_TIMEOUT,
  EXIT_USAGE,
  exitStatusOf,
} from './exit-status.ts';
import { Monitor, serveMonitor } from './monitor.ts';
import { parseRunOptions, RUN_HELP, type RunOptions, UsageError } from './run-options.ts';
import { type HostFigures, StatsLines, statsReport } from './stats.ts';
import { openTerminal } from './terminal.ts';

type Ending = StopReason | 'timeout' | 'quit';

/** Runs to the end of the machine; resolves to the exit status. */
export async function run(args: readonly string[]): Promise<number> {
  let options: RunOptions | 'help';
  try {
    options = parseRunOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(`${error.message}. See viv run --help.`);
    return EXIT_USAGE;
  }
  if (options === 'help') {
    process.stdout.write(RUN_HELP);
    return EXIT_OK;
  }
  try {
    return await runMachine(options, await startMachine(machineConfig(options)));
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    complain(`${error.message} ${error.hint}`);
    return { file: EXIT_NO_INPUT, memory: EXIT_USAGE, other: EXIT_OS_ERROR }[error.subject];
  }
}

function machineConfig(options: RunOptions): MachineConfig {
  const { machine, boot, firmware, bootMenuMs, disks, usb, inputs, debugConsole, memoryMiB, cpu, vncPort } = options;
  return {
    id: 'viv-run',
    name: 'viv run',
    memoryMiB,
    vcpus: 1,
    ...(cpu !== undefined && { cpu }),
    machine,
    ...(boot && { boot }),
    ...(firmware && { firmware }),
    ...(bootMenuMs !== undefined && { bootMenuMs }),
    disks,
    ...(usb && { usb }),
    inputs,
    ...(debugConsole !== undefined && { debugConsole }),
    ...(vncPort !== undefined && { vnc: { address: '127.0.0.1', port: vncPort } }),
    debugExit: true,
  };
}

async function runMachine(options: RunOptions, vm: Vm): Promise<number> {
  const startedMs = performance.now();
  let stats: MachineStats | undefined;
  const lines = options.statsEverySeconds === undefined ? undefined : new StatsLines(options.statsEverySeconds);
  if (options.stats) vm.command({ type: 'time-exits', on: true });
  const monitor = options.monitor === undefined ? undefined : await openMonitor(vm, options.monitor);
  const ending = await new Promise<Ending>((resolve) => {
    const end = (how: Ending) => () => resolve(how);
    const serial = vm.openStream('serial');
    const terminal = openTerminal({
      typed: (bytes) => serial.send(bytes.slice().buffer as ArrayBuffer),
      quit: end('quit'),
    });
    serial.onMessage((message) => {
      if (message instanceof ArrayBuffer) terminal.write(new Uint8Array(message));
    });
    process.once('SIGINT', end('quit')).once('SIGTERM', end('quit'));
    if (options.timeoutSeconds !== undefined) setTimeout(end('timeout'), options.timeoutSeconds * 1000);
    vm.onEvent((event) => {
      if (event.type === 'stats') {
        stats = event.stats;
        const line = lines?.next(stats, hostFigures(startedMs));
        if (line !== undefined) complain(line);
      }
      if (event.type === 'log' && event.level !== 'info') complain(event.message);
      if (event.type === 'state' && event.reason) resolve(event.reason);
    });
    process.once('exit', () => terminal.close());
  });
  const screenshotSaved = options.screenshot === undefined || (await saveScreenshot(vm, options.screenshot));
  monitor?.close();
  await vm.terminate();
  if (options.stats) complain(statsReport(stats, hostFigures(startedMs)));
  explain(ending);
  return screenshotSaved ? statusOf(ending) : EXIT_OS_ERROR;
}

async function openMonitor(vm: Vm, path: string): Promise<Server> {
  try {
    return await serveMonitor(new Monitor(vm), path);
  } catch (error) {
    await vm.terminate();
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(`There can be no monitor at ${path}: ${why}.`, 'Give a path where there is no file yet.');
  }
}

function statusOf(ending: Ending): number {
  if (ending === 'timeout') return EXIT_TIMEOUT;
  if (ending === 'quit') return EXIT_INTERRUPTED;
  return exitStatusOf(ending);
}

async function saveScreenshot(vm: Vm, path: string): Promise<boolean> {
  try {
    await writeFile(path, await vm.screenshot());
    return true;
  } catch (error) {
    complain(`the screenshot ${path} could not be written: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

function explain(ending: Ending): void {
  if (typeof ending === 'string') return;
  if (ending.kind === 'vcpu-shutdown') {
    complain(`the virtual CPU shut down after a triple fault.\n${ending.registers}`);
  } else if (ending.kind === 'internal-error') {
    complain(`the virtual CPU stopped: ${ending.message}\n${ending.registers}`);
  } else if (ending.kind === 'worker-died' || ending.kind === 'start-failed') {
    complain(ending.message);
  }
}

function hostFigures(startedMs: number): HostFigures {
  return {
    elapsedMs: performance.now() - startedMs,
    residentBytes: process.memoryUsage.rss(),
    peakResidentBytes: process.resourceUsage().maxRSS * 2 ** 10,
  };
}

function complain(message: string): void {
  process.stderr.write(`viv: ${message}\n`);
}
