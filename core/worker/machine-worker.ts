/**
 * Entry of a VM's machine thread: vCPU 0 and every device. It builds the machine, says so, and runs it to its end;
 * then the thread is over. See messages.ts for what comes and goes.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SerialConsole } from '../backends/chardev/serial-console.ts';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import type { MachineConfig } from '../contracts/machine.ts';
import { BootError } from '../firmware/boot-image.ts';
import { describeBootImage } from '../firmware/inspect.ts';
import { buildBios } from '../guests/bios/bios.ts';
import { KvmError, openKvm } from '../kvm/index.ts';
import { CpuModelError } from '../machine/cpuid.ts';
import { Machine, type MachineOptions } from '../machine/machine.ts';
import { readBootFiles, readFirmware } from './boot-files.ts';
import { StartError } from './client-api.ts';
import { openDebugConsole } from './debug-console.ts';
import { openCollector, setEngineFlags } from './engine-flags.ts';
import { Kick, MachineClock } from './machine-clock.ts';
import { MachineRunner } from './machine-runner.ts';
import { Media } from './media.ts';
import type { FromMachine, MachineWorkerData } from './messages.ts';
import { openNvram } from './nvram.ts';
import { openRunDelay } from './run-delay.ts';

const MIB = 2 ** 20;
/** main ends this thread within two seconds of the machine's end (client.ts). */
const LINGER_MS = 5000;

const data = workerData as MachineWorkerData;
const control = parentPort;
if (!control) throw new Error('machine-worker is the entry of a worker thread');
const post = (message: FromMachine): void => control.postMessage(message);

try {
  setEngineFlags();
  const runner = start(control, data);
  runner.run();
  runner.linger(LINGER_MS, () => performance.now());
} catch (error) {
  const { message, hint, subject } = explain(error);
  post({ type: 'start-failed', message, hint, subject });
}

function start(control: MessagePort, { config, kick, input }: MachineWorkerData): MachineRunner {
  const clock = new MachineClock(new Kick(kick), () => performance.now(), openRunDelay(), openCollector());
  const timers = new TimerQueue(clock);
  const serial = new SerialConsole(timers);
  const scanout = new SharedArrayBuffer(SCANOUT_WORDS * Int32Array.BYTES_PER_ELEMENT);
  const boot = readBoot(config);
  const debugConsole = config.debugConsole === undefined ? undefined : openDebugConsole(config.debugConsole);
  const media = new Media(config.disks ?? [], config.machine ?? 'pc');
  let runner: MachineRunner | undefined;
  const machine = new Machine(
    openKvm(),
    {
      name: config.name,
      uuid: config.id,
      ...(config.watchdog && { watchdog: config.watchdog }),
      panic: config.panic ?? false,
      ramBytes: config.memoryMiB * MIB,
      boot,
      debugExit: config.debugExit ?? false,
      ...(config.machine && { machine: config.machine }),
      ...(config.bootMenuMs !== undefined && { bootMenuMs: config.bootMenuMs }),
      drives: media.drives,
      usb: {
        ...(config.usb && { controller: config.usb }),
        inputs: (config.inputs ?? []).filter(({ bus }) => bus === 'usb').map(({ type }) => type),
      },
      ...(config.videoMemoryMiB !== undefined && { videoMemoryBytes: config.videoMemoryMiB * MIB }),
      ...(config.cpu && { cpu: config.cpu }),
    },
    {
      thread: clock,
      timers,
      wall: { nowMs: () => Date.now() },
      serial,
      scanoutWords: new Int32Array(scanout),
      ...(debugConsole && { debugConsole }),
      notify: (notice) => runner?.notice(notice),
    },
  );
  const display = {
    memory: machine.sharedMemory,
    vramOffset: machine.vram.offset,
    vramSizeBytes: machine.vram.sizeBytes,
    scanout,
  };
  runner = new MachineRunner({
    machine,
    clock,
    timers,
    serial,
    control,
    input,
    media,
    emit: (event) => post({ type: 'event', event }),
  });
  post({ type: 'started', display });
  if (!('firmware' in boot)) {
    const message = `Booting ${describeBootImage(boot.kernel).description}.`;
    post({ type: 'event', event: { type: 'log', level: 'info', message } });
  }
  return runner;
}

/** What runs first: a kernel, or firmware. */
function readBoot({ boot, firmware, memoryMiB }: MachineConfig): MachineOptions['boot'] {
  const kernel = boot && readBootFiles(boot, memoryMiB);
  if (firmware?.kind === 'image') {
    const { path, nvram } = firmware;
    return {
      ...readFirmware(path),
      ...(nvram !== undefined && { nvram: openNvram(nvram, path) }),
      ...(kernel && { kernel }),
    };
  }
  if (kernel) return kernel;
  return { firmware: buildBios() };
}

/** Words for whatever kept the machine from starting. */
function explain(error: unknown): StartError {
  if (error instanceof StartError) return error;
  if (error instanceof BootError) {
    return new StartError(`Cannot boot ${data.config.boot?.kernel}. ${error.message}`, error.hint, error.subject);
  }
  if (error instanceof CpuModelError) return new StartError(error.message, error.hint);
  const outOfMemory = error instanceof RangeError || (error instanceof KvmError && error.errno === 'ENOMEM');
  if (outOfMemory) {
    return new StartError(
      `This computer could not give the virtual machine ${data.config.memoryMiB} MiB of memory.`,
      'Give it less memory, or close other programs.',
      'memory',
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return new StartError(
    `The machine could not be built: ${message}.`,
    'This is a fault in Vivarium: please report it.',
  );
}
