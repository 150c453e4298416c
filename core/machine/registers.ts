/**
 * A vCPU's registers as text, for a person who looks at a crash: laid out as the Linux kernel's own dump is, which is
 * what people who debug guests read fluently.
 */
import { listing } from '../cpu/disasm/disassembler.ts';
import type { KvmRegs, KvmSegment, KvmSregs } from '../kvm/api.ts';

const LMA = 1n << 10n;

/** Several lines without a final line break. `code`: the bytes from RIP on, where they could be read. */
export function formatRegisters(regs: KvmRegs, sregs: KvmSregs, code?: Uint8Array): string {
  const mode = cpuMode(regs, sregs);
  const segment = (name: string, s: KvmSegment): string =>
    `${name.toUpperCase().padEnd(3)} ${hex(s.selector, 4)}  base ${hex(s.base, 16)}  limit ${hex(s.limit, 8)}` +
    `  ${describeSegment(s)}`;
  const lines = [
    `RIP: ${hex(sregs.cs.selector, 4)}:${hex(regs.rip, 16)}  ${mode}`,
    `RSP: ${hex(sregs.ss.selector, 4)}:${hex(regs.rsp, 16)}  EFLAGS: ${hex(regs.rflags, 8)} ${describeFlags(regs.rflags)}`,
    row(['RAX', regs.rax], ['RBX', regs.rbx], ['RCX', regs.rcx]),
    row(['RDX', regs.rdx], ['RSI', regs.rsi], ['RDI', regs.rdi]),
    row(['RBP', regs.rbp], ['R08', regs.r8], ['R09', regs.r9]),
    row(['R10', regs.r10], ['R11', regs.r11], ['R12', regs.r12]),
    row(['R13', regs.r13], ['R14', regs.r14], ['R15', regs.r15]),
    ...(['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'tr', 'ldt'] as const).map((name) => segment(name, sregs[name])),
    `GDT base ${hex(sregs.gdt.base, 16)}  limit ${hex(sregs.gdt.limit, 4)}`,
    `IDT base ${hex(sregs.idt.base, 16)}  limit ${hex(sregs.idt.limit, 4)}`,
    row(['CR0', sregs.cr0], ['CR2', sregs.cr2], ['CR3', sregs.cr3]),
    row(['CR4', sregs.cr4], ['CR8', sregs.cr8], ['EFER', sregs.efer]),
  ];
  if (code) lines.push(...codeLines(regs, sregs, code));
  return lines.join('\n');
}

function codeLines(regs: KvmRegs, sregs: KvmSregs, code: Uint8Array): string[] {
  if (code.length === 0) return ['Code: RIP points to no memory'];
  const bits = (sregs.efer & LMA) !== 0n && sregs.cs.l ? 64 : sregs.cs.db ? 32 : 16;
  return ['Code:', ...listing(code, regs.rip, bits).map((line) => `  ${line}`)];
}

function row(...cells: readonly (readonly [name: string, value: bigint])[]): string {
  return cells.map(([name, value]) => `${name}: ${hex(value, 16)}`).join(' ');
}

function cpuMode(regs: KvmRegs, sregs: KvmSregs): string {
  if ((sregs.cr0 & 1n) === 0n) return 'real mode';
  if ((regs.rflags & (1n << 17n)) !== 0n) return 'virtual 8086 mode';
  const paging = (sregs.cr0 & (1n << 31n)) === 0n ? ', no paging' : '';
  if ((sregs.efer & LMA) !== 0n && sregs.cs.l) return 'long mode';
  return `${sregs.cs.db ? '32' : '16'}-bit protected mode${paging}`;
}

/** Flag names as in the kernel's dump: upper case is set. */
function describeFlags(rflags: bigint): string {
  const names = ['cf', 'pf', 'af', 'zf', 'sf', 'tf', 'if', 'df', 'of'] as const;
  const bits = [0, 2, 4, 6, 7, 8, 9, 10, 11];
  return names.map((name, i) => ((rflags >> BigInt(bits[i] ?? 0)) & 1n ? name.toUpperCase() : name)).join(' ');
}

function describeSegment(segment: KvmSegment): string {
  if (segment.unusable) return 'unusable';
  const kind = segment.s === 0 ? 'system' : segment.type & 8 ? 'code' : 'data';
  const size = segment.l ? ' 64-bit' : segment.db ? ' 32-bit' : ' 16-bit';
  return `dpl ${segment.dpl} ${kind}${segment.s ? size : ''}${segment.present ? '' : ' not present'}`;
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
