/**
 * Writes to pages that have decoded code, in generated code: most hit other bytes of such a page, and go straight to memory. The
 * TLB says of which pages that is true (TLB_WRITES_CODE), the map of code (interp/code-map.ts) where code lies.
 *
 * @hot Data that lies next to code is written here.
 */
import { type Func, type I32, type I64, i32, i64 } from '../../wasm/index.ts';
import { PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { FLAG_CODE } from './physical.ts';
import { emitTlbSlot } from './tlb-slot.ts';

/** Does `found` for the host address, when the page that has `linear` may be written by one who looks out for code. */
export function whereCodeMayBe(f: Func, at: VcpuLayout, linear: I64, found: (host: I32) => void): void {
  const word = (offset: number): I32 => i32.load(i32.const(at.state + offset));
  const entry = f.let(i32.add(emitTlbSlot(i32.wrap(linear)), word(S.TLB_BASE)));
  const page = f.let(i64.and(linear, i64.const(~BigInt(PAGE_SIZE - 1))));
  const about = f.let(i32.load(entry, S.TLB_GLOBAL));
  const allowed = i32.ne(i32.and(about, i32.const(S.TLB_WRITES_CODE)), i32.const(0));
  const hit = i32.and(allowed, i64.eq(i64.load(entry, S.TLB_READ), page));
  f.if(i32.and(hit, i32.eqz(word(S.WATCHED))), () => {
    const host = f.let(i32.add(i32.wrap(linear), i32.load(entry, S.TLB_ADDEND)));
    const flags = i32.load8U(i32.add(word(S.PAGE_FLAGS), i32.shrU(host, i32.const(12))));
    // the code has gone: this is a page like any other
    f.if(i32.eqz(i32.and(flags, i32.const(FLAG_CODE))), () => {
      f.store64(entry, page, S.TLB_WRITE);
      f.store32(entry, i32.and(about, i32.const(~S.TLB_WRITES_CODE)), S.TLB_GLOBAL);
    });
    found(host);
  });
}

/** Some of the `size` bytes from `host` on, at most 32 of one page, are code. */
export function isCode(f: Func, at: VcpuLayout, host: I32, size: I32): I32 {
  const map = i32.load(i32.const(at.state + S.CODE_MAP));
  // at most 9 units of 4 bytes, from any bit of the first byte on
  const bits = i32.load16U(i32.add(map, i32.shrU(host, i32.const(5))));
  const unit = (address: I32): I32 => i32.shrU(address, i32.const(2));
  const last = unit(i32.sub(i32.add(host, size), i32.const(1)));
  const more = f.let(i32.sub(last, unit(host)));
  const mask = i32.sub(i32.shl(i32.const(2), more), i32.const(1));
  return i32.and(i32.shrU(bits, i32.and(unit(host), i32.const(7))), mask);
}
