/**
 * Results of a real CPU, kept as text: one line a case, in recorded.json. The case itself is made again from its seed.
 * How to record: see core/cpu/fpu/native.test.ts.
 */
import { allForms, MEMORY_BYTES, randomCase, type X87Case, type X87Form } from './cases.ts';
import type { X87Outcome } from './outcome.ts';

export const RECORDED_SEEDS: readonly number[] = [11, 12, 13, 14];

/** One form of each name: of register forms that with ST(1). */
export function recordedForms(): X87Form[] {
  const byName = new Map<string, X87Form>();
  for (const form of allForms()) {
    if (!byName.has(form.name) || (form.modrm >= 0xc0 && (form.modrm & 7) === 1)) byName.set(form.name, form);
  }
  return [...byName.values()];
}

/** Offsets in the image. */
const FIP = 12;
const FDP = 20;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The bytes of `after` from the first to the last that differs from `before`: "offset:hex", or "-". */
function change(before: Uint8Array, after: Uint8Array): string {
  const differs = (at: number): boolean => before[at] !== after[at];
  const indices = Array.from(after.keys()).filter(differs);
  const first = indices[0];
  if (first === undefined) return '-';
  return `${first}:${hex(after.subarray(first, (indices[indices.length - 1] as number) + 1))}`;
}

function apply(before: Uint8Array, text: string): Uint8Array {
  const after = before.slice();
  if (text === '-') return after;
  const [offset, bytes] = text.split(':') as [string, string];
  after.set(unhex(bytes), Number(offset));
  return after;
}

/** FSAVE keeps registers by stack position; by physical number a push or pop leaves the others where they were. */
function rotate(image: Uint8Array, direction: 1 | -1): Uint8Array {
  const top = ((image[5] as number) >>> 3) & 7;
  const rotated = image.slice();
  for (let i = 0; i < 8; i++) {
    const other = (i + direction * top + 8) & 7;
    rotated.set(image.subarray(28 + i * 10, 38 + i * 10), 28 + other * 10);
  }
  return rotated;
}

/** "opcode modrm seed signal eflags ax header registers memory" */
export function encodeOutcome(c: X87Case, seed: number, outcome: X87Outcome): string {
  const before = rotate(c.image, 1);
  const after = rotate(outcome.image, 1);
  const registers = change(before.subarray(28), after.subarray(28));
  // Where the harness happened to lie is of no interest, only that FIP and FDP were updated.
  for (const at of [FIP, FDP])
    if (change(c.image.subarray(at, at + 4), after.subarray(at, at + 4)) !== '-') after.fill(0, at, at + 4);
  const numbers = [c.opcode, c.modrm, seed, outcome.signal, outcome.eflags, outcome.ax].map((n) => n.toString(16));
  return [
    ...numbers,
    change(c.image.subarray(0, 28), after.subarray(0, 28)),
    registers,
    change(c.memory, outcome.memory),
  ].join(' ');
}

/** The case of a line and what came of it. */
export function decodeOutcome(line: string): { c: X87Case; outcome: X87Outcome } {
  const fields = line.split(' ');
  const [opcode, modrm, seed, signal, eflags, ax] = fields.slice(0, 6).map((text) => Number.parseInt(text, 16)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const form = allForms().find((f) => f.opcode === opcode && f.modrm === modrm);
  if (form === undefined) throw new Error(`no such instruction in recorded line "${line}"`);
  const c = randomCase(form, seed);
  const image = new Uint8Array(c.image.length);
  image.set(apply(c.image.subarray(0, 28), fields[6] as string));
  image.set(apply(rotate(c.image, 1).subarray(28), fields[7] as string), 28);
  const memory = apply(c.memory, fields[8] as string);
  if (memory.length !== MEMORY_BYTES) throw new Error(`bad memory in recorded line "${line}"`);
  return { c, outcome: { signal, image: rotate(image, -1), eflags, ax, memory } };
}
