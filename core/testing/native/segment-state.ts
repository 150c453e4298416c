/** The segment registers a case starts with. */
import { CS, FS, GS, SS } from '../../cpu/state.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { CENTRE } from './case.ts';
import type { CaseMode } from './case-builder.ts';
import {
  baseOf,
  CODE_16,
  CODE_32,
  DATA_SEGMENTS,
  FLAT_32,
  FLAT_64,
  STACKS,
  segmentOf,
  WIDE_CODE_16,
} from './segments.ts';
import { uint64 } from './values.ts';

export class SegmentState {
  readonly selectors: readonly number[];
  fsBase = 0n;
  gsBase = 0n;

  constructor(
    private readonly mode: CaseMode,
    random: SeededRandom,
    addressBytes: number,
    /** The code segment may end at the instruction, or amid. */
    mayEnd: boolean,
  ) {
    const { bits, segmented } = mode;
    if (!segmented) this.selectors = bits === 64 ? FLAT_64 : FLAT_32;
    else if (bits === 64) {
      this.selectors = FLAT_64;
      this.fsBase = base64(random, addressBytes === 8);
      this.gsBase = base64(random, addressBytes === 8);
    } else {
      const data = () => random.pick(DATA_SEGMENTS);
      this.selectors = [
        data(),
        random.pick(bits === 16 ? (mayEnd ? CODE_16 : WIDE_CODE_16) : CODE_32),
        random.pick(STACKS),
        data(),
        data(),
        data(),
      ];
    }
  }

  /** Base of a segment register. */
  base(n: number): bigint {
    if (this.mode.bits === 64) return n === FS ? this.fsBase : n === GS ? this.gsBase : 0n;
    return BigInt(baseOf(this.selectors[n] ?? 0));
  }
  get stackBits(): 16 | 32 | 64 {
    if (this.mode.bits === 64) return 64;
    return segmentOf(this.selectors[SS] ?? 0)?.big === false ? 16 : 32;
  }
  get code(): number {
    return this.selectors[CS] ?? 0;
  }
}

/** Near the data, or anything canonical; not in the kernel's half where an address of 32 bits would lead there. */
function base64(random: SeededRandom, far: boolean): bigint {
  const any = uint64(random);
  const near = BigInt(CENTRE + random.below(0x200) - 0x100);
  return random.pick([near, any >> 17n, far ? BigInt.asUintN(64, BigInt.asIntN(48, any)) : near]);
}
