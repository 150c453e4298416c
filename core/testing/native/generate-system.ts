/** What makes system instructions of user programs interesting: selectors, frames on the stack, bounds, areas. */
import { RAX, RCX, RDX, SS } from '../../cpu/state.ts';
import type { Row } from '../../cpu/table/index.ts';
import type { OperandSpec } from '../../cpu/table/row.ts';
import type { SystemName } from '../../cpu/table/system-names.ts';
import type { CaseBuilder } from './case-builder.ts';
import { CODE_16, CODE_32, CODE_SELECTORS, SELECTORS, selectorOf, USER_CS32, USER_CS64, USER_DS } from './segments.ts';
import { chance, integer, mxcsr } from './values.ts';

/**
 * System instructions that a user program can tell apart. Not those that Linux emulates (SGDT, SMSW), that tell what this
 * machine is (CPUID, RDTSC, XGETBV), that call somebody (SYSCALL, VMCALL), or whose trap a hypervisor changes (ICEBP).
 */
const USER: ReadonlySet<SystemName> = new Set([
  ...(['pushSegment', 'popSegment', 'movFromSegment', 'movToSegment', 'loadFarPointer'] as const),
  ...(['callFar', 'jumpFar', 'callFarIndirect', 'jumpFarIndirect', 'retFar', 'iret'] as const),
  ...(['int3', 'int', 'into', 'undefined', 'verr', 'verw', 'lar', 'lsl', 'arpl'] as const),
  ...(['pusha', 'popa', 'bound', 'popMemory', 'enter', 'popf'] as const),
  ...(['salc', 'daa', 'das', 'aaa', 'aas', 'cmpxchg8b'] as const),
  ...(['fxsave', 'fxrstor', 'ldmxcsr', 'stmxcsr', 'clflush', 'readFsGsBase', 'writeFsGsBase', 'fwait'] as const),
]);
/** What it may not do: compared is how it faults. */
const PRIVILEGED: ReadonlySet<SystemName> = new Set([
  ...(['ins', 'outs', 'in', 'out', 'hlt', 'clts', 'invd', 'wbinvd', 'rsm'] as const),
  ...(['lldt', 'ltr', 'lgdt', 'lidt', 'lmsw', 'invlpg', 'invpcid', 'clac', 'stac', 'swapgs'] as const),
  ...(['movFromControl', 'movToControl', 'movFromDebug', 'movToDebug', 'rdmsr', 'wrmsr', 'xsetbv'] as const),
]);
export const isPrivileged = (row: Row): boolean => row.system !== undefined && PRIVILEGED.has(row.system);
export function isTried(row: Row): boolean {
  if (row.system === 'x87') return false; // core/testing/x87 does
  if (row.system === undefined || row.vsib === true) return row.emit !== undefined || row.vsib === true;
  return USER.has(row.system) || PRIVILEGED.has(row.system);
}

const STACK_USERS: ReadonlySet<SystemName> = new Set([
  ...(['pushSegment', 'popSegment', 'callFar', 'callFarIndirect', 'retFar', 'iret'] as const),
  ...(['pusha', 'popa', 'popMemory', 'enter', 'popf'] as const),
]);
export const usesStack = (row: Row): boolean => STACK_USERS.has(row.system ?? 'x87');

const FXSAVE_MXCSR = 24;
/** Bytes of a memory operand where its notation does not tell. */
export function memoryBytes(row: Row, size: number): number | undefined {
  switch (row.system) {
    case 'bound':
    case 'cmpxchg8b':
      return 2 * size;
    case 'loadFarPointer':
    case 'callFarIndirect':
    case 'jumpFarIndirect':
      return size + 2;
    case 'fxsave':
    case 'fxrstor':
      return 16; // it is mostly outside the window
    default:
      return undefined;
  }
}

/** INT 80h is a system call; ENTER and RETF should stay near. */
export function systemImmediate(b: CaseBuilder, o: OperandSpec): bigint | undefined {
  const { random } = b;
  switch (b.row.system) {
    case 'int':
      return BigInt(chance(random, 40) ? random.pick([3, 4]) : random.below(128));
    case 'enter':
      return BigInt(o.size === 'b' ? random.pick([0, 0, 1, 2, 5, 33, 255]) : random.pick([0, 8, 40, 0x2000, 0xfff0]));
    case 'retFar':
      return BigInt(chance(random, 80) ? random.below(32) : random.below(0x10000));
    default:
      return undefined;
  }
}

/** Offset and selector of a far transfer. */
export function farPointer(b: CaseBuilder): [bigint, number][] {
  // AMD's store what a call pushes before they look at the limit
  // and touch the stack of an outer level, which may not be there, before they look at the selector
  const returns = b.row.system === 'retFar' || b.row.system === 'iret';
  const releases = returns && (b.mode.segmented || b.row.operands.length > 0);
  const calls = b.row.name === 'CALLF';
  const selector = b.random.pick(calls ? (b.long ? CALLED : CALLED_FROM_32) : releases ? GOOD : CODE_SELECTORS);
  const beyond = !calls && chance(b.random, 5) ? 0x10000n : 0n;
  return [
    [b.jumpTarget(selector) + beyond, b.size],
    [BigInt(selector), 2],
  ];
}

// DF ID AC NT and the arithmetic flags; the others mean nothing to a user program, but TF
const POPPED_FLAGS = ~0x100;

/** Before operands are encoded. */
export function prepareSystem(b: CaseBuilder): void {
  const { random, row, size } = b;
  const push = (...values: (bigint | number)[]): void =>
    values.forEach((value, n) => {
      b.poke(b.stackTop + n * size, BigInt(value), size);
    });
  // whether a port is looked at when there is nothing to repeat is open
  if (row.system === 'ins' || row.system === 'outs') b.set(RCX, BigInt(1 + random.below(5)));
  if (row.system === 'popSegment') push((random.uint32() & ~0xffff) | random.pick(SELECTORS));
  else if (row.system === 'popf') push(random.uint32() & POPPED_FLAGS);
  else if (row.system === 'retFar' || row.system === 'iret') {
    const [offset, selector] = farPointer(b);
    const stack = chance(random, 70) ? (b.segments.selectors[SS] ?? USER_DS) : random.pick(SELECTORS);
    if (row.system === 'retFar') push(offset?.[0] ?? 0n, selector?.[0] ?? 0n);
    else push(offset?.[0] ?? 0n, selector?.[0] ?? 0n, random.uint32() & POPPED_FLAGS, integer(random), stack);
  }
}

const GOOD = [...CODE_16, ...CODE_32, USER_CS64, USER_CS32];
const CALLED = CODE_SELECTORS.filter((selector) => selector !== selectorOf('code16Short'));
/** A call to 64-bit code would push to the segment's offset or to the linear address: processors differ. */
const CALLED_FROM_32 = CALLED.filter((selector) => selector !== USER_CS64);

const SELECTOR_TAKERS: ReadonlySet<SystemName> = new Set([
  'movToSegment',
  'verr',
  'verw',
  'lar',
  'lsl',
  'lldt',
  'ltr',
  'arpl',
]);

/** With operands encoded. */
export function adjustSystem(b: CaseBuilder): void {
  const { random, row, size } = b;
  const system = row.system ?? 'x87';
  const at = b.operandAddress === undefined ? undefined : Number(b.operandAddress);
  if (SELECTOR_TAKERS.has(system)) {
    const selector = BigInt(random.pick(SELECTORS));
    if (at !== undefined) b.poke(at, selector, 2);
    else b.set(((b.modrm ?? 0) & 7) | ((b.rex & 1) << 3), (integer(random) & ~0xffffn) | selector);
  } else if (at === undefined) return;
  else if (system === 'loadFarPointer') b.poke(at + size, BigInt(random.pick(SELECTORS)), 2);
  else if (system === 'callFarIndirect' || system === 'jumpFarIndirect') {
    let to = at;
    for (const [value, bytes] of farPointer(b)) {
      b.poke(to, value, bytes);
      to += bytes;
    }
  } else if (system === 'cmpxchg8b' && chance(random, 50)) {
    b.poke(at, b.gprs[RAX] ?? 0n, size);
    b.poke(at + size, b.gprs[RDX] ?? 0n, size);
  } else if (system === 'fxrstor') b.poke(at + FXSAVE_MXCSR, BigInt(newMxcsr(b)), 4);
  else if (system === 'ldmxcsr') b.poke(at, BigInt(newMxcsr(b)), 4);
}

/** At times with reserved bits; not with bit 17, which AMD's have. */
const newMxcsr = ({ random }: CaseBuilder): number =>
  (chance(random, 80) ? mxcsr(random) : mxcsr(random) | ((1 << (16 + random.below(16))) & ~0x2_0000)) >>> 0;
