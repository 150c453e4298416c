/**
 * What a service answers: a value, or a failure as data that a reply of the contract (core/contracts/calls) can carry
 * as it is. Services do not throw for anything a person or a file can cause.
 */
import type { CallFailure } from '../../core/contracts/calls.ts';

export type Failed<C extends string> = { readonly ok: false; readonly error: CallFailure<C> };
export type Outcome<T, C extends string> = { readonly ok: true; readonly value: T } | Failed<C>;

export const done: { readonly ok: true; readonly value: undefined } = { ok: true, value: undefined };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** message: what happened and why; hint: what to do next; field: the field of the request that is wrong. */
export function fail<C extends string>(code: C, message: string, hint?: string, field?: string): Failed<C> {
  return {
    ok: false,
    error: { code, message, ...(hint === undefined ? {} : { hint }), ...(field === undefined ? {} : { field }) },
  };
}
