import { describe, expect, it } from 'vitest';
import type { VmId } from '../../core/contracts/calls.ts';
import { formatRoute, parseRoute } from './route.ts';

describe('routes', () => {
  it('survive the way to the address and back', () => {
    const route = { screen: 'vm', id: 'a b/c' as VmId } as const;
    expect(formatRoute(route)).toBe('#/vm/a%20b%2Fc');
    expect(parseRoute(formatRoute(route))).toEqual(route);
  });

  it.each(['', '#', '#/', '#/vm/', '#/vm/a/b', '#/vm/%', '#/elsewhere'])('%s is the list', (hash) =>
    expect(parseRoute(hash)).toEqual({ screen: 'list' }),
  );
});
