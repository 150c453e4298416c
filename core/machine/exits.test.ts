import { describe, expect, it } from 'vitest';
import * as kvm from '../kvm/api.ts';
import { Bus } from './bus.ts';
import { handleIo, handleMmio } from './exits.ts';

const runPage = (): DataView => new DataView(new ArrayBuffer(kvm.RUN_MMAP_SIZE));

function memoryBus(): { bus: Bus; bytes: Uint8Array } {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  const bus = new Bus();
  bus.add(0x1_0000_0000, 64, {
    read: (at, size) =>
      size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getUint32(at, true),
    write: (at, size, value) => {
      for (let i = 0; i < size; i++) bytes[at + i] = value >>> (8 * i);
    },
  });
  return { bus, bytes };
}

function mmio(address: number, length: number, data: readonly number[] | undefined): DataView {
  const run = runPage();
  run.setBigUint64(kvm.RUN_MMIO_PHYS_ADDR, BigInt(address), true);
  run.setUint32(kvm.RUN_MMIO_LEN, length, true);
  run.setUint8(kvm.RUN_MMIO_IS_WRITE, data ? 1 : 0);
  data?.forEach((byte, i) => {
    run.setUint8(kvm.RUN_MMIO_DATA + i, byte);
  });
  return run;
}

const mmioData = (run: DataView, length: number): number[] =>
  Array.from({ length }, (_, i) => run.getUint8(kvm.RUN_MMIO_DATA + i));

describe('KVM_EXIT_MMIO', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('writes and reads back %i bytes above 4 GiB', (length) => {
    const { bus, bytes } = memoryBus();
    const data = Array.from({ length }, (_, i) => 0xa0 + i);
    handleMmio(mmio(0x1_0000_0008, length, data), bus);
    expect([...bytes.subarray(8, 8 + length)]).toEqual(data);
    expect(bytes[8 + length]).toBe(0);
    const run = mmio(0x1_0000_0008, length, undefined);
    handleMmio(run, bus);
    expect(mmioData(run, length)).toEqual(data);
  });

  it('reads all ones where nothing is', () => {
    const run = mmio(0xfed0_0000, 8, undefined);
    handleMmio(run, new Bus());
    expect(mmioData(run, 8)).toEqual(Array(8).fill(0xff));
  });
});

describe('KVM_EXIT_IO', () => {
  function io(direction: number, size: number, count: number): DataView {
    const run = runPage();
    run.setUint8(kvm.RUN_IO_DIRECTION, direction);
    run.setUint8(kvm.RUN_IO_SIZE, size);
    run.setUint16(kvm.RUN_IO_PORT, 0x1f0, true);
    run.setUint32(kvm.RUN_IO_COUNT, count, true);
    run.setBigUint64(kvm.RUN_IO_DATA_OFFSET, BigInt(kvm.RUN_PIO_DATA), true);
    return run;
  }

  it('writes each element of a string instruction to the one port', () => {
    const written: number[] = [];
    const bus = new Bus();
    bus.add(0x1f0, 2, { read: () => 0, write: (_at, _size, value) => written.push(value) });
    const run = io(kvm.KVM_EXIT_IO_OUT, 2, 3);
    [0x1111, 0x2222, 0x3333].forEach((value, i) => {
      run.setUint16(kvm.RUN_PIO_DATA + 2 * i, value, true);
    });
    handleIo(run, bus);
    expect(written).toEqual([0x1111, 0x2222, 0x3333]);
  });

  it('puts what it reads where KVM takes it from', () => {
    let next = 0;
    const bus = new Bus();
    bus.add(0x1f0, 4, { read: () => 0xdead_beef + next++, write: () => {} });
    const run = io(kvm.KVM_EXIT_IO_IN, 4, 2);
    handleIo(run, bus);
    expect([run.getUint32(kvm.RUN_PIO_DATA, true), run.getUint32(kvm.RUN_PIO_DATA + 4, true)]).toEqual([
      0xdead_beef, 0xdead_bef0,
    ]);
  });
});
