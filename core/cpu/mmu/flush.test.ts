/** The TLB's flushes in generated code against those of tlb.ts, on the same random translations. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { TestCpu } from '../../testing/test-cpu.ts';
import * as S from '../state.ts';
import type { Accessor } from './walk.ts';

const PAGES = 64;
const SEEDS = 60;

interface Flushes {
  dropOwn(part: number): void;
  flushPage(low: number, high: number): number;
}

/** Fills a TLB, runs `flush`, and gives back what it still has. */
function left(seed: number, flush: (cpu: TestCpu, generated: Flushes, random: SeededRandom) => void): string {
  const cpu = TestCpu.create(new Set());
  const random = new SeededRandom(seed);
  const { tlb } = cpu;
  for (let n = 0; n < 400; n++) {
    tlb.select(random.below(3));
    const flag = (): boolean => random.below(3) === 0;
    const allowed = {
      global: flag(),
      large: random.below(800) === 0,
      readable: !flag(),
      writable: true,
      executable: flag(),
    };
    const at = random.below(PAGES) * 0x1000 + random.below(2) * 0x80_0000;
    tlb.fill(
      at,
      random.below(2) * 0x10,
      random.below(3) as Accessor,
      at + 0x100_0000,
      allowed,
      flag() ? 'plain' : 'none',
    );
  }
  flush(cpu, cpu.engine as unknown as Flushes, random);
  const words = new Int32Array(cpu.physical.buffer, tlb.base, S.TLB_HOLDINGS / 4);
  return Buffer.from(words.slice().buffer).toString('base64');
}

describe('flushes in generated code', () => {
  it('drop of a part what is not global', () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const part = (random: SeededRandom): number => random.below(S.TLB_CONTEXTS * S.TLB_PARTS);
      const expected = left(seed, ({ tlb }, _, random) => tlb.dropOwn(part(random)));
      expect(left(seed, (_, generated, random) => generated.dropOwn(part(random))) === expected, `seed ${seed}`).toBe(
        true,
      );
    }
  });

  it('drop a page in every PCID, or leave it to TypeScript where parts of a large page may be', () => {
    let done = 0;
    for (let seed = 0; seed < SEEDS; seed++) {
      const page = (random: SeededRandom): [number, number] => [
        random.below(PAGES) * 0x1000 + random.below(0x1000),
        random.below(2) * 0x10,
      ];
      const expected = left(seed, ({ tlb }, _, random) => tlb.flushPage(...page(random)));
      const actual = left(seed, ({ tlb }, generated, random) => {
        const at = page(random);
        if (generated.flushPage(...at) === 0) done++;
        else tlb.flushPage(...at);
      });
      expect(actual === expected, `seed ${seed}`).toBe(true);
    }
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(SEEDS);
  });
});
