import { describe, expect, it } from 'vitest';
import type { VmId, VmState, VmSummary } from '../../core/contracts/calls.ts';
import { unavailable, VM_ACTIONS, type VmActionId } from './vm-actions.ts';

const vm = (state: VmState): VmSummary => ({
  id: 'a' as VmId,
  name: 'a',
  state,
  memoryMiB: 64,
  vcpus: 1,
  cpuPercent: 0,
  uptimeSeconds: 0,
});
const available = (state: VmState): string[] =>
  (Object.keys(VM_ACTIONS) as VmActionId[]).filter((id) => unavailable(id, vm(state)) === undefined);

describe('what can be done', () => {
  it.each([
    ['running', ['open', 'pause', 'shutdown', 'reset', 'destroy']],
    ['paused', ['open', 'run', 'pause', 'reset', 'destroy']],
    ['shutting-down', ['open', 'shutdown', 'reset', 'destroy']],
    ['shutoff', ['open', 'run', 'delete']],
    ['crashed', ['open', 'run', 'delete']],
  ] as const)('to a VM that is %s', (state, ids) => expect(available(state)).toEqual(ids));

  it('is nothing without a VM, and the reason says so', () => {
    for (const id of Object.keys(VM_ACTIONS) as VmActionId[]) {
      expect(unavailable(id, undefined)).toBe('Select a virtual machine first.');
    }
  });

  it('waits for an unanswered call, but Force Off stays the way out', () => {
    expect(unavailable('pause', vm('running'), 'Resetting')).toBe('Resetting…');
    expect(unavailable('destroy', vm('running'), 'Resetting')).toBeUndefined();
    expect(unavailable('destroy', vm('running'), 'Stopping')).toBe('Stopping…');
  });

  it('always comes with a reason where it cannot be done', () => {
    for (const state of ['running', 'paused', 'shutting-down', 'shutoff', 'crashed'] as const) {
      for (const id of Object.keys(VM_ACTIONS) as VmActionId[]) expect(unavailable(id, vm(state))).not.toBe('');
    }
  });
});
