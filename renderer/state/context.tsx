/** The session for every component below, and hooks that re-render on the part of the state they read. */
import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from 'react';
import type { VmDetails, VmId } from '../../core/contracts/calls.ts';
import type { Preferences } from './preferences.ts';
import type { Session } from './session.ts';
import type { AppState } from './store.ts';

const SessionContext = createContext<Session | undefined>(undefined);

export function SessionProvider(props: { readonly session: Session; readonly children: ReactNode }) {
  return <SessionContext value={props.session}>{props.children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession needs a SessionProvider above it');
  return session;
}

/** `select` must return a part of the state, not build something new: its identity decides about re-rendering. */
export function useAppState<T>(select: (state: AppState) => T): T {
  const { store } = useSession();
  return useSyncExternalStore(store.subscribe, () => select(store.get()));
}

export function usePreferences(): Preferences {
  const session = useSession();
  return useSyncExternalStore(session.subscribePreferences, session.preferences);
}

/** Read again whenever the VM's state changes; undefined until the first answer. */
export function useVmDetails(id: VmId): VmDetails | undefined {
  const session = useSession();
  const details = useAppState((state) => state.details.get(id));
  const vmState = useAppState((state) => state.vms.get(id)?.state);
  // biome-ignore lint/correctness/useExhaustiveDependencies: vmState is the reason to read again
  useEffect(() => {
    void session.loadDetails(id);
  }, [session, id, vmState]);
  return details;
}
