/** What a processor asks of the KVM around it. */
import type { KernelMmio } from './mmu/access.ts';

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** What a vCPU asks of the KVM around it. */
export interface CpuHost extends KernelMmio {
  tsc(): bigint;
  /** What the TSC is beyond nowNs(), modulo 2^64, while it counts ns; undefined otherwise. Without it tsc() is always asked. */
  tscOffset?(): bigint | undefined;
  /** Generated code is no more whose memory could be given back: dear, and asked for rarely. */
  reclaim?(): void;
  /** Guest time in ns, to tell how long something took. */
  nowNs(): number;
  /** In-kernel port devices (PIC, PIT). Sizes 1, 2, 4. */
  claimsPort(port: number): boolean;
  readPort(port: number, size: number): number;
  writePort(port: number, size: number, value: number): void;
  /** A write that userspace gets later, with others; false: it has to be an exit. */
  postPort(port: number, size: number, value: number): boolean;
  /** A page for the elements of Cpu.io, in the order in which the port takes or gives them. */
  readonly portData: Uint8Array;
  cpuid(leaf: number, subleaf: number): CpuidResult;
  /** MSRs that the processor core does not hold itself (APIC, TSC, kvmclock): undefined or false raise #GP. */
  readMsr(index: number): bigint | undefined;
  writeMsr(index: number, value: bigint): boolean;
  /** VMCALL or VMMCALL at CPL 0: the value for RAX. */
  hypercall(number: bigint, args: readonly bigint[]): bigint;
  random64(): bigint;
  /** FERR#, where the IRQ 13 of a PC listens. */
  fpuError?(): void;
  getCr8(): number;
  setCr8(value: number): void;
}

export interface PortAccess {
  direction: 'in' | 'out';
  port: number;
  size: 1 | 2 | 4;
  /** Elements; more than one of a string instruction only. */
  count: number;
}
