/** Packed BCD of FBLD and FBSTP: 18 digits in 9 bytes, low digits first, and a byte whose bit 7 is the sign. */

import { loadInt64, magnitudeToInteger } from './convert.ts';
import { A, A_SE, IE, INFINITE, SIGN, setZero, unpack, W, Z_HI, Z_LO, ZERO } from './ext80.ts';

const DIGIT_BYTES = 9;
const LIMIT = 10n ** 18n;

/** A = the packed decimal in `bytes`. Digits above 9 are taken at their face value, as the hardware does. */
export function loadBcd(bytes: Uint8Array): void {
  let value = 0n;
  for (let at = DIGIT_BYTES - 1; at >= 0; at--) {
    const pair = bytes[at] as number;
    value = value * 100n + BigInt((pair >>> 4) * 10 + (pair & 15));
  }
  loadInt64(A, Number(value >> 32n) | 0, Number(value & 0xffff_ffffn) | 0);
  if ((bytes[DIGIT_BYTES] as number) & 0x80) W[A_SE] |= SIGN;
}

/** Writes A, rounded to an integer, as packed decimal to `bytes`; "indefinite" with IE when it has over 18 digits. */
export function toBcd(bytes: Uint8Array, ctl: number): number {
  const kind = unpack(A);
  const sign = W[A_SE] & SIGN;
  let flags = 0;
  if (kind & ZERO) setZero(sign);
  else flags = kind >= INFINITE ? IE : magnitudeToInteger(sign, ctl);
  let value = (BigInt(W[Z_HI] >>> 0) << 32n) | BigInt(W[Z_LO] >>> 0);
  if (flags & IE || value >= LIMIT) {
    bytes.set([0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff]);
    return IE;
  }
  for (let at = 0; at < DIGIT_BYTES; at++) {
    const pair = Number(value % 100n);
    bytes[at] = (Math.floor(pair / 10) << 4) | (pair % 10);
    value /= 100n;
  }
  bytes[DIGIT_BYTES] = sign >>> 8;
  return flags;
}
