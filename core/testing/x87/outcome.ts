/** What an x87 instruction did, and how two accounts of it differ. */
import { IMAGE_BYTES, POINTER_BEFORE, type X87Case } from './cases.ts';

export interface X87Outcome {
  /** 0, or SIGFPE (8) for a pending exception, or SIGILL (4); with these the rest means nothing. */
  signal: number;
  /** FSAVE image of the state after, 32-bit protected layout. */
  image: Uint8Array;
  eflags: number;
  /** AX after FNSTSW AX. */
  ax: number;
  memory: Uint8Array;
}

/** Instructions whose last bit, and so C1, may differ from CPU to CPU. */
const TRANSCENDENTAL: ReadonlySet<string> = new Set([
  'F2XM1',
  'FYL2X',
  'FYL2XP1',
  'FPTAN',
  'FPATAN',
  'FSIN',
  'FCOS',
  'FSINCOS',
]);

const C1 = 0x200;
const EFLAGS_ARITHMETIC = 0x8d5;
const REGISTERS = 28;
/** Where the images of FNSTENV and FNSAVE have the pointers, which the harness cannot predict. */
const POINTERS_32 = [12, 28] as const;
const POINTERS_16 = [6, 14] as const;

/** The fields that differ, by name; empty when the accounts agree. Register distances go to `distance` if given. */
export function differences(
  c: X87Case,
  expected: X87Outcome,
  actual: X87Outcome,
  distance?: (ulps: number) => void,
): string[] {
  if (expected.signal !== 0 || actual.signal !== 0) return expected.signal === actual.signal ? [] : ['signal'];
  const e = new DataView(expected.image.buffer, expected.image.byteOffset, IMAGE_BYTES);
  const a = new DataView(actual.image.buffer, actual.image.byteOffset, IMAGE_BYTES);
  const inexact = TRANSCENDENTAL.has(c.name);
  const found: string[] = [];
  const check = (field: string, differs: boolean): void => {
    if (differs) found.push(field);
  };
  check('FCW', e.getUint16(0, true) !== a.getUint16(0, true));
  check('FSW', ((e.getUint16(4, true) ^ a.getUint16(4, true)) & (inexact ? ~C1 : 0xffff)) !== 0);
  check('FTW', e.getUint16(8, true) !== a.getUint16(8, true));
  for (let i = 0; i < 8; i++) {
    const ulps = registerDistance(e, a, REGISTERS + i * 10);
    if (inexact) distance?.(ulps);
    check(`ST(${i})`, ulps > (inexact ? 1 : 0));
  }
  check('EFLAGS', ((expected.eflags ^ actual.eflags) & EFLAGS_ARITHMETIC) !== 0);
  check('AX', c.name === 'FNSTSW AX' && expected.ax !== actual.ax);
  check('memory', memoryDiffers(c, expected.memory, actual.memory));
  found.push(...pointerDifferences(e, a));
  return found;
}

/** Whether FIP and FDP were updated, and FOP. */
function pointerDifferences(expected: DataView, actual: DataView): string[] {
  const found: string[] = [];
  const updated = (view: DataView, at: number): boolean => view.getUint32(at, true) !== POINTER_BEFORE;
  if (updated(expected, 12) !== updated(actual, 12)) found.push('FIP');
  if (updated(expected, 20) !== updated(actual, 20)) found.push('FDP');
  if (updated(expected, 12) && expected.getUint16(18, true) !== actual.getUint16(18, true)) found.push('FOP');
  return found;
}

function memoryDiffers(c: X87Case, expected: Uint8Array, actual: Uint8Array): boolean {
  const [from, to] = c.narrow ? POINTERS_16 : POINTERS_32;
  const image = c.name === 'FNSTENV' || c.name === 'FNSAVE';
  for (let at = 0; at < expected.length; at++) {
    if (expected[at] !== actual[at] && !(image && at >= from && at < to)) return true;
  }
  return false;
}

/** How many representable values two registers lie apart; infinite when their signs differ, or only their encodings. */
function registerDistance(expected: DataView, actual: DataView, at: number): number {
  const se = expected.getUint16(at + 8, true) ^ actual.getUint16(at + 8, true);
  const low = expected.getUint32(at, true) ^ actual.getUint32(at, true);
  const high = expected.getUint32(at + 4, true) ^ actual.getUint32(at + 4, true);
  if ((se | low | high) === 0) return 0;
  if ((se & 0x8000) !== 0) return Infinity;
  const e = ordinal(expected, at);
  const a = ordinal(actual, at);
  return e === a ? Infinity : Number(e < a ? a - e : e - a);
}

/** The magnitude's place among the representable ones. */
function ordinal(view: DataView, at: number): bigint {
  const exponent = BigInt(view.getUint16(at + 8, true) & 0x7fff);
  const significand = view.getBigUint64(at, true);
  return (exponent === 0n ? 0n : (exponent - 1n) << 63n) + significand;
}
