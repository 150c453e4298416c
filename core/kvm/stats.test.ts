/**
 * The bytes of the statistics files, read as the kernel's documentation describes them by a reader of this test's own.
 * [API] Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD.
 */
import { describe, expect, it } from 'vitest';
import { hex, KvmRig } from '../testing/kvm-rig.ts';
import * as A from './api.ts';
import { countLog2, linearHistogram, stat, timeHistogram, timeStat, writeStats } from './stats-file.ts';

interface Parsed {
  id: string;
  descriptors: Map<string, { type: number; unit: number; exponent: number; bucket: number; values: bigint[] }>;
}

/** struct kvm_stats_header, then as many struct kvm_stats_desc as it says, wherever it says. */
function parse(file: Uint8Array): Parsed {
  const bytes = Buffer.from(file);
  const [flags, nameSize, count, idAt, descAt, dataAt] = [0, 4, 8, 12, 16, 20].map((at) => bytes.readUInt32LE(at));
  if (flags !== 0 || !nameSize || count === undefined || !idAt || !descAt || !dataAt) throw new Error('header');
  const text = (at: number): string => bytes.toString('latin1', at, bytes.indexOf(0, at));
  const descriptors: Parsed['descriptors'] = new Map();
  for (let at = descAt; at < descAt + count * (16 + nameSize); at += 16 + nameSize) {
    const bits = bytes.readUInt32LE(at);
    if (bits >>> 12 !== 0 || text(at + 16).length >= nameSize) throw new Error('descriptor');
    const values = Array.from({ length: bytes.readUInt16LE(at + 6) }, (_, i) =>
      bytes.readBigUInt64LE(dataAt + bytes.readUInt32LE(at + 8) + i * 8),
    );
    descriptors.set(text(at + 16), {
      type: bits & 0xf,
      unit: (bits >> 4) & 0xf,
      exponent: bytes.readInt16LE(at + 4),
      bucket: bytes.readUInt32LE(at + 12),
      values,
    });
  }
  return { id: text(idAt), descriptors };
}

const value = (file: Uint8Array, name: string): number => Number(parse(file).descriptors.get(name)?.values[0]);

describe('a statistics file', () => {
  it('says where everything is, and what each value means', () => {
    const file = writeStats(
      'kvm-0/vcpu-7',
      [
        stat('count', (s: { n: number }) => s.n),
        timeStat('time', (s: { n: number }) => s.n / 2),
        timeHistogram('waits', 3, () => [1, 2, 3]),
        linearHistogram('classes', 2, 16, () => [4, 5]),
        stat('now', () => 2 ** 40, A.KVM_STATS_TYPE_INSTANT),
      ],
      { n: 9 },
    );
    const { id, descriptors } = parse(file);
    expect(id).toBe('kvm-0/vcpu-7');
    expect([...descriptors]).toEqual([
      ['count', { type: 0, unit: 0, exponent: 0, bucket: 0, values: [9n] }],
      ['time', { type: 0, unit: 2, exponent: -9, bucket: 0, values: [4n] }],
      ['waits', { type: 4, unit: 2, exponent: -9, bucket: 0, values: [1n, 2n, 3n] }],
      ['classes', { type: 3, unit: 0, exponent: 0, bucket: 16, values: [4n, 5n] }],
      ['now', { type: 1, unit: 0, exponent: 0, bucket: 0, values: [1n << 40n] }],
    ]);
    expect(file.length).toBe(24 + 48 + 5 * 64 + 8 * 8);
  });

  it('is read back by readStats', () => {
    const file = writeStats('kvm-0', [linearHistogram('classes', 2, 16, () => [4, 5])], undefined);
    expect(A.readStats(file)).toEqual([{ name: 'classes', flags: 3, exponent: 0, bucketSize: 16, values: [4, 5] }]);
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [1023, 4],
    [2 ** 31, 4],
    [2 ** 50, 4],
  ])('counts %d in bucket %d of five', (ns, bucket) => {
    const buckets = [0, 0, 0, 0, 0];
    countLog2(buckets, ns);
    expect(buckets.indexOf(1)).toBe(bucket);
  });
});

describe('KVM_GET_STATS_FD', () => {
  it('is a capability, and of VM and vCPU', () => {
    const { system, vm, vcpu } = new KvmRig();
    expect(system.checkExtension(A.KVM_CAP_BINARY_STATS_FD)).toBe(1);
    expect(parse(vm.getStats()).id).toBe('kvm-0');
    expect(parse(vcpu.getStats()).id).toBe('kvm-0/vcpu-0');
    vm.close();
    for (const call of [() => vm.getStats(), () => vcpu.getStats()])
      expect(call).toThrow(expect.objectContaining({ errno: 'EBADF', ioctl: 'KVM_GET_STATS_FD' }));
  });

  it('has the statistics that every vCPU of Linux has, in their types', () => {
    const { descriptors } = parse(new KvmRig().vcpu.getStats());
    const ns = { unit: 2, exponent: -9, bucket: 0 };
    expect(descriptors.get('halt_wait_ns')).toMatchObject({ type: 0, ...ns });
    expect(descriptors.get('halt_wait_hist')).toMatchObject({ type: 4, ...ns, values: new Array(32).fill(0n) });
    expect(descriptors.get('blocking')).toMatchObject({ type: 1, unit: 4, values: [0n] });
    const generic = [
      ...['halt_successful_poll', 'halt_attempted_poll', 'halt_poll_invalid', 'halt_wakeup', 'halt_poll_success_ns'],
      ...['halt_poll_fail_ns', 'halt_wait_ns', 'halt_poll_success_hist', 'halt_poll_fail_hist', 'halt_wait_hist'],
    ];
    expect([...descriptors.keys()].slice(0, 11)).toEqual([...generic, 'blocking']);
  });

  it('counts exits by kind, instructions, and what was decoded', () => {
    const rig = new KvmRig();
    rig.start(
      'protected',
      hex('out 0x80, al ; in al, 0x80 ; mov [0x100000], al ; hlt', 'e6 80 e4 80 a2 00 00 10 00 f4'),
    );
    for (let i = 0; i < 4; i++) rig.run();
    const file = rig.vcpu.getStats();
    expect(value(file, 'io_exits')).toBe(2);
    expect(value(file, 'mmio_exits')).toBe(1);
    expect(value(file, 'halt_exits')).toBe(1);
    expect(value(file, 'exits')).toBeGreaterThanOrEqual(4);
    expect(value(file, 'insns')).toBeGreaterThanOrEqual(4);
    expect(value(file, 'insn_emulation')).toBe(3); // OUT, IN, HLT
    expect(value(file, 'decoded_insns')).toBeGreaterThanOrEqual(4);
    expect(value(file, 'block_decodes')).toBeGreaterThan(0);
    expect(value(file, 'blocks')).toBeGreaterThan(0);
    expect(value(file, 'tlb_fills')).toBeGreaterThan(0);
  });

  it('counts flushes of the TLB, and INVLPG', () => {
    const rig = new KvmRig();
    const code = hex(
      'mov eax, cr3 ; mov cr3, eax ; invlpg [0x3000] ; hlt',
      '0f 20 d8 0f 22 d8 0f 01 3d 00 30 00 00 f4',
    );
    rig.start('paging', code);
    const before = rig.vcpu.getStats();
    rig.run();
    const after = rig.vcpu.getStats();
    expect(value(after, 'tlb_flush') - value(before, 'tlb_flush')).toBe(1);
    expect(value(after, 'invlpg') - value(before, 'invlpg')).toBe(1);
  });

  it('times a HLT that the timer of the local APIC ends, and counts what the interrupt took', () => {
    const rig = new KvmRig({ irqchip: true });
    // the stub of vector 0x40 writes to port 0x40
    const source =
      'mov dword [0xfee000f0], 0x1ff ; mov dword [0xfee00320], 0x40 ; mov dword [0xfee00380], 5000 ; sti ; hlt';
    rig.start(
      'protected',
      hex(source, 'c7 05 f0 00 e0 fe ff 01 00 00 c7 05 20 03 e0 fe 40 00 00 00 c7 05 80 03 e0 fe 88 13 00 00 fb f4'),
    );
    rig.run();
    const { descriptors } = parse(rig.vcpu.getStats());
    const first = (name: string): number => Number(descriptors.get(name)?.values[0]);
    expect(first('halt_exits')).toBe(1);
    expect(first('halt_wakeup')).toBe(1);
    expect(first('halt_wait_ns')).toBe(10_000); // 5000 counts of a bus of 1 GHz, divided by two
    expect(descriptors.get('halt_wait_hist')?.values[14]).toBe(1n); // 8192 to 16383 ns
    expect(first('apic_timer_fires')).toBe(1);
    expect(first('irq_injections')).toBe(1);
    expect(descriptors.get('irq_injections_by_class')).toMatchObject({ type: 3, bucket: 16 });
    expect(descriptors.get('irq_injections_by_class')?.values[4]).toBe(1n);
    expect(first('apic_eois')).toBe(0);
  });

  it('counts interrupt lines and flushes that the VM asked for', () => {
    const rig = new KvmRig({ irqchip: true });
    const flushes = value(rig.vm.getStats(), 'remote_tlb_flush');
    rig.vm.irqLine({ irq: 4, level: 1 });
    rig.vm.irqLine({ irq: 4, level: 0 });
    rig.setRam(A.KVM_MEM_LOG_DIRTY_PAGES);
    expect(value(rig.vm.getStats(), 'irq_lines')).toBe(2);
    expect(value(rig.vm.getStats(), 'remote_tlb_flush')).toBe(flushes + 1);
  });
});
