/**
 * TLB fills in generated code: the page walk of walk.ts for what is common in 4- and 5-level paging, so that a miss need not
 * leave WebAssembly. It gives up wherever TypeScript must look: entries to be refused, 1 GiB pages, MMIO, writes that somebody must notice, breakpoints and alignment checks.
 */
import {
  type Func,
  hasBits,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  type ModuleBuilder,
  select,
} from '../../wasm/index.ts';
import { MAX_SLOT_GPA, PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { FLAG_CODE, LOG_CLEAN, PAGE_NUMBER, READ_ONLY } from './physical.ts';
import {
  EXECUTE,
  HIGH_RESERVED,
  PF_FETCH,
  PF_PRESENT,
  PF_USER,
  PF_WRITE,
  PHYSICAL_ADDRESS_BITS,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_P,
  PTE_PS,
  PTE_RW,
  PTE_US,
  READ,
  WRITE,
} from './walk.ts';

/** (linear address, READ, WRITE or EXECUTE) -> host address; 0 when it gave up, or when the access faults: WALK_FAULT. */
export function emitRefill(m: ModuleBuilder, at: VcpuLayout): Func {
  const f = m.func(['i64', 'i32'], ['i32']);
  new Refill(f, at).emit();
  f.unreachable();
  return f;
}

const not = i32.eqz;
const TABLE_ENTRIES = 512;
/** Address bits of a 2 MiB page's entry that lie within it; bit 12 is PAT. */
const WITHIN_LARGE = 0x1fe000;
const MODE = S.EFER_LMA | S.EFER_NXE;

class Refill {
  readonly #linear: I64;
  readonly #access: I32;
  /** RW and US of all levels; NX is the sign of the other. */
  readonly #rights: Local<'i32'>;
  readonly #nx: Local<'i64'>;
  readonly #leaf: Local<'i64'>;
  readonly #leafAt: Local<'i32'>;
  /** The map's word of the page the leaf lies in. */
  readonly #leafMap: Local<'i32'>;
  readonly #large: Local<'i32'>;

  constructor(
    readonly f: Func,
    readonly at: VcpuLayout,
  ) {
    this.#linear = f.param(0, 'i64');
    this.#access = f.param(1, 'i32');
    this.#rights = f.local('i32');
    this.#nx = f.local('i64');
    this.#leaf = f.local('i64');
    this.#leafAt = f.local('i32');
    this.#leafMap = f.local('i32');
    this.#large = f.local('i32');
  }

  emit(): void {
    this.f.store32(i32.const(this.at.state + S.WALK_FAULT), i32.const(0));
    this.#requireCommonMode();
    this.#walk();
    this.#fill();
  }

  #word(offset: number): I32 {
    return i32.load(i32.const(this.at.state + offset));
  }
  #giveUpIf(cond: I32): void {
    this.f.if(cond, () => this.f.return(i32.const(0)));
  }

  /** [SDM] volume 3, 4.7. */
  #faultIf(cond: I32, present: number): void {
    const { f } = this;
    f.if(cond, () => {
      const bit = (when: I32, value: number): I32 => select(when, i32.const(value), i32.const(0));
      const write = bit(i32.eq(this.#access, i32.const(WRITE)), PF_WRITE);
      const fetch = bit(i32.eq(this.#access, i32.const(EXECUTE)), PF_FETCH);
      const user = bit(i32.eq(this.#word(S.CPL), i32.const(3)), PF_USER);
      const error = i32.or(i32.or(write, fetch), i32.or(user, i32.const(S.PAGE_FAULTS | present)));
      f.store32(i32.const(this.at.state + S.WALK_FAULT), error);
      f.return(i32.const(0));
    });
  }

  #requireCommonMode(): void {
    const other = i32.xor(i32.and(this.#word(S.EFER), i32.const(MODE)), i32.const(MODE));
    this.#giveUpIf(i32.or(other, this.#word(S.WATCHED)));
    const unused = this.f.let(i64.extendU(this.#word(S.CANONICAL_SHIFT)));
    this.#giveUpIf(i64.ne(i64.shrS(i64.shl(this.#linear, unused), unused), this.#linear));
  }

  // -- tables ------------------------------------------------------------------------------------------------------
  /** The page map's word of a guest physical page. */
  #mapped(page: I32): I32 {
    this.#giveUpIf(i32.geU(page, i32.const(MAX_SLOT_GPA / PAGE_SIZE)));
    const word = this.f.let(i32.load(i32.add(this.#word(S.PAGE_MAP), i32.shl(page, i32.const(2)))));
    this.#giveUpIf(not(word));
    return word;
  }
  /** The page that an entry, or CR3, leads to. */
  #pageOf(entry: I64): I32 {
    const page = i32.wrap(i64.shrU(entry, i64.const(12n)));
    return this.f.let(i32.and(page, i32.const(2 ** (PHYSICAL_ADDRESS_BITS - 12) - 1)));
  }

  #walk(): void {
    const { f } = this;
    f.set(this.#rights, i32.const(PTE_RW | PTE_US));
    const table = f.local('i32');
    f.set(table, this.#pageOf(i64.load(i32.const(this.at.state + S.CR3))));
    f.if(hasBits(this.#word(S.CR4), S.CR4_LA57), () => this.#descend(table, 5));
    this.#descend(table, 4);
    this.#descend(table, 3);
    f.block((found) => {
      this.#descend(table, 2, () => {
        this.#giveUpIf(hasBits(i32.wrap(this.#leaf), WITHIN_LARGE));
        f.set(this.#large, i32.const(1));
        f.br(found);
      });
      this.#readEntry(table, 1);
    });
  }
  /** Goes to the next table, or does what an entry of a page asks for. */
  #descend(table: Local<'i32'>, level: number, page: () => void = () => this.f.return(i32.const(0))): void {
    this.#readEntry(table, level);
    this.f.if(hasBits(i32.wrap(this.#leaf), PTE_PS), page);
    const low = this.f.let(i32.wrap(this.#leaf));
    this.f.if(not(hasBits(low, PTE_A)), () => this.#setBits(i32.or(low, i32.const(PTE_A))));
    this.f.set(table, this.#pageOf(this.#leaf));
  }
  /** An entry that is present, with no bits that must be clear. */
  #readEntry(table: I32, level: number): void {
    const { f } = this;
    f.set(this.#leafMap, this.#mapped(table));
    const index = i64.shrU(this.#linear, i64.const(BigInt(12 + 9 * (level - 1) - 3)));
    const offset = i32.and(i32.wrap(index), i32.const((TABLE_ENTRIES - 1) * 8));
    f.set(this.#leafAt, i32.add(i32.shl(i32.and(this.#leafMap, i32.const(PAGE_NUMBER)), i32.const(12)), offset));
    f.set(this.#leaf, i64.load(this.#leafAt));
    const reserved = i64.ne(i64.and(this.#leaf, i64.const(BigInt(HIGH_RESERVED) << 32n)), i64.const(0n));
    this.#faultIf(not(hasBits(i32.wrap(this.#leaf), PTE_P)), 0);
    this.#giveUpIf(reserved);
    f.set(this.#rights, i32.and(this.#rights, i32.wrap(this.#leaf)));
    f.set(this.#nx, i64.or(this.#nx, this.#leaf));
  }

  // -- the leaf ----------------------------------------------------------------------------------------------------
  /** What the page's rights allow ([SDM] volume 3, 4.6.1). */
  #allowed(): { read: I32; write: I32; execute: I32 } {
    const { f } = this;
    const cr4 = f.let(this.#word(S.CR4));
    const user = f.let(i32.eq(this.#word(S.CPL), i32.const(3)));
    const userPage = f.let(hasBits(this.#rights, PTE_US));
    const smap = i32.and(hasBits(cr4, S.CR4_SMAP), not(hasBits(this.#word(S.EFLAGS), S.FLAG_AC)));
    const read = f.let(select(user, userPage, not(i32.and(userPage, smap))));
    const ignoresRw = i32.and(not(user), not(hasBits(this.#word(S.CR0), S.CR0_WP)));
    const write = f.let(i32.and(read, i32.or(hasBits(this.#rights, PTE_RW), ignoresRw)));
    const enters = select(user, userPage, not(i32.and(userPage, hasBits(cr4, S.CR4_SMEP))));
    const execute = f.let(i32.and(enters, i64.geS(this.#nx, i64.const(0n))));
    return { read, write, execute };
  }

  /** The page map's word of a page says that writes to it need no notice. */
  #isPlain(map: I32): I32 {
    const page = i32.and(map, i32.const(PAGE_NUMBER));
    const code = i32.and(i32.load8U(i32.add(this.#word(S.PAGE_FLAGS), page)), i32.const(FLAG_CODE));
    return not(i32.or(i32.and(map, i32.const(READ_ONLY | LOG_CLEAN)), code));
  }

  /** Sets accessed and dirty bits; gives the entry's low word. */
  #mark(writes: I32): I32 {
    const { f } = this;
    const low = f.let(i32.wrap(this.#leaf));
    const marked = f.let(i32.or(i32.or(low, i32.const(PTE_A)), select(writes, i32.const(PTE_D), i32.const(0))));
    f.if(i32.ne(marked, low), () => this.#setBits(marked));
    return marked;
  }
  /** Writes the low word of the entry at hand. */
  #setBits(low: I32): void {
    this.#giveUpIf(not(this.#isPlain(this.#leafMap)));
    this.f.store32(this.#leafAt, low);
  }

  #fill(): void {
    const { f } = this;
    const { read, write, execute } = this.#allowed();
    const writes = f.let(i32.eq(this.#access, i32.const(WRITE)));
    const reads = i32.eq(this.#access, i32.const(READ));
    this.#faultIf(not(select(writes, write, select(reads, read, execute))), PF_PRESENT);
    const low = this.#mark(writes);
    const own = this.#pageOf(this.#leaf);
    const within = i32.and(i32.wrap(i64.shrU(this.#linear, i64.const(12n))), i32.const(TABLE_ENTRIES - 1));
    const part = i32.or(i32.and(own, i32.const(-TABLE_ENTRIES)), within);
    const map = this.#mapped(f.let(select(this.#large, part, own)));
    const plain = f.let(i32.and(i32.and(write, hasBits(low, PTE_D)), this.#isPlain(map)));
    this.#giveUpIf(i32.and(writes, not(plain)));
    const global = f.let(i32.and(hasBits(low, PTE_G), hasBits(this.#word(S.CR4), S.CR4_PGE)));
    const host = f.let(i32.shl(i32.and(map, i32.const(PAGE_NUMBER)), i32.const(12)));
    this.#store(host, global, { read, write: plain, execute });
    this.#count(global);
    f.return(i32.or(host, i32.and(i32.wrap(this.#linear), i32.const(PAGE_SIZE - 1))));
  }

  #store(host: I32, global: I32, allowed: { read: I32; write: I32; execute: I32 }): void {
    const { f } = this;
    const index = i32.shrU(i32.wrap(this.#linear), i32.const(12 - 5));
    const slot = i32.and(index, i32.const((S.TLB_ENTRIES - 1) * S.TLB_ENTRY_SIZE));
    const entry = f.let(i32.add(slot, this.#word(S.TLB_BASE)));
    const page = f.let(i64.and(this.#linear, i64.const(~BigInt(PAGE_SIZE - 1))));
    const tag = (may: I32): I64 => select(may, page, i64.const(S.NO_TAG));
    f.store64(entry, tag(allowed.read), S.TLB_READ);
    f.store64(entry, tag(allowed.write), S.TLB_WRITE);
    f.store64(entry, tag(allowed.execute), S.TLB_EXEC);
    f.store32(entry, i32.sub(host, i32.wrap(page)), S.TLB_ADDEND);
    f.store32(entry, select(this.#large, i32.or(global, i32.const(S.TLB_PART_OF_LARGE)), global), S.TLB_GLOBAL);
  }

  /** What tlb.ts keeps beside the entries. */
  #count(global: I32): void {
    const { f } = this;
    const part = i32.shrU(
      i32.sub(this.#word(S.TLB_BASE), i32.const(this.at.tlb)),
      i32.const(Math.log2(S.TLB_PART_SIZE)),
    );
    const holdings = f.let(i32.add(part, i32.const(this.at.tlb + S.TLB_HOLDINGS)));
    const holds = select(global, i32.const(S.TLB_HOLDS_GLOBAL), i32.const(S.TLB_HOLDS_OWN));
    f.store8(holdings, i32.or(i32.load8U(holdings), holds));
    f.if(this.#large, () => {
      const gigabyte = i32.and(i32.wrap(i64.shrU(this.#linear, i64.const(30n))), i32.const(S.TLB_GIGABYTES - 1));
      f.store8(i32.add(gigabyte, i32.const(this.at.tlb + S.TLB_LARGE)), i32.const(1));
    });
    const fills = i32.const(this.at.state + S.TLB_FILLS);
    f.store64(fills, i64.add(i64.load(fills), i64.const(1n)));
  }
}
