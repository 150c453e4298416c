/** What a model lacks is not there for its guest, whatever the hypervisor could do. */
import { describe, expect, it } from 'vitest';
import { type CpuModelName, DEFAULT_CPU } from '../contracts/cpu.ts';
import { hex, KvmRig, type Mode } from '../testing/kvm-rig.ts';
import { guestCpuid } from './cpuid.ts';

const UD = 6;
const GP = 13;
/** The port that a guest writes to when all went well. */
const DONE = 0x80;

const SSSE3 = hex('pshufb xmm0, xmm1', '66 0f 38 00 c1');
const VEX = hex('vmovaps xmm0, xmm1', 'c5 f8 28 c1');
const CR4_OSXSAVE = hex('mov rax, cr4 ; bts rax, 18 ; mov cr4, rax', '0f 20 e0 48 0f ba e8 12 0f 22 e0');
/** CR4.OSXSAVE, XCR0 = 7, and then an instruction. */
const withYmm = (source: string, bytes: string): Uint8Array =>
  Uint8Array.from([
    ...CR4_OSXSAVE,
    ...hex('mov eax, 7 ; xor edx, edx ; xor ecx, ecx ; xsetbv', 'b8 07 00 00 00 31 d2 31 c9 0f 01 d1'),
    ...hex(source, bytes),
  ]);
const CMOV = hex('cmove ax, cx', '0f 44 c1');
const MMX = hex('movq mm0, mm1', '0f 6f c1');
const CPUID = hex('cpuid', '0f a2');
const RDTSC = hex('rdtsc', '0f 31');
const SYSENTER = hex('sysenter', '0f 34');
const POPCNT = hex('popcnt eax, ecx', 'f3 0f b8 c1');
const RDTSCP = hex('rdtscp', '0f 01 f9');
const CR4_FSGSBASE = hex('mov rax, cr4 ; bts rax, 16 ; mov cr4, rax', '0f 20 e0 48 0f ba e8 10 0f 22 e0');
const AVX = withYmm('vaddps ymm0, ymm1, ymm2', 'c5 f4 58 c2');
const AVX2 = withYmm('vpaddd ymm0, ymm1, ymm2', 'c5 f5 fe c2');

function portAfter(model: CpuModelName, mode: Mode, code: Uint8Array): number | undefined {
  const rig = new KvmRig();
  rig.vcpu.setCpuid2(guestCpuid(rig.system, 0, { ...DEFAULT_CPU, mode: 'custom', model }));
  const exit = rig.start(mode, [...code, ...hex('out 0x80, al ; hlt', 'e6 80 f4')]).run();
  return exit.exit === 'IO' ? exit.port : undefined;
}

describe('a guest with a CPU model', () => {
  it.each<[CpuModelName, string, Mode, Uint8Array, number]>([
    ['486', 'CPUID', 'real', CPUID, DONE],
    ['486', 'CMOV', 'real', CMOV, UD],
    ['486', 'MMX', 'real', MMX, UD],
    ['486', 'RDTSC', 'real', RDTSC, UD],
    ['pentium', 'RDTSC', 'real', RDTSC, DONE],
    ['pentium', 'SYSENTER', 'real', SYSENTER, UD],
    ['pentium2', 'SYSENTER', 'real', SYSENTER, GP],
    ['pentium', 'MMX', 'real', MMX, DONE],
    ['pentium', 'CMOV', 'real', CMOV, UD],
    ['pentium2', 'CMOV', 'real', CMOV, DONE],
    ['qemu64', 'SSSE3', 'long', SSSE3, UD],
    ['qemu64', 'RDTSCP', 'long', RDTSCP, UD],
    ['Conroe', 'POPCNT', 'long', POPCNT, UD],
    ['Nehalem', 'POPCNT', 'long', POPCNT, DONE],
    ['Nehalem', 'RDTSCP', 'long', RDTSCP, UD],
    ['Nehalem', 'a VEX encoding', 'long', VEX, UD],
    ['Nehalem', 'CR4.OSXSAVE', 'long', CR4_OSXSAVE, GP],
    ['Nehalem', 'CR4.FSGSBASE', 'long', CR4_FSGSBASE, GP],
    ['SandyBridge', 'RDTSCP', 'long', RDTSCP, DONE],
    ['SandyBridge', 'CR4.OSXSAVE', 'long', CR4_OSXSAVE, DONE],
    ['SandyBridge', 'CR4.FSGSBASE', 'long', CR4_FSGSBASE, GP],
    ['IvyBridge', 'CR4.FSGSBASE', 'long', CR4_FSGSBASE, DONE],
    ['SandyBridge', 'AVX', 'long', AVX, DONE],
    ['SandyBridge', 'AVX2', 'long', AVX2, UD],
    ['Haswell', 'AVX2', 'long', AVX2, DONE],
  ])('%s meets %s as that processor would', (model, _, mode, code, port) => {
    expect(portAfter(model, mode, code)).toBe(port);
  });
});
