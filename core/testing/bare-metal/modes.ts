/**
 * The modes that a case can run in. A name is what, for protected mode the level, and what else is not the default:
 *
 *   real | vm86 | 16 | 32 | paged | pae | 64 | compat32 | compat16      ["16" and "32" are protected mode without paging]
 *   cpl0 ... cpl3 (1 and 2 only without paging)      iopl3 (otherwise 0)
 */
import * as at from './layout.ts';
import { SELECTORS as S } from './layout.ts';

export type Paging = 'none' | '32' | 'pae' | 'long';
export interface Mode {
  /** Size of the code. */
  readonly bits: 16 | 32 | 64;
  readonly paging: Paging;
  readonly entry: 'inner' | 'outer' | 'vm86' | 'real';
  readonly cs: number;
  readonly ip: number;
  readonly flags: number;
  readonly sp: number;
  readonly ss: number;
  readonly ds: number;
}

const IOPL3 = 3 << 12;
const FLAGS_VM = 1 << 17;
const KINDS: Readonly<Record<string, readonly [bits: 16 | 32 | 64, paging: Paging]>> = {
  real: [16, 'none'],
  vm86: [16, 'none'],
  '16': [16, 'none'],
  '32': [32, 'none'],
  paged: [32, '32'],
  pae: [32, 'pae'],
  '64': [64, 'long'],
  compat32: [32, 'long'],
  compat16: [16, 'long'],
};
/** IRET to a 16-bit stack takes SP and leaves the upper half of ESP to the kernel's. */
const SP16_3 = (at.STACK_HOME & 0xffff_0000) | at.STACK16_3;
const CODE = { 16: [S.CODE16, 0, 0, S.CODE16_3], 32: [S.CODE32, S.CODE32_1, S.CODE32_2, S.CODE32_3] } as const;
const DATA32 = [S.DATA32, S.DATA32_1, S.DATA32_2, S.DATA32_3] as const;
const STACK32 = [at.STACK0, at.STACK1, at.STACK2, at.STACK3] as const;

/** Throws for a name that says no mode. */
export function modeOf(name: string): Mode {
  const match = /^(\w+)(?: cpl([0-3]))?( iopl3)?$/.exec(name);
  const kind = KINDS[match?.[1] ?? ''];
  if (!match || !kind) throw new Error(`${name} is no mode`);
  const [bits, paging] = kind;
  const flags = 2 | (match[3] ? IOPL3 : 0);
  if (match[1] === 'real' || match[1] === 'vm86') {
    const real = { bits, paging, cs: at.TEST >> 4, ip: 0, sp: at.SP_REAL, ss: at.SS_REAL, ds: at.DATA >> 4 };
    return match[1] === 'real'
      ? { ...real, entry: 'real', flags }
      : { ...real, entry: 'vm86', flags: flags | FLAGS_VM };
  }
  if (match[2] === undefined) throw new Error(`${name} does not say its level`);
  const cpl = Number(match[2]) as 0 | 1 | 2 | 3;
  const common = { bits, paging, flags, entry: cpl === 0 ? 'inner' : 'outer' } as const;
  if (bits === 16) {
    const [sp, ss, ds] = cpl === 0 ? [at.STACK16_0, S.STACK16, S.DATA16] : [SP16_3, S.STACK16_3, S.DATA16_3];
    return { ...common, cs: CODE[16][cpl], ip: 0, sp, ss, ds };
  }
  const cs = bits === 32 ? CODE[32][cpl] : cpl === 0 ? S.CODE64 : S.CODE64_3;
  return { ...common, cs, ip: at.TEST, sp: STACK32[cpl], ss: DATA32[cpl], ds: DATA32[cpl] };
}
