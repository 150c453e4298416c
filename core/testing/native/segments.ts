/**
 * The segments of cases that are not flat: one local descriptor table, put in place natively by modify_ldt(2) and in the
 * emulated CPU's memory. 16-bit code exists in a process only so.
 */
import { CENTRE, CODE, DATA, START, WINDOW } from './case.ts';

export interface Segment {
  readonly kind: 'data' | 'expand-down' | 'code';
  readonly base: number;
  /** In bytes, or in pages of 4 KiB less one (`pages`). */
  readonly limit: number;
  readonly pages?: boolean;
  /** D or B: 32-bit code, a stack addressed by ESP, an expand-down segment up to 4 GiB. */
  readonly big: boolean;
  /** Data that cannot be written, code that cannot be read. */
  readonly restricted?: boolean;
  readonly absent?: boolean;
}

/** In order of the table. Offsets where a limit is lie within the window. */
const TABLE = {
  code16: { kind: 'code', base: CODE, limit: 0xffff, big: false },
  code32: { kind: 'code', base: CODE, limit: 0x10fff, big: true },
  /** 16-bit code beyond 64 KiB. */
  code16Long: { kind: 'code', base: CODE, limit: 0x10fff, big: false },
  /** Ends amid most instructions, or right behind them. */
  code16Short: { kind: 'code', base: CODE, limit: START - CODE + 3, big: false },
  code32Unreadable: { kind: 'code', base: CODE - 0x1000, limit: 0x1ff, pages: true, big: true, restricted: true },
  codeAbsent: { kind: 'code', base: CODE, limit: 0xffff, big: true, absent: true },
  near: { kind: 'data', base: DATA - 0x7000, limit: 0xffff, big: false },
  nearBig: { kind: 'data', base: DATA - 0x7000, limit: 0xfffff, pages: true, big: true },
  /** The window lies at the end of 64 KiB, and the copy of it at the start. */
  end: { kind: 'data', base: CENTRE + 0x10, limit: 0xffff, big: false },
  endBig: { kind: 'data', base: CENTRE - 0x10, limit: 0xfffff, pages: true, big: true },
  tight: { kind: 'data', base: WINDOW + 32, limit: 127, big: true },
  down: { kind: 'expand-down', base: CENTRE - 0x10000 + 40, limit: 0x10000 - 81, big: false },
  downBig: { kind: 'expand-down', base: WINDOW + 40 - 0x100000, limit: 0xfffff, big: true },
  readOnly: { kind: 'data', base: DATA - 0x7000, limit: 0xffff, big: false, restricted: true },
  absent: { kind: 'data', base: DATA, limit: 0xffff, big: true, absent: true },
} as const satisfies Record<string, Segment>;

export type SegmentName = keyof typeof TABLE;
const NAMES = Object.keys(TABLE) as SegmentName[];
export const LDT: readonly Segment[] = Object.values(TABLE);

export const selectorOf = (name: SegmentName): number => (NAMES.indexOf(name) << 3) | 7;
const selectorsOf = (...names: SegmentName[]): number[] => names.map(selectorOf);

// selectors of Linux's GDT that a user program may load
export const USER_CS32 = 0x23;
export const USER_DS = 0x2b;
export const USER_CS64 = 0x33;

/** Segment registers in encoding order: ES CS SS DS FS GS. */
export const FLAT_64: readonly number[] = [USER_DS, USER_CS64, USER_DS, USER_DS, USER_DS, USER_DS];
export const FLAT_32: readonly number[] = [USER_DS, USER_CS32, USER_DS, USER_DS, USER_DS, USER_DS];
export const WIDE_CODE_16 = selectorsOf('code16', 'code16', 'code16', 'code16Long');
export const CODE_16 = [...WIDE_CODE_16, ...selectorsOf('code16Short')];
export const CODE_32 = selectorsOf('code32', 'code32', 'code32Unreadable');
/** Loaded in data segment registers: a read-only one, the code, and null seldom. */
const ORDINARY = selectorsOf('near', 'nearBig', 'end', 'endBig', 'tight', 'down', 'downBig');
export const DATA_SEGMENTS = [...ORDINARY, ...ORDINARY, ...selectorsOf('readOnly', 'code32'), USER_DS, 0];
export const STACKS = [...selectorsOf('near', 'nearBig', 'end', 'endBig', 'tight', 'down', 'downBig'), USER_DS];
const BAD = [0, 3, 8, 0x1b, 0x43, 0x83, (LDT.length << 3) | 7, 0xffff];
/** What instructions that take a selector are given; not 0x7b, whose limit is the number of the CPU. */
export const SELECTORS = [...LDT.map((_, n) => (n << 3) | 7), USER_CS32, USER_DS, USER_CS64, USER_DS, ...BAD];
/** Where far transfers go. */
export const CODE_SELECTORS = [
  ...[...CODE_16, ...CODE_32, USER_CS64, USER_CS64, USER_CS32, USER_CS32],
  ...selectorsOf('codeAbsent', 'near'),
  ...BAD,
];

export const segmentOf = (selector: number): Segment | undefined =>
  (selector & 4) === 0 ? undefined : LDT[selector >> 3];
export const baseOf = (selector: number): number => segmentOf(selector)?.base ?? 0;

/** struct user_desc. */
export function userDescriptor(segment: Segment, n: number): Uint32Array {
  const contents = { data: 0, 'expand-down': 1, code: 2 }[segment.kind];
  const flags =
    (segment.big ? 1 : 0) |
    (contents << 1) |
    (segment.restricted ? 8 : 0) |
    (segment.pages ? 0x10 : 0) |
    (segment.absent ? 0x20 : 0);
  return Uint32Array.of(n, segment.base, segment.limit, flags);
}

/** The same as the processor reads it, accessed as Linux makes it. [SDM] volume 3, 3.4.5 */
export function descriptor(segment: Segment): bigint {
  const contents = { data: 0, 'expand-down': 4, code: 8 }[segment.kind];
  const access = 0x71 | contents | (segment.restricted ? 0 : 2) | (segment.absent ? 0 : 0x80);
  const flags = (segment.pages ? 8 : 0) | (segment.big ? 4 : 0);
  return assemble(segment.base, segment.limit, access, flags);
}

function assemble(base: number, limit: number, access: number, flags: number): bigint {
  const low = (limit & 0xffff) | ((base & 0xffff) << 16);
  const high = ((base >>> 16) & 0xff) | (access << 8) | (limit & 0xf0000) | (flags << 20) | (base & 0xff00_0000);
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** Linux's GDT, as far as user programs can tell: at level 3 its own segments cannot be seen. */
export const GDT: readonly bigint[] = Array.from({ length: 16 }, (_, n) => {
  const [access, flags] = { 4: [0xfb, 0xc], 5: [0xf3, 0xc], 6: [0xfb, 0xa] }[n] ?? [0, 0];
  return access === 0 ? 0n : assemble(0, 0xfffff, access ?? 0, flags ?? 0);
});
