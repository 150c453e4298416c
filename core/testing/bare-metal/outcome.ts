/**
 * What the kernel wrote about a case, in words: the exception, where, and what the code has changed.
 *
 *   #GP(0x18) at +2, eax=0x5    an exception with its error code, at the third byte of the case
 *   done, ...                   the case came to its end
 *
 * Registers, flags, segments and memory are named only where they are not what they were at the start.
 */

import { type Case, caseName } from './case.ts';
import { SAVED } from './handlers.ts';
import { TEST, VECTORS } from './layout.ts';
import { type Mode, modeOf } from './modes.ts';
import { assemble } from './source.ts';

const EXCEPTIONS = [
  '#DE',
  '#DB',
  'NMI',
  '#BP',
  '#OF',
  '#BR',
  '#UD',
  '#NM',
  '#DF',
  undefined,
  '#TS',
  '#NP',
  '#SS',
  '#GP',
  '#PF',
];
const LATER_EXCEPTIONS = ['#MF', '#AC', '#MC', '#XM'];
const WITH_ERROR_CODE: ReadonlySet<string> = new Set(['#TS', '#NP', '#SS', '#GP', '#PF', '#AC']);
const WITH_DR6 = '#DB';
const WITH_CR2 = '#PF';
const FLAGS = ['cf', '', 'pf', '', 'af', '', 'zf', 'sf', 'tf', 'if', 'df', 'of', '', '', 'nt', '', 'rf', 'vm', 'ac'];
const LATER_FLAGS = ['vif', 'vip', 'id'];
const GATES16: ReadonlySet<number> = new Set([VECTORS.V_INT16, VECTORS.V_TRAP16]);
/** #DF has a task gate; a case may give others one. */
const BY_TASK_GATE = -1;
const DR6_INIT = 0xffff_0ff0n;
const FLAGS_VM = 1n << 17n;

/** Registers when the exception came, as the handler's kind shows them. */
interface Saved {
  readonly vector: number;
  readonly error: bigint;
  readonly registers: Readonly<Record<string, bigint>>;
  readonly segments: Readonly<Record<string, bigint>>;
  readonly cs: bigint;
  readonly ip: bigint;
  readonly flags: bigint;
}
/** Numbers of the machine after the saved ones. */
interface Tail {
  readonly cr2: bigint;
  readonly dr6: bigint;
  readonly tr: bigint;
  readonly data: readonly bigint[];
}

/** What came of each case, by its name, from the output of a run: lines of words in hex, digits in reverse. */
export function outcomes(text: string, cases: readonly Case[]): Map<string, string> {
  const lines = text.split('\n').map((line) => line.trim().split(' '));
  return new Map(
    cases.map((one, n) => {
      const [name, mode] = [caseName(one), modeOf(one[0])];
      const end = assemble(one[1], mode.bits, mode.ip).length;
      const [number, ...words] = lines[n] ?? [];
      if (number === undefined || words.length === 0 || unhex(number) !== BigInt(n)) return [name, 'not reached'];
      return [name, outcome(words, mode).replace(reachedEnd(end), 'done')];
    }),
  );
}

/** The UD2 behind the code, a fault with its RF. */
const reachedEnd = (end: number): RegExp => new RegExp(`^#UD at \\+${end}\\b`);

const unhex = (word: string): bigint => BigInt(`0x${[...word].reverse().join('')}`);

function outcome([first = '0', ...digits]: readonly string[], mode: Mode): string {
  const kind = Number(unhex(first));
  const words = digits.map(unhex);
  const at = words[0] ?? 0n;
  const count = Object.values(SAVED).find(([number]) => number === kind)?.[1] ?? 0;
  const rest = words.slice(1 + count);
  const [cr2 = 0n, dr6 = 0n, tr = 0n, ...data] = rest;
  const frame = words.slice(1, 1 + count);
  if (kind === SAVED.long[0]) return longOutcome(frame, { cr2, dr6, tr, data }, mode);
  const read: Readonly<Record<number, (frame: readonly bigint[], at: bigint) => Saved>> = {
    [SAVED.real[0]]: readReal,
    [SAVED.protected[0]]: readProtected,
    [SAVED.doubleFault[0]]: readTask,
  };
  const saved = read[kind]?.(frame, at);
  return saved ? describe(saved, { cr2, dr6, tr, data }, mode) : `unreadable: ${digits.join(' ')}`;
}

const low16 = (value: bigint | undefined): bigint => (value ?? 0n) & 0xffffn;
const high16 = (value: bigint | undefined): bigint => (value ?? 0n) >> 16n;

function readReal(frame: readonly bigint[], at: bigint): Saved {
  const [gsfs, esds, edi = 0n, esi = 0n, ebp = 0n, esp = 0n, ebx = 0n, edx = 0n, ecx = 0n, eax = 0n, first, second] =
    frame;
  return {
    vector: Number(low16(first)),
    error: 0n,
    registers: { eax, ebx, ecx, edx, esi, edi, ebp, esp: (esp & ~0xffffn) | low16(esp + 8n) },
    segments: { ds: high16(esds), es: low16(esds), fs: high16(gsfs), gs: low16(gsfs), ss: (at - (esp - 40n)) >> 4n },
    cs: low16(second),
    ip: high16(first),
    flags: high16(second),
  };
}

function readProtected(frame: readonly bigint[]): Saved {
  const [gs, fs, es, ds, edi = 0n, esi = 0n, ebp = 0n, inner = 0n, ebx = 0n, edx = 0n, ecx = 0n, eax = 0n] = frame;
  const [vector = 0n, error = 0n, ...returns] = frame.slice(12);
  const registers = { eax, ebx, ecx, edx, esi, edi, ebp };
  const is16 = GATES16.has(Number(vector));
  const halves = returns.flatMap((word) => [low16(word), high16(word)]);
  const [ip = 0n, cs = 0n, flags = 0n, esp = 0n, ss = 0n, ...old] = is16 ? halves : returns;
  const base = { vector: Number(vector), error, cs: low16(cs), ip, flags };
  if (flags & FLAGS_VM && !is16) {
    const [es86, ds86, fs86, gs86] = old;
    const segments = { ds: low16(ds86), es: low16(es86), fs: low16(fs86), gs: low16(gs86), ss: low16(ss) };
    return { ...base, registers: { ...registers, esp }, segments };
  }
  const segments = { ds: low16(ds), es: low16(es), fs: low16(fs), gs: low16(gs) };
  if ((cs & 3n) !== 0n) return { ...base, registers: { ...registers, esp }, segments: { ...segments, ss: low16(ss) } };
  const frameBytes = 8n + (is16 ? 6n : 12n);
  return { ...base, registers: { ...registers, esp: inner + frameBytes }, segments };
}

/** The task that a double fault came in, from its TSS; the error code takes the place of the LDT. */
function readTask(frame: readonly bigint[]): Saved {
  const [ip = 0n, flags = 0n, eax = 0n, ecx = 0n, edx = 0n, ebx = 0n, esp = 0n, ebp = 0n, esi = 0n, edi = 0n] = frame;
  const [es, cs, ss, ds, fs, gs, error = 0n] = frame.slice(10).map(low16);
  return {
    vector: BY_TASK_GATE,
    error,
    registers: { eax, ebx, ecx, edx, esi, edi, ebp, esp },
    segments: { ds: ds ?? 0n, es: es ?? 0n, fs: fs ?? 0n, gs: gs ?? 0n, ss: ss ?? 0n },
    cs: cs ?? 0n,
    ip,
    flags,
  };
}

function longOutcome(frame: readonly bigint[], tail: Tail, mode: Mode): string {
  const q = frame.flatMap((low, n) => (n % 2 === 0 ? [low | ((frame[n + 1] ?? 0n) << 32n)] : []));
  const [gs, fs, es, ds, cr2 = 0n] = q;
  const names = ['r14', 'r13', 'r12', 'r11', 'r10', 'r9', 'r8', 'rdi', 'rsi', 'rbp', 'rbx', 'rdx', 'rcx', 'rax'];
  const registers = Object.fromEntries(names.map((name, n) => [name, q[5 + n] ?? 0n]).reverse());
  const [vector = 0n, error = 0n, ip = 0n, cs = 0n, flags = 0n, rsp = 0n, ss = 0n] = q.slice(19);
  const segments = { ds: low16(ds), es: low16(es), fs: low16(fs), gs: low16(gs), ss: low16(ss) };
  const saved = { vector: Number(vector), error, registers: { ...registers, rsp }, segments, cs: low16(cs), ip, flags };
  return describe(saved, { ...tail, cr2 }, mode);
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

function describe(saved: Saved, { cr2, dr6, tr, data }: Tail, mode: Mode): string {
  const flat = mode.ip === 0 ? saved.ip + (saved.cs === BigInt(mode.cs) ? BigInt(TEST) : 0n) : saved.ip;
  const at = flat >= TEST && flat < TEST + 0x1_0000 ? `+${flat - BigInt(TEST)}` : hex(flat);
  const what = event(saved, cr2, dr6);
  const parts = [`${what} at ${at}`];
  if (what !== WITH_DR6 && what.slice(0, 3) !== WITH_DR6 && dr6 !== DR6_INIT) parts.push(`dr6=${hex(dr6)}`);
  if (saved.cs !== BigInt(mode.cs)) parts.push(`cs=${hex(saved.cs)}`);
  for (const [name, value] of Object.entries(saved.registers)) {
    const start = name.endsWith('sp') ? BigInt(mode.sp) : 0n;
    if (value !== start) parts.push(`${name}=${hex(value)}`);
  }
  const starts: Readonly<Record<string, number>> = { ds: mode.ds, es: mode.ds, ss: mode.ss };
  for (const [name, value] of Object.entries(saved.segments))
    if (value !== BigInt(starts[name] ?? 0)) parts.push(`${name}=${hex(value)}`);
  const changed = saved.flags ^ BigInt(mode.flags);
  for (const [n, name] of [...FLAGS, ...LATER_FLAGS].entries())
    if (name !== '' && (changed >> BigInt(n)) & 1n) parts.push(`${name}=${(saved.flags >> BigInt(n)) & 1n}`);
  if ((changed >> 12n) & 3n) parts.push(`iopl=${(saved.flags >> 12n) & 3n}`);
  if (mode.paging !== 'long' && tr !== 0x88n) parts.push(`tr=${hex(tr)}`);
  for (const [n, word] of data.entries()) if (word !== 0n) parts.push(`[${n * 4}]=${hex(word)}`);
  return parts.join(', ');
}

function event({ vector, error }: Saved, cr2: bigint, dr6: bigint): string {
  if (vector === BY_TASK_GATE) return `task gate(${hex(error)})`;
  const name = EXCEPTIONS[vector] ?? LATER_EXCEPTIONS[vector - 16] ?? `int ${hex(BigInt(vector))}`;
  if (name === WITH_DR6) return `${name}(dr6 ${hex(dr6)})`;
  if (name === WITH_CR2) return `${name}(${hex(error)}, cr2 ${hex(cr2)})`;
  return WITH_ERROR_CODE.has(name) ? `${name}(${hex(error)})` : name;
}
