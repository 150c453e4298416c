/** Exit statuses of `viv`. Those from 64 on are the BSD ones of sysexits(3), 124 is that of timeout(1). */
import type { StopReason } from '../../core/contracts/machine.ts';

export const EXIT_OK = 0;
export const EXIT_USAGE = 64;
export const EXIT_NO_INPUT = 66;
const EXIT_SOFTWARE = 70;
export const EXIT_OS_ERROR = 71;
export const EXIT_TIMEOUT = 124;
/** Ended from the keyboard, as a shell reports SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** The status for a machine that has ended. */
export function exitStatusOf(reason: StopReason): number {
  switch (reason.kind) {
    case 'guest-shutdown':
      return EXIT_OK;
    case 'debug-exit':
      return (reason.value * 2 + 1) & 0xff; // what QEMU makes of isa-debug-exit, and a process can report
    case 'destroyed':
      return EXIT_INTERRUPTED;
    case 'start-failed':
      return EXIT_OS_ERROR;
    case 'guest-panicked':
    case 'watchdog':
    case 'vcpu-shutdown':
    case 'internal-error':
    case 'worker-died':
      return EXIT_SOFTWARE;
  }
}
