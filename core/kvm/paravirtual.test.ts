import { beforeEach, describe, expect, it } from 'vitest';
import { type HypercallPorts, hypercall } from './hypercalls.ts';
import { Paravirtual } from './paravirtual.ts';

const STEAL_TIME = 0x4b564d03;
const PV_EOI = 0x4b564d04;
const POLL_CONTROL = 0x4b564d05;
const ASYNC_PF = 0x4b564d02;
const GPA = 0x1000;

const ram = new Uint8Array(0x2000);
const view = new DataView(ram.buffer);
let nowNs: number;
let delayNs: number;
let pv: Paravirtual;
const inRam = (gpa: number, size: number): boolean => gpa >= 0 && gpa + size <= ram.length;
const readGuest = (gpa: number, size: number) => (inRam(gpa, size) ? ram.slice(gpa, gpa + size) : undefined);
const writeGuest = (gpa: number, bytes: Uint8Array): boolean => {
  if (!inRam(gpa, bytes.length)) return false;
  ram.set(bytes, gpa);
  return true;
};

beforeEach(() => {
  ram.fill(0);
  nowNs = 0;
  delayNs = 5000;
  pv = new Paravirtual({ nowNs: () => nowNs, runDelayNs: () => delayNs, readGuest, writeGuest });
});

describe('MSR_KVM_STEAL_TIME', () => {
  const steal = (): bigint => view.getBigUint64(GPA, true);
  const version = (): number => view.getUint32(GPA + 8, true);

  it('counts from when it is enabled, with an even version that grows', () => {
    expect(pv.write(STEAL_TIME, BigInt(GPA) | 1n)).toBe(true);
    expect(pv.read(STEAL_TIME)).toBe(BigInt(GPA) | 1n);
    expect([steal(), version()]).toEqual([0n, 2]);
    nowNs += 10_000_000;
    delayNs += 777;
    pv.recordStealTime();
    expect([steal(), version()]).toEqual([777n, 4]);
  });

  it('asks the host at most every 10 ms', () => {
    pv.write(STEAL_TIME, BigInt(GPA) | 1n);
    delayNs += 1;
    nowNs += 9_999_999;
    pv.recordStealTime();
    expect(version()).toBe(2);
  });

  it('refuses reserved bits; writes nothing when it is off or where no memory is', () => {
    for (const bit of [1n, 2n, 3n, 4n, 5n]) expect(pv.write(STEAL_TIME, BigInt(GPA) | (1n << bit))).toBe(false);
    expect(pv.write(STEAL_TIME, BigInt(GPA))).toBe(true);
    expect(pv.write(STEAL_TIME, 0xff_ffff_ffc1n)).toBe(true);
    expect(ram.every((byte) => byte === 0)).toBe(true);
  });
});

describe('MSR_KVM_POLL_CONTROL', () => {
  it('allows polling at power-on, and has one bit', () => {
    expect(pv.read(POLL_CONTROL)).toBe(1n);
    expect(pv.write(POLL_CONTROL, 0n)).toBe(true);
    expect(pv.read(POLL_CONTROL)).toBe(0n);
    expect(pv.write(POLL_CONTROL, 2n)).toBe(false);
  });
});

it('asynchronous page faults are not there', () => {
  expect(pv.read(ASYNC_PF)).toBeUndefined();
  expect(pv.write(ASYNC_PF, 1n)).toBeUndefined();
});

describe('MSR_KVM_PV_EOI_EN', () => {
  it('is aligned to 4', () => {
    expect(pv.write(PV_EOI, BigInt(GPA) | 1n)).toBe(true);
    expect(pv.write(PV_EOI, BigInt(GPA) | 3n)).toBe(false);
    expect(pv.read(PV_EOI)).toBe(BigInt(GPA) | 1n);
  });

  it('offers by setting the bit, and takes an EOI for the bit that the guest has cleared', () => {
    ram[GPA] = 0xf0;
    pv.write(PV_EOI, BigInt(GPA) | 1n);
    pv.eoi.offer();
    expect([pv.eoi.offered, ram[GPA]]).toEqual([true, 0xf1]);
    ram[GPA] = 0xf0;
    expect([pv.eoi.take(), pv.eoi.take()]).toEqual([true, false]);
  });

  it('takes an offer back that was not used', () => {
    pv.write(PV_EOI, BigInt(GPA) | 1n);
    pv.eoi.offer();
    expect([pv.eoi.take(), ram[GPA], pv.eoi.offered]).toEqual([false, 0, false]);
  });

  it('offers nothing where no memory is', () => {
    pv.write(PV_EOI, 0xff_ffff_fff1n);
    pv.eoi.offer();
    expect(pv.eoi.offered).toBe(false);
  });
});

describe('hypercalls', () => {
  const kicked: number[] = [];
  const ports: HypercallPorts = {
    kick: (apicId) => kicked.push(apicId),
    tsc: () => 42n,
    wallNowMs: () => 1_500_250,
    writeGuest,
  };

  it.each([
    ['KVM_HC_VAPIC_POLL_IRQ', 1n, [], 0n],
    ['KVM_HC_SCHED_YIELD', 11n, [0n], 0n],
    ['KVM_HC_CLOCK_PAIRING of a clock that is none', 9n, [BigInt(GPA), 1n], -95n],
    ['KVM_HC_CLOCK_PAIRING where no memory is', 9n, [0xff_ffff_f000n, 0n], -14n],
    ['KVM_HC_SEND_IPI, not offered', 10n, [1n, 0n, 0n, 0n], -1000n],
    ['an unknown number', 0xffff_ffff_ffff_ffffn, [], -1000n],
  ] as const)('%s gives %d', (_, number, args, result) => {
    expect(hypercall(ports, number, args)).toBe(result);
  });

  it('KVM_HC_KICK_CPU kicks the vCPU of the APIC id', () => {
    expect(hypercall(ports, 5n, [0n, 3n])).toBe(0n);
    expect(kicked).toEqual([3]);
  });

  it('KVM_HC_CLOCK_PAIRING writes wall clock and TSC of one moment', () => {
    expect(hypercall(ports, 9n, [BigInt(GPA), 0n])).toBe(0n);
    expect(view.getBigInt64(GPA, true)).toBe(1500n);
    expect(view.getBigInt64(GPA + 8, true)).toBe(250_000_000n);
    expect(view.getBigUint64(GPA + 16, true)).toBe(42n);
    expect(view.getUint32(GPA + 24, true)).toBe(0);
  });
});
