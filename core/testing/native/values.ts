/** Operand values that find mistakes: edges of every size and format, near misses of each other, and noise. */
import type { SeededRandom } from '../seeded-random.ts';

export function chance(random: SeededRandom, percent: number): boolean {
  return random.below(100) < percent;
}

export const uint64 = (random: SeededRandom): bigint => (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());

const EDGE_BITS = [7, 8, 15, 16, 31, 32, 63, 64];

/** An integer: near a power of two, small, or anything. */
export function integer(random: SeededRandom): bigint {
  switch (random.below(6)) {
    case 0:
      return BigInt.asUintN(64, (1n << BigInt(random.pick(EDGE_BITS))) + BigInt(random.below(3) - 1));
    case 1:
      return BigInt.asUintN(64, BigInt(random.below(32) - 16));
    case 2:
      return BigInt(random.below(256)) * 0x0101_0101_0101_0101n;
    case 3: // sign-extended from 32 bits
      return BigInt.asUintN(64, BigInt(random.uint32() | 0));
    default:
      return uint64(random);
  }
}

const SINGLES = [
  0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, 0xbf80_0000, 0x3f00_0000, 0x3fc0_0000,
  0x4020_0000, 0x4eff_ffff, 0x4f00_0000, 0xcf00_0000, 0xcf00_0001, 0x5eff_ffff, 0x5f00_0000, 0xdf00_0000, 0x7f7f_ffff,
  0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7f80_0001, 0xffa0_0000, 0x7fc0_0000, 0xffc1_2345, 0x4b00_0001,
];
const DOUBLES = [
  0n,
  1n << 63n,
  1n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0xbff0_0000_0000_0000n,
  0x3fe0_0000_0000_0000n,
  0x3ff8_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0x41df_ffff_ffe0_0000n,
  0x41e0_0000_0000_0000n,
  0xc1e0_0000_0000_0000n,
  0xc1e0_0000_0010_0000n,
  0xc1e0_0000_0020_0000n,
  0x43df_ffff_ffff_ffffn,
  0x43e0_0000_0000_0000n,
  0xc3e0_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0xfff4_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0xfff8_1234_5678_9abcn,
  0x47ef_ffff_e000_0000n,
  0x47ef_ffff_f000_0000n,
  0x3810_0000_0000_0000n,
  0x36a0_0000_0000_0000n,
  0x3690_0000_0000_0000n,
  0x3680_0000_0000_0001n,
];

/** A fraction of so many bits: anything, few bits at the top or at the bottom, or all ones but for few. */
function fraction(random: SeededRandom, bits: number): bigint {
  const any = uint64(random) & ((1n << BigInt(bits)) - 1n);
  const few = BigInt(1 + random.below(bits));
  const low = any & ((1n << few) - 1n);
  return random.pick([any, low, any - low, any | ((1n << few) - 1n), 1n << (few - 1n)]);
}
/** A float of so many bits of exponent and fraction: near an end of its range, near 1, or such that products are near an end. */
function extreme(random: SeededRandom, exponentBits: number, fractionBits: number): bigint {
  const near = random.below(fractionBits + 4);
  const quarter = 2 ** (exponentBits - 2);
  const exponent = random.pick([
    near,
    4 * quarter - 2 - near,
    2 * quarter - near,
    quarter + (near >> 3),
    3 * quarter - (near >> 3),
  ]);
  const sign = BigInt(random.below(2)) << BigInt(exponentBits);
  return ((sign | BigInt(exponent)) << BigInt(fractionBits)) | fraction(random, fractionBits);
}

function single(random: SeededRandom): number {
  if (chance(random, 35)) return random.pick(SINGLES);
  if (chance(random, 30)) return Number(extreme(random, 8, 23));
  const bits = random.uint32();
  // mostly within reach of each other
  return chance(random, 70) ? ((bits & 0x807f_ffff) | ((120 + random.below(40)) << 23)) >>> 0 : bits;
}

function double(random: SeededRandom): bigint {
  if (chance(random, 35)) return random.pick(DOUBLES);
  if (chance(random, 30)) return extreme(random, 11, 52);
  const bits = uint64(random);
  if (chance(random, 20)) return bits;
  const exponent = BigInt(chance(random, 50) ? 1016 + random.below(64) : 1023 - 151 + random.below(280));
  return (bits & 0x800f_ffff_ffff_ffffn) | (exponent << 52n);
}

const MXCSR_FLAGS = 0x3f;
const MXCSR_PE = 0x20;
const MXCSR_MASKS = 0x1f80;
/** MXCSR: mostly with every exception masked, half of the time rounding to nearest. */
export function mxcsr(random: SeededRandom): number {
  const flags = random.pick([0, MXCSR_PE, random.below(MXCSR_FLAGS + 1)]);
  const masks = chance(random, 70) ? MXCSR_MASKS : random.uint32() & MXCSR_MASKS;
  const rounding = chance(random, 50) ? 0 : random.below(4) << 13;
  const flushToZero = chance(random, 25) ? 0x8000 : 0;
  const denormalsAreZero = chance(random, 25) ? 0x40 : 0;
  return flags | masks | rounding | flushToZero | denormalsAreZero;
}

/** Sixteen bytes: floats of either size, or integers. */
export function fillVector(random: SeededRandom, view: DataView, at: number): void {
  const kind = random.below(5);
  for (let half = 0; half < 16; half += 8) {
    if (kind === 0) {
      view.setUint32(at + half, single(random), true);
      view.setUint32(at + half + 4, single(random), true);
    } else if (kind === 1) view.setBigUint64(at + half, double(random), true);
    else if (kind === 2) view.setBigUint64(at + half, integer(random), true);
    else if (kind === 3) {
      // each word an edge
      for (let n = 0; n < 8; n += 2)
        view.setUint16(
          at + half + n,
          random.pick([0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, random.uint32() & 0xffff]),
          true,
        );
    } else view.setBigUint64(at + half, uint64(random), true);
  }
}

/** Sixteen bytes: up to eight words or sixteen bytes of two letters, then zeros, or nothing of the kind. */
export function fillString(random: SeededRandom, view: DataView, at: number): void {
  fillVector(random, view, at);
  if (chance(random, 10)) return;
  const first = random.pick([0x20, 0x61, 0x7f, 0x80, 0xff]);
  const bytes = random.pick([1, 2]);
  const end = random.below(20);
  for (let n = 0; n * bytes < 16; n++) {
    const letter = n < end ? first + random.below(2) : 0;
    if (bytes === 1) view.setUint8(at + n, letter);
    else view.setUint16(at + n * 2, letter * 0x101, true);
  }
}
