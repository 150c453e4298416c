import { describe, expect, it } from 'vitest';
import { KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, KvmError, type KvmUserspaceMemoryRegion } from '../kvm/api.ts';
import { ScriptedVm } from '../testing/scripted-kvm.ts';
import { type Mapping, MemoryMap, RANK_BAR, RANK_BOARD } from './memory-map.ts';

const THREAD = { nowNs: () => 0, signalPending: () => false, sleepUntil: () => {}, alarmNs: 0 };
const HIGHEST = 0x2_0000_0000;

class SlotVm extends ScriptedVm {
  /** Bits of dirty pages, by the address of the slot. */
  readonly dirtyAt = new Map<number, number>();
  override getDirtyLog = (slot = 0): Uint8Array =>
    Uint8Array.of(this.dirtyAt.get(this.live.get(slot)?.guestPhysAddr ?? -1) ?? 0);
  readonly live = new Map<number, KvmUserspaceMemoryRegion>();
  calls = 0;
  override setUserMemoryRegion(region: KvmUserspaceMemoryRegion): void {
    this.calls++;
    if (region.memorySize === 0) {
      this.live.delete(region.slot);
      return;
    }
    if (region.guestPhysAddr + region.memorySize > HIGHEST) throw new KvmError('SET', 'EINVAL');
    this.live.set(region.slot, region);
  }
}

function setUp() {
  const vm = new SlotVm({ userMemoryBytes: 0x10000, thread: THREAD, wall: { nowMs: () => 0 } }, []);
  const map = new MemoryMap(vm);
  const view = () =>
    [...vm.live.values()]
      .sort((a, b) => a.guestPhysAddr - b.guestPhysAddr)
      .map((s) => [s.guestPhysAddr, s.memorySize, s.userspaceAddr, s.flags].map((n) => n.toString(16)).join(' '));
  return { vm, map, view };
}

const ram: Mapping = { gpa: 0x10000, sizeBytes: 0x4000, offset: 0, rank: RANK_BOARD };
const bar = (gpa: number): Mapping => ({ gpa, sizeBytes: 0x8000, offset: 0x8000, rank: RANK_BAR, logsDirty: true });

describe('MemoryMap', () => {
  it('cuts out of a BAR what RAM hides, whoever was there first, and leaves the RAM’s slot alone', () => {
    const { vm, map, view } = setUp();
    map.map(bar(0xf000));
    map.map(ram);
    expect(view()).toEqual(['f000 1000 8000 1', '10000 4000 0 0', '14000 3000 d000 1']);
    const { calls } = vm;
    map.map({ ...bar(0x30000), offset: 0 });
    expect(vm.calls).toBe(calls + 1);
  });

  it('moves a BAR and uses its slots again', () => {
    const { vm, map, view } = setUp();
    let mapping = map.map(bar(0x20000));
    for (let i = 1; i < 2000; i++) {
      map.unmap(mapping);
      mapping = map.map(bar(0x20000 + i * 0x1000));
    }
    expect(view()).toEqual(['7ef000 8000 8000 1']);
    expect(Math.max(...vm.live.keys())).toBeLessThan(2);
  });

  it('makes ROM and logged memory what they are for KVM', () => {
    const { map, view } = setUp();
    map.map({ ...ram, readOnly: true });
    map.map(bar(0x20000));
    expect(view()).toEqual([`10000 4000 0 ${KVM_MEM_READONLY}`, `20000 8000 8000 ${KVM_MEM_LOG_DIRTY_PAGES}`]);
  });

  it('shows nothing where KVM can have no memory, and shows it again when it comes back', () => {
    const { map, view } = setUp();
    for (const gpa of [HIGHEST, 2 ** 64 - 0x8000]) {
      const mapping = map.map(bar(gpa));
      expect(view()).toEqual([]);
      map.unmap(mapping);
    }
    map.map(bar(0x20000));
    expect(view()).toHaveLength(1);
  });

  it('changes slots once for a batch', () => {
    const { vm, map, view } = setUp();
    const first = map.map(ram);
    map.batch(() => {
      map.unmap(first);
      map.map(ram);
    });
    expect([vm.calls, view()]).toEqual([1, ['10000 4000 0 0']]);
  });

  it('tells which pages of a logged piece of memory were written, from the piece’s place in it', () => {
    const { vm, map } = setUp();
    map.map(ram);
    map.map(bar(0xf000)); // pages 0 and 5..7 are seen
    vm.dirtyAt.set(0x14000, 0b101);
    const pages: number[] = [];
    map.takeDirtyPages(0x8000, 0x8000, (page) => pages.push(page));
    expect(pages).toEqual([5, 7]);
  });
});
