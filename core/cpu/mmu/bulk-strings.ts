/**
 * Many elements of a repeated string instruction at once, within one page of each operand. What these functions do is
 * what as many single elements do; where that is not plain they do nothing, and the caller goes on element by element.
 *
 * @hot
 */
import { PAGE_SIZE } from '../layout.ts';

/** What is done. STRING_BACKWARD: DF is set; STRING_UNEQUAL: a comparison goes on (REPNE) while elements differ. */
export const STRING_MOVS = 0;
export const STRING_STOS = 1;
export const STRING_CMPS = 2;
export const STRING_SCAS = 3;
export const STRING_OPERATION = 3;
export const STRING_BACKWARD = 4;
export const STRING_UNEQUAL = 8;

/** Elements from the one at `host` to the end of its page, in that direction; none when it straddles pages. */
export function elementsOnPage(host: number, size: number, backward: boolean): number {
  const offset = host & (PAGE_SIZE - 1);
  if (offset + size > PAGE_SIZE) return 0;
  return Math.floor((backward ? offset : PAGE_SIZE - offset - size) / size) + 1;
}

/** MOVS of `bytes` bytes; `to` and `from` are the lowest addresses. False when nothing was done. */
export function moveString(
  u8: Uint8Array,
  to: number,
  from: number,
  bytes: number,
  size: number,
  backward: boolean,
): boolean {
  const ahead = backward ? from - to : to - from;
  if (ahead <= 0 || ahead >= bytes) {
    u8.copyWithin(to, from, from + bytes);
    return true;
  }
  // what is written is read again later: the first `ahead` bytes repeat
  if (backward || ahead < size) return false;
  u8.copyWithin(to, from, to);
  repeatBytes(u8, to, ahead, bytes);
  return true;
}

/** STOS of the element at `value`. */
export function fillString(u8: Uint8Array, to: number, value: number, bytes: number, size: number): void {
  u8.copyWithin(to, value, value + size);
  repeatBytes(u8, to, size, bytes);
}

/** The first `period` of `bytes` bytes again and again. */
function repeatBytes(u8: Uint8Array, at: number, period: number, bytes: number): void {
  for (let done = period; done < bytes; done *= 2) u8.copyWithin(at + done, at, at + Math.min(done, bytes - done));
}

/** How many of `count` pairs of elements come before the first that is equal (`until`), or is not. */
export function compareStrings(
  u8: Uint8Array,
  a: number,
  b: number,
  count: number,
  size: number,
  stepA: number,
  stepB: number,
  until: boolean,
): number {
  for (let n = 0; n < count; n++) {
    let i = 0;
    while (i < size && u8[a + i] === u8[b + i]) i++;
    if ((i === size) === until) return n;
    a += stepA;
    b += stepB;
  }
  return count;
}
