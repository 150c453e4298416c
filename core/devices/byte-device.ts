/**
 * Byte-wide registers behind the ISA bridge, which splits a wide access into byte cycles, lowest address first. What
 * no register answers reads all ones, is dropped when written, and is counted.
 */
import type { AccessCounters, AccessSize, Device, DeviceState, IoRegion } from './device.ts';

/** A window of byte registers. */
export function byteRegion(
  readByte: (offset: number) => number,
  writeByte: (offset: number, value: number) => void,
): IoRegion {
  return {
    read: (offset, size) => {
      let value = 0;
      for (let i = 0; i < size; i++) value |= readByte(offset + i) << (8 * i);
      return value >>> 0;
    },
    write: (offset, size, value) => {
      for (let i = 0; i < size; i++) writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    },
  };
}

/** A device that is one such window. */
export abstract class ByteDevice implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly #region = byteRegion(
    (offset) => this.readByte(offset),
    (offset, value) => this.writeByte(offset, value),
  );

  abstract reset(): void;
  abstract save(): DeviceState;
  abstract restore(state: DeviceState): void;

  protected abstract readByte(offset: number): number;
  protected abstract writeByte(offset: number, value: number): void;

  read(offset: number, size: AccessSize): number {
    return this.#region.read(offset, size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    this.#region.write(offset, size, value);
  }

  /** What a byte that no register answers reads as. */
  protected unknownRead(): number {
    this.counters.unknownReads++;
    return 0xff;
  }

  protected unknownWrite(): void {
    this.counters.unknownWrites++;
  }
}
