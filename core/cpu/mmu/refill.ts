/**
 * TLB fills in generated code: the page walk of walk.ts for what is common in every paging mode, so that a miss need not
 * leave WebAssembly. It gives up wherever TypeScript must look: entries to be refused, 1 GiB pages, 4 MiB pages above 4 GiB,
 * MMIO, writes that somebody must notice, breakpoints and alignment checks.
 */
import {
  type Callable,
  type Func,
  f64,
  hasBits,
  type I32,
  type I64,
  i32,
  i64,
  type Label,
  type Local,
  type ModuleBuilder,
  select,
} from '../../wasm/index.ts';
import { MAX_SLOT_GPA, PAGE_SIZE, type VcpuLayout } from '../layout.ts';
import * as S from '../state.ts';
import { FLAG_CODE, LOG_CLEAN, PAGE_NUMBER, READ_ONLY } from './physical.ts';
import { emitTlbSlot } from './tlb-slot.ts';
import {
  EXECUTE,
  HIGH_RESERVED,
  HIGH_RESERVED_PAE,
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
  new Refill(f, at, emitFault(m, at)).emit();
  f.unreachable();
  return f;
}

/** (access, PF_PRESENT or 0) -> 0: the access faults. [SDM] volume 3, 4.7. */
function emitFault(m: ModuleBuilder, at: VcpuLayout): Func {
  const f = m.func(['i32', 'i32'], ['i32']);
  const [access, present] = [f.param(0, 'i32'), f.param(1, 'i32')];
  const word = (offset: number): I32 => i32.load(i32.const(at.state + offset));
  const nx = i32.and(hasBits(word(S.EFER), S.EFER_NXE), hasBits(word(S.CR4), S.CR4_PAE));
  const tellsFetches = i32.or(nx, hasBits(word(S.CR4), S.CR4_SMEP));
  const bit = (when: I32, value: number): I32 => select(when, i32.const(value), i32.const(0));
  const write = bit(i32.eq(access, i32.const(WRITE)), PF_WRITE);
  const fetch = bit(i32.and(i32.eq(access, i32.const(EXECUTE)), tellsFetches), PF_FETCH);
  const user = bit(i32.eq(word(S.CPL), i32.const(3)), PF_USER);
  const code = i32.or(i32.or(write, fetch), i32.or(user, present));
  f.store32(i32.const(at.state + S.WALK_FAULT), i32.or(code, i32.const(S.PAGE_FAULTS)));
  f.return(i32.const(0));
  f.unreachable();
  return f;
}

const not = i32.eqz;
/** PAT, in an entry of a large page; the address bits within the page that lie above it must be clear. */
const LARGE_PAT = 0x1000;
const PAGE_SHIFT = Math.log2(PAGE_SIZE);

/** One level of tables: the linear address has its index from bit `shift` on. */
interface Level {
  readonly shift: number;
  readonly indexBits: 9 | 10;
  readonly entryBytes: 4 | 8;
}
/** Of PAE, 4- and 5-level paging, from 1. */
const level = (n: number): Level => ({ shift: PAGE_SHIFT + 9 * (n - 1), indexBits: 9, entryBytes: 8 });
/** Of 32-bit paging. */
const DIRECTORY: Level = { shift: 22, indexBits: 10, entryBytes: 4 };
const TABLE: Level = { shift: PAGE_SHIFT, indexBits: 10, entryBytes: 4 };

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
  /** Bits that no entry may have. */
  readonly #reserved: Local<'i64'>;
  /** Bits of the page's number that come from the linear address: 0, or those within a large page. */
  readonly #within: Local<'i32'>;

  constructor(
    readonly f: Func,
    readonly at: VcpuLayout,
    readonly fault: Callable,
  ) {
    this.#linear = f.param(0, 'i64');
    this.#access = f.param(1, 'i32');
    this.#rights = f.local('i32');
    this.#nx = f.local('i64');
    this.#leaf = f.local('i64');
    this.#leafAt = f.local('i32');
    this.#leafMap = f.local('i32');
    this.#reserved = f.local('i64');
    this.#within = f.local('i32');
  }

  emit(): void {
    this.f.store32(i32.const(this.at.state + S.WALK_FAULT), i32.const(0));
    this.#giveUpIf(this.#word(S.WATCHED));
    this.#walk();
    this.#fill();
  }

  #word(offset: number): I32 {
    return i32.load(i32.const(this.at.state + offset));
  }
  #giveUpIf(cond: I32): void {
    this.f.if(cond, () => this.f.return(i32.const(0)));
  }

  #faultIf(cond: I32, present: number): void {
    this.f.if(cond, () => this.f.returnCall(this.fault, this.#access, i32.const(present)));
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
    f.block((found) => {
      const long = f.let(hasBits(this.#word(S.EFER), S.EFER_LMA));
      const paging = f.let(hasBits(this.#word(S.CR0), S.CR0_PG));
      const pae = f.let(hasBits(this.#word(S.CR4), S.CR4_PAE));
      f.set(this.#rights, i32.const(PTE_RW | PTE_US));
      f.if(not(long), () => this.#giveUpIf(i64.ne(i64.shrU(this.#linear, i64.const(32n)), i64.const(0n))));
      f.if(not(paging), () => this.#unpaged(found));
      const table = f.local('i32');
      f.if(not(pae), () => this.#walk32(table, found));
      const noNx = i64.shl(i64.extendU(not(hasBits(this.#word(S.EFER), S.EFER_NXE))), i64.const(63n));
      f.set(this.#reserved, noNx);
      f.if(
        long,
        () => this.#descendLong(table),
        () => this.#beginPae(table),
      );
      this.#descend(table, level(2), found);
      this.#readEntry(table, level(1));
    });
  }
  /** Every page is at its own address, and open to whoever accesses. */
  #unpaged(found: Label): void {
    const { f } = this;
    const user = i32.eq(this.#word(S.CPL), i32.const(3));
    f.set(this.#rights, select(user, i32.const(PTE_RW | PTE_US), i32.const(PTE_RW)));
    const page = i64.and(this.#linear, i64.const(-BigInt(PAGE_SIZE)));
    f.set(this.#leaf, i64.or(page, i64.const(BigInt(PTE_P | PTE_A | PTE_D))));
    f.br(found);
  }
  #walk32(table: Local<'i32'>, found: Label): void {
    const { f } = this;
    f.set(table, i32.shrU(this.#word(S.CR3), i32.const(PAGE_SHIFT)));
    this.#descend(table, DIRECTORY, found);
    this.#readEntry(table, TABLE);
    f.br(found);
  }
  #descendLong(table: Local<'i32'>): void {
    const { f } = this;
    const unused = f.let(i64.extendU(this.#word(S.CANONICAL_SHIFT)));
    this.#giveUpIf(i64.ne(i64.shrS(i64.shl(this.#linear, unused), unused), this.#linear));
    f.set(this.#reserved, i64.or(this.#reserved, i64.const(BigInt(HIGH_RESERVED) << 32n)));
    f.set(table, this.#pageOf(i64.load(i32.const(this.at.state + S.CR3))));
    f.if(hasBits(this.#word(S.CR4), S.CR4_LA57), () => this.#descend(table, level(5)));
    this.#descend(table, level(4));
    this.#descend(table, level(3));
  }
  /** The four page-directory-pointer entries were loaded with CR3. */
  #beginPae(table: Local<'i32'>): void {
    const { f } = this;
    f.set(this.#reserved, i64.or(this.#reserved, i64.const(BigInt(HIGH_RESERVED_PAE) << 32n)));
    const index = i32.shrU(i32.wrap(this.#linear), i32.const(30));
    const entry = i32.add(i32.shl(index, i32.const(3)), i32.const(this.at.state + S.PDPTES));
    const directory = f.let(f64.load(entry));
    this.#faultIf(f64.lt(directory, f64.const(0)), 0);
    f.set(table, i32.truncSatF64S(f64.mul(directory, f64.const(1 / PAGE_SIZE))));
  }

  /** Goes to the next table, or takes a large page where there is a way for it. */
  #descend(table: Local<'i32'>, at: Level, found?: Label): void {
    const { f } = this;
    this.#readEntry(table, at);
    const low = f.let(i32.wrap(this.#leaf));
    const large = hasBits(low, PTE_PS);
    const isLarge = at === DIRECTORY ? i32.and(large, hasBits(this.#word(S.CR4), S.CR4_PSE)) : large;
    f.if(isLarge, () => (found ? this.#takeLarge(at, low, found) : f.return(i32.const(0))));
    f.if(not(hasBits(low, PTE_A)), () => this.#setBits(i32.or(low, i32.const(PTE_A))));
    f.set(table, this.#pageOf(this.#leaf));
  }
  #takeLarge({ shift }: Level, low: I32, found: Label): void {
    this.#giveUpIf(hasBits(low, 2 ** shift - 2 * LARGE_PAT));
    this.f.set(this.#within, i32.const(2 ** (shift - PAGE_SHIFT) - 1));
    this.f.br(found);
  }
  /** An entry that is present, with no bits that must be clear. */
  #readEntry(table: I32, { shift, indexBits, entryBytes }: Level): void {
    const { f } = this;
    f.set(this.#leafMap, this.#mapped(table));
    const index = i32.wrap(i64.shrU(this.#linear, i64.const(BigInt(shift - Math.log2(entryBytes)))));
    const offset = i32.and(index, i32.const((2 ** indexBits - 1) * entryBytes));
    f.set(
      this.#leafAt,
      i32.add(i32.shl(i32.and(this.#leafMap, i32.const(PAGE_NUMBER)), i32.const(PAGE_SHIFT)), offset),
    );
    f.set(this.#leaf, entryBytes === 8 ? i64.load(this.#leafAt) : i64.load32U(this.#leafAt));
    this.#faultIf(not(hasBits(i32.wrap(this.#leaf), PTE_P)), 0);
    if (entryBytes === 8) this.#giveUpIf(i64.ne(i64.and(this.#leaf, this.#reserved), i64.const(0n)));
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
    const first = i32.and(own, i32.xor(this.#within, i32.const(-1)));
    const page = i32.shrU(i32.wrap(this.#linear), i32.const(PAGE_SHIFT));
    const map = this.#mapped(f.let(i32.or(first, i32.and(page, this.#within))));
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
    const entry = f.let(i32.add(emitTlbSlot(i32.wrap(this.#linear)), this.#word(S.TLB_BASE)));
    const page = f.let(i64.and(this.#linear, i64.const(~BigInt(PAGE_SIZE - 1))));
    const tag = (may: I32): I64 => select(may, page, i64.const(S.NO_TAG));
    f.store64(entry, tag(allowed.read), S.TLB_READ);
    f.store64(entry, tag(allowed.write), S.TLB_WRITE);
    f.store64(entry, tag(allowed.execute), S.TLB_EXEC);
    f.store32(entry, i32.sub(host, i32.wrap(page)), S.TLB_ADDEND);
    const about = select(this.#within, i32.or(global, i32.const(S.TLB_PART_OF_LARGE)), global);
    f.store32(entry, about, S.TLB_GLOBAL);
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
    f.if(this.#within, () => {
      const gigabyte = i32.and(i32.wrap(i64.shrU(this.#linear, i64.const(30n))), i32.const(S.TLB_GIGABYTES - 1));
      f.store8(i32.add(gigabyte, i32.const(this.at.tlb + S.TLB_LARGE)), i32.const(1));
    });
    const fills = i32.const(this.at.state + S.TLB_FILLS);
    f.store64(fills, i64.add(i64.load(fills), i64.const(1n)));
  }
}
