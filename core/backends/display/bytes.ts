/** Byte strings put together: numbers most significant byte first, as RFB and PNG have them. */

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const u8 = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

export function u16(...values: readonly number[]): Uint8Array {
  return u8(...values.flatMap((value) => [value >> 8, value]));
}

export function u32(...values: readonly number[]): Uint8Array {
  return u8(...values.flatMap((value) => [value >> 24, value >> 16, value >> 8, value]));
}
