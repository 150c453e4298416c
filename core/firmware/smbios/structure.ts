/**
 * The form of every SMBIOS structure: a header, fields, and behind them the strings that fields name by number.
 *
 * Reference: [SMBIOS] System Management BIOS Reference Specification 2.8.0 (DSP0134), 6.1.
 */

/** Bytes of one field. */
type Field = readonly number[];
/** Adds a string and gives its number; of an empty one, 0. */
type AddString = (text: string) => Field;

const HEADER_LENGTH = 4;
/** Before 3.0 readers need not take longer ones. */
const MOST_STRING_BYTES = 64;

export const byte = (value: number): Field => [value & 0xff];
export const word = (value: number): Field => [value & 0xff, (value >>> 8) & 0xff];
export const dword = (value: number): Field => [...word(value & 0xffff), ...word(Math.floor(value / 2 ** 16) & 0xffff)];
export const qword = (value: number): Field => [...dword(value % 2 ** 32), ...dword(Math.floor(value / 2 ** 32))];

export function structure(type: number, handle: number, fields: (text: AddString) => readonly Field[]): Uint8Array {
  const strings: Uint8Array[] = [];
  const text: AddString = (value) => {
    const bytes = printable(value);
    if (bytes.length > 0) strings.push(bytes);
    return [bytes.length > 0 ? strings.length : 0];
  };
  const formatted = fields(text).flat();
  const tail = strings.length > 0 ? strings.flatMap((bytes) => [...bytes, 0]) : [0];
  return Uint8Array.of(type, HEADER_LENGTH + formatted.length, ...word(handle), ...formatted, ...tail, 0);
}

function printable(text: string): Uint8Array {
  return new TextEncoder().encode(text.replace(/[^\x20-\x7e]/g, '?').slice(0, MOST_STRING_BYTES));
}
