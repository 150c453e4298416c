/** What the TLB keeps and forgets, by PCID, accessor and page. */
import { beforeEach, describe, expect, it } from 'vitest';
import * as S from '../state.ts';
import { Tlb } from './tlb.ts';
import { type Accessor, SUPERVISOR, SUPERVISOR_AC, type Translation, USER } from './walk.ts';

const PAGE: Translation = { readable: true, writable: true, executable: true, global: false, large: false };
const GLOBAL: Translation = { ...PAGE, global: true };
const LARGE: Translation = { ...PAGE, large: true };
const ACCESSORS: readonly Accessor[] = [SUPERVISOR, USER, SUPERVISOR_AC];

let tlb: Tlb;
beforeEach(() => {
  tlb = new Tlb(new SharedArrayBuffer(S.TLB_SIZE), 0);
});

const fill = (linear: number, allowed = PAGE, accessor: Accessor = SUPERVISOR, hi = 0): void =>
  tlb.fill(linear, hi, accessor, 0x100000 + linear, allowed, allowed.writable ? 'plain' : 'none');
const has = (linear: number, accessor: Accessor = SUPERVISOR, kind = S.TLB_READ, hi = 0): boolean =>
  tlb.lookup(linear, hi, accessor, kind) >= 0;

describe('an entry', () => {
  it('gives the host address for the accesses that it allows', () => {
    fill(0x5000, { ...PAGE, executable: false });
    expect(tlb.lookup(0x5123, 0, SUPERVISOR, S.TLB_READ)).toBe(0x105123);
    expect(has(0x5123, SUPERVISOR, S.TLB_WRITE)).toBe(true);
    expect(has(0x5123, SUPERVISOR, S.TLB_EXEC)).toBe(false);
    expect(has(0x5123, SUPERVISOR, S.TLB_READ, 1)).toBe(false);
  });
  it('may allow nothing but fetches', () => {
    fill(0x5000, { ...PAGE, readable: false, writable: false });
    expect([has(0x5000), has(0x5000, SUPERVISOR, S.TLB_WRITE), has(0x5000, SUPERVISOR, S.TLB_EXEC)]).toEqual([
      false,
      false,
      true,
    ]);
  });
  it('serves its own accessor', () => {
    for (const accessor of ACCESSORS) {
      tlb.flush();
      fill(0x5000, PAGE, accessor);
      expect(ACCESSORS.filter((a) => has(0x5000, a))).toEqual([accessor]);
    }
  });
  it('serves its own PCID, and is there again after a switch and back', () => {
    fill(0x5000);
    tlb.select(7);
    expect(has(0x5000)).toBe(false);
    tlb.select(0);
    expect(has(0x5000)).toBe(true);
  });
  it('goes when more PCIDs are used than there are contexts, unless it is global', () => {
    tlb.select(100);
    fill(0x5000);
    fill(0x6000, GLOBAL);
    for (let pcid = 200; pcid < 200 + S.TLB_CONTEXTS; pcid++) tlb.select(pcid);
    // the context of 100 has become that of the last one
    expect([has(0x5000), has(0x6000)]).toEqual([false, true]);
    tlb.select(100);
    expect(has(0x5000)).toBe(false);
  });
  it('keeps the context that was used last', () => {
    for (let pcid = 1; pcid < 4 * S.TLB_CONTEXTS; pcid++) {
      tlb.select(0);
      fill(0x5000);
      tlb.select(pcid);
    }
    tlb.select(0);
    expect(has(0x5000)).toBe(true);
  });
});

describe('invalidation', () => {
  /** A page and a global one, for PCID 0 and then 1, which is in use. */
  function both(): void {
    for (const pcid of [0, 1]) {
      tlb.select(pcid);
      for (const accessor of ACCESSORS) {
        fill(0x5000, PAGE, accessor);
        fill(0x6000, GLOBAL, accessor);
      }
    }
  }
  /** What is left, as PCID:page, whoever accesses. */
  function left(): string[] {
    return [0, 1].flatMap((pcid) => {
      tlb.select(pcid);
      return [0x5000, 0x6000].flatMap((page) => {
        const found = ACCESSORS.map((a) => has(page, a));
        expect(new Set(found).size).toBe(1);
        return found[0] ? [`${pcid}:${page.toString(16)}`] : [];
      });
    });
  }

  it.each<[string, () => void, string[]]>([
    ['nothing', () => {}, ['0:5000', '0:6000', '1:5000', '1:6000']],
    ['flush: everything', () => tlb.flush(), []],
    ['flushNonGlobal: the PCID in use', () => tlb.flushNonGlobal(), ['0:5000', '0:6000', '1:6000']],
    ['flushAllNonGlobal: every PCID', () => tlb.flushAllNonGlobal(), ['0:6000', '1:6000']],
    ['flushPcid: that one', () => tlb.flushPcid(0), ['0:6000', '1:5000', '1:6000']],
    ['flushPcid of one that is not here', () => tlb.flushPcid(9), ['0:5000', '0:6000', '1:5000', '1:6000']],
    ['flushPage: a global page everywhere', () => tlb.flushPage(0x6000, 0), ['0:5000', '1:5000']],
    ['drop: in the PCID in use', () => tlb.drop(0x5000, 0), ['0:5000', '0:6000', '1:6000']],
  ])('%s', (_name, invalidate, expected) => {
    both();
    invalidate();
    expect(left()).toEqual(expected);
  });

  it('finds entries that came after one', () => {
    fill(0x5000);
    tlb.flushNonGlobal();
    fill(0x5000);
    tlb.flushNonGlobal();
    expect(has(0x5000)).toBe(false);
    fill(0x6000, GLOBAL);
    tlb.flushNonGlobal();
    fill(0x5000);
    tlb.flush();
    expect([has(0x5000), has(0x6000)]).toEqual([false, false]);
  });

  it('of a page takes all parts of the large page it may be in, and no other page', () => {
    for (const allowed of [LARGE, { ...LARGE, readable: false, writable: false }]) {
      fill(0x4000_5000, allowed);
      fill(0x4000_6000, allowed);
      fill(0x4000_7000);
      fill(0x8000_8000 | 0, allowed);
      tlb.flushPage(0x4000_5000, 0);
      const kept = (page: number): boolean => has(page, SUPERVISOR, S.TLB_EXEC);
      expect([0x4000_5000, 0x4000_6000, 0x4000_7000, 0x8000_8000 | 0].map(kept)).toEqual([false, false, true, true]);
    }
  });
});

describe('write protection of host memory', () => {
  it('of a page leaves reads of it, and writes of others', () => {
    tlb.select(1);
    fill(0x5000, PAGE, USER);
    tlb.select(0);
    fill(0x5000);
    fill(0x6000);
    tlb.protectHostPage(0x105000);
    const writes = [0x5000, 0x6000].map((page) => has(page, SUPERVISOR, S.TLB_WRITE));
    expect(writes).toEqual([false, true]);
    expect(has(0x5000)).toBe(true);
    tlb.select(1);
    expect([has(0x5000, USER), has(0x5000, USER, S.TLB_WRITE)]).toEqual([true, false]);
  });
  it('of all pages', () => {
    fill(0x5000);
    tlb.protectAll();
    expect([has(0x5000), has(0x5000, SUPERVISOR, S.TLB_WRITE)]).toEqual([true, false]);
  });
});
