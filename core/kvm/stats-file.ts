/** The bytes of a statistics file (api-stats.ts), made of a table that says what there is and where its value comes from. */
import * as A from './api.ts';

/** KVM_STATS_NAME_SIZE */
const NAME_BYTES = 48;
const DESC_BYTES = A.STATS_DESC_NAME + NAME_BYTES;
const U64_BYTES = 8;
const NANO = -9;

export interface StatRow<Source> extends Omit<A.KvmStat, 'values'> {
  /** Values: more than one for a histogram. */
  readonly size: number;
  readonly of: (source: Source) => number | readonly number[];
}

/** A scalar: cumulative, or of now. */
export function stat<Source>(
  name: string,
  of: (source: Source) => number,
  flags = A.KVM_STATS_TYPE_CUMULATIVE,
): StatRow<Source> {
  return { name, flags, exponent: 0, bucketSize: 0, size: 1, of };
}
/** Nanoseconds in all. */
export function timeStat<Source>(name: string, of: (source: Source) => number): StatRow<Source> {
  return { ...stat(name, of, A.KVM_STATS_TYPE_CUMULATIVE | A.KVM_STATS_UNIT_SECONDS), exponent: NANO };
}
/** Nanoseconds: how often each power of two. */
export function timeHistogram<Source>(
  name: string,
  size: number,
  of: (source: Source) => readonly number[],
): StatRow<Source> {
  const flags = A.KVM_STATS_TYPE_LOG_HIST | A.KVM_STATS_UNIT_SECONDS;
  return { name, flags, exponent: NANO, bucketSize: 0, size, of };
}
export function linearHistogram<Source>(
  name: string,
  size: number,
  bucketSize: number,
  of: (source: Source) => readonly number[],
): StatRow<Source> {
  return { name, flags: A.KVM_STATS_TYPE_LINEAR_HIST, exponent: 0, bucketSize, size, of };
}

/** Counts a value in its bucket: 0, 1, 2 to 3, 4 to 7, ...; the last takes all above. */
export function countLog2(buckets: number[], value: number): void {
  const wide = value >= 2 ** 32;
  const at = Math.min(wide ? buckets.length - 1 : 32 - Math.clz32(value), buckets.length - 1);
  buckets[at] = (buckets[at] ?? 0) + 1;
}

/** Header, id ("kvm-0", "kvm-0/vcpu-1"), descriptors, values. */
export function writeStats<Source>(id: string, rows: readonly StatRow<Source>[], source: Source): Uint8Array {
  const descriptors = A.STATS_HEADER_BYTES + NAME_BYTES;
  const data = descriptors + rows.length * DESC_BYTES;
  const bytes = new Uint8Array(data + rows.reduce((sum, { size }) => sum + size, 0) * U64_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(A.STATS_NAME_SIZE, NAME_BYTES, true);
  view.setUint32(A.STATS_NUM_DESC, rows.length, true);
  view.setUint32(A.STATS_ID_OFFSET, A.STATS_HEADER_BYTES, true);
  view.setUint32(A.STATS_DESC_OFFSET, descriptors, true);
  view.setUint32(A.STATS_DATA_OFFSET, data, true);
  writeText(bytes, A.STATS_HEADER_BYTES, id);
  let value = 0;
  rows.forEach((row, n) => {
    const at = descriptors + n * DESC_BYTES;
    view.setUint32(at, row.flags, true);
    view.setInt16(at + A.STATS_DESC_EXPONENT, row.exponent, true);
    view.setUint16(at + A.STATS_DESC_SIZE, row.size, true);
    view.setUint32(at + A.STATS_DESC_VALUE, value, true);
    view.setUint32(at + A.STATS_DESC_BUCKET_SIZE, row.bucketSize, true);
    writeText(bytes, at + A.STATS_DESC_NAME, row.name);
    for (const [i, count] of [row.of(source)].flat().entries())
      view.setBigUint64(data + value + i * U64_BYTES, BigInt(Math.max(0, Math.trunc(count))), true);
    value += row.size * U64_BYTES;
  });
  return bytes;
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < Math.min(text.length, NAME_BYTES - 1); i++) bytes[at + i] = text.charCodeAt(i);
}
