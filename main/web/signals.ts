/** What the browser host does when it is told to end while virtual machines run. */
import type { EventEmitter } from 'node:events';
import type { App } from '../app/app.ts';

const SECOND_INTERRUPT_MS = 5000;
/** Service managers and logouts kill soon after they ask; libvirt-guests gives guests time too. */
const TERMINATE_GRACE_MS = 10_000;

/**
 * Ctrl-C ends at once when nothing runs; else it says what runs, and a second one within five seconds forces it off.
 * SIGTERM and SIGHUP come from programs that cannot be asked: guests get their power button pressed and some seconds.
 */
export function handleSignals(
  app: Pick<App, 'activeVms' | 'forceOffAll' | 'shutDownAll'>,
  signals: EventEmitter,
  print: (line: string) => void,
  quit: () => Promise<void>,
): void {
  let armedUntilMs = 0;
  let ending = false;
  const endAfter = async (work: Promise<void>): Promise<void> => {
    ending = true;
    await work;
    await quit();
  };
  signals.on('SIGINT', () => {
    const names = namesOf(app);
    if (names === undefined) return void endAfter(Promise.resolve());
    const nowMs = performance.now();
    if (ending || nowMs < armedUntilMs) {
      print(`Forcing off ${names}.`);
      return void endAfter(app.forceOffAll());
    }
    armedUntilMs = nowMs + SECOND_INTERRUPT_MS;
    print(`Still running: ${names}. Press Ctrl-C again within ${SECOND_INTERRUPT_MS / 1000} s to force off and quit.`);
  });
  const terminate = (): void => {
    const names = namesOf(app);
    if (names === undefined) return void endAfter(Promise.resolve());
    if (ending) return void endAfter(app.forceOffAll());
    print(`Shutting down ${names}; what still runs after ${TERMINATE_GRACE_MS / 1000} s is forced off.`);
    void endAfter(app.shutDownAll(TERMINATE_GRACE_MS));
  };
  signals.on('SIGTERM', terminate);
  signals.on('SIGHUP', terminate);
}

function namesOf(app: Pick<App, 'activeVms'>): string | undefined {
  const names = app.activeVms().map((vm) => `"${vm.name}"`);
  return names.length === 0 ? undefined : names.join(', ');
}
