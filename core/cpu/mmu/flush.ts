/** What tlb.ts drops, in generated code: a page, and all but global pages of a part. */
import { type Func, type I32, i32, i64, i64x2, type ModuleBuilder } from '../../wasm/index.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { emitTlbSlot } from './tlb-slot.ts';

const NO_TAGS = i64x2.const(S.NO_TAG);

/** Forgets what an entry allows. */
function clear(f: Func, entry: I32): void {
  f.storeV128(entry, NO_TAGS, S.TLB_READ);
  f.store64(entry, i64.const(S.NO_TAG), S.TLB_EXEC);
}

/** (low, high) of a linear address: its translations, in every PCID. 1: nothing done, for parts of a large page may be here. */
export function emitFlushPage(m: ModuleBuilder, at: VcpuLayout): Func {
  const f = m.func(['i32', 'i32'], ['i32']);
  const [low, high] = [f.param(0, 'i32'), f.param(1, 'i32')];
  const gigabyte = i32.or(i32.shl(high, i32.const(2)), i32.shrU(low, i32.const(30)));
  const large = i32.add(i32.and(gigabyte, i32.const(S.TLB_GIGABYTES - 1)), i32.const(at.tlb + S.TLB_LARGE));
  f.if(i32.load8U(large), () => f.return(i32.const(1)));
  const flushes = i32.const(at.state + S.TLB_PAGE_FLUSHES);
  f.store64(flushes, i64.add(i64.load(flushes), i64.const(1n)));
  const first = i32.and(low, i32.const(-PAGE_SIZE));
  const page = f.let(i64.or(i64.shl(i64.extendU(high), i64.const(32n)), i64.extendU(first)));
  const entry = f.local('i32');
  const part = f.local('i32');
  f.set(entry, i32.add(emitTlbSlot(low), i32.const(at.tlb)));
  f.loop((again) => {
    f.if(i32.load8U(i32.add(part, i32.const(at.tlb + S.TLB_HOLDINGS))), () => {
      const has = (tag: number): I32 => i64.eq(i64.load(entry, tag), page);
      f.if(i32.or(i32.or(has(S.TLB_READ), has(S.TLB_WRITE)), has(S.TLB_EXEC)), () => clear(f, entry));
    });
    f.set(entry, i32.add(entry, i32.const(S.TLB_PART_SIZE)));
    f.set(part, i32.add(part, i32.const(1)));
    f.brIf(again, i32.ltU(part, i32.const(S.TLB_CONTEXTS * S.TLB_PARTS)));
  });
  f.return(i32.const(0));
  f.unreachable();
  return f;
}

/** (part) */
export function emitDropOwn(m: ModuleBuilder, at: VcpuLayout): Func {
  const f = m.func(['i32'], []);
  const entry = f.local('i32');
  const end = f.local('i32');
  f.set(entry, i32.add(i32.mul(f.param(0, 'i32'), i32.const(S.TLB_PART_SIZE)), i32.const(at.tlb)));
  f.set(end, i32.add(entry, i32.const(S.TLB_PART_SIZE)));
  f.loop((again) => {
    const isGlobal = i32.and(i32.load(entry, S.TLB_GLOBAL), i32.const(1));
    f.if(i32.eqz(isGlobal), () => clear(f, entry));
    f.set(entry, i32.add(entry, i32.const(S.TLB_ENTRY_SIZE)));
    f.brIf(again, i32.ltU(entry, end));
  });
  return f;
}
