/**
 * SHA extensions. [FIPS 180-4], [SDM] volume 2, SHA1RNDS4 and following. Names of words are those of the standard; a
 * vector has the first word of four in its highest lane for SHA-1, and in its lowest for SHA-256.
 */
import { type Func, type I32, i32, i32x4, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';

/**
 * These exist in no VEX encoding, and take memory at any address. (So do AMD's. [SDM] exceptions type 4 would have it
 * aligned, which no program can need.)
 */
const packed =
  (operation: (a: V128, b: V128, e: Emit) => V128): Emitter =>
  (e) => {
    const b = e.readVector(1, 16);
    e.writeVector(0, operation(e.readVector(0, 16), b, e), 16);
  };

/** Lanes as let() values, the lowest first. */
type Words = readonly [I32, I32, I32, I32];
const wordsOf = (f: Func, v: V128): Words => {
  const word = (lane: number): I32 => f.let(v128.extractI32(lane, v));
  return [word(0), word(1), word(2), word(3)];
};
const vectorOf = (...words: Words): V128 =>
  words.reduce((v: V128, word, lane) => v128.replaceI32(lane, v, word), i32x4.const(0));

const sum = (...terms: readonly I32[]): I32 => terms.reduce((a, b) => i32.add(a, b));
const xor = (...terms: readonly I32[]): I32 => terms.reduce((a, b) => i32.xor(a, b));
const rotl = (a: I32, bits: number): I32 => i32.rotl(a, i32.const(bits));
const rotr = (a: I32, bits: number): I32 => i32.rotr(a, i32.const(bits));
const shr = (a: I32, bits: number): I32 => i32.shrU(a, i32.const(bits));

const choose = (x: I32, y: I32, z: I32): I32 => i32.xor(z, i32.and(x, i32.xor(y, z)));
const majority = (x: I32, y: I32, z: I32): I32 => i32.or(i32.and(x, y), i32.and(z, i32.or(x, y)));
const parity = (x: I32, y: I32, z: I32): I32 => xor(x, y, z);

// -- SHA-1 ---------------------------------------------------------------------------------------------------------
/** [FIPS 180-4] 4.1.1 and 4.2.1: function and constant of rounds 0 to 19 and so on. */
const SHA1_PHASES = [
  { mix: choose, constant: 0x5a82_7999 },
  { mix: parity, constant: 0x6ed9_eba1 },
  { mix: majority, constant: 0x8f1b_bcdc },
  { mix: parity, constant: 0xca62_c1d6 },
] as const;

/** Four rounds; E of the first is in its word already. */
function sha1Rounds(f: Func, abcd: V128, words: V128, { mix, constant }: (typeof SHA1_PHASES)[number]): V128 {
  let [d, c, b, a] = wordsOf(f, abcd);
  const [w3, w2, w1, w0] = wordsOf(f, words);
  let e: I32 = i32.const(0);
  for (const w of [w0, w1, w2, w3]) {
    const next = f.let(sum(mix(b, c, d), rotl(a, 5), w, e, i32.const(constant)));
    [a, b, c, d, e] = [next, a, f.let(rotl(b, 30)), c, d];
  }
  return vectorOf(d, c, b, a);
}
export const emitSha1rnds4 = packed((abcd, words, e) => {
  const { f } = e;
  const result = f.local('v128');
  const phase = f.let(i32.and(e.read(2) as I32, i32.const(3)));
  SHA1_PHASES.forEach((parameters, n) => {
    f.if(i32.eq(phase, i32.const(n)), () => f.set(result, sha1Rounds(f, abcd, words, parameters)));
  });
  return result;
});

/** E for the next four rounds, added to their first word. */
export const emitSha1nexte = packed((abcd, words) => {
  const e = rotl(v128.extractI32(3, abcd), 30);
  return v128.replaceI32(3, words, i32.add(v128.extractI32(3, words), e));
});
/** W0..W3 and W4, W5: the part of the schedule that needs no later words. */
export const emitSha1msg1 = packed((first, second) => {
  const fromW2 = v128.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23], second, first);
  return v128.xor(first, fromW2);
});
export const emitSha1msg2 = packed((partial, words, { f }) => {
  const [p3, p2, p1, p0] = wordsOf(f, partial);
  const [w15, w14, w13] = wordsOf(f, words);
  const w16 = f.let(rotl(xor(p0, w13), 1));
  return vectorOf(rotl(xor(p3, w16), 1), rotl(xor(p2, w15), 1), rotl(xor(p1, w14), 1), w16);
});

// -- SHA-256 -------------------------------------------------------------------------------------------------------
// [FIPS 180-4] 4.1.2
const bigSigma0 = (x: I32): I32 => xor(rotr(x, 2), rotr(x, 13), rotr(x, 22));
const bigSigma1 = (x: I32): I32 => xor(rotr(x, 6), rotr(x, 11), rotr(x, 25));
const sigma0 = (x: I32): I32 => xor(rotr(x, 7), rotr(x, 18), shr(x, 3));
const sigma1 = (x: I32): I32 => xor(rotr(x, 17), rotr(x, 19), shr(x, 10));

/** Two rounds: the first operand has C D G H, the second A B E F, XMM0 the words with their constants added. */
export const emitSha256rnds2 = packed((cdgh, abef, engine) => {
  const { f } = engine;
  let [h, g, d, c] = wordsOf(f, cdgh);
  let [ff, e, b, a] = wordsOf(f, abef);
  const words = engine.xmm(0);
  for (const lane of [0, 1]) {
    const t1 = f.let(sum(h, bigSigma1(e), choose(e, ff, g), v128.extractI32(lane, words)));
    const t2 = i32.add(bigSigma0(a), majority(a, b, c));
    [a, b, c, d, e, ff, g, h] = [f.let(i32.add(t1, t2)), a, b, c, f.let(i32.add(d, t1)), e, ff, g];
  }
  return vectorOf(ff, e, b, a);
});
/** W0..W3 with sigma0 of the words that follow each; W4 is in the lowest lane of the second. */
export const emitSha256msg1 = packed((words, next, { f }) => {
  const [w0, w1, w2, w3] = wordsOf(f, words);
  const w4 = f.let(v128.extractI32(0, next));
  const word = (w: I32, following: I32): I32 => i32.add(w, sigma0(following));
  return vectorOf(word(w0, w1), word(w1, w2), word(w2, w3), word(w3, w4));
});
/** The schedule's last step: W14 and W15 are in the upper half of the second. */
export const emitSha256msg2 = packed((partial, words, { f }) => {
  const [p0, p1, p2, p3] = wordsOf(f, partial);
  const [w14, w15] = [f.let(v128.extractI32(2, words)), f.let(v128.extractI32(3, words))];
  const w16 = f.let(i32.add(p0, sigma1(w14)));
  const w17 = f.let(i32.add(p1, sigma1(w15)));
  return vectorOf(w16, w17, i32.add(p2, sigma1(w16)), i32.add(p3, sigma1(w17)));
});
