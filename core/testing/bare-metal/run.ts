/** Runs an image on a machine of ours and on QEMU; what came out of the serial port. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SCANOUT_WORDS } from '../../backends/display/scanout.ts';
import { TimerQueue } from '../../base/clock.ts';
import { openKvm } from '../../kvm/index.ts';
import { Machine, type MachineThread } from '../../machine/machine.ts';

const MIB = 2 ** 20;
const MEMORY_MIB = 16;
/** Looks at signals without a character of output: 20 000 instructions or less lie between two. */
const PATIENCE = 2000;
const MOST_OUTPUT = 4 * MIB;
const QEMU = 'qemu-system-x86_64';
const QEMU_TIMEOUT_MS = 120_000;
/** isa-debug-exit ends QEMU with (value << 1) | 1. */
const QEMU_DONE = 1;

/** Time by how often one looks at it. */
class CountingThread implements MachineThread {
  alarmNs = Number.POSITIVE_INFINITY;
  #ns = 0;
  patience = PATIENCE;
  nowNs = (): number => {
    this.#ns += 1000;
    return this.#ns;
  };
  signalPending = (): boolean => --this.patience < 0 || this.#ns >= this.alarmNs;
  sleepUntil(): void {
    this.patience = 0; // with interrupts masked nothing would wake it
  }
  setAlarm(deadlineNs: number): void {
    this.alarmNs = deadlineNs;
  }
  kicked = (): boolean => this.patience < 0;
}

/** Throws when the image does not come to its end. */
export function runOurs(image: Uint8Array): string {
  const thread = new CountingThread();
  let text = '';
  const machine = new Machine(
    openKvm(),
    { ramBytes: MEMORY_MIB * MIB, boot: { kernel: image, cmdline: '' }, debugExit: true },
    {
      thread,
      timers: new TimerQueue(thread),
      wall: { nowMs: () => 0 },
      serial: {
        write(bytes) {
          thread.patience = text.length < MOST_OUTPUT ? PATIENCE : 0;
          text += String.fromCharCode(...bytes);
        },
      },
      scanoutWords: new Int32Array(new SharedArrayBuffer(SCANOUT_WORDS * Int32Array.BYTES_PER_ELEMENT)),
    },
  );
  const stop = machine.run();
  if (stop?.kind === 'debug-exit') return text;
  const why = stop === undefined ? 'it hangs' : JSON.stringify(stop, null, 1);
  throw new Error(`the guest did not come to its end after "${text.slice(text.lastIndexOf('\n') + 1)}": ${why}`);
}

/** Of the QEMU that is installed; undefined: there is none. */
export function qemuVersion(): string | undefined {
  const { error, stdout } = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  return error ? undefined : /version (\S+)/.exec(stdout)?.[1];
}

/** By QEMU's own emulation (TCG). Throws when the image does not come to its end. */
export function runQemu(image: Uint8Array, timeoutMs = QEMU_TIMEOUT_MS): string {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-bare-metal-'));
  try {
    const kernel = join(folder, 'image.elf');
    writeFileSync(kernel, image);
    const machine = [
      '-accel',
      'tcg',
      '-cpu',
      'max,vendor=GenuineIntel',
      '-m',
      String(MEMORY_MIB),
      '-display',
      'none',
      '-no-reboot',
    ];
    const devices = ['-serial', 'stdio', '-monitor', 'none', '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
    const args = [...machine, ...devices, '-nodefaults', '-kernel', kernel];
    const options = { encoding: 'latin1', timeout: timeoutMs, maxBuffer: 64 * MIB } as const;
    const { status, stdout, stderr } = spawnSync(QEMU, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    if (status === QEMU_DONE) return stdout;
    throw new Error(`QEMU ended with ${status} after "${stdout.slice(stdout.lastIndexOf('\n') + 1)}": ${stderr}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
