import { describe, expect, it } from 'vitest';
import { Decoder } from '../decode/decoder.ts';
import { MODE_64, MODE_FLAT_CODE } from '../decode/mode.ts';
import { memoryLayout } from '../layout.ts';
import { interpreterFor } from './module.ts';
import { commonVariants, variantKey } from './variant.ts';

const at = memoryLayout(1, 1 << 20)?.vcpus[0];
if (!at) throw new Error('no room');
const module = interpreterFor(at);
const VPADDB = [0xc5, 0xf1, 0xfc, 0xc2]; // xmm0, xmm1, xmm2

describe('handlers', () => {
  it('of common rows are there from the start, those of vectors and VEX encodings are not', () => {
    const common = commonVariants();
    expect([...module.slots.keys()]).toEqual(common.map((variant) => variant.key));
    expect(common.filter((v) => v.vectorLength !== 0 || v.fields.some((field) => field.kind === 'v'))).toEqual([]);
  });

  it('of vectors are made in groups, each once', () => {
    const insn = new Decoder(new Set(['avx'])).decode({ byte: (i) => VPADDB[i] ?? 0 }, MODE_64 | MODE_FLAT_CODE);
    if ('failure' in insn || !insn.row.emit) throw new Error('VPADDB has no emitter');
    const key = variantKey(insn, insn.row.emit);
    const first = module.extension(key);
    expect(first?.keys).toContain(key);
    for (const other of first?.keys ?? []) expect(module.extension(other)).toBe(first);
    expect(module.extension('nothing')).toBeUndefined();
  });
});
