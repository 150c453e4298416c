/** Writes that KVM has kept: to the devices, in order, before anything else is done. */
import { describe, expect, it } from 'vitest';
import * as kvm from '../kvm/api.ts';
import { ScriptedKvm, type ScriptedVcpu } from '../testing/scripted-kvm.ts';
import { Bus } from './bus.ts';
import { CoalescedWrites } from './coalesced-writes.ts';

const WINDOW = 0xa_0000;

function build(extension?: number) {
  const vm = new ScriptedKvm().createVm({
    userMemoryBytes: 4096,
    thread: { nowNs: () => 0, signalPending: () => false, sleepUntil: () => {}, alarmNs: 0 },
    wall: { nowMs: () => 0 },
  });
  if (extension !== undefined) vm.checkExtension = () => extension;
  const { run } = vm.createVcpu(0) as ScriptedVcpu;
  const written: [number, number, number][] = [];
  const mmio = new Bus();
  mmio.add(WINDOW, 0x2_0000, { read: () => 0, write: (...access) => written.push(access) });
  return { vm, run, written, writes: new CoalescedWrites(vm, run, mmio) };
}

function post(run: DataView, address: number, ...bytes: number[]): void {
  const ring = kvm.RUN_COALESCED_RING;
  const last = run.getUint32(ring + kvm.COALESCED_LAST, true);
  const at = ring + kvm.COALESCED_ENTRIES + last * kvm.COALESCED_ENTRY_SIZE;
  run.setBigUint64(at, BigInt(address), true);
  run.setUint32(at + kvm.COALESCED_LEN, bytes.length, true);
  bytes.forEach((byte, i) => {
    run.setUint8(at + kvm.COALESCED_DATA + i, byte);
  });
  run.setUint32(ring + kvm.COALESCED_LAST, (last + 1) % kvm.KVM_COALESCED_MMIO_MAX, true);
}

describe('CoalescedWrites', () => {
  it('registers memory, where this KVM can', () => {
    const { vm, writes } = build();
    writes.allow(WINDOW, 0x2_0000);
    expect(vm.zones).toEqual([{ addr: WINDOW, size: 0x2_0000, pio: 0 }]);
    const without = build(0);
    without.writes.allow(WINDOW, 0x2_0000);
    without.writes.drain();
    expect(without.vm.zones).toEqual([]);
  });

  it('brings each write once, in order, in pieces that the bus takes', () => {
    const { run, written, writes } = build();
    post(run, WINDOW, 1);
    post(run, WINDOW + 8, 1, 2, 3, 4, 5, 6, 7, 8);
    writes.drain();
    writes.drain();
    post(run, WINDOW + 2, 9, 8);
    writes.drain();
    expect(written).toEqual([
      [0, 1, 1],
      [8, 4, 0x04030201],
      [12, 4, 0x08070605],
      [2, 2, 0x0809],
    ]);
  });

  it('goes round the end of the ring', () => {
    const { run, written, writes } = build();
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 100; n++) post(run, WINDOW + n, round);
      writes.drain();
    }
    expect(written.map(([offset, , value]) => value * 100 + offset)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  });
});
