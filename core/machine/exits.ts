/**
 * KVM_EXIT_IO and KVM_EXIT_MMIO: from the run page to a bus and back.
 *
 * Reference: [API] the kernel's Documentation/virt/kvm/api.rst, section 5 (struct kvm_run).
 */
import type { AccessSize } from '../devices/device.ts';
import {
  KVM_EXIT_IO_OUT,
  RUN_IO_COUNT,
  RUN_IO_DATA_OFFSET,
  RUN_IO_DIRECTION,
  RUN_IO_PORT,
  RUN_IO_SIZE,
  RUN_MMIO_DATA,
  RUN_MMIO_IS_WRITE,
  RUN_MMIO_LEN,
  RUN_MMIO_PHYS_ADDR,
} from '../kvm/api.ts';
import type { Bus } from './bus.ts';

const MOST_MMIO = 8;

/** One port instruction: `count` elements for a string instruction, all to the same port. @hot */
export function handleIo(run: DataView, ports: Bus): void {
  const size = run.getUint8(RUN_IO_SIZE) as AccessSize;
  const port = run.getUint16(RUN_IO_PORT, true);
  const out = run.getUint8(RUN_IO_DIRECTION) === KVM_EXIT_IO_OUT;
  const start = run.getUint32(RUN_IO_DATA_OFFSET, true);
  const end = start + run.getUint32(RUN_IO_COUNT, true) * size;
  if (end > start + size) {
    const data = new Uint8Array(run.buffer, run.byteOffset + start, end - start);
    if (out ? ports.writeMany(port, size, data) : ports.readMany(port, size, data)) return;
  }
  for (let at = start; at < end; at += size) {
    if (out) ports.write(port, size, load(run, at, size));
    else store(run, at, size, ports.read(port, size));
  }
}

/** One access of up to 8 bytes, in pieces of at most 4: lower addresses first. @hot */
export function handleMmio(run: DataView, mmio: Bus): void {
  const address = run.getUint32(RUN_MMIO_PHYS_ADDR, true) + run.getUint32(RUN_MMIO_PHYS_ADDR + 4, true) * 2 ** 32;
  const length = Math.min(run.getUint32(RUN_MMIO_LEN, true), MOST_MMIO);
  if (run.getUint8(RUN_MMIO_IS_WRITE) !== 0) {
    writeWide(mmio, address, run, RUN_MMIO_DATA, length);
    return;
  }
  for (let done = 0; done < length; ) {
    const size = pieceOf(length - done);
    store(run, RUN_MMIO_DATA + done, size, mmio.read(address + done, size));
    done += size;
  }
}

/** A write of up to 8 bytes, which lie at `at`. @hot */
export function writeWide(mmio: Bus, address: number, data: DataView, at: number, length: number): void {
  const end = Math.min(length, MOST_MMIO);
  for (let done = 0; done < end; ) {
    const size = pieceOf(end - done);
    mmio.write(address + done, size, load(data, at + done, size));
    done += size;
  }
}

const pieceOf = (left: number): AccessSize => (left >= 4 ? 4 : left >= 2 ? 2 : 1);

function load(run: DataView, at: number, size: AccessSize): number {
  if (size === 1) return run.getUint8(at);
  return size === 2 ? run.getUint16(at, true) : run.getUint32(at, true);
}

function store(run: DataView, at: number, size: AccessSize, value: number): void {
  if (size === 1) run.setUint8(at, value);
  else if (size === 2) run.setUint16(at, value, true);
  else run.setUint32(at, value, true);
}
