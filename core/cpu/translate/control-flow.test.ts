import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { ControlFlow } from './control-flow.ts';

/** Nodes that can be reached from 0 without `without`. */
function reached(successors: readonly (readonly number[])[], without: number): Set<number> {
  const seen = new Set<number>();
  const visit = (n: number): void => {
    if (n === without || seen.has(n)) return;
    seen.add(n);
    successors[n]?.forEach(visit);
  };
  visit(0);
  return seen;
}

function randomGraph(seed: number): number[][] {
  const random = new SeededRandom(seed);
  const nodes = 1 + random.below(9);
  return Array.from({ length: nodes }, () => Array.from({ length: random.below(3) }, () => random.below(nodes)));
}

describe('ControlFlow', () => {
  it('knows dominators as their definition says, in any graph', () => {
    for (let seed = 0; seed < 500; seed++) {
      const successors = randomGraph(seed);
      const flow = new ControlFlow(successors);
      const all = reached(successors, -1);
      for (const a of all) {
        const others = reached(successors, a);
        for (const b of all)
          expect([seed, a, b, flow.dominates(a, b)]).toEqual([seed, a, b, a === b || !others.has(b)]);
      }
    }
  });

  it('tells loops, merge points and ways into the midst of a loop', () => {
    //  0 -> 1 <-> 2, 1 -> 3, 2 -> 3
    const flow = new ControlFlow([[1], [2, 3], [1, 3], []]);
    expect([1, 2, 3].map((n) => flow.isLoop(n))).toEqual([true, false, false]);
    expect([1, 2, 3].map((n) => flow.isMerge(n))).toEqual([false, false, true]);
    expect(flow.mergesUnder(1)).toEqual([3]);
    expect(flow.entriesOfOtherLoops()).toEqual([]);
    // 1 and 2 lead to each other, and 0 to both
    expect(new ControlFlow([[1, 2], [2], [1]]).entriesOfOtherLoops()).toHaveLength(1);
  });
});
