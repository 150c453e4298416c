import { describe, expect, it } from 'vitest';
import type { VmDetails, VmId, VmSummary } from '../../core/contracts/calls.ts';
import { DEFAULT_CPU } from '../../core/contracts/cpu.ts';
import { type AppState, CPU_SAMPLES, INITIAL_STATE, listedVms, reduce, Store } from './store.ts';

const vm = (id: string, change: Partial<VmSummary> = {}): VmSummary => ({
  id: id as VmId,
  name: id,
  state: 'running',
  memoryMiB: 64,
  vcpus: 1,
  cpuPercent: 10,
  uptimeSeconds: 1,
  ...change,
});
const details = (of: VmSummary): VmDetails => ({
  ...of,
  hardware: { machine: 'pc', machineName: 'pc', firmware: { kind: 'bios' }, boot: { order: [] }, devices: [] },
  cpu: DEFAULT_CPU,
  domainXml: '<domain/>',
  definitionPath: '/d',
  log: [],
});
const listed = (...vms: readonly VmSummary[]): AppState => reduce(INITIAL_STATE, { type: 'list', vms, problems: [] });

describe('the list', () => {
  it('replaces what was known and forgets what belonged to VMs that are gone', () => {
    let state = listed(vm('a'), vm('b'));
    state = reduce(state, { type: 'details', details: details(vm('a')) });
    state = reduce(state, { type: 'select', id: 'a' as VmId });
    state = reduce(state, { type: 'second-passed' });
    state = reduce(state, { type: 'list', vms: [vm('b')], problems: [] });
    expect([...state.vms.keys()]).toEqual(['b']);
    expect(state.details.size).toBe(0);
    expect([...state.cpuHistory.keys()]).toEqual(['b']);
    expect(state.selected).toBeUndefined();
  });

  it('is sorted as people count, and filtered by all words in name or state', () => {
    const vms = listed(vm('node-10'), vm('node-9', { state: 'paused' }), vm('web')).vms;
    expect(listedVms(vms, '').map((each) => each.name)).toEqual(['node-9', 'node-10', 'web']);
    expect(listedVms(vms, 'NODE paus').map((each) => each.name)).toEqual(['node-9']);
    expect(listedVms(vms, 'nothing')).toEqual([]);
  });
});

describe('events', () => {
  it('vm-changed changes that VM and leaves the others as they are', () => {
    const before = listed(vm('a'), vm('b'));
    const after = reduce(before, { type: 'event', event: { type: 'vm-changed', vm: vm('a', { state: 'paused' }) } });
    expect(after.vms.get('a' as VmId)?.state).toBe('paused');
    expect(after.vms.get('b' as VmId)).toBe(before.vms.get('b' as VmId));
  });

  it('vm-removed takes it from everywhere, its selection too', () => {
    let state = reduce(listed(vm('a')), { type: 'select', id: 'a' as VmId });
    state = reduce(state, { type: 'pending', id: 'a' as VmId, action: 'Deleting' });
    state = reduce(state, { type: 'event', event: { type: 'vm-removed', id: 'a' as VmId } });
    expect(state.vms.size + state.pending.size).toBe(0);
    expect(state.selected).toBeUndefined();
  });

  it('vm-log grows the log of a VM whose details are open, and no other', () => {
    const line = { timeMs: 1, level: 'info', message: 'hello' } as const;
    const event = { type: 'event', event: { type: 'vm-log', id: 'a' as VmId, line } } as const;
    const closed = listed(vm('a'));
    expect(reduce(closed, event)).toBe(closed);
    const open = reduce(closed, { type: 'details', details: details(vm('a')) });
    expect(reduce(open, event).details.get('a' as VmId)?.log).toEqual([line]);
  });

  it('close-requested opens the quit dialog', () => {
    const state = reduce(listed(vm('a')), { type: 'event', event: { type: 'close-requested', running: [vm('a')] } });
    expect(state.dialog).toEqual({ kind: 'quit' });
  });
});

describe('CPU samples', () => {
  it('keep the last 40 of an active VM, newest last', () => {
    let state = listed(vm('a'));
    for (let second = 0; second < 50; second++) {
      state = reduce(state, { type: 'event', event: { type: 'vm-changed', vm: vm('a', { cpuPercent: second }) } });
      state = reduce(state, { type: 'second-passed' });
    }
    const samples = state.cpuHistory.get('a' as VmId);
    expect(samples).toHaveLength(CPU_SAMPLES);
    expect(samples?.[0]).toBe(10);
    expect(samples?.at(-1)).toBe(49);
  });

  it('start again after a VM was off', () => {
    let state = reduce(listed(vm('a')), { type: 'second-passed' });
    state = reduce(state, { type: 'event', event: { type: 'vm-changed', vm: vm('a', { state: 'shutoff' }) } });
    state = reduce(state, { type: 'second-passed' });
    expect(state.cpuHistory.size).toBe(0);
  });
});

describe('Store', () => {
  it('tells listeners of changes only', () => {
    const store = new Store();
    let calls = 0;
    const stop = store.subscribe(() => calls++);
    store.dispatch({ type: 'second-passed' });
    expect(calls).toBe(0);
    store.dispatch({ type: 'connection', connection: 'online' });
    expect(calls).toBe(1);
    stop();
    store.dispatch({ type: 'connection', connection: 'offline' });
    expect(calls).toBe(1);
  });
});
