import { describe, expect, it } from 'vitest';
import { Decoder } from '../decode/decoder.ts';
import { MODE_64, MODE_FLAT, MODE_FLAT_CODE } from '../decode/mode.ts';
import type { DecodedBlock, DecodedInsn } from '../interp/blocks.ts';
import { type CodeAround, findRegion, type Region } from './region.ts';

const MODE = MODE_64 | MODE_FLAT | MODE_FLAT_CODE;
const HANDLER = 7;
const CPUID = [0x0f, 0xa2];
const WRMSR = [0x0f, 0x30]; // ends a block
const INC_EAX = [0xff, 0xc0];
const DEC_ECX = [0xff, 0xc9];
const JMP_SELF = [0xeb, 0xfe];
const RET = [0xc3];

/** Code from place 0 on; records count instructions: that at place p has 100 + p, in the block at b 1000 * (b + 1) more. */
class Code implements CodeAround {
  readonly from = 0;
  readonly mode = MODE;
  /** Blocks that have been run. */
  run = [0];
  readonly #bytes: readonly number[];
  readonly #decoder = new Decoder(new Set(['msr']));

  constructor(...parts: readonly (readonly number[])[]) {
    this.#bytes = parts.flat();
  }
  pageOf(): number {
    return 0;
  }
  hostOf(): number {
    return 4096;
  }
  known(): number[] {
    return this.run;
  }
  handler(): number {
    return HANDLER;
  }
  decode(at: number): DecodedBlock | undefined {
    const insns: DecodedInsn[] = [];
    for (let here = at; here < this.#bytes.length; ) {
      const insn = this.#decoder.decode({ byte: (i) => this.#bytes[here + i] ?? 0xcc }, MODE);
      if ('failure' in insn) break;
      insns.push({ insn, record: 1000 * (at + 1) + 100 + here });
      here += insn.length;
      if (insn.row.ends) break;
    }
    return insns.length === 0 ? undefined : { record: 1000 * (at + 1) + 100 + at, insns };
  }
}
const regionOf = (...parts: readonly (readonly number[])[]): Region | undefined => findRegion(new Code(...parts));

describe('what a region has', () => {
  it('goes on behind an instruction that is not translated, where the interpreter enters it by its own record', () => {
    const region = regionOf(INC_EAX, CPUID, DEC_ECX, JMP_SELF);
    expect([...(region?.blocks.keys() ?? [])].sort()).toEqual([0, 4, 6]);
    expect(region?.blocks.get(0)?.rest).toMatchObject({ at: 2, record: 1102 });
    expect(region?.entries).toEqual([
      { at: 0, blockAt: 0, record: 1100, handler: HANDLER, count: 4 },
      { at: 4, blockAt: 0, record: 1104, handler: HANDLER, count: 2 },
    ]);
  });
  it('goes on behind one that ends the block of the interpreter', () => {
    const region = regionOf(INC_EAX, WRMSR, DEC_ECX, RET);
    expect(region?.entries.map(({ at, blockAt }) => [at, blockAt])).toEqual([
      [0, 0],
      [4, 4],
    ]);
  });
  it('may begin behind one', () => {
    const region = regionOf(CPUID, DEC_ECX, RET);
    expect(region?.entries).toEqual([{ at: 2, blockAt: 0, record: 1102, handler: HANDLER, count: 2 }]);
  });
  it('is nothing where nothing can be translated', () => {
    expect(regionOf(CPUID, WRMSR)).toBeUndefined();
  });
  it('is entered where indirect calls may lead, which is not where direct jumps do', () => {
    const code = new Code([0xff, 0xd0], RET, INC_EAX, [0x75, 0xfc], RET, DEC_ECX, RET); // CALL RAX; a loop; another function
    code.run = [0, 2, 3, 7, 8];
    expect(findRegion(code)?.entries.map(({ at }) => at)).toEqual([0, 2, 8]);
  });
  it('looks once at a block that leads to itself and begins with what is not translated', () => {
    const region = regionOf(CPUID, DEC_ECX, [0x75, 0xfa], RET); // JNZ to the first
    expect([...(region?.blocks.keys() ?? [])]).toEqual([2, 6]);
  });
});
