import { describe, expect, it } from 'vitest';
import * as kvm from '../kvm/api.ts';
import { countersOf, ExitStats } from './exit-stats.ts';

function bench() {
  const clock = { ns: 0, looks: 0 };
  const stats = new ExitStats({
    nowNs: () => {
      clock.looks++;
      return clock.ns;
    },
  });
  const run = new DataView(new ArrayBuffer(kvm.RUN_MMAP_SIZE));
  const exit = (reason: number, takesNs = 0): void => {
    run.setUint32(kvm.RUN_EXIT_REASON, reason, true);
    stats.exited(run);
    clock.ns += takesNs;
    stats.entering();
  };
  return {
    ...{ clock, stats, exit },
    io: (port: number, out: boolean, takesNs = 0) => {
      run.setUint16(kvm.RUN_IO_PORT, port, true);
      run.setUint8(kvm.RUN_IO_DIRECTION, out ? kvm.KVM_EXIT_IO_OUT : kvm.KVM_EXIT_IO_IN);
      exit(kvm.KVM_EXIT_IO, takesNs);
    },
    mmio: (gpa: number, write: boolean) => {
      run.setBigUint64(kvm.RUN_MMIO_PHYS_ADDR, BigInt(gpa), true);
      run.setUint8(kvm.RUN_MMIO_IS_WRITE, write ? 1 : 0);
      exit(kvm.KVM_EXIT_MMIO);
    },
  };
}

describe('ExitStats', () => {
  it('counts by reason, port or address, and direction', () => {
    const b = bench();
    for (let i = 0; i < 3; i++) b.io(0x3f8, true);
    b.io(0x3f8, false);
    b.mmio(0x1_0000_0040, true);
    b.mmio(0x40, true);
    b.exit(kvm.KVM_EXIT_INTR);
    b.exit(99);
    const rows = b.stats.rows.map(({ reason, place, count }) => [reason, place?.address, place?.write, count]);
    expect(rows).toEqual([
      ['IO', 0x3f8, true, 3],
      ['IO', 0x3f8, false, 1],
      ['MMIO', 0x1_0000_0040, true, 1],
      ['MMIO', 0x40, true, 1],
      ['INTR', undefined, undefined, 1],
      ['EXIT_99', undefined, undefined, 1],
    ]);
  });

  it('looks at no clock until somebody asks for times', () => {
    const b = bench();
    b.io(0x80, true, 500);
    expect(b.clock.looks).toBe(0);
    b.stats.timed = true;
    b.io(0x80, true, 1000);
    b.io(0x80, true, 3000);
    b.stats.timed = false;
    b.io(0x80, true, 500);
    expect(b.clock.looks).toBe(4);
    expect(b.stats.rows).toEqual([
      expect.objectContaining({ count: 4, timed: 2, totalNs: 4000, minNs: 1000, maxNs: 3000 }),
    ]);
  });

  it('keeps no more places than it has room for, whatever the guest accesses', () => {
    const b = bench();
    for (let port = 0; port < 0x1_0000; port += 16) b.io(port, true);
    const { rows } = b.stats;
    expect(rows).toHaveLength(257);
    expect(rows.at(-1)).toMatchObject({ reason: 'IO', place: undefined, count: 4096 - 256 });
    b.io(16, true);
    expect(b.stats.rows[1]).toMatchObject({ place: { address: 16, write: true }, count: 2 });
  });
});

it('countersOf names the buckets of histograms by where they begin', () => {
  const scalar = { name: 'exits', flags: 0, exponent: 0, bucketSize: 0, values: [7] };
  const linear = { name: 'classes', flags: 3, exponent: 0, bucketSize: 16, values: [0, 0, 0, 5] };
  const log = { name: 'waits', flags: 0x24, exponent: -9, bucketSize: 0, values: [1, 0, 0, 2] };
  expect(countersOf([scalar, linear, log])).toEqual({ exits: 7, 'classes[48]': 5, 'waits[0]': 1, 'waits[4]': 2 });
});
