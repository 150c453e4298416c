/**
 * Instruction cases for comparing the FPU with a real one: which instruction, in which state, on which operand. From a
 * seed, so that the same number always names the same case.
 */
import { findInstruction } from '../../cpu/fpu/table.ts';
import { SeededRandom } from '../seeded-random.ts';

export const IMAGE_BYTES = 108;
export const MEMORY_BYTES = 128;
/** FIP and FDP before every case; another value afterwards says that the instruction updated them. */
export const POINTER_BEFORE = 0x1234_5678;

export interface X87Case {
  name: string;
  opcode: number;
  modrm: number;
  /** With an operand-size prefix: the 14- and 94-byte images. */
  narrow: boolean;
  /** FSAVE image of the state before, 32-bit protected layout. */
  image: Uint8Array;
  eflags: number;
  /** The memory operand, and what lies behind it. */
  memory: Uint8Array;
}

/** Name of an encoding that is no instruction. */
const UNDEFINED = '(none)';

/** One encoding: a register form, or a memory form with rm = 6, [rsi]. */
export interface X87Form {
  name: string;
  opcode: number;
  modrm: number;
}

/** All 576 of them, defined or not. */
export function allForms(): X87Form[] {
  const forms: X87Form[] = [];
  for (let opcode = 0xd8; opcode <= 0xdf; opcode++) {
    for (let modrm = 6; modrm < 0x100; modrm += modrm < 0x3e ? 8 : modrm === 0x3e ? 0xc0 - 0x3e : 1) {
      forms.push({ name: findInstruction(opcode, modrm)?.name ?? UNDEFINED, opcode, modrm });
    }
  }
  return forms;
}

const EDGE_HIGH = [
  0x80000000, 0x80000001, 0xffffffff, 0xc0000000, 0xc0000001, 0xbfffffff, 0xfffffeff, 0xffffff00, 0xffffff80,
];
const EDGE_LOW = [0, 1, 2, 0xffffffff, 0x400, 0x800, 0xfffffc00, 0xfffff800, 0x7ff, 0x3ff, 0x80000000];

/** True in so many cases out of a hundred. */
function chance(random: SeededRandom, percent: number): boolean {
  return random.below(100) < percent;
}

/** The three words of a random 80-bit value: [sign-exponent, high, low]. */
function randomValue(random: SeededRandom, near: number): [number, number, number] {
  const sign = chance(random, 50) ? 0x8000 : 0;
  const hi = chance(random, 50) ? random.uint32() | 0 | 0x8000_0000 : random.pick(EDGE_HIGH) | 0;
  const lo = chance(random, 50) ? random.uint32() | 0 : random.pick(EDGE_LOW) | 0;
  switch (random.below(24)) {
    case 0:
      return [sign, 0, 0];
    case 1:
      return [sign | 0x7fff, 0x80000000 | 0, 0];
    case 2: // quiet or signalling NaN
      return [sign | 0x7fff, hi | 0x80000000, lo | 1];
    case 3: // denormal
      return [sign, (hi & 0x7fff_ffff) >>> random.below(32), lo];
    case 4: // pseudo-denormal
      return [sign, hi, lo];
    case 5: // unnormal, pseudo-NaN, pseudo-infinity
      return [
        sign | (chance(random, 30) ? 0x7fff : 1 + random.below(0x7ffe)),
        (hi & 0x7fff_ffff) >>> random.below(32),
        lo,
      ];
    case 6: // next to the ends of the range
      return [sign | random.pick([1, 2, 3, 0x40, 0x7ffe, 0x7ffd, 0x7f00]), hi, lo];
    case 7: // next to the ends of the float32 and float64 ranges
      return [
        sign |
          (random.pick([0x3f81, 0x407e, 0x3f6a, 0x3c01, 0x43fe, 0x3bcd, 0x3fff + 31, 0x3fff + 63]) +
            random.below(5) -
            2),
        hi,
        lo,
      ];
    case 8: // any exponent
    case 9:
      return [sign | (1 + random.below(0x7ffe)), hi, lo];
    case 10: // small integers
    case 11: {
      const value = 1 + random.below(64);
      const shift = Math.clz32(value);
      return [sign | (0x3fff + 31 - shift), value << shift, 0];
    }
    default: // within reach of each other
      return [sign | (near + random.below(random.pick([3, 12, 70, 140]))), hi, lo];
  }
}

function put80(view: DataView, at: number, value: readonly [number, number, number]): void {
  view.setInt32(at, value[2], true);
  view.setInt32(at + 4, value[1], true);
  view.setUint16(at + 8, value[0], true);
}

const FLOAT32_EDGES = [
  0, 0x80000000, 1, 0x007fffff, 0x00800000, 0x3f800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7f800001, 0x7fc00000,
];
const FLOAT64_EDGES = [
  0, 0x80000000, 0x000fffff, 0x00100000, 0x3ff00000, 0x7fefffff, 0x7ff00000, 0xfff00000, 0x7ff80000,
];

/** A memory operand that makes sense to any format: float bits at the front, or an 80-bit value, or decimal. */
function randomMemory(random: SeededRandom, form: X87Form, view: DataView, near: number): void {
  for (let at = 0; at < MEMORY_BYTES; at += 4) view.setInt32(at, random.uint32() | 0, true);
  if (form.name === 'FLDCW') {
    if (chance(random, 70)) view.setUint16(0, randomControl(random), true);
  } else if (form.name === 'FBLD') {
    const digits = chance(random, 90) ? 10 : 16;
    for (let at = 0; at < 9; at++) view.setUint8(at, random.below(digits) * 16 + random.below(digits));
  } else if (form.name === 'FLDENV' || form.name === 'FRSTOR') {
    if (chance(random, 70)) view.setUint16(0, randomControl(random), true);
  } else if (form.name.endsWith('m80')) {
    put80(view, 0, randomValue(random, near));
  } else if (form.name.endsWith('m32')) {
    if (chance(random, 40)) view.setInt32(0, random.pick(FLOAT32_EDGES) | 0, true);
    else if (chance(random, 60)) view.setFloat32(0, ((random.uint32() | 0) / 65536) * 2 ** (random.below(8) - 4), true);
  } else if (form.name.endsWith('m64')) {
    if (chance(random, 40)) {
      view.setInt32(4, random.pick(FLOAT64_EDGES) | 0, true);
      view.setInt32(0, random.pick([0, 0, 1, random.uint32() | 0]), true);
    } else if (chance(random, 60)) view.setFloat64(0, ((random.uint32() | 0) / 7) * 2 ** (random.below(60) - 30), true);
  } else if (chance(random, 30)) {
    view.setInt32(0, random.pick([0, 1, -1, 0x7fff, 0x8000, 0x7fffffff, 0x80000000]) | 0, true);
    view.setInt32(4, random.pick([0, -1, 0x7fffffff, 0x80000000]) | 0, true);
  }
}

function randomControl(random: SeededRandom): number {
  const masks = chance(random, 70) ? 0x3f : random.below(64);
  return (random.below(4) << 10) | (random.pick([0x300, 0x300, 0x300, 0x200, 0, 0x100]) | masks);
}

/** The case of this number for this form. */
export function randomCase(form: X87Form, seed: number): X87Case {
  const random = new SeededRandom(seed);
  const image = new Uint8Array(IMAGE_BYTES);
  const view = new DataView(image.buffer);
  const control = randomControl(random);
  view.setUint32(0, 0xffff_0000 | control, true);
  // Exceptions flagged before: mostly such as are masked, so that the instruction runs at all.
  const flagged = chance(random, 30) ? random.below(128) & (chance(random, 5) ? 0x7f : (control & 0x3f) | 0x40) : 0;
  const status = ((random.uint32() | 0) & 0x4700) | (random.below(8) << 11) | flagged;
  view.setUint32(4, 0xffff_0000 | status, true);
  view.setUint32(8, 0xffff_0000 | randomTags(random, (status >>> 11) & 7), true);
  view.setUint32(12, POINTER_BEFORE, true);
  view.setUint32(20, POINTER_BEFORE, true);
  view.setUint32(24, 0xffff_0000, true);
  const near = chance(random, 60) ? 0x3fff - 35 : chance(random, 50) ? 1 + random.below(0x7f00) : 1;
  for (let i = 0; i < 8; i++) put80(view, 28 + 10 * i, randomValue(random, near));
  const memory = new Uint8Array(MEMORY_BYTES);
  randomMemory(random, form, new DataView(memory.buffer), near);
  const eflags = 0x202 | ((random.uint32() | 0) & 0x8d5);
  return { ...form, narrow: chance(random, 10), image, eflags, memory };
}

/** Room for a push and operands in place mostly; sometimes anything. */
function randomTags(random: SeededRandom, top: number): number {
  if (chance(random, 8)) return (random.uint32() | 0) & 0xffff;
  if (chance(random, 5)) return 0;
  let tags = 0;
  for (let i = 4 + random.below(4); i < 8; i++) tags |= 3 << (((top + i) & 7) * 2);
  return tags;
}
