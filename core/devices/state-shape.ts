/**
 * The saved state of a device, described once: from one table of fields come its TypeScript type, the copy that
 * save() hands out and the check that restore() makes. A restored state is a fresh copy, or a SnapshotError.
 */
import { type DeviceState, SnapshotError } from './device.ts';

/** One field: a checked copy of the value, or undefined when no save() could have made it. */
export type Field<T> = (value: unknown) => T | undefined;

export type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

export interface StateShape<T> {
  save(state: T): DeviceState;
  /** Throws SnapshotError for a wrong version, a missing, unknown or out-of-range field, or a failed cross-check. */
  restore(saved: DeviceState): T;
}

/** The state type that a shape or a field describes. */
export type StateOf<S> = S extends StateShape<infer T> ? T : S extends Field<infer T> ? T : never;

/** An integer from min to max. */
export const int =
  (min: number, max: number): Field<number> =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined;

/** An integer from 0 to max; for a register, max is its width. */
export const uint = (max: number): Field<number> => int(0, max);

/** A register in which only the bits of mask exist. */
export const bits =
  (mask: number): Field<number> =>
  (value) =>
    uint(mask)(value) !== undefined && ((value as number) & ~mask) === 0 ? (value as number) : undefined;

export const u8: Field<number> = uint(0xff);

export const flag: Field<boolean> = (value) => (typeof value === 'boolean' ? value : undefined);

/** Guest time in ns. */
export const timeNs: Field<number> = (value) =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;

/** A register file or memory of exactly this many bytes. */
export const byteArray =
  (length: number): Field<Uint8Array> =>
  (value) =>
    value instanceof Uint8Array && value.length === length ? value.slice() : undefined;

/** A buffer that holds at most this many bytes. */
export const byteArrayUpTo =
  (maxLength: number): Field<Uint8Array> =>
  (value) =>
    value instanceof Uint8Array && value.length <= maxLength ? value.slice() : undefined;

/** The saved state of a part that is a device of its own: its own restore() checks it. */
export const savedState: Field<DeviceState> = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as DeviceState) : undefined;

/** A list of at most maxLength items. */
export const list =
  <T>(maxLength: number, item: Field<T>): Field<T[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length > maxLength) return undefined;
    const copy: T[] = [];
    for (const entry of value) {
      const checked = item(entry);
      if (checked === undefined) return undefined;
      copy.push(checked);
    }
    return copy;
  };

/** The state of a part inside a device. */
export const record =
  <T extends object>(fields: Fields<T>): Field<T> =>
  (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const result = copyFields(fields, value as Readonly<Record<string, unknown>>);
    return 'wrong' in result ? undefined : result.copy;
  };

function describe(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

/** A checked copy of all fields, or what is wrong with them: one out of range, missing or unknown. */
function copyFields<T extends object>(
  fields: Fields<T>,
  source: Readonly<Record<string, unknown>>,
): { copy: T } | { wrong: string } {
  const copy: Partial<T> = {};
  for (const name of Object.keys(fields) as (keyof T & string)[]) {
    const value = fields[name](source[name]);
    if (value === undefined) return { wrong: `${name} is ${describe(source[name])}` };
    copy[name] = value;
  }
  const unknown = Object.keys(source).find((name) => !Object.hasOwn(fields, name));
  return unknown === undefined ? { copy: copy as T } : { wrong: `unknown field ${unknown}` };
}

/**
 * device: the name in error messages. check: what must hold between fields, given as what is wrong; undefined when all
 * is well.
 */
export function defineState<T extends object>(
  device: string,
  version: number,
  fields: Fields<T>,
  check?: (state: T) => string | undefined,
): StateShape<T> {
  const checkedCopy = (source: Readonly<Record<string, unknown>>): T => {
    const result = copyFields(fields, source);
    if ('wrong' in result) throw new SnapshotError(device, result.wrong);
    const wrong = check?.(result.copy);
    if (wrong !== undefined) throw new SnapshotError(device, wrong);
    return result.copy;
  };
  return {
    save: (state) => ({ version, ...checkedCopy(state as Readonly<Record<string, unknown>>) }),
    restore: (saved) => {
      if (typeof saved !== 'object' || saved === null) throw new SnapshotError(device, 'it is not an object');
      const { version: savedVersion, ...state } = saved;
      if (savedVersion !== version) {
        throw new SnapshotError(device, `its version is ${describe(savedVersion)}, this device reads ${version}`);
      }
      return checkedCopy(state);
    },
  };
}
