import { describe, expect, it } from 'vitest';
import { openCollector } from './engine-flags.ts';

describe("V8's collector", () => {
  it('frees what nobody uses', async () => {
    const collect = openCollector();
    const kept = {};
    const refs = [new WeakRef({}), new WeakRef(kept)];
    await new Promise(setImmediate); // a WeakRef's target lives until the end of the turn
    collect();
    expect(refs.map((ref) => ref.deref())).toEqual([undefined, kept]);
  });
});
