/** The address is the state: `#/` is the list, `#/vm/<id>` the window of one VM. Back and Forward work. */
import { useSyncExternalStore } from 'react';
import type { VmId } from '../../core/contracts/calls.ts';

export type Route = { readonly screen: 'list' } | { readonly screen: 'vm'; readonly id: VmId };

export function parseRoute(hash: string): Route {
  const id = /^#\/vm\/([^/]+)$/.exec(hash)?.[1];
  if (id === undefined) return { screen: 'list' };
  try {
    return { screen: 'vm', id: decodeURIComponent(id) as VmId };
  } catch {
    return { screen: 'list' };
  }
}

export const formatRoute = (route: Route): string =>
  route.screen === 'list' ? '#/' : `#/vm/${encodeURIComponent(route.id)}`;

export function navigate(route: Route): void {
  window.location.hash = formatRoute(route);
}

export function useRoute(): Route {
  const hash = useSyncExternalStore(
    (listener) => {
      window.addEventListener('hashchange', listener);
      return () => window.removeEventListener('hashchange', listener);
    },
    () => window.location.hash,
  );
  return parseRoute(hash);
}
