/**
 * The life of a VM as a table: which command is right in which phase, and where a command or a fact leads. The phases
 * are libvirt's domain states, and 'starting', which the contract shows as shut off until the guest runs.
 */
import type { VmState } from '../../core/contracts/calls.ts';
import type { StopReason } from '../../core/contracts/machine.ts';

export type Phase = VmState | 'starting';
export type Command =
  | 'start'
  | 'pause'
  | 'resume'
  | 'shutdown'
  | 'destroy'
  | 'reset'
  | 'delete'
  | 'textScreen'
  | 'movePointer'
  | 'hotPlug';
/** What happened, as against what was asked for. */
export type Fact =
  | 'started'
  | 'start-failed'
  | 'paused'
  | 'resumed'
  /** The guest did not act on the power button in time. */
  | 'shutdown-ignored'
  | 'stopped'
  | 'crashed';

type Row = Readonly<Partial<Record<Command | Fact, Phase>>>;

const OFF: Row = { start: 'starting' };
const ENDS: Row = { stopped: 'shutoff', crashed: 'crashed' };

const NEXT: Readonly<Record<Phase, Row>> = {
  shutoff: { ...OFF, delete: 'shutoff' },
  crashed: { ...OFF, delete: 'crashed' },
  starting: { ...ENDS, started: 'running', 'start-failed': 'shutoff' },
  running: {
    ...ENDS,
    pause: 'running',
    paused: 'paused',
    shutdown: 'shutting-down',
    destroy: 'running',
    reset: 'running',
    textScreen: 'running',
    movePointer: 'running',
    hotPlug: 'running',
  },
  paused: {
    ...ENDS,
    resume: 'paused',
    resumed: 'running',
    destroy: 'paused',
    reset: 'paused',
    textScreen: 'paused',
    hotPlug: 'paused',
  },
  'shutting-down': {
    ...ENDS,
    shutdown: 'shutting-down',
    'shutdown-ignored': 'running',
    destroy: 'shutting-down',
    reset: 'running',
    textScreen: 'shutting-down',
    movePointer: 'shutting-down',
    hotPlug: 'shutting-down',
  },
};

/** Where this leads; undefined when it is wrong (a command) or means nothing (a fact) in this phase. */
export function next(phase: Phase, what: Command | Fact): Phase | undefined {
  return NEXT[phase][what];
}

export function isActive(phase: Phase): boolean {
  return phase !== 'shutoff' && phase !== 'crashed';
}

export function stateOf(phase: Phase): VmState {
  return phase === 'starting' ? 'shutoff' : phase;
}

const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  shutoff: 'shut off',
  crashed: 'crashed',
  starting: 'starting',
  running: 'running',
  paused: 'paused',
  'shutting-down': 'shutting down',
};

const COMMAND_WORDS: Readonly<Record<Command, string>> = {
  start: 'started',
  pause: 'paused',
  resume: 'resumed',
  shutdown: 'shut down',
  destroy: 'forced off',
  reset: 'reset',
  delete: 'deleted',
  textScreen: 'read',
  movePointer: 'moved',
  hotPlug: 'changed',
};

const SUBJECTS: Partial<Readonly<Record<Command, string>>> = {
  textScreen: 'The screen of ',
  movePointer: 'The pointer of ',
  hotPlug: 'The running hardware of ',
};

export function refusal(name: string, phase: Phase, command: Command): { message: string; hint: string } {
  const subject = `${SUBJECTS[command] ?? ''}"${name}"`;
  return {
    message: `${subject} cannot be ${COMMAND_WORDS[command]}: the virtual machine is ${PHASE_WORDS[phase]}.`,
    hint: hintFor(phase, command),
  };
}

function hintFor(phase: Phase, command: Command): string {
  if (phase === 'starting') return 'Wait until it runs.';
  if (!isActive(phase)) return 'Run it first.';
  if (command === 'delete' || command === 'start') return 'Shut it down or force it off first.';
  if (phase === 'paused') return 'Resume it first.';
  return 'Wait until it runs again, or force it off.';
}

/** Whether a machine that ended for this reason crashed. */
export function endOf(reason: StopReason): 'stopped' | 'crashed' {
  const crashes: readonly StopReason['kind'][] = ['guest-panicked', 'vcpu-shutdown', 'internal-error', 'worker-died'];
  return crashes.includes(reason.kind) ? 'crashed' : 'stopped';
}

/** Why a machine ended, in words for the person. */
export function describeStop(reason: StopReason): string {
  switch (reason.kind) {
    case 'guest-shutdown':
      return 'Shut down by the guest';
    case 'guest-panicked':
      return "The guest's kernel panicked";
    case 'watchdog':
      return 'Powered off by the watchdog: the guest no longer answered';
    case 'destroyed':
      return 'Forced off';
    case 'debug-exit':
      return `Ended by the guest with value ${reason.value} at the debug exit port`;
    case 'vcpu-shutdown':
      return 'Triple fault: the guest failed while it handled a failure';
    case 'internal-error':
      return `The hypervisor could not go on: ${reason.message}`;
    case 'start-failed':
      return `Could not start: ${reason.message}`;
    case 'worker-died':
      return `The machine's thread ended: ${reason.message}`;
  }
}
