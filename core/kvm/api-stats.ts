/**
 * What a read of the file that KVM_GET_STATS_FD opens gives: struct kvm_stats_header, the descriptors (struct
 * kvm_stats_desc), and their values, each a u64. Part of api.ts.
 *
 * Reference: the kernel's Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD.
 */

// kvm_stats_desc.flags: type, unit, base of the exponent
export const KVM_STATS_TYPE_MASK = 0xf;
export const KVM_STATS_TYPE_CUMULATIVE = 0;
export const KVM_STATS_TYPE_INSTANT = 1;
export const KVM_STATS_TYPE_PEAK = 2;
export const KVM_STATS_TYPE_LINEAR_HIST = 3;
export const KVM_STATS_TYPE_LOG_HIST = 4;
export const KVM_STATS_UNIT_NONE = 0 << 4;
export const KVM_STATS_UNIT_SECONDS = 2 << 4;
export const KVM_STATS_UNIT_BOOLEAN = 4 << 4;

// offsets of struct kvm_stats_header
export const STATS_NAME_SIZE = 4;
export const STATS_NUM_DESC = 8;
export const STATS_ID_OFFSET = 12;
export const STATS_DESC_OFFSET = 16;
export const STATS_DATA_OFFSET = 20;
export const STATS_HEADER_BYTES = 24;
// offsets of struct kvm_stats_desc
export const STATS_DESC_EXPONENT = 4;
export const STATS_DESC_SIZE = 6;
export const STATS_DESC_VALUE = 8;
export const STATS_DESC_BUCKET_SIZE = 12;
export const STATS_DESC_NAME = 16;

/** A descriptor with its values: one, or the buckets of a histogram. */
export interface KvmStat {
  readonly name: string;
  /** Type, unit and base. */
  readonly flags: number;
  /** The unit is multiplied by ten (or two, by the base) to this power. */
  readonly exponent: number;
  /** Width of a linear histogram's buckets. */
  readonly bucketSize: number;
  readonly values: readonly number[];
}

/** The statistics in the bytes of the file. */
export function readStats(bytes: Uint8Array): KvmStat[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (at: number): number => view.getUint32(at, true);
  const nameSize = word(STATS_NAME_SIZE);
  const data = word(STATS_DATA_OFFSET);
  return Array.from({ length: word(STATS_NUM_DESC) }, (_, n) => {
    const at = word(STATS_DESC_OFFSET) + n * (STATS_DESC_NAME + nameSize);
    const values = data + word(at + STATS_DESC_VALUE);
    const name = new TextDecoder().decode(bytes.slice(at + STATS_DESC_NAME, at + STATS_DESC_NAME + nameSize));
    return {
      name: name.replace(/\0.*$/s, ''),
      flags: word(at),
      exponent: view.getInt16(at + STATS_DESC_EXPONENT, true),
      bucketSize: word(at + STATS_DESC_BUCKET_SIZE),
      values: Array.from({ length: view.getUint16(at + STATS_DESC_SIZE, true) }, (_, i) =>
        Number(view.getBigUint64(values + i * 8, true)),
      ),
    };
  });
}
