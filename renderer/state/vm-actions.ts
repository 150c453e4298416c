/**
 * What can be done to a VM, when, and why not: one table for toolbars, context menu and command palette.
 * `unavailable` is a sentence for the person, or undefined when the action can be done now.
 */
import type { VmState, VmSummary } from '../../core/contracts/calls.ts';
import type { PendingAction } from './store.ts';

export type VmActionId = 'open' | 'run' | 'pause' | 'shutdown' | 'reset' | 'destroy' | 'delete';

export interface VmAction {
  readonly id: VmActionId;
  readonly label: string;
  /** As shown and as matched (app/shortcuts.ts). */
  readonly shortcut?: string;
  /** States in which it can be done, and what to say in the others. */
  readonly states: readonly VmState[];
  readonly otherwise: string;
}

const ACTIVE: readonly VmState[] = ['running', 'paused', 'shutting-down'];
const STOPPED: readonly VmState[] = ['shutoff', 'crashed'];
const NOT_RUNNING = 'The virtual machine is not running.';

export const VM_ACTIONS: Readonly<Record<VmActionId, VmAction>> = {
  open: { id: 'open', label: 'Open', shortcut: 'Enter', states: [...ACTIVE, ...STOPPED], otherwise: '' },
  run: {
    id: 'run',
    label: 'Run',
    shortcut: 'Alt+R',
    states: [...STOPPED, 'paused'],
    otherwise: 'The virtual machine is already running.',
  },
  pause: {
    id: 'pause',
    label: 'Pause',
    shortcut: 'Alt+P',
    states: ['running', 'paused'],
    otherwise: 'Only a running guest can be paused.',
  },
  shutdown: {
    id: 'shutdown',
    label: 'Shut Down',
    shortcut: 'Alt+S',
    states: ['running', 'shutting-down'],
    otherwise: 'The guest must be running to be asked to shut down.',
  },
  reset: { id: 'reset', label: 'Force Reset', states: ACTIVE, otherwise: NOT_RUNNING },
  destroy: { id: 'destroy', label: 'Force Off', states: ACTIVE, otherwise: NOT_RUNNING },
  delete: {
    id: 'delete',
    label: 'Delete…',
    shortcut: 'Delete',
    states: STOPPED,
    otherwise: 'Shut the virtual machine down or force it off first.',
  },
};

/** Why the action cannot be done now, or undefined. */
export function unavailable(id: VmActionId, vm: VmSummary | undefined, pending?: PendingAction): string | undefined {
  if (!vm) return 'Select a virtual machine first.';
  if (id === 'open') return undefined;
  // Force Off is the way out of everything else that takes too long.
  if (pending && !(id === 'destroy' && pending !== 'Stopping' && pending !== 'Deleting')) return `${pending}…`;
  const action = VM_ACTIONS[id];
  return action.states.includes(vm.state) ? undefined : action.otherwise;
}
