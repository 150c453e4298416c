/**
 * Page faults in generated code: what mmu/refill.ts found is made pending as TypeScript does it (mmu/access.ts), and delivered
 * without leaving, where the fast delivery takes it (event-entry.ts). The run loop delivers others.
 */
import { type Callable, type Func, type I32, i32, i64, type ModuleBuilder } from '../../wasm/index.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { emitTlbSlot } from '../mmu/tlb-slot.ts';
import * as S from '../state.ts';
import { EXIT_FAULT } from './emit.ts';
import { eventFlags } from './event-entry.ts';

/** What an exception takes of a slice, in instructions: about as long as those. */
export const FAULT_COST = 100;

/** (linear address) -> 1 when the walk that just failed found a page fault, which is pending now. */
export function emitFindPageFault(m: ModuleBuilder, at: VcpuLayout): Func {
  const f = m.func(['i64'], ['i32']);
  const linear = f.param(0, 'i64');
  const state = (offset: number): I32 => i32.const(at.state + offset);
  const fault = f.let(i32.load(state(S.WALK_FAULT)));
  f.if(i32.eqz(fault), () => f.return(i32.const(0)));
  f.store32(state(S.PAGE_FAULT), fault);
  f.store64(state(S.CR2), linear);
  // the translations of the address go, of each accessor (Tlb.drop)
  const context = i32.const(S.TLB_PARTS * S.TLB_PART_SIZE);
  const inTlb = f.let(i32.sub(i32.load(state(S.TLB_BASE)), i32.const(at.tlb)));
  const first = i32.sub(inTlb, i32.remU(inTlb, context));
  const slot = emitTlbSlot(i32.wrap(linear));
  const entry = f.let(i32.add(i32.add(first, slot), i32.const(at.tlb)));
  const page = f.let(i64.and(linear, i64.const(-BigInt(PAGE_SIZE))));
  for (let part = 0; part < S.TLB_PARTS; part++) {
    const tags = [S.TLB_READ, S.TLB_WRITE, S.TLB_EXEC].map((tag) => part * S.TLB_PART_SIZE + tag);
    const holds = tags.map((tag) => i64.eq(i64.load(entry, tag), page)).reduce((a, b) => i32.or(a, b));
    f.if(holds, () => {
      for (const tag of tags) f.store64(entry, i64.const(S.NO_TAG), tag);
    });
  }
  f.return(i32.const(1));
  f.unreachable();
  return f;
}

/** () -> EXIT: delivers the pending page fault at RIP and goes on; one of a single step, or at a slice's end, is left. */
export function emitDeliverPageFault(f: Func, at: VcpuLayout, deliver: Callable, next: Callable): void {
  const state = (offset: number): I32 => i32.const(at.state + offset);
  const budget = f.let(i32.load(state(S.BUDGET)));
  const left = i32.or(i32.ltS(budget, i32.const(0)), i32.load(state(S.LEAVES_FAULTS)));
  f.if(left, () => f.return(i32.const(EXIT_FAULT)));
  const error = i32.and(i32.load(state(S.PAGE_FAULT)), i32.const(~S.PAGE_FAULTS));
  const delivered = f.call(deliver, i32.const(S.PF), error, i32.const(eventFlags(true, true)));
  f.if(i32.eqz(delivered), () => f.return(i32.const(EXIT_FAULT)));
  f.store32(state(S.PAGE_FAULT), i32.const(0));
  f.store32(state(S.SHADOW), i32.const(0));
  f.store64(state(S.FAULTS_DELIVERED), i64.add(i64.load(state(S.FAULTS_DELIVERED)), i64.const(1n)));
  f.store32(state(S.BUDGET), i32.sub(budget, i32.const(FAULT_COST)));
  f.returnCall(next, state(S.NO_LINK));
  f.unreachable();
}
