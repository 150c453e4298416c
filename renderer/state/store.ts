/**
 * What the interface knows, and the one function that changes it. Immutable: a part that did not change keeps its
 * identity, so React re-renders only what did.
 */
import type {
  AppEvent,
  DefinitionProblem,
  HostInfo,
  VmDetails,
  VmId,
  VmState,
  VmSummary,
} from '../../core/contracts/calls.ts';
import type { Connection } from '../api/api.ts';

/** Length of the CPU sparkline: 40 samples, one a second. */
export const CPU_SAMPLES = 40;

/** A call for a VM that has not been answered yet, in words for the interface. */
export type PendingAction =
  | 'Starting'
  | 'Pausing'
  | 'Resuming'
  | 'Asking the guest to shut down'
  | 'Stopping'
  | 'Resetting'
  | 'Deleting';

/** What the wizard begins with: a medium by its path, or a dropped file of which a browser tells only the name. */
export type NewVmStart = { readonly source: 'iso' | 'disk' | 'floppy' } & (
  | { readonly path: string }
  | { readonly fileName: string }
);

/** The dialog that is open, if any. */
export type DialogRequest =
  | { readonly kind: 'new-vm'; readonly start?: NewVmStart }
  | { readonly kind: 'quit' | 'shortcuts' | 'about' | 'commands' }
  | { readonly kind: 'delete'; readonly id: VmId };

/** Something failed that a person must read before going on. */
export interface Failure {
  readonly title: string;
  readonly message: string;
  readonly hint?: string;
}

export interface AppState {
  readonly connection: Connection;
  /** The list has been read at least once. */
  readonly loaded: boolean;
  readonly host?: HostInfo;
  readonly vms: ReadonlyMap<VmId, VmSummary>;
  /** Oldest first, at most CPU_SAMPLES; kept while the VM runs. */
  readonly cpuHistory: ReadonlyMap<VmId, readonly number[]>;
  readonly details: ReadonlyMap<VmId, VmDetails>;
  readonly pending: ReadonlyMap<VmId, PendingAction>;
  readonly problems: readonly DefinitionProblem[];
  /** The selected row of the list. */
  readonly selected?: VmId;
  readonly dialog?: DialogRequest;
  readonly failure?: Failure;
  /** The app has quit: only the browser host's page outlives it. */
  readonly ended: boolean;
}

export const INITIAL_STATE: AppState = {
  connection: 'connecting',
  loaded: false,
  vms: new Map(),
  cpuHistory: new Map(),
  details: new Map(),
  pending: new Map(),
  problems: [],
  ended: false,
};

export type Change =
  | { readonly type: 'connection'; readonly connection: Connection }
  | { readonly type: 'host'; readonly host: HostInfo }
  | { readonly type: 'list'; readonly vms: readonly VmSummary[]; readonly problems: readonly DefinitionProblem[] }
  | { readonly type: 'details'; readonly details: VmDetails }
  | { readonly type: 'event'; readonly event: AppEvent }
  | { readonly type: 'second-passed' }
  | { readonly type: 'pending'; readonly id: VmId; readonly action?: PendingAction }
  | { readonly type: 'failure'; readonly failure?: Failure }
  | { readonly type: 'select'; readonly id?: VmId }
  | { readonly type: 'dialog'; readonly dialog?: DialogRequest }
  | { readonly type: 'ended' };

/** Its threads exist: it can be paused, reset, looked at. */
export const isActive = (state: VmState): boolean =>
  state === 'running' || state === 'paused' || state === 'shutting-down';

export function reduce(state: AppState, change: Change): AppState {
  switch (change.type) {
    case 'connection':
      return { ...state, connection: change.connection };
    case 'host':
      return { ...state, host: change.host };
    case 'list':
      return withList(state, change.vms, change.problems);
    case 'details':
      return { ...state, details: withEntry(state.details, change.details.id, change.details) };
    case 'event':
      return withEvent(state, change.event);
    case 'second-passed':
      return withSample(state);
    case 'pending':
      return { ...state, pending: withEntry(state.pending, change.id, change.action) };
    case 'failure':
      return withOptional(state, 'failure', change.failure);
    case 'select':
      return withOptional(state, 'selected', change.id);
    case 'dialog':
      return withOptional(state, 'dialog', change.dialog);
    case 'ended':
      return { ...withOptional(state, 'dialog', undefined), ended: true };
  }
}

function withList(state: AppState, list: readonly VmSummary[], problems: readonly DefinitionProblem[]): AppState {
  const vms = new Map(list.map((vm) => [vm.id, vm]));
  const known = <T>(map: ReadonlyMap<VmId, T>) => new Map([...map].filter(([id]) => vms.has(id)));
  const kept = state.selected && !vms.has(state.selected) ? withOptional(state, 'selected', undefined) : state;
  return { ...kept, loaded: true, vms, problems, details: known(state.details), cpuHistory: known(state.cpuHistory) };
}

function withEvent(state: AppState, event: AppEvent): AppState {
  switch (event.type) {
    case 'vm-changed':
      return { ...state, vms: withEntry(state.vms, event.vm.id, event.vm) };
    case 'vm-removed':
      return {
        ...(state.selected === event.id ? withOptional(state, 'selected', undefined) : state),
        vms: withEntry(state.vms, event.id, undefined),
        details: withEntry(state.details, event.id, undefined),
        cpuHistory: withEntry(state.cpuHistory, event.id, undefined),
        pending: withEntry(state.pending, event.id, undefined),
      };
    case 'problems-changed':
      return { ...state, problems: event.problems };
    case 'vm-log': {
      const details = state.details.get(event.id);
      if (!details) return state;
      return {
        ...state,
        details: withEntry(state.details, event.id, { ...details, log: [...details.log, event.line] }),
      };
    }
    case 'vm-hardware': // what is shown of it is read again
      return state;
    case 'close-requested':
      return { ...state, dialog: { kind: 'quit' } };
  }
}

/** One more CPU sample of every running VM; a VM that stopped starts with an empty line next time. */
function withSample(state: AppState): AppState {
  const cpuHistory = new Map<VmId, readonly number[]>();
  for (const vm of state.vms.values()) {
    if (!isActive(vm.state)) continue;
    const before = state.cpuHistory.get(vm.id) ?? [];
    cpuHistory.set(vm.id, [...before.slice(1 - CPU_SAMPLES), vm.cpuPercent]);
  }
  return cpuHistory.size === 0 && state.cpuHistory.size === 0 ? state : { ...state, cpuHistory };
}

/** A copy with one entry set, or taken out where the value is undefined. */
function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(key);
  else copy.set(key, value);
  return copy;
}

function withOptional<K extends 'selected' | 'dialog' | 'failure'>(
  state: AppState,
  key: K,
  value: AppState[K],
): AppState {
  const { [key]: _, ...rest } = state;
  return (value === undefined ? rest : { ...rest, [key]: value }) as AppState;
}

export class Store {
  #state = INITIAL_STATE;
  readonly #listeners = new Set<() => void>();

  readonly get = (): AppState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  dispatch(change: Change): void {
    const next = reduce(this.#state, change);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}

const BY_NAME = new Intl.Collator(undefined, { numeric: true });

/** In the list's order, only those that match the filter in name or state. */
export function listedVms(vms: ReadonlyMap<VmId, VmSummary>, filter: string): readonly VmSummary[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return [...vms.values()]
    .filter((vm) => {
      const text = `${vm.name} ${STATE_WORDS[vm.state]}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => BY_NAME.compare(a.name, b.name));
}

/** virt-manager's words. */
export const STATE_WORDS: Readonly<Record<VmState, string>> = {
  running: 'Running',
  paused: 'Paused',
  'shutting-down': 'Shutting Down',
  shutoff: 'Shutoff',
  crashed: 'Crashed',
};
