import { beforeEach, describe, expect, it } from 'vitest';
import { type FoundRegion, MODULES_TO_RECLAIM, Regions } from './regions.ts';

const MOST = 4;
const INTERPRETED = 7;

/** A region of a page that is entered at its first record, and leads to all. */
const found = (page: number, ...records: number[]): FoundRegion => ({
  region: {
    blocks: new Map(),
    entries: records.slice(0, 1).map((record) => ({ at: 0, blockAt: 0, record, handler: INTERPRETED, count: 1 })),
    from: 0,
    pages: new Map([[0, page * 4096]]),
    mode: 2,
  },
  page,
  records: new Set(records),
});
const COMPILED = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));

describe('translations that are installed', () => {
  const handlers = new Map<number, number>();
  const slots = new Set<number>();
  const dropped: number[] = [];
  let next = 100;
  let reclaimed = 0;
  let regions: Regions;
  beforeEach(() => {
    handlers.clear();
    slots.clear();
    dropped.length = 0;
    reclaimed = 0;
    regions = new Regions(
      {
        handlerOf: (record) => handlers.get(record) ?? INTERPRETED,
        setHandler: (record, slot) => handlers.set(record, slot),
      },
      {
        install: (_module, count) => {
          const made = Array.from({ length: count }, () => next++);
          for (const slot of made) slots.add(slot);
          return made;
        },
        remove: (slot) => slots.delete(slot),
      },
      MOST,
      (page) => dropped.push(page),
      () => reclaimed++,
    );
  });

  it('ask for the memory of many freed modules at once', () => {
    const turn = (): void => {
      regions.install(COMPILED, [found(1, 10)]);
      regions.dropped(10);
    };
    for (let n = 1; n < MODULES_TO_RECLAIM; n++) turn();
    expect(reclaimed).toBe(0);
    turn();
    expect(reclaimed).toBe(1);
    for (let n = 0; n < MODULES_TO_RECLAIM; n++) turn();
    expect(reclaimed).toBe(2);
  });

  it('go with any block that they lead to, and leave the others to the interpreter', () => {
    regions.install(COMPILED, [found(1, 10, 11), found(1, 20, 11), found(1, 30)]);
    expect(regions.size).toBe(3);
    regions.dropped(11);
    expect(regions.size).toBe(1);
    expect([10, 20].map((record) => handlers.get(record))).toEqual([INTERPRETED, INTERPRETED]);
    expect([10, 20, 30].map((record) => regions.isEntry(record))).toEqual([false, false, true]);
    expect(dropped).toEqual([1, 1]);
    expect(slots.size).toBe(1);
  });

  it('serve an entry of another, which then needs none of its own', () => {
    regions.install(COMPILED, [found(1, 10), found(1, 10, 11)]);
    expect({ size: regions.size, slots: slots.size }).toEqual({ size: 1, slots: 1 });
  });

  it('make room by the module, the one first that has not run for longest', () => {
    regions.install(COMPILED, [found(1, 10), found(2, 20)]);
    regions.install(COMPILED, [found(3, 30), found(4, 40)]);
    regions.use(3, 5);
    regions.use(2, 6); // one region that runs keeps its module
    regions.install(COMPILED, [found(5, 50)]);
    expect([10, 20, 30, 40, 50].map((record) => regions.isEntry(record))).toEqual([true, true, false, false, true]);
    expect([regions.size, slots.size, regions.evictions]).toEqual([3, 3, 1]);
    expect(handlers.get(30)).toBe(INTERPRETED);
    expect(dropped).toEqual([]);
  });
});
