/**
 * Feeds the store from calls and events, and does what the person asks. A failure of an operation ends in the store
 * (a dialog) or in a notice (a toast), never in an exception; forms get their failure back and show it themselves.
 */
import type { CallFailure, CallName, NewVm, Reply, Request, VmId } from '../../core/contracts/calls.ts';
import type { Api } from '../api/api.ts';
import type { PreferenceStorage, Preferences } from './preferences.ts';
import { readPreferences, writePreferences } from './preferences.ts';
import { type DialogRequest, type PendingAction, Store } from './store.ts';
import { unavailable, type VmActionId } from './vm-actions.ts';

export interface Notice {
  readonly kind: 'information' | 'problem';
  readonly title: string;
  readonly text?: string;
}

export interface SessionPorts {
  readonly api: Api;
  readonly notify: (notice: Notice) => void;
  readonly storage: PreferenceStorage;
}

/** Calls that change one VM and need nothing but its id. */
type VmCall = 'vms.start' | 'vms.pause' | 'vms.resume' | 'vms.shutdown' | 'vms.destroy' | 'vms.reset' | 'vms.delete';

/** Calls that change the definition of one VM. */
type EditCall =
  | 'vms.setCpu'
  | 'vms.addDevice'
  | 'vms.editDevice'
  | 'vms.removeDevice'
  | 'vms.setBoot'
  | 'vms.setMachine'
  | 'vms.changeMedia';

export class Session {
  readonly store = new Store();
  readonly api: Api;
  readonly #notify: SessionPorts['notify'];
  readonly #storage: PreferenceStorage;
  readonly #preferenceListeners = new Set<() => void>();
  #preferences: Preferences;

  constructor(ports: SessionPorts) {
    this.api = ports.api;
    this.#notify = ports.notify;
    this.#storage = ports.storage;
    this.#preferences = readPreferences(ports.storage);
  }

  /** Subscribes and loads; returns the function that ends it. */
  start(): () => void {
    const stopEvents = this.api.onEvent((event) => {
      this.store.dispatch({ type: 'event', event });
      if (event.type === 'vm-hardware' && this.store.get().details.has(event.id)) void this.loadDetails(event.id);
    });
    const stopConnection = this.api.onConnection((connection) => {
      this.store.dispatch({ type: 'connection', connection });
      if (connection === 'online') void this.#load();
    });
    const sampler = setInterval(() => this.store.dispatch({ type: 'second-passed' }), 1000);
    return () => {
      stopEvents();
      stopConnection();
      clearInterval(sampler);
    };
  }

  /** Run resumes a paused VM; Pause is a toggle, as in virt-manager. */
  async perform(action: Exclude<VmActionId, 'open' | 'delete'>, id: VmId): Promise<void> {
    const { vms, pending } = this.store.get();
    const vm = vms.get(id);
    if (!vm || unavailable(action, vm, pending.get(id))) return;
    const paused = vm.state === 'paused';
    switch (action) {
      case 'run':
        return paused ? this.#vmCall('vms.resume', id, 'Resuming') : this.#start(id, vm.name);
      case 'pause':
        return paused ? this.#vmCall('vms.resume', id, 'Resuming') : this.#vmCall('vms.pause', id, 'Pausing');
      case 'shutdown':
        return this.#vmCall('vms.shutdown', id, 'Asking the guest to shut down');
      case 'reset':
        return this.#vmCall('vms.reset', id, 'Resetting');
      case 'destroy':
        return this.#vmCall('vms.destroy', id, 'Stopping');
    }
  }

  /** The new VM's id, or the failure for the form to show. */
  async create(vm: NewVm, startNow: boolean): Promise<Reply<'vms.create'>> {
    const reply = await this.api.call('vms.create', vm);
    if (reply.ok && startNow) void this.#start(reply.value.id, vm.name);
    return reply;
  }

  async delete(id: VmId): Promise<void> {
    const name = this.store.get().vms.get(id)?.name ?? '';
    await this.#vmCall('vms.delete', id, 'Deleting', () =>
      this.#notify({
        kind: 'information',
        title: `“${name}” was deleted`,
        text: 'Its definition is in the trash folder.',
      }),
    );
  }

  async loadDetails(id: VmId): Promise<void> {
    const reply = await this.api.call('vms.get', { id });
    if (reply.ok) this.store.dispatch({ type: 'details', details: reply.value });
  }

  /** A change of the definition; the failure is the form's to show. */
  async edit<K extends EditCall>(call: K, request: Request<K>): Promise<Reply<K>> {
    const reply = await this.api.call(call, request);
    if (reply.ok) await this.loadDetails(request.id);
    return reply;
  }

  /** Quits at once when nothing runs; otherwise the dialog asks. */
  async quit(force: boolean): Promise<void> {
    const reply = await this.api.call('app.quit', { force });
    // A host that quits may not live to answer.
    if (reply.ok || (force && reply.error.code === 'internal')) this.store.dispatch({ type: 'ended' });
    else if (reply.error.code === 'vms-running') this.openDialog({ kind: 'quit' });
    else this.#report('Vivarium could not quit', reply.error);
  }

  select(id: VmId | undefined): void {
    this.store.dispatch({ type: 'select', ...(id === undefined ? {} : { id }) });
  }

  openDialog(dialog: DialogRequest): void {
    this.store.dispatch({ type: 'dialog', dialog });
  }

  closeDialog(): void {
    this.store.dispatch({ type: 'dialog' });
  }

  dismissFailure(): void {
    this.store.dispatch({ type: 'failure' });
  }

  notify(notice: Notice): void {
    this.#notify(notice);
  }

  readonly preferences = (): Preferences => this.#preferences;

  readonly subscribePreferences = (listener: () => void): (() => void) => {
    this.#preferenceListeners.add(listener);
    return () => this.#preferenceListeners.delete(listener);
  };

  setPreferences(change: Partial<Preferences>): void {
    this.#preferences = { ...this.#preferences, ...change };
    writePreferences(this.#storage, this.#preferences);
    for (const listener of this.#preferenceListeners) listener();
  }

  async #load(): Promise<void> {
    const [host, list] = await Promise.all([
      this.api.call('host.info', undefined),
      this.api.call('vms.list', undefined),
    ]);
    if (host.ok) this.store.dispatch({ type: 'host', host: host.value });
    if (list.ok) this.store.dispatch({ type: 'list', ...list.value });
    else this.#report('The list of virtual machines could not be read', list.error);
    // What was open before the connection was lost may have changed meanwhile.
    for (const id of this.store.get().details.keys()) void this.loadDetails(id);
  }

  async #start(id: VmId, name: string): Promise<void> {
    const reply = await this.#withPending(id, 'Starting', 'vms.start', { id });
    if (reply.ok) return;
    const { message, hint } = reply.error;
    const title = `“${name}” could not be started`;
    this.store.dispatch({ type: 'failure', failure: { title, message, ...(hint === undefined ? {} : { hint }) } });
  }

  async #vmCall(call: VmCall, id: VmId, pending: PendingAction, done?: () => void): Promise<void> {
    const name = this.store.get().vms.get(id)?.name ?? '';
    const reply = await this.#withPending(id, pending, call, { id });
    if (reply.ok) done?.();
    else this.#report(`“${name}”: ${FAILED[call]}`, reply.error);
  }

  async #withPending<K extends CallName>(id: VmId, action: PendingAction, call: K, request: Request<K>) {
    this.store.dispatch({ type: 'pending', id, action });
    const reply = await this.api.call(call, request);
    // Another action (Force Off while starting) may have taken over.
    if (this.store.get().pending.get(id) === action) this.store.dispatch({ type: 'pending', id });
    return reply;
  }

  #report(title: string, failure: CallFailure): void {
    this.#notify({ kind: 'problem', title, text: [failure.message, failure.hint].filter(Boolean).join(' ') });
  }
}

const FAILED: Readonly<Record<VmCall, string>> = {
  'vms.start': 'could not be started',
  'vms.pause': 'could not be paused',
  'vms.resume': 'could not be resumed',
  'vms.shutdown': 'could not be asked to shut down',
  'vms.destroy': 'could not be forced off',
  'vms.reset': 'could not be reset',
  'vms.delete': 'could not be deleted',
};
