/** KVM_REGISTER_COALESCED_MMIO and the ring that writes wait in. */
import { describe, expect, it } from 'vitest';
import { DATA, hex, KvmRig, MMIO } from '../testing/kvm-rig.ts';
import * as A from './api.ts';

const HLT = { exit: 'HLT' };
const ZONE: A.KvmCoalescedMmioZone = { addr: MMIO, size: 0x1000, pio: 0 };
const PORTS: A.KvmCoalescedMmioZone = { addr: 0x80, size: 2, pio: 1 };
/** mov [0x100010], eax ; hlt */
const STORE = hex('mov [0x100010], eax ; hlt', 'a3 10 00 10 00 f4');
const STOSB = hex('rep stosb ; hlt', 'f3 aa f4');

/** Takes what waits, as [pio, address, bytes]. */
function drain({ vcpu: { run } }: KvmRig): [pio: number, address: number, bytes: number[]][] {
  const at = A.RUN_COALESCED_RING;
  const entries: ReturnType<typeof drain> = [];
  let first = run.getUint32(at + A.COALESCED_FIRST, true);
  while (first !== run.getUint32(at + A.COALESCED_LAST, true)) {
    const entry = at + A.COALESCED_ENTRIES + first * A.COALESCED_ENTRY_SIZE;
    const length = run.getUint32(entry + A.COALESCED_LEN, true);
    const bytes = Array.from({ length }, (_, i) => run.getUint8(entry + A.COALESCED_DATA + i));
    entries.push([run.getUint32(entry + A.COALESCED_PIO, true), Number(run.getBigUint64(entry, true)), bytes]);
    first = (first + 1) % A.KVM_COALESCED_MMIO_MAX;
  }
  run.setUint32(at + A.COALESCED_FIRST, first, true);
  return entries;
}

function start(code: Uint8Array, zone = ZONE) {
  const rig = new KvmRig().start('protected', code).set({ rax: 0x44332211n, rdi: BigInt(MMIO) });
  rig.vm.registerCoalescedMmio(zone);
  return rig;
}

describe('coalesced MMIO', () => {
  it('has its capabilities, and the ring in the third page', () => {
    const { vm, system } = new KvmRig();
    expect(vm.checkExtension(A.KVM_CAP_COALESCED_MMIO)).toBe(2);
    expect(vm.checkExtension(A.KVM_CAP_COALESCED_PIO)).toBe(1);
    expect(system.getVcpuMmapSize()).toBe(3 * 4096);
    expect(A.KVM_COALESCED_MMIO_MAX).toBe(170);
  });

  it('keeps a write without an exit, and reads exit behind it', () => {
    const rig = start(hex('mov [0x100010], eax ; mov al, [0x100010] ; hlt', 'a3 10 00 10 00 a0 10 00 10 00 f4'));
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: false });
    expect(drain(rig)).toEqual([[0, MMIO + 0x10, [0x11, 0x22, 0x33, 0x44]]]);
    expect(rig.answerMmio(1).run()).toEqual(HLT);
    expect(drain(rig)).toEqual([]);
  });

  it.each([
    ['below it', { ...ZONE, addr: MMIO + 0x11 }],
    ['beyond its end', { ...ZONE, size: 0x13 }],
    ['at ports of the same numbers', { ...ZONE, pio: 1 }],
  ] as const)('exits for a write %s', (_name, zone) => {
    const rig = start(STORE, zone);
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: true, gpa: MMIO + 0x10 });
    expect(drain(rig)).toEqual([]);
  });

  it('exits when the ring is full, with what came before in the ring, and goes on when it is drained', () => {
    const rig = start(STOSB).set({ rcx: 200n });
    expect(rig.run()).toEqual({ exit: 'MMIO', write: true, gpa: MMIO + 169, bytes: [0x11] });
    expect(drain(rig).map(([, address]) => address)).toEqual(Array.from({ length: 169 }, (_, i) => MMIO + i));
    expect(rig.run()).toEqual(HLT);
    expect(drain(rig).map(([, address]) => address)).toEqual(Array.from({ length: 30 }, (_, i) => MMIO + 170 + i));
  });

  it('has a ring that userspace can only spoil for itself', () => {
    const rig = start(STORE);
    rig.vcpu.run.setUint32(A.RUN_COALESCED_RING + A.COALESCED_LAST, 0xffff_ffff, true);
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: true });
  });

  it('keeps the parts of a wide or unaligned store in order, those of one that does not fit in exits', () => {
    const rig = start(hex('movups [0x100ffa], xmm0 ; hlt', '0f 11 05 fa 0f 10 00 f4'));
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: true, gpa: MMIO + 0x1000, bytes: Array(8).fill(0) });
    expect(drain(rig).map(([, address, { length }]) => [address, length])).toEqual([
      [MMIO + 0xffa, 2],
      [MMIO + 0xffc, 4],
    ]);
    expect(rig.run()).toMatchObject({ gpa: MMIO + 0x1008, bytes: [0, 0] });
    expect(rig.run()).toEqual(HLT);
  });

  it('does a read-modify-write once', () => {
    const rig = start(hex('add dword [0x100000], 5 ; hlt', '83 05 00 00 10 00 05 f4'));
    expect(rig.run()).toMatchObject({ exit: 'MMIO', write: false });
    expect(rig.answerMmio(10, 0, 0, 0).run()).toEqual(HLT);
    expect(drain(rig)).toEqual([[0, MMIO, [15, 0, 0, 0]]]);
  });

  it('keeps the write of an exit that immediate_exit finishes', () => {
    const rig = start(hex('add dword [0x100000], 5 ; hlt', '83 05 00 00 10 00 05 f4'));
    rig.run();
    rig.vcpu.run.setUint8(A.RUN_IMMEDIATE_EXIT, 1);
    expect(rig.answerMmio(1, 0, 0, 0).run()).toEqual({ exit: 'EINTR' });
    expect(drain(rig)).toEqual([[0, MMIO, [6, 0, 0, 0]]]);
  });

  it('traps behind a write under a debugger that steps', () => {
    const rig = start(STORE);
    rig.vcpu.setGuestDebug({ control: A.KVM_GUESTDBG_ENABLE | A.KVM_GUESTDBG_SINGLESTEP, debugreg: [] });
    expect(rig.run()).toMatchObject({ exit: 'DEBUG' });
    expect(drain(rig)).toHaveLength(1);
  });

  it('leaves memory alone that a slot has there, and the APIC', () => {
    const rig = new KvmRig({ irqchip: true }).start(
      'protected',
      hex('mov [0x3000], eax ; mov [0xfee00080], eax ; hlt', 'a3 00 30 00 00 a3 80 00 e0 fe f4'),
    );
    rig.vm.registerCoalescedMmio({ addr: DATA, size: 0x1000, pio: 0 });
    rig.vm.registerCoalescedMmio({ addr: 0xfee0_0000, size: 0x1000, pio: 0 });
    rig.set({ rax: 0x20n });
    rig.run();
    expect(drain(rig)).toEqual([]);
    expect(rig.ram[DATA]).toBe(0x20);
  });

  it('ends with the zone: given whole, or a part of it', () => {
    for (const part of [ZONE, { ...ZONE, addr: MMIO + 4, size: 4 }]) {
      const rig = start(STORE);
      rig.vm.unregisterCoalescedMmio({ ...ZONE, size: 0x1001 });
      rig.vm.unregisterCoalescedMmio({ ...part, pio: 1 });
      expect(rig.run()).toEqual(HLT);
      drain(rig);
      rig.vm.unregisterCoalescedMmio(part);
      expect(rig.start('protected', STORE).run()).toMatchObject({ exit: 'MMIO', write: true });
    }
  });

  it('refuses what is neither memory nor ports, and too many zones', () => {
    const { vm } = new KvmRig();
    const bad = { ...ZONE, pio: 2 as 0 };
    expect(() => vm.registerCoalescedMmio(bad)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
    expect(() => vm.unregisterCoalescedMmio(bad)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
    for (let n = 0; n < 1000; n++) vm.registerCoalescedMmio(ZONE);
    expect(() => vm.registerCoalescedMmio(ZONE)).toThrow(expect.objectContaining({ errno: 'ENOSPC' }));
    vm.close();
    expect(() => vm.registerCoalescedMmio(ZONE)).toThrow(expect.objectContaining({ errno: 'EBADF' }));
  });
});

describe('coalesced port I/O', () => {
  it('keeps OUT and OUTS in order with MMIO, and IN exits behind them', () => {
    const rig = start(
      hex('out 0x80, al ; mov [0x100010], eax ; rep outsb ; in al, 0x80 ; hlt', 'e6 80 a3 10 00 10 00 f3 6e e4 80 f4'),
      PORTS,
    ).load(DATA, [7, 8]);
    rig.vm.registerCoalescedMmio(ZONE);
    rig.set({ rcx: 2n, rsi: BigInt(DATA), rdx: 0x81n });
    expect(rig.run()).toMatchObject({ exit: 'IO', direction: 'in', port: 0x80 });
    expect(drain(rig)).toEqual([
      [1, 0x80, [0x11]],
      [0, MMIO + 0x10, [0x11, 0x22, 0x33, 0x44]],
      [1, 0x81, [7]],
      [1, 0x81, [8]],
    ]);
    expect(rig.answerIn(1).run()).toEqual(HLT);
  });

  it('exits for a port beyond the zone, and one that the access reaches over', () => {
    const rig = start(hex('out 0x82, al ; out 0x81, ax ; hlt', 'e6 82 66 e7 81 f4'), PORTS);
    expect(rig.run()).toMatchObject({ direction: 'out', port: 0x82 });
    expect(rig.run()).toMatchObject({ direction: 'out', port: 0x81, size: 2 });
    expect(rig.run()).toEqual(HLT);
  });

  it('exits when the ring is full', () => {
    const rig = start(hex('rep outsb ; hlt', 'f3 6e f4'), PORTS);
    rig.set({ rcx: 172n, rsi: BigInt(DATA), rdx: 0x80n });
    expect(rig.run()).toMatchObject({ exit: 'IO', values: [0, 0, 0] });
    expect(drain(rig)).toHaveLength(169);
    expect(rig.run()).toEqual(HLT);
  });
});
