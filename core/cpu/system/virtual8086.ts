/**
 * Virtual-8086 mode: the way in by IRET, the flags its code may change, and software interrupts, with the virtual-mode
 * extensions (CR4.VME). [SDM] volume 3, chapter 21. The way out is delivery of an event (interrupts.ts).
 */
import type { Cpu } from '../cpu.ts';
import * as S from '../state.ts';
import { loadRealSegment } from './descriptors.ts';
import { generalProtection, Stack } from './operands.ts';

const hasIopl3 = (flags: number): boolean => (flags & S.FLAG_IOPL) === S.FLAG_IOPL;

/** EFLAGS bits that an IRET to virtual-8086 mode loads. */
const EFLAGS_DEFINED = 0x3f7fd7;

/** IRET at level 0 with VM in the image that it popped; the rest of the frame is on the stack. */
export function returnToVirtual8086(cpu: Cpu, stack: Stack, ip: bigint, cs: number, flags: number): number {
  const s = cpu.state;
  const esp = Number(stack.pop(4));
  const selectors = [S.SS, S.ES, S.DS, S.FS, S.GS].map((n) => ({ n, selector: Number(stack.pop(4) & 0xffffn) }));
  if (ip > 0xffffn) generalProtection();
  s.eflags = flags & EFLAGS_DEFINED;
  s.set32(S.CPL, 3);
  s.setGpr32(S.RSP, esp);
  loadRealSegment(cpu, S.CS, cs);
  for (const { n, selector } of selectors) loadRealSegment(cpu, n, selector);
  return cpu.jump(ip);
}

/** POPF and IRET below IOPL 3 are for the monitor, but with CR4.VME their 16-bit forms have VIF for IF. */
export function requireFlagAccess(cpu: Cpu, size: number): void {
  const s = cpu.state;
  if (!hasIopl3(s.eflags) && !((s.cr4 & S.CR4_VME) !== 0 && size === 2)) generalProtection();
}

/** EFLAGS after POPF or IRET of `image`. #GP where a virtual interrupt waits, or for TF. */
export function virtualFlags(cpu: Cpu, size: number, image: number): number {
  const old = cpu.state.eflags;
  const mask = S.FLAGS_ARITH | S.FLAG_TF | S.FLAG_DF | S.FLAG_NT;
  if (hasIopl3(old)) {
    const all = mask | S.FLAG_IF | (size === 2 ? 0 : S.FLAG_AC | S.FLAG_ID | S.FLAG_RF);
    return (old & ~all & ~S.FLAG_RF) | (image & all);
  }
  const enables = (image & S.FLAG_IF) !== 0;
  if ((image & S.FLAG_TF) !== 0 || (enables && (old & S.FLAG_VIP) !== 0)) generalProtection();
  return (old & ~(mask | S.FLAG_VIF | S.FLAG_RF)) | (image & mask) | (enables ? S.FLAG_VIF : 0);
}

/**
 * INT n: true when it went to the handler of the 8086 program's own vector table, as the redirection bitmap asks.
 * [SDM] table 21-2: methods 5 and 6; of the others, 2 and 3 raise #GP, 1 and 4 go through the IDT.
 */
export function redirectInterrupt(cpu: Cpu, vector: number): boolean {
  const s = cpu.state;
  const flags = s.eflags;
  const iopl3 = hasIopl3(flags);
  if ((s.cr4 & S.CR4_VME) === 0 || !isRedirected(cpu, vector)) {
    if (!iopl3) generalProtection();
    return false;
  }
  const ip = cpu.memory.read16(BigInt(vector * 4), false);
  const cs = cpu.memory.read16(BigInt(vector * 4 + 2), false);
  const virtual = (flags & ~S.FLAG_IF) | S.FLAG_IOPL | ((flags & S.FLAG_VIF) !== 0 ? S.FLAG_IF : 0);
  const stack = Stack.current(cpu);
  stack.push(2, (iopl3 ? flags : virtual) & 0xffff);
  stack.push(2, s.selector(S.CS));
  stack.push(2, cpu.nextIp);
  stack.commit();
  s.set32(S.EFLAGS, s.get32(S.EFLAGS) & ~(S.FLAG_TF | S.FLAG_RF | (iopl3 ? S.FLAG_IF : S.FLAG_VIF)));
  loadRealSegment(cpu, S.CS, cs);
  s.rip = BigInt(ip);
  return true;
}

/** The vector's bit in the 32 bytes below the I/O permission bitmap of the TSS is clear. */
function isRedirected(cpu: Cpu, vector: number): boolean {
  const s = cpu.state;
  const limit = s.segLimit(S.TR);
  if ((s.access(S.TR) & 8) === 0 || limit < 103) generalProtection();
  const base = s.segBase(S.TR);
  const at = cpu.memory.read16(base + 102n, false) - 32 + (vector >> 3);
  if (at < 0 || at > limit) generalProtection();
  return ((cpu.memory.read8(base + BigInt(at), false) >> (vector & 7)) & 1) === 0;
}
