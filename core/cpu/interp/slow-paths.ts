/** Memory accesses that missed the TLB: filled by generated code where it can (mmu/refill.ts), by TypeScript otherwise. */
import { type Callable, type Func, type I32, i32, i64, type ModuleBuilder, v128 } from '../../wasm/index.ts';
import { SLOW_DONE, SLOW_FAULT } from '../codegen/machine-emit.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import { isCode, whereCodeMayBe } from '../mmu/code-writes.ts';
import { emitTlbSlot } from '../mmu/tlb-slot.ts';
import { EXECUTE, READ, WRITE } from '../mmu/walk.ts';
import * as S from '../state.ts';

type Slow = 'slowRead' | 'slowWrite' | 'slowReadForWrite';
export const SLOW_NAMES = ['slowRead', 'slowWrite', 'slowReadForWrite'] as const satisfies readonly Slow[];

/** The routines of OUTER_ROUTINES with a refill before them. */
export function emitSlowPaths(
  m: ModuleBuilder,
  at: VcpuLayout,
  refill: Func,
  /** (linear address) -> 1: a page fault is pending */
  findPageFault: Callable,
  outer: Readonly<Record<Slow | 'writeCode', Callable>>,
): Record<Slow, Func> {
  const made = (name: Slow): Func => {
    const f = m.func(['i32', 'i32', 'i32'], ['i32']);
    const [lo, hi, size] = [f.param(0, 'i32'), f.param(1, 'i32'), f.param(2, 'i32')];
    const last = i32.add(i32.and(lo, i32.const(PAGE_SIZE - 1)), size);
    f.if(i32.leU(last, i32.const(PAGE_SIZE)), () => {
      const linear = f.let(i64.or(i64.shl(i64.extendU(hi), i64.const(32n)), i64.extendU(lo)));
      const scratch = i32.const(at.state + S.SCRATCH);
      const write = (to: I32): void => copy(f, to, scratch, size);
      const read = (from: I32): void => copy(f, scratch, from, size);
      if (name !== 'slowRead')
        whereCodeMayBe(f, at, linear, (code) => {
          if (name === 'slowReadForWrite') {
            read(code);
            return;
          }
          f.if(isCode(f, at, code, size), () => f.returnCall(outer.writeCode, code, size));
          write(code);
        });
      const host = f.call(refill, linear, i32.const(name === 'slowRead' ? READ : WRITE));
      f.if(host, () => (name === 'slowWrite' ? write(host) : read(host)));
      f.if(i32.eqz(host), () => f.if(f.call(findPageFault, linear), () => f.return(i32.const(SLOW_FAULT))));
    });
    f.returnCall(outer[name], lo, hi, size);
    f.unreachable();
    return f;
  };
  return { slowRead: made('slowRead'), slowWrite: made('slowWrite'), slowReadForWrite: made('slowReadForWrite') };
}

/** Copies an operand, and is done; one of another size is left to TypeScript. */
function copy(f: Func, to: I32, from: I32, size: I32): void {
  const sized = (bytes: number, store: () => void): void =>
    f.if(i32.eq(size, i32.const(bytes)), () => {
      store();
      f.return(i32.const(SLOW_DONE));
    });
  sized(8, () => f.store64(to, i64.loadU(from)));
  sized(4, () => f.store32(to, i32.loadU(from)));
  sized(1, () => f.store8(to, i32.load8U(from)));
  sized(2, () => f.store16(to, i32.load16U(from)));
  sized(16, () => f.storeV128(to, v128.load(from)));
  sized(32, () => {
    f.storeV128(to, v128.load(from));
    f.storeV128(to, v128.load(from, 16), 16);
  });
}

/** Of an access within a page: its host address, when a refill is all it takes, or no code lies there; 0 otherwise. */
export function emitTouch(m: ModuleBuilder, at: VcpuLayout, refill: Func): Func {
  const f = m.func(['i64', 'i32', 'i32'], ['i32']);
  const linear = f.param(0, 'i64');
  const last = i32.add(i32.and(i32.wrap(linear), i32.const(PAGE_SIZE - 1)), f.param(2, 'i32'));
  f.if(i32.gtU(last, i32.const(PAGE_SIZE)), () => f.return(i32.const(0)));
  f.if(i32.eq(f.param(1, 'i32'), i32.const(WRITE)), () =>
    whereCodeMayBe(f, at, linear, (host) => {
      f.if(isCode(f, at, host, f.param(2, 'i32')), () => f.return(i32.const(0)));
      f.return(host);
    }),
  );
  f.returnCall(refill, linear, f.param(1, 'i32'));
  f.unreachable();
  return f;
}

/** Host address of code, in the TLB or by a refill; 0 otherwise. */
export function emitReach(m: ModuleBuilder, at: VcpuLayout, refill: Func): Func {
  const f = m.func(['i64'], ['i32']);
  const linear = f.param(0, 'i64');
  const entry = f.let(i32.add(emitTlbSlot(i32.wrap(linear)), i32.load(i32.const(at.state + S.TLB_BASE))));
  const page = i64.and(linear, i64.const(~BigInt(PAGE_SIZE - 1)));
  f.if(i64.eq(i64.load(entry, S.TLB_EXEC), page), () =>
    f.return(i32.add(i32.wrap(linear), i32.load(entry, S.TLB_ADDEND))),
  );
  f.returnCall(refill, linear, i32.const(EXECUTE));
  f.unreachable();
  return f;
}
