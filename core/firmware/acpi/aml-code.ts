/**
 * Writer of ACPI Machine Language, second part: registers as fields, and methods that compute. Each function is one term
 * of the grammar, from its arguments to encoded bytes.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 20.2.5 (terms).
 */
import { type Aml, bitCount, concat, integer, nameString, withLength } from './aml.ts';

const EXT_OP_PREFIX = 0x5b;
const NULL_NAME = [0x00];
const METHOD_SERIALIZED = 1 << 3;
const WAIT_FOREVER = [0xff, 0xff];

export const arg = (n: number): Aml => Uint8Array.of(0x68 + n);

/** Whose addresses an operation region has. */
const SPACES = { io: 1, 'pci-config': 2 } as const;
const ACCESS_BYTE = 1;
const ACCESS_DWORD = 3;
/** Fields that share an access unit with others are read, changed and written; or nothing but the field is written. */
const PRESERVE = 0;
const WRITE_AS_ZEROS = 2 << 5;

/** A name for consecutive units of a region; undefined for units that have none. */
type Unit = string | undefined;

/** Registers as named fields: an operation region of its own, whose units of 8 or 32 bits are named in turn. */
export function registers(
  region: string,
  space: keyof typeof SPACES,
  start: number,
  bits: 8 | 32,
  units: readonly Unit[],
): Aml {
  const length = (units.length * bits) / 8;
  const flags = bits === 8 ? ACCESS_BYTE | PRESERVE : ACCESS_DWORD | WRITE_AS_ZEROS;
  const fields = units.map((unit) => concat(unit === undefined ? [0] : nameString(unit), bitCount(bits)));
  return concat(
    [EXT_OP_PREFIX, 0x80],
    nameString(region),
    [SPACES[space]],
    integer(start),
    integer(length),
    withLength([EXT_OP_PREFIX, 0x81], nameString(region), [flags], ...fields),
  );
}

export function method(path: string, args: number, ...terms: readonly Aml[]): Aml {
  return withLength([0x14], nameString(path), [args], ...terms);
}

/** Runs once at a time: for a method that creates names. */
export function serializedMethod(path: string, args: number, ...terms: readonly Aml[]): Aml {
  return withLength([0x14], nameString(path), [args | METHOD_SERIALIZED], ...terms);
}

export const call = (path: string, ...args: readonly Aml[]): Aml => concat(nameString(path), ...args);
export const reference = (path: string): Aml => nameString(path);
export const returns = (value: Aml): Aml => concat([0xa4], value);
export const when = (condition: Aml, ...terms: readonly Aml[]): Aml => withLength([0xa0], condition, ...terms);
export const store = (value: Aml, target: string): Aml => concat([0x70], value, nameString(target));
export const and = (a: Aml, b: Aml): Aml => concat([0x7b], a, b, NULL_NAME);
export const orInto = (a: Aml, b: Aml, target: string): Aml => concat([0x7d], a, b, nameString(target));
export const shiftLeftInto = (value: Aml, by: Aml, target: string): Aml =>
  concat([0x79], value, by, nameString(target));
export const isLess = (a: Aml, b: Aml): Aml => concat([0x95], a, b);
export const notify = (path: string, value: Aml): Aml => concat([0x86], nameString(path), value);

/** 32 bits of a buffer from byte `at` on, as a field. */
export const createDwordField = (buffer: Aml, at: number, field: string): Aml =>
  concat([0x8a], buffer, integer(at), nameString(field));

export const mutex = (path: string): Aml => concat([EXT_OP_PREFIX, 0x01], nameString(path), [0]);

/** The terms while the mutex is held. */
export const holding = (path: string, ...terms: readonly Aml[]): Aml =>
  concat(
    [EXT_OP_PREFIX, 0x23],
    nameString(path),
    WAIT_FOREVER,
    ...terms,
    concat([EXT_OP_PREFIX, 0x27], nameString(path)),
  );
