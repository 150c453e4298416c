import { describe, expect, it } from 'vitest';
import { ScriptedVm } from '../testing/scripted-kvm.ts';
import { SlotMemory } from './guest-memory.ts';

function setUp() {
  const vm = new ScriptedVm(
    {
      userMemoryBytes: 0x4000,
      thread: { nowNs: () => 0, signalPending: () => false, sleepUntil: () => {}, alarmNs: 0 },
      wall: { nowMs: () => 0 },
    },
    [],
  );
  const memory = new SlotMemory(vm, [
    { gpa: 0, sizeBytes: 0x1000, offset: 0x1000 },
    { gpa: 0x1000, sizeBytes: 0x1000, offset: 0x3000 },
    { gpa: 0x1_0000_0000, sizeBytes: 0x1000, offset: 0 },
  ]);
  return { vm, memory, bytes: new Uint8Array(vm.memory) };
}

describe('SlotMemory', () => {
  it('writes across neighbouring slots and tells KVM which memory changed', () => {
    const { vm, memory, bytes } = setUp();
    memory.write(0xffe, Uint8Array.of(1, 2, 3, 4));
    expect([...bytes.subarray(0x1ffe, 0x2000), ...bytes.subarray(0x3000, 0x3002)]).toEqual([1, 2, 3, 4]);
    expect(vm.written).toEqual([
      { offset: 0x1ffe, length: 2 },
      { offset: 0x3000, length: 2 },
    ]);
    const read = new Uint8Array(4);
    memory.read(0xffe, read);
    expect([...read]).toEqual([1, 2, 3, 4]);
  });

  it('reaches memory above 4 GiB', () => {
    const { memory, bytes } = setUp();
    memory.write(0x1_0000_0010, Uint8Array.of(9));
    expect(bytes[0x10]).toBe(9);
  });

  it('reads zeros and drops writes outside of RAM', () => {
    const { vm, memory } = setUp();
    memory.write(0x2000, Uint8Array.of(1, 2));
    memory.write(0x1fff, Uint8Array.of(7, 8));
    const read = Uint8Array.of(5, 5, 5);
    memory.read(0x1fff, read);
    expect([...read]).toEqual([7, 0, 0]);
    expect(vm.written).toEqual([{ offset: 0x3fff, length: 1 }]);
    memory.read(Number.MAX_SAFE_INTEGER, read);
    expect([...read]).toEqual([0, 0, 0]);
  });

  it('clears', () => {
    const { memory, bytes } = setUp();
    memory.write(0, new Uint8Array(16).fill(1));
    memory.fillZero(4, 8);
    expect([...bytes.subarray(0x1000, 0x1010)]).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  });
});
