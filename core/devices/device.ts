/**
 * What a device is, and the narrow ports it is given. A device is reached by offset, knows no address, no
 * machine, no other device; it never throws for what a guest does: unknown reads are all ones, unknown writes
 * are dropped, both counted.
 */

export type AccessSize = 1 | 2 | 4;

/** A register window: of I/O ports or of MMIO. Values are unsigned 32-bit numbers; the bus splits 8-byte accesses. */
export interface IoRegion {
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
  /**
   * All elements of a string instruction at one offset, for registers that are worth it. False, and nothing was done,
   * where they have to go one by one.
   */
  readMany?(offset: number, size: AccessSize, target: Uint8Array): boolean;
  writeMany?(offset: number, size: AccessSize, source: Uint8Array): boolean;
}

/** One interrupt input. The level is derived from device state: driving the same level twice is harmless. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Guest RAM as a device that does DMA sees it. Out-of-range reads give zeros, out-of-range writes are dropped. */
export interface GuestMemory {
  read(gpa: number, target: Uint8Array): void;
  write(gpa: number, source: Uint8Array): void;
}

/** A byte sink/source behind a serial port or console. */
export interface CharBackend {
  /** Bytes the guest sent. */
  write(bytes: Uint8Array): void;
}

/** Saved state of one device: named fields, a version, plain JSON-able data (Uint8Array allowed). */
export interface DeviceState {
  readonly version: number;
  readonly [field: string]: unknown;
}

/** Counts of accesses that no register answered. */
export interface AccessCounters {
  unknownReads: number;
  unknownWrites: number;
}

export interface Device {
  /** Power-on state; idempotent. Does not disconnect back ends. */
  reset(): void;
  /** The reset that ends S3, where the device keeps something over that: what it keeps has stayed under power. */
  resetFromSleep?(): void;
  /** A consistent copy of the state; levels and timers that follow from it are not in it. */
  save(): DeviceState;
  /** Throws SnapshotError for anything a save() could not have made; then the device is unchanged. */
  restore(state: DeviceState): void;
  readonly counters: AccessCounters;
}

export class SnapshotError extends Error {
  constructor(
    readonly device: string,
    readonly detail: string,
  ) {
    super(`saved state of ${device} is not valid: ${detail}`);
    this.name = 'SnapshotError';
  }
}
