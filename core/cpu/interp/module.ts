/**
 * The interpreter's WebAssembly module: shared routines, and a handler for every variant of the table's common rows.
 * Made for one vCPU, whose addresses are constants in it.
 */
import { type Callable, type Func, hasBits, type I32, i32, i64 } from '../../wasm/index.ts';
import { emitSettleFlags } from '../codegen/settle-flags.ts';
import type { Insn } from '../decode/insn.ts';
import { MODE_FLAT } from '../decode/mode.ts';
import type { VcpuLayout } from '../layout.ts';
import { emitBulkStrings } from '../mmu/bulk-fast.ts';
import { emitDropOwn, emitFlushPage } from '../mmu/flush.ts';
import { emitRefill } from '../mmu/refill.ts';
import { emitTlbSlot } from '../mmu/tlb-slot.ts';
import { EXECUTE } from '../mmu/walk.ts';
import { makeX87Routines } from '../semantics/x87/routines.ts';
import { makeSystemRoutines } from '../semantics/xsave.ts';
import * as S from '../state.ts';
import {
  ACCESS_WRITE,
  chain,
  EXIT_FAULT,
  EXIT_GUARD,
  EXIT_LIMIT,
  EXIT_LOOKUP,
  EXIT_SLICE,
  EXIT_STOP,
  EXIT_SYSTEM,
  HANDLER,
  type InterpreterRuntime,
} from './emit.ts';
import { buildExtension, type Extension, HandlerBuilder, INNER_ROUTINES, OUTER_ROUTINES } from './handlers.ts';
import { emitDeliverPageFault, emitFindPageFault } from './page-faults.ts';
import { emitPrivilegeChanges, privilegeHandler } from './privilege-changes.ts';
import * as R from './record.ts';
import { emitLoadSegment } from './segment-loads.ts';
import { emitReach, emitSlowPaths, emitTouch, SLOW_NAMES } from './slow-paths.ts';
import { commonVariants, rareGroup, type Variant } from './variant.ts';

/** What a system instruction answers (system/). */
export const SYSTEM_NEXT = 0; // go on with the next record
export const SYSTEM_FAULT = 1; // an exception is pending
export const SYSTEM_JUMP = 2; // RIP is set
export const SYSTEM_EXIT = 3; // RIP is set; leave

export interface InterpreterModule {
  readonly module: WebAssembly.Module;
  /** Table slot of a common variant by key. */
  readonly slots: ReadonlyMap<string, number>;
  /** The handlers of the group that a rare variant is in. */
  extension(key: string): Extension | undefined;
  /** That of a system instruction. */
  systemSlot(insn: Insn): number;
  readonly endSlot: number;
  readonly guardSlot: number;
  readonly limitSlot: number;
}

/** Size of end, guard and limit records: the header, and one u32. */
export const SPECIAL_RECORD_SIZE = 16;

/** What the routines of OUTER_ROUTINES are, and more. */
export interface InterpreterImports {
  slowRead(lo: number, hi: number, size: number): number;
  slowWrite(lo: number, hi: number, size: number): number;
  slowReadForWrite(lo: number, hi: number, size: number): number;
  writeCode(host: number, size: number): number;
  raise(vector: number): void;
  bulk(kind: number, size: number, dstLo: number, dstHi: number, srcLo: number, srcHi: number, count: number): number;
  system(record: number): number;
  /** An exact float operation on FLOAT_SCRATCH; 1 when an exception is pending. */
  float(operation: number, elements: number, control: number): number;
  nowNs(): number;
}

export interface InterpreterExports {
  /** Runs from RIP. */
  run(): number;
  /** Runs from a record, RIP being its block's first instruction. */
  enter(record: number): number;
  /** Delivers an event, as eventFlags() says more of, at RIP; 0: it is left to TypeScript. */
  deliver(vector: number, errorCode: number, about: number): number;
  /** Drops what is not global of a part of the TLB. */
  dropOwn(part: number): void;
}

class Builder extends HandlerBuilder {
  readonly rt: InterpreterRuntime;
  readonly system: Callable;
  readonly next: Func;
  readonly privilege: ReturnType<typeof emitPrivilegeChanges>;

  constructor(at: VcpuLayout) {
    super(at);
    const { m } = this;
    const outer = this.importRoutines(OUTER_ROUTINES);
    this.system = m.importFunction('env', 'system', { params: ['i32'], results: ['i32'] });
    const refill = emitRefill(m, at);
    this.next = m.func(['i32'], ['i32']);
    const findPageFault = emitFindPageFault(m, at);
    const deliverPageFault = m.func([], ['i32']);
    this.#emitNext(this.next, refill, findPageFault, deliverPageFault);
    const offset = this.#offset();
    const checked = this.#checked();
    const fault = this.#fault(deliverPageFault);
    this.rt = {
      ...outer,
      ...emitSlowPaths(m, at, refill, findPageFault, outer),
      bulk: emitBulkStrings(m, at, refill, outer.bulk),
      shared: (name, params, body) => this.sharedFunction(name, params, body),
      offset,
      linear: this.#linear(offset, checked),
      checked,
      stackLinear: this.#stackLinear(checked),
      touch: emitTouch(m, at, refill),
      reach: emitReach(m, at, refill),
      enter: this.#enter(),
      enterBy: this.#enterBy(),
      next: this.next,
      jump: this.#jump(),
      fault,
      stop: this.#leave(true, EXIT_STOP),
      restart: this.#restart(this.#leave(false, EXIT_SLICE)),
      fallBack: this.#fallBack(fault),
      settleFlags: emitSettleFlags(m, at.state),
      flushPage: emitFlushPage(m, at),
      loadSegment: emitLoadSegment(m, at, refill),
      ...makeSystemRoutines((params, results) => m.func(params, results), at.state),
      ...makeX87Routines((params, results) => m.func(params, results), at.state + S.X87),
    };
    this.privilege = emitPrivilegeChanges(m, at, { next: this.next, fallBack: this.rt.fallBack, refill });
    emitDeliverPageFault(deliverPageFault, at, this.privilege.deliver, this.next);
  }

  state(offset: number) {
    return i32.const(this.at.state + offset);
  }

  /** Block boundary: look at budget and requests, find the block at RIP, enter it. */
  #emitNext(f: Func, refill: Func, findPageFault: Func, deliverPageFault: Func): void {
    const budget = f.let(i32.load(this.state(S.BUDGET)));
    const waiting = i32.or(i32.ltS(budget, i32.const(0)), i32.load(this.state(S.REQUEST)));
    f.if(waiting, () => f.return(i32.const(EXIT_SLICE)));
    const rip = f.let(i64.load(this.state(S.RIP)));
    f.if(i64.gtU(rip, i64.load(this.state(S.CODE_LIMIT))), () => f.return(i32.const(EXIT_LOOKUP)));
    const base = i64.load(this.state(S.SEG + S.CS * S.SEG_SIZE + S.SEG_BASE));
    const linear = f.let(i64.and(i64.add(rip, base), i64.load(this.state(S.CODE_MASK))));
    const tlb = f.let(i32.add(emitTlbSlot(i32.wrap(linear)), i32.load(this.state(S.TLB_BASE))));
    const miss = i64.ne(i64.load(tlb, S.TLB_EXEC), i64.and(linear, i64.const(~0xfffn)));
    const host = f.local('i32');
    f.if(
      miss,
      () => {
        f.set(host, f.call(refill, linear, i32.const(EXECUTE)));
        f.if(i32.eqz(host), () => {
          f.if(f.call(findPageFault, linear), () => f.returnCall(deliverPageFault));
          f.return(i32.const(EXIT_LOOKUP));
        });
      },
      () => f.set(host, i32.add(i32.wrap(linear), i32.load(tlb, S.TLB_ADDEND))),
    );
    const entry = this.#hashEntry(f, host);
    const link = f.param(0, 'i32');
    f.if(i32.ne(i32.load(link, R.LINK_GENERATION), i32.const(R.NEVER_LINKED)), () => {
      f.store32(link, i32.load(entry, S.HASH_RECORD), R.LINK_RECORD);
      f.store32(link, i32.load(entry, S.HASH_COUNT), R.LINK_COUNT);
      f.store32(link, i32.load(this.state(S.CODE_GENERATION)), R.LINK_GENERATION);
    });
    f.store32(this.state(S.BUDGET), i32.sub(budget, i32.load(entry, S.HASH_COUNT)));
    chain(f, f.let(i32.load(entry, S.HASH_RECORD)), 0);
    f.unreachable();
  }

  /** The same in flat code, for what is found at once; `next` does the rest. */
  #jump(): Func {
    const f = this.m.func(['i64', 'i32'], ['i32']);
    const [rip, budget] = [f.param(0, 'i64'), f.param(1, 'i32')];
    f.store64(this.state(S.RIP), rip);
    f.store32(this.state(S.BUDGET), budget);
    const elsewhere = (cond: I32): void => f.ifUnlikely(cond, () => f.returnCall(this.next, this.state(S.NO_LINK)));
    elsewhere(i32.or(i32.ltS(budget, i32.const(0)), i32.load(this.state(S.REQUEST))));
    const tlb = f.let(i32.add(emitTlbSlot(i32.wrap(rip)), i32.load(this.state(S.TLB_BASE))));
    elsewhere(i64.ne(i64.load(tlb, S.TLB_EXEC), i64.and(rip, i64.const(~0xfffn))));
    const host = f.let(i32.add(i32.wrap(rip), i32.load(tlb, S.TLB_ADDEND)));
    const entry = f.let(this.#hashSet(host));
    const otherMode = i32.xor(i32.load(entry, S.HASH_MODE), i32.load(this.state(S.CODE_MODE)));
    elsewhere(i32.or(i32.xor(i32.load(entry, S.HASH_HOST), host), otherMode));
    f.store32(this.state(S.BUDGET), i32.sub(budget, i32.load(entry, S.HASH_COUNT)));
    chain(f, f.let(i32.load(entry, S.HASH_RECORD)), 0);
    f.unreachable();
    return f;
  }

  #hashSet(host: I32): I32 {
    const set = i32.and(i32.xor(host, i32.shrU(host, i32.const(11))), i32.const(S.HASH_SETS - 1));
    return i32.add(i32.mul(set, i32.const(2 * S.HASH_ENTRY_SIZE)), i32.const(this.at.hash));
  }
  /** The entry of the block at a host address, in one of the two of its set. */
  #hashEntry(f: Func, host: I32): I32 {
    const entry = f.local('i32');
    f.set(entry, this.#hashSet(host));
    const mode = f.let(i32.load(this.state(S.CODE_MODE)));
    const differs = (): I32 =>
      i32.or(i32.xor(i32.load(entry, S.HASH_HOST), host), i32.xor(i32.load(entry, S.HASH_MODE), mode));
    f.if(differs(), () => {
      f.set(entry, i32.add(entry, i32.const(S.HASH_ENTRY_SIZE)));
      f.if(differs(), () => f.return(i32.const(EXIT_LOOKUP)));
    });
    return entry;
  }

  /** An exception is pending at this record: a page fault may be delivered at once. */
  #fault(deliverPageFault: Func): Func {
    return this.#leave(false, EXIT_FAULT, (f) =>
      f.if(i32.load(this.state(S.PAGE_FAULT)), () => f.returnCall(deliverPageFault)),
    );
  }

  #leave(after: boolean, code: number, before: (f: Func) => void = () => {}): Func {
    const f = this.m.func(['i32'], ['i32']);
    const record = f.param(0, 'i32');
    const start = i32.load16U(record, R.RECORD_START);
    const offset = after ? i32.add(start, i32.load8U(record, R.RECORD_LENGTH)) : start;
    f.store64(this.state(S.RIP), i64.add(i64.load(this.state(S.RIP)), i64.extendU(offset)));
    before(f);
    f.return(i32.const(code));
    f.unreachable();
    return f;
  }

  /** Between two elements of a repeated instruction: RF, for no breakpoint hits where it goes on. [SDM] volume 3, 18.3.1.1 */
  #restart(leave: Func): Func {
    const f = this.m.func(['i32'], ['i32']);
    f.store32(this.state(S.EFLAGS), i32.or(i32.load(this.state(S.EFLAGS)), i32.const(S.FLAG_RF)));
    f.returnCall(leave, f.param(0, 'i32'));
    f.unreachable();
    return f;
  }

  #offset(): Func {
    const f = this.m.func(['i32', 'i64'], ['i64']);
    const field = f.param(0, 'i32');
    const base = i64.load(i32.load(field, R.GENERAL_BASE));
    const scale = i64.extendU(i32.load8U(field, R.GENERAL_SCALE));
    const index = i64.shl(i64.load(i32.load(field, R.GENERAL_INDEX)), scale);
    const displacement = i64.add(i64.load(field, R.GENERAL_DISPLACEMENT), f.param(1, 'i64'));
    f.return(i64.and(i64.add(i64.add(base, index), displacement), i64.load(field, R.GENERAL_MASK)));
    f.unreachable();
    return f;
  }

  #linear(offset: Func, checked: Func): Func {
    const f = this.m.func(['i32', 'i64', 'i32'], ['i64']);
    const field = f.param(0, 'i32');
    const at = f.call<'i64'>(offset, field, f.param(1, 'i64'));
    const flags = f.let(i32.load8U(field, R.GENERAL_FLAGS));
    f.if(i32.and(flags, i32.const(R.GENERAL_CHECKED)), () =>
      f.returnCall(checked, i32.load(field, R.GENERAL_SEGMENT), at, f.param(2, 'i32')),
    );
    const linear = f.local('i64');
    f.set(linear, i64.add(at, i64.load(i32.load(field, R.GENERAL_SEGMENT))));
    f.if(i32.and(flags, i32.const(R.GENERAL_WRAP32)), () => f.set(linear, i64.and(linear, i64.const(0xffff_ffffn))));
    f.return(linear);
    f.unreachable();
    return f;
  }

  /** Limit and rights of a segment: (segment, offset, access) -> linear address, or a refused one. */
  #checked(): Func {
    const f = this.m.func(['i32', 'i64', 'i32'], ['i64']);
    const [segment, offset, access] = [f.param(0, 'i32'), f.param(1, 'i64'), f.param(2, 'i32')];
    const writes = f.let(i32.and(access, i32.const(ACCESS_WRITE)));
    const last = i64.add(offset, i64.sub(i64.extendU(i32.and(access, i32.const(0xff))), i64.const(1n)));
    const right = i32.add(i32.const(1), i32.ne(writes, i32.const(0)));
    const refused = i32.or(
      i32.or(i64.ltU(offset, i64.load32U(segment, S.SEG_LOW)), i64.gtU(last, i64.load32U(segment, S.SEG_HIGH))),
      i32.eqz(i32.and(i32.load(segment, S.SEG_RIGHTS), right)),
    );
    f.if(refused, () => {
      const isStack = i32.eq(segment, this.state(S.SEG + S.SS * S.SEG_SIZE));
      f.store32(this.state(S.SEGMENT_FAULT), i32.sub(i32.const(S.GP), isStack)); // #SS is #GP - 1
      f.return(i64.const(-0x8000_0000_0000_0000n));
    });
    f.return(i64.and(i64.add(offset, i64.load(segment, S.SEG_BASE)), i64.const(0xffff_ffffn)));
    f.unreachable();
    return f;
  }

  #stackLinear(checked: Func): Func {
    const f = this.m.func(['i64', 'i32'], ['i64']);
    const flat = hasBits(i32.load(this.state(S.CODE_MODE)), MODE_FLAT);
    const whole = i64.ltU(f.param(0, 'i64'), i64.const(0xffff_fff0n));
    f.if(i32.and(flat, whole), () => f.return(f.param(0, 'i64')));
    f.returnCall(checked, this.state(S.SEG + S.SS * S.SEG_SIZE), f.param(0, 'i64'), f.param(1, 'i32'));
    f.unreachable();
    return f;
  }

  /** The handler of system instructions, and where emitters leave others to them. */
  #fallBack(fault: Func): Func {
    const f = this.m.func(['i32'], ['i32']);
    const record = f.param(0, 'i32');
    const status = f.call(this.system, record);
    f.if(i32.eq(status, i32.const(SYSTEM_FAULT)), () => f.returnCall(fault, record));
    f.if(i32.eq(status, i32.const(SYSTEM_JUMP)), () => f.returnCall(this.next, this.state(S.NO_LINK)));
    f.if(status, () => f.return(i32.const(EXIT_SYSTEM)));
    chain(f, f.let(i32.add(record, i32.load16U(record, R.RECORD_SIZE))), 0);
    f.unreachable();
    return f;
  }

  /** The end of a block that no jump ends: its start is the block's length. */
  endHandler(): Func {
    const f = this.m.func(['i32'], ['i32']);
    const length = i64.extendU(i32.load16U(f.param(0, 'i32'), R.RECORD_START));
    f.store64(this.state(S.RIP), i64.add(i64.load(this.state(S.RIP)), length));
    f.returnCall(this.next, this.state(S.NO_LINK));
    f.unreachable();
    return f;
  }

  /** Before an instruction that straddles pages: the second page must still be where it was decoded. */
  guardHandler(): Func {
    const f = this.m.func(['i32'], ['i32']);
    const record = f.param(0, 'i32');
    const base = i64.load(this.state(S.SEG + S.CS * S.SEG_SIZE + S.SEG_BASE));
    const linear = i64.and(i64.add(i64.load(this.state(S.RIP)), base), i64.load(this.state(S.CODE_MASK)));
    const page = f.let(i64.and(i64.add(linear, i64.const(0x1000n)), i64.const(~0xfffn)));
    const tlb = f.let(i32.add(emitTlbSlot(i32.wrap(page)), i32.load(this.state(S.TLB_BASE))));
    const host = i32.add(i32.wrap(page), i32.load(tlb, S.TLB_ADDEND));
    const same = i32.and(i64.eq(i64.load(tlb, S.TLB_EXEC), page), i32.eq(host, i32.load(record, R.RECORD_HEADER)));
    f.if(i32.eqz(same), () => f.return(i32.const(EXIT_GUARD)));
    chain(f, record, SPECIAL_RECORD_SIZE);
    f.unreachable();
    return f;
  }

  /** Before a block of code that is not flat: it must lie within its segment. The u32 is its last byte's offset. */
  limitHandler(): Func {
    const f = this.m.func(['i32'], ['i32']);
    const record = f.param(0, 'i32');
    const last = i64.add(i64.load(this.state(S.RIP)), i64.load32U(record, R.RECORD_HEADER));
    f.if(i64.gtU(last, i64.load(this.state(S.CODE_LIMIT))), () => f.return(i32.const(EXIT_LIMIT)));
    chain(f, record, SPECIAL_RECORD_SIZE);
    f.unreachable();
    return f;
  }

  run(): Func {
    const f = this.m.func([], ['i32']);
    f.returnCall(this.next, this.state(S.NO_LINK));
    f.unreachable();
    return f;
  }

  /** By a record's own handler, and by another. */
  #enter(): Func {
    const f = this.m.func(['i32'], ['i32']);
    chain(f, f.param(0, 'i32'), 0);
    f.unreachable();
    return f;
  }
  #enterBy(): Func {
    const f = this.m.func(['i32', 'i32'], ['i32']);
    f.returnCallIndirect(HANDLER, f.param(0, 'i32'), f.param(1, 'i32'));
    f.unreachable();
    return f;
  }
}

/** Modules by vCPU: they depend on nothing else, so the VMs of a thread share them and their compiled code. */
const built = new Map<number, InterpreterModule>();

/** The interpreter of the vCPU whose state is at `at`. */
export function interpreterFor(at: VcpuLayout): InterpreterModule {
  let module = built.get(at.state);
  if (!module) {
    module = buildInterpreter(at);
    built.set(at.state, module);
  }
  return module;
}

function buildInterpreter(at: VcpuLayout): InterpreterModule {
  const b = new Builder(at);
  const slots = new Map<string, number>();
  for (const variant of commonVariants()) slots.set(variant.key, b.m.tableSlot(b.handler(variant)));
  const generalSlot = b.m.tableSlot(b.rt.fallBack);
  const ownSlots = new Map([...b.privilege.handlers].map(([name, f]) => [name, b.m.tableSlot(f)]));
  const systemSlot = (insn: Insn): number => {
    const name = privilegeHandler(insn);
    return (name && ownSlots.get(name)) ?? generalSlot;
  };
  const endSlot = b.m.tableSlot(b.endHandler());
  const guardSlot = b.m.tableSlot(b.guardHandler());
  const limitSlot = b.m.tableSlot(b.limitHandler());
  b.m.export('run', b.run());
  b.m.export('deliver', b.privilege.deliver);
  b.m.export('dropOwn', emitDropOwn(b.m, at));
  const inner = Object.keys(INNER_ROUTINES) as (keyof typeof INNER_ROUTINES)[];
  for (const name of [...inner, ...SLOW_NAMES, 'bulk'] as const) b.m.export(name, b.rt[name]);
  b.m.exportTable('table');
  const module = new WebAssembly.Module(b.m.encode());
  return { module, slots, extension: extensionsFor(at), systemSlot, endSlot, guardSlot, limitSlot };
}

/** Extensions are made once, for all VMs of the thread. */
function extensionsFor(at: VcpuLayout): InterpreterModule['extension'] {
  const made = new Map<readonly Variant[], Extension>();
  return (key) => {
    const group = rareGroup(key);
    if (!group) return undefined;
    const extension = made.get(group) ?? buildExtension(at, group);
    made.set(group, extension);
    return extension;
  };
}
