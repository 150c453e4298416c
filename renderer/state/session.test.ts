import { describe, expect, it } from 'vitest';
import type { AppEvent, CallFailure, CallName, VmId, VmState, VmSummary } from '../../core/contracts/calls.ts';
import type { Api, Connection } from '../api/api.ts';
import { type Notice, Session } from './session.ts';

const ID = 'a' as VmId;
const vm = (state: VmState): VmSummary => ({
  id: ID,
  name: 'guest',
  state,
  memoryMiB: 64,
  vcpus: 1,
  cpuPercent: 0,
  uptimeSeconds: 0,
});

/** A host that answers from a table and notes what it was asked. */
function start(
  state: VmState,
  failures: Partial<Record<CallName, CallFailure>> = {},
  more: Partial<Record<CallName, unknown>> = {},
) {
  const calls: string[] = [];
  const notices: Notice[] = [];
  let event: (event: AppEvent) => void = () => {};
  let connection: (connection: Connection) => void = () => {};
  const answers: Partial<Record<CallName, unknown>> = { 'vms.list': { vms: [vm(state)], problems: [] }, ...more };
  const api = {
    call: async (name: CallName) => {
      calls.push(name);
      const error = failures[name];
      return error ? { ok: false, error } : { ok: true, value: answers[name] };
    },
    onEvent: (listener: typeof event) => {
      event = listener;
      return () => {};
    },
    onConnection: (listener: typeof connection) => {
      connection = listener;
      listener('online');
      return () => {};
    },
  } as unknown as Api;
  const session = new Session({
    api,
    notify: (notice) => notices.push(notice),
    storage: { getItem: () => null, setItem: () => {} },
  });
  const stop = session.start();
  return { session, calls, notices, stop, emit: (e: AppEvent) => event(e), connect: (c: Connection) => connection(c) };
}
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe('loading', () => {
  it('reads a machine’s details again when its hardware is another, where they are shown', async () => {
    const { session, calls, emit, stop } = start('running', {}, { 'vms.get': { id: ID, log: [] } });
    await settled();
    emit({ type: 'vm-hardware', id: ID });
    await settled();
    expect(calls).not.toContain('vms.get');
    await session.loadDetails(ID);
    emit({ type: 'vm-hardware', id: ID });
    await settled();
    expect(calls.filter((name) => name === 'vms.get')).toHaveLength(2);
    stop();
  });

  it('reads host and list when the connection is there, and again when it comes back', async () => {
    const { session, calls, connect, stop } = start('shutoff');
    await settled();
    expect(session.store.get().vms.get(ID)?.name).toBe('guest');
    connect('offline');
    expect(session.store.get().connection).toBe('offline');
    connect('online');
    await settled();
    expect(calls).toEqual(['host.info', 'vms.list', 'host.info', 'vms.list']);
    stop();
  });
});

describe('operations', () => {
  it.each([
    ['run', 'shutoff', 'vms.start'],
    ['run', 'paused', 'vms.resume'],
    ['pause', 'running', 'vms.pause'],
    ['pause', 'paused', 'vms.resume'],
    ['shutdown', 'running', 'vms.shutdown'],
    ['reset', 'running', 'vms.reset'],
    ['destroy', 'paused', 'vms.destroy'],
  ] as const)('%s on a VM that is %s calls %s', async (action, state, call) => {
    const { session, calls, stop } = start(state);
    await settled();
    await session.perform(action, ID);
    expect(calls.at(-1)).toBe(call);
    expect(session.store.get().pending.size).toBe(0);
    stop();
  });

  it('what the state does not allow is not even asked', async () => {
    const { session, calls, stop } = start('running');
    await settled();
    await session.perform('run', ID);
    expect(calls).not.toContain('vms.start');
    stop();
  });

  it('a failed start opens a dialog with message and hint', async () => {
    const error = { code: 'start-failed', message: 'The kernel is gone.', hint: 'Put it back.' };
    const { session, stop } = start('shutoff', { 'vms.start': error });
    await settled();
    await session.perform('run', ID);
    expect(session.store.get().failure).toEqual({
      title: '“guest” could not be started',
      message: 'The kernel is gone.',
      hint: 'Put it back.',
    });
    session.dismissFailure();
    expect(session.store.get().failure).toBeUndefined();
    stop();
  });

  it('another failure is a notice that names the VM', async () => {
    const { session, notices, stop } = start('running', { 'vms.pause': { code: 'wrong-state', message: 'Not now.' } });
    await settled();
    await session.perform('pause', ID);
    expect(notices).toEqual([{ kind: 'problem', title: '“guest”: could not be paused', text: 'Not now.' }]);
    stop();
  });
});

describe('quitting', () => {
  it('asks in a dialog when VMs run', async () => {
    const { session, stop } = start('running', { 'app.quit': { code: 'vms-running', message: 'guest runs.' } });
    await session.quit(false);
    expect(session.store.get().dialog).toEqual({ kind: 'quit' });
    expect(session.store.get().ended).toBe(false);
    stop();
  });

  it('a host that dies before it answers a forced quit has quit', async () => {
    const { session, stop } = start('running', { 'app.quit': { code: 'internal', message: 'lost' } });
    await session.quit(true);
    expect(session.store.get().ended).toBe(true);
    stop();
  });

  it('close-requested opens the same dialog', () => {
    const { session, emit, stop } = start('running');
    emit({ type: 'close-requested', running: [vm('running')] });
    expect(session.store.get().dialog).toEqual({ kind: 'quit' });
    stop();
  });
});
