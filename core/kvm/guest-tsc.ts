/** A guest's time stamp counter: the host's, scaled to another frequency and moved. KVM_SET_TSC_KHZ. */
import { KvmError } from './api.ts';

/** The host's TSC counts ns of guest time. */
const HOST_TSC_KHZ = 1_000_000;
/** Scaled by KVM's 48 bits of fraction, no more than this is exact. */
const MAX_TSC_KHZ = 256 * HOST_TSC_KHZ;
const wrap = (tsc: bigint): bigint => BigInt.asUintN(64, tsc);

export class GuestTsc {
  #khz = HOST_TSC_KHZ;
  #offset = 0n;
  /** The same as an unsigned number; asked for at each exit. */
  #unsigned = 0n;

  constructor(readonly hostTsc: () => bigint) {}

  get khz(): number {
    return this.#khz;
  }
  /** 0 is the host's frequency. The counter jumps: it is scaled from the host's zero, as in KVM. */
  set khz(khz: number) {
    if (!Number.isInteger(khz) || khz < 0 || khz > MAX_TSC_KHZ)
      throw new KvmError('KVM_SET_TSC_KHZ', 'EINVAL', `${khz} kHz`);
    this.#khz = khz === 0 ? HOST_TSC_KHZ : khz;
  }

  /** What the counter is beyond the host's, while it is not scaled. */
  get offset(): bigint | undefined {
    return this.#khz === HOST_TSC_KHZ ? this.#unsigned : undefined;
  }
  now(): bigint {
    return wrap((this.hostTsc() * BigInt(this.#khz)) / BigInt(HOST_TSC_KHZ) + this.#offset);
  }
  move(by: bigint): void {
    this.#offset = BigInt.asIntN(64, this.#offset + by);
    this.#unsigned = wrap(this.#offset);
  }
  /** Guest time in ns at which the counter first reads `tsc` or more. */
  toNs(tsc: bigint): number {
    const scaled = BigInt.asIntN(64, tsc - this.#offset) * BigInt(HOST_TSC_KHZ);
    const khz = BigInt(this.#khz);
    const up = scaled > 0n && scaled % khz !== 0n ? 1n : 0n;
    return Number(scaled / khz + up);
  }
}
