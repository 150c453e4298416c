/** What has been changed on a page of the details and waits for Apply. */
import { createContext, useContext, useEffect, useRef, useState } from 'react';
import type { CallFailure } from '../../../../core/contracts/calls.ts';

type Answer = { readonly ok: true } | { readonly ok: false; readonly error: CallFailure };

export interface Draft<T> {
  readonly value: T;
  readonly change: (part: Partial<T>) => void;
  readonly changed: boolean;
  readonly failure: CallFailure | undefined;
  /** What main said is wrong with one field. */
  readonly errorOf: (field: string) => string | undefined;
  readonly apply: () => Promise<boolean>;
  readonly reset: () => void;
}

/** Changes that wait: whoever leads away from them asks first. */
export interface UnappliedChanges {
  readonly apply: () => Promise<boolean>;
  readonly discard: () => void;
}
export const UnappliedContext = createContext<(changes: UnappliedChanges | undefined) => void>(() => {});

/** `saved` is plain data; `save` has read the definition again when it answers that all went well. */
export function useDraft<T extends object>(saved: T, save: (value: T) => Promise<Answer>): Draft<T> {
  const [edited, setEdited] = useState<T>();
  const [failure, setFailure] = useState<CallFailure>();
  const busy = useRef(false);
  const value = edited ?? saved;
  const changed = JSON.stringify(value) !== JSON.stringify(saved);
  const reset = () => {
    setEdited(undefined);
    setFailure(undefined);
  };
  const apply = async () => {
    if (busy.current) return false;
    busy.current = true;
    const answer = await save(value).finally(() => {
      busy.current = false;
    });
    setFailure(answer.ok ? undefined : answer.error);
    if (answer.ok) setEdited(undefined);
    return answer.ok;
  };
  useReport(changed, apply, reset);
  return {
    value,
    changed,
    failure,
    errorOf: (field) => (failure?.field === field ? textOf(failure) : undefined),
    change: (part) => {
      setFailure(undefined);
      setEdited({ ...value, ...part });
    },
    apply,
    reset,
  };
}

export const textOf = ({ message, hint }: CallFailure): string => [message, hint].filter(Boolean).join(' ');

function useReport(changed: boolean, apply: () => Promise<boolean>, discard: () => void): void {
  const report = useContext(UnappliedContext);
  const latest = useRef({ apply, discard });
  useEffect(() => {
    latest.current = { apply, discard };
  });
  useEffect(() => {
    if (!changed) return;
    report({ apply: () => latest.current.apply(), discard: () => latest.current.discard() });
    return () => report(undefined);
  }, [changed, report]);
}
