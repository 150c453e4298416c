/**
 * Task switches by JMP, CALL, IRET and interrupts, through TSS descriptors and task gates; 16- and 32-bit TSS. Long mode
 * has none. [SDM] volume 3, chapter 8 (8.3: the order of the steps; table 8-1: the checks).
 */
import type { Cpu } from '../cpu.ts';
import { EmulationFailure, GuestFault, MmioWait } from '../faults.ts';
import * as S from '../state.ts';
import { setCr3 } from './control-registers.ts';
import {
  type Descriptor,
  errorOf,
  isConforming,
  isNull,
  isWritableData,
  loadRealSegment,
  markAccessed,
  readDescriptor,
  tryReadDescriptor,
} from './descriptors.ts';
import { Stack } from './operands.ts';

const TSS_AVAILABLE_16 = 1;
const TSS_BUSY = 2;
const TSS_32 = 8;
/** The T flag of a 32-bit TSS, and what it sets in DR6. */
const TSS_TRAP = 0x64;
const DR6_BT = 0x8000;
/** DR7.L0 to L3 and LE belong to a task. */
const DR7_LOCAL = 0x155n;
/** EFLAGS bits that exist. */
const EFLAGS_DEFINED = 0x3f7fd7;
const CR3_OFFSET = 0x1c;

/** A TSS: from `first` on it has words for IP, flags, eight registers, segment registers and the LDT. */
interface Layout {
  readonly word: 2 | 4;
  readonly first: number;
  readonly segments: readonly number[];
  /** The least limit. */
  readonly limit: number;
}
const LAYOUT_16: Layout = { word: 2, first: 0x0e, segments: [S.ES, S.CS, S.SS, S.DS], limit: 0x2b };
const LAYOUT_32: Layout = { word: 4, first: 0x20, segments: [S.ES, S.CS, S.SS, S.DS, S.FS, S.GS], limit: 0x67 };
const layoutOf = (access: number): Layout => ((access & TSS_32) !== 0 ? LAYOUT_32 : LAYOUT_16);
const REGISTERS = 8;

/** What of the old task is not in its registers, and the event behind the switch. */
export interface Departure {
  /** EXT of error codes. */
  readonly external: 0 | 1;
  /** Where the old task goes on. */
  readonly ip: bigint;
  readonly flags: number;
  /** Pushed on the new task's stack. */
  readonly errorCode?: number | undefined;
}

type Reason = 'jump' | 'call' | 'return';

/** A TSS descriptor that a task switch may go to: available, or busy where an IRET returns to it. */
function taskDescriptor(cpu: Cpu, selector: number, external: number, busy: boolean): Descriptor {
  const vector = busy ? S.TS_VECTOR : S.GP;
  const error = errorOf(selector) | external;
  if (isNull(selector) || (selector & 4) !== 0) throw new GuestFault(vector, error);
  const d = readDescriptor(cpu, selector, vector, external);
  const type = TSS_AVAILABLE_16 | (busy ? TSS_BUSY : 0);
  if (!d.isSystem || (d.type & ~TSS_32) !== type) throw new GuestFault(vector, error);
  if (!d.present) throw new GuestFault(S.NP, error);
  return d;
}

/** JMP or CALL to a TSS or task gate, whose descriptor is d. */
export function transferTask(cpu: Cpu, reason: 'jump' | 'call', selector: number, d: Descriptor): void {
  const error = errorOf(selector);
  if (d.dpl < cpu.state.cpl || d.dpl < (selector & 3)) throw new GuestFault(S.GP, error);
  const isGate = d.type === 5;
  if (isGate && !d.present) throw new GuestFault(S.NP, error);
  const target = isGate ? d.low >>> 16 : selector;
  const departure = { external: 0, ip: cpu.nextIp, flags: cpu.state.eflags } as const;
  switchTask(cpu, reason, target, taskDescriptor(cpu, target, 0, false), departure);
}

/** An interrupt or exception through a task gate. */
export function interruptTask(cpu: Cpu, selector: number, departure: Departure): void {
  switchTask(cpu, 'call', selector, taskDescriptor(cpu, selector, departure.external, false), departure);
}

/** IRET with NT: back to the task that the TSS links to, which then has NT clear in what is saved of this one. */
export function returnTask(cpu: Cpu): void {
  const s = cpu.state;
  const selector = cpu.memory.read16(s.segBase(S.TR), false);
  const departure = { external: 0, ip: cpu.nextIp, flags: s.eflags & ~S.FLAG_NT } as const;
  switchTask(cpu, 'return', selector, taskDescriptor(cpu, selector, 0, true), departure);
}

/** Sets RIP to the new task's. Faults after the new task's registers are loaded are that task's. */
function switchTask(cpu: Cpu, reason: Reason, selector: number, d: Descriptor, departure: Departure): void {
  const s = cpu.state;
  const { memory } = cpu;
  const { external } = departure;
  const [from, to] = [layoutOf(s.access(S.TR)), layoutOf(d.type)];
  if (d.limit < to.limit) throw new GuestFault(S.TS_VECTOR, errorOf(selector) | external);
  if (s.segLimit(S.TR) < from.limit) throw new GuestFault(S.TS_VECTOR, errorOf(s.selector(S.TR)) | external);
  const old = tryReadDescriptor(cpu, s.selector(S.TR));
  // whatever can fault in the old task comes first
  memory.probe(s.segBase(S.TR) + BigInt(from.first), from.limit - from.first, false);
  memory.readBytes(d.base, to.limit + 1, false);
  if (reason === 'call') memory.probe(d.base, 2, false);
  if (reason !== 'return') memory.probe(d.linear + 5n, 1, false);
  if (reason !== 'call' && old) memory.write(old.linear + 5n, 1, old.access & 0xff & ~TSS_BUSY, false);
  save(cpu, from, departure);
  const image = new DataView(memory.readBytes(d.base, to.limit + 1, false).buffer);
  if (reason === 'call') memory.write(d.base, 2, s.selector(S.TR), false);
  if (reason !== 'return') memory.write(d.linear + 5n, 1, (d.access & 0xff) | TSS_BUSY, false);
  s.setSegment(S.TR, selector, d.base, d.limit, d.access | TSS_BUSY);
  try {
    enterTask(cpu, to, image, reason === 'call', departure);
  } catch (e) {
    if (e instanceof MmioWait) throw new EmulationFailure('a task switch reads memory-mapped I/O');
    if (!(e instanceof GuestFault)) throw e;
    throw new GuestFault(e.vector, e.errorCode, false, true);
  }
}

function save(cpu: Cpu, layout: Layout, departure: Departure): void {
  const s = cpu.state;
  let at = s.segBase(S.TR) + BigInt(layout.first);
  const put = (size: 2 | 4, value: bigint | number): void => {
    cpu.memory.write(at, size, BigInt.asUintN(size * 8, BigInt(value)), false);
    at += BigInt(layout.word);
  };
  put(layout.word, departure.ip);
  put(layout.word, departure.flags);
  for (let n = 0; n < REGISTERS; n++) put(layout.word, s.gpr(n));
  for (const n of layout.segments) put(2, s.selector(n));
}

const SEGMENTS = [S.ES, S.CS, S.SS, S.DS, S.FS, S.GS] as const;

/** Loads the new task's state: first what cannot fault, selectors too, then what their descriptors say. */
function enterTask(cpu: Cpu, layout: Layout, image: DataView, nested: boolean, departure: Departure): void {
  const s = cpu.state;
  const word = (at: number): number => (layout.word === 4 ? image.getUint32(at, true) : image.getUint16(at, true));
  const at = (n: number): number => layout.first + n * layout.word;
  s.rip = BigInt(word(at(0)));
  s.eflags = (word(at(1)) & EFLAGS_DEFINED) | (nested ? S.FLAG_NT : 0);
  for (let n = 0; n < REGISTERS; n++) s.setGpr32(n, word(at(2 + n)));
  for (const n of SEGMENTS) s.setSegment(n, 0, 0n, 0, S.SEG_UNUSABLE);
  layout.segments.forEach((n, i) => {
    s.setSegment(n, image.getUint16(at(2 + REGISTERS + i), true), 0n, 0, S.SEG_UNUSABLE);
  });
  s.set32(S.CPL, s.vm86 ? 3 : s.selector(S.CS) & 3);
  const ldt = image.getUint16(at(2 + REGISTERS + layout.segments.length), true);
  s.setSegment(S.LDTR, ldt, 0n, 0, S.SEG_UNUSABLE);
  s.set32(S.CR0, s.cr0 | S.CR0_TS);
  s.set32(S.SHADOW, 0);
  s.set64(S.DR + 7 * 8, s.get64(S.DR + 7 * 8) & ~DR7_LOCAL);
  cpu.breakpoints.update();
  cpu.updateMode();
  if (layout === LAYOUT_32 && (s.cr0 & S.CR0_PG) !== 0) setCr3(cpu, BigInt(word(CR3_OFFSET)));
  loadSegments(cpu, ldt, departure.external);
  if (departure.errorCode !== undefined) {
    const stack = Stack.current(cpu, departure.external);
    stack.push(layout.word, departure.errorCode);
    stack.commit();
  }
  if (s.rip > BigInt(s.segLimit(S.CS))) throw new GuestFault(S.GP, departure.external);
  if (layout === LAYOUT_32 && (image.getUint8(TSS_TRAP) & 1) !== 0) cpu.breakpoints.hits |= DR6_BT;
}

function loadSegments(cpu: Cpu, ldt: number, external: number): void {
  const s = cpu.state;
  loadLdt(cpu, ldt, external);
  if (s.vm86) for (const n of SEGMENTS) loadRealSegment(cpu, n, s.selector(n));
  else for (const n of [S.CS, S.SS, S.ES, S.DS, S.FS, S.GS]) loadTaskSegment(cpu, n, external);
  cpu.updateMode();
}

function loadLdt(cpu: Cpu, selector: number, external: number): void {
  if (isNull(selector)) return;
  const error = errorOf(selector) | external;
  if ((selector & 4) !== 0) throw new GuestFault(S.TS_VECTOR, error);
  const d = readDescriptor(cpu, selector, S.TS_VECTOR, external);
  if (!d.isSystem || d.type !== 2 || !d.present) throw new GuestFault(S.TS_VECTOR, error);
  cpu.state.setSegment(S.LDTR, selector, d.base, d.limit, d.access);
}

/** Of ES, DS, FS and GS alone a null selector is good. */
function loadTaskSegment(cpu: Cpu, n: number, external: number): void {
  const s = cpu.state;
  const selector = s.selector(n);
  const error = errorOf(selector) | external;
  if (isNull(selector)) {
    if (n === S.CS || n === S.SS) throw new GuestFault(S.TS_VECTOR, error);
    return;
  }
  const d = readDescriptor(cpu, selector, S.TS_VECTOR, external);
  if (!mayHold(n, d, selector & 3, s.cpl)) throw new GuestFault(S.TS_VECTOR, error);
  if (!d.present) throw new GuestFault(n === S.SS ? S.SS_VECTOR : S.NP, error);
  const marked = markAccessed(cpu, d);
  s.setSegment(n, selector, marked.base, marked.limit, marked.access);
}

/** Type and privilege of what a segment register of the new task gets. */
function mayHold(n: number, d: Descriptor, rpl: number, cpl: number): boolean {
  if (n === S.CS) return d.isCode && (isConforming(d) ? d.dpl <= rpl : d.dpl === rpl);
  if (n === S.SS) return isWritableData(d) && rpl === cpl && d.dpl === cpl;
  const readable = !d.isSystem && (!d.isCode || (d.type & 2) !== 0);
  return readable && (isConforming(d) || (d.dpl >= cpl && d.dpl >= rpl));
}
