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

type Leave = () => void;
let askBeforeLeaving: ((go: Leave) => boolean) | undefined;

/** `ask` is asked before the screen changes: false keeps it, and it may call `go` later. Returns how to end that. */
export function guardLeaving(ask: (go: Leave) => boolean): () => void {
  askBeforeLeaving = ask;
  return () => {
    if (askBeforeLeaving === ask) askBeforeLeaving = undefined;
  };
}

export function navigate(route: Route): void {
  const go = () => {
    window.location.hash = formatRoute(route);
  };
  if (askBeforeLeaving?.(go) ?? true) go();
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
