/**
 * The page walkers, in TypeScript and in generated code, against another one, written from the manual's tables without regard to speed: random page tables,
 * addresses, control bits and accessors in every paging mode. VIVARIUM_SEED repeats a run.
 */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { ModuleBuilder } from '../../wasm/index.ts';
import { CpuState } from '../cpu-state.ts';
import type { Feature } from '../features.ts';
import { memoryLayout } from '../layout.ts';
import * as S from '../state.ts';
import { PhysicalMemory } from './physical.ts';
import { emitRefill } from './refill.ts';
import { tlbSlot } from './tlb-slot.ts';
import {
  type Access,
  type Accessor,
  EXECUTE,
  NOT_MAPPED,
  PageWalker,
  READ,
  SUPERVISOR,
  SUPERVISOR_AC,
  USER,
  WRITE,
} from './walk.ts';

const TABLES = 8;
const GUEST_BYTES = TABLES * 0x1000;
const FIRST_ROM_TABLE = TABLES - 1;

type Mode = '32-bit' | 'PAE' | '4-level' | '5-level';
const MODES: readonly Mode[] = ['32-bit', 'PAE', '4-level', '5-level'];

interface Control {
  readonly mode: Mode;
  readonly wp: boolean;
  readonly pse: boolean;
  readonly nxe: boolean;
  readonly smep: boolean;
  readonly smap: boolean;
  readonly pse36: boolean;
  readonly gigabytePages: boolean;
}

type Outcome = { gpa: bigint } | { error: number };

// -- the second walker ---------------------------------------------------------------------------------------------
const bit = (entry: bigint, n: number): boolean => ((entry >> BigInt(n)) & 1n) === 1n;
const bits = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
const MAXPHYADDR = 40;

class Reference {
  constructor(
    readonly c: Control,
    readonly tables: DataView,
    readonly pdptes: readonly bigint[],
  ) {}

  walk(linear: bigint, access: Access, accessor: Accessor): Outcome {
    const { c } = this;
    const wide = c.mode !== '32-bit';
    const top = { '32-bit': 2, PAE: 2, '4-level': 4, '5-level': 5 }[c.mode];
    const path: bigint[] = [];
    let table = c.mode === 'PAE' ? (this.pdptes[Number(bits(linear, 31, 30))] ?? 0n) : 0n;
    if (c.mode === 'PAE' && !bit(table, 0)) return this.#fault(false, false, access, accessor);
    for (let level = top; ; level--) {
      const low = wide ? 3 + 9 * level : 2 + 10 * level;
      const index = bits(linear, low + (wide ? 8 : 9), low);
      const at = (table & 0xff_ffff_f000n) + index * (wide ? 8n : 4n);
      if (at >= GUEST_BYTES) return this.#fault(false, false, access, accessor);
      const entry = this.#read(Number(at));
      if (!bit(entry, 0)) return this.#fault(false, false, access, accessor);
      const page = level === 1 || (bit(entry, 7) && (wide || c.pse));
      if (this.#reserved(entry, level, page)) return this.#fault(true, true, access, accessor);
      path.push(entry);
      if (page) return this.#page(path, Number(at), low, linear, access, accessor);
      this.#mark(Number(at), entry | 0x20n);
      table = entry;
    }
  }

  #read(at: number): bigint {
    return this.c.mode === '32-bit' ? BigInt(this.tables.getUint32(at, true)) : this.tables.getBigUint64(at, true);
  }
  #mark(at: number, entry: bigint): void {
    if (at >> 12 === FIRST_ROM_TABLE) return;
    this.tables.setUint32(at, Number(entry & 0xffff_ffffn), true);
  }

  /** [SDM] volume 3, tables 4-4 to 4-20. */
  #reserved(entry: bigint, level: number, page: boolean): boolean {
    const { c } = this;
    if (c.mode === '32-bit') return page && level === 2 && bits(entry, 21, c.pse36 ? MAXPHYADDR - 19 : 13) !== 0n;
    if (bits(entry, c.mode === 'PAE' ? 62 : 51, MAXPHYADDR) !== 0n || (bit(entry, 63) && !c.nxe)) return true;
    if (!page || level === 1) return false;
    if (level === 2) return bits(entry, 20, 13) !== 0n;
    return level > 3 || !c.gigabytePages || bits(entry, 29, 13) !== 0n;
  }

  #page(path: bigint[], at: number, low: number, linear: bigint, access: Access, accessor: Accessor): Outcome {
    const { c } = this;
    const entry = path.at(-1) ?? 0n;
    const all = (n: number): boolean => path.every((e) => bit(e, n));
    const userPage = all(2);
    const closed = accessor === USER ? !userPage : accessor === SUPERVISOR && c.smap && userPage;
    const noExecute = c.mode !== '32-bit' && path.some((e) => bit(e, 63));
    const forbidden =
      access === EXECUTE
        ? (accessor === USER ? !userPage : c.smep && userPage) || noExecute
        : closed || (access === WRITE && !all(1) && (accessor === USER || c.wp));
    if (forbidden) return this.#fault(true, false, access, accessor);
    this.#mark(at, entry | (access === WRITE ? 0x60n : 0x20n));
    let base = bits(entry, MAXPHYADDR - 1, 12) << 12n;
    if (c.mode === '32-bit' && low === 22) base = (bits(entry, 31, 22) << 22n) | (bits(entry, 20, 13) << 32n);
    const offset = (1n << BigInt(low)) - 1n;
    return { gpa: (base & ~offset) | (linear & offset) };
  }

  #fault(present: boolean, reserved: boolean, access: Access, accessor: Accessor): Outcome {
    const { c } = this;
    const fetch = access === EXECUTE && ((c.nxe && c.mode !== '32-bit') || c.smep);
    const flags = [present, access === WRITE, accessor === USER, reserved, fetch];
    return { error: flags.reduce((code, on, n) => code | (on ? 1 << n : 0), 0) };
  }
}

// -- the rig -------------------------------------------------------------------------------------------------------
const layout = memoryLayout(1, GUEST_BYTES);
if (!layout) throw new RangeError('no room');
const memory = new WebAssembly.Memory({ initial: layout.wasmPages, maximum: layout.wasmPages, shared: true });
const buffer = memory.buffer as unknown as SharedArrayBuffer;
const vcpu = layout.vcpus[0];
if (!vcpu) throw new RangeError('no vCPU');
const state = new CpuState(buffer, vcpu.state);
const physical = new PhysicalMemory(buffer, layout);
physical.mapSlot(0, FIRST_ROM_TABLE * 0x1000, layout.user, false, false);
physical.mapSlot(FIRST_ROM_TABLE * 0x1000, 0x1000, layout.user + FIRST_ROM_TABLE * 0x1000, true, false);
const guest = new DataView(buffer, layout.user, GUEST_BYTES);

/** (linear address, access) -> host address, or 0. */
const refill = ((): ((linear: bigint, access: Access) => number) => {
  const m = new ModuleBuilder();
  m.importMemory('env', 'memory');
  m.export('refill', emitRefill(m, vcpu));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.encode()), { env: { memory } });
  return exports['refill'] as (linear: bigint, access: Access) => number;
})();

/** What generated code knows the accessor and the tables by. */
function configureRefill(c: Control, accessor: Accessor): void {
  state.set32(S.CPL, accessor === USER ? 3 : 0);
  state.set32(S.EFLAGS, accessor === SUPERVISOR_AC ? S.FLAG_AC : 0);
  state.set64(S.CR3, 0n);
  state.set32(S.CANONICAL_SHIFT, c.mode === '5-level' ? 7 : 16);
  state.set32(S.TLB_BASE, vcpu?.tlb ?? 0);
  state.set32(S.PAGE_MAP, physical.map.byteOffset);
  state.set32(S.PAGE_FLAGS, physical.flags.byteOffset);
}

function configure(c: Control, pdptes: readonly bigint[]): PageWalker {
  const long = c.mode === '4-level' || c.mode === '5-level';
  state.set32(S.CR0, S.CR0_PG | S.CR0_PE | (c.wp ? S.CR0_WP : 0));
  const cr4: readonly [boolean, number][] = [
    [c.mode !== '32-bit', S.CR4_PAE],
    [c.mode === '5-level', S.CR4_LA57],
    [c.pse, S.CR4_PSE],
    [c.smep, S.CR4_SMEP],
    [c.smap, S.CR4_SMAP],
  ];
  state.set32(
    S.CR4,
    cr4.reduce((v, [on, mask]) => v | (on ? mask : 0), 0),
  );
  state.set32(S.EFER, (long ? S.EFER_LME | S.EFER_LMA : 0) | (c.nxe ? S.EFER_NXE : 0));
  state.cr3Page = 0;
  state.pdptes.set(pdptes.map((e) => (bit(e, 0) ? Number(e & 0xff_ffff_f000n) : -1)));
  const features: Feature[] = [];
  if (c.pse36) features.push('pse36');
  if (c.gigabytePages) features.push('pdpe1gb');
  return new PageWalker(state, physical, new Set(features));
}

/** An entry that is mostly good: rare bits are rare, or are not. */
function randomEntry(random: SeededRandom, wide: boolean, rare: boolean): bigint {
  const often = (n: number): bigint => (random.below(16) !== 0 ? 1n << BigInt(n) : 0n);
  const seldom = (n: number, of = 16): bigint => (random.below(of) === 0 ? 1n << BigInt(n) : 0n);
  let entry = often(0) | often(1) | often(2) | seldom(5, 2) | seldom(6, 2) | seldom(7, 4) | seldom(8);
  if (!rare) return entry | BigInt(random.below(FIRST_ROM_TABLE) << 12) | (wide ? seldom(63, 8) : 0n);
  const address = random.below(8) === 0 ? random.uint32() & 0xfffff000 : random.below(TABLES) << 12;
  entry |= BigInt(address >>> 0);
  if (!wide) return entry | seldom(13 + random.below(9), 8);
  entry |= seldom(63, 8) | seldom(52 + random.below(11), 8) | seldom(40 + random.below(12), 32);
  return entry | seldom(32 + random.below(8), 32);
}

function randomTables(random: SeededRandom, wide: boolean, rare = true): void {
  for (let at = 0; at < GUEST_BYTES; at += wide ? 8 : 4) {
    const entry = randomEntry(random, wide, rare);
    if (wide) guest.setBigUint64(at, entry, true);
    else guest.setUint32(at, Number(entry & 0xffff_ffffn), true);
  }
}

function randomLinear(random: SeededRandom, mode: Mode): bigint {
  const any = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  // the beginning of a large page may be memory, where the rest is not
  const value = random.below(2) === 0 ? any & ~0x3f_8000n : any;
  if (mode === '32-bit' || mode === 'PAE') return value & 0xffff_ffffn;
  return BigInt.asUintN(64, BigInt.asIntN(mode === '5-level' ? 57 : 48, value));
}

const randomControl = (random: SeededRandom, mode: Mode): Control => {
  const flip = (): boolean => random.below(2) === 0;
  const common = { mode, wp: flip(), pse: flip(), nxe: flip(), smep: flip(), smap: flip() };
  return { ...common, pse36: flip(), gigabytePages: flip() };
};
const randomPdptes = (random: SeededRandom): bigint[] =>
  Array.from({ length: 4 }, (_, i) => (i === 3 ? 0n : BigInt(random.below(TABLES) << 12) | 1n));

const ACCESSES: readonly Access[] = [READ, WRITE, EXECUTE];
const ACCESSORS: readonly Accessor[] = [SUPERVISOR, USER, SUPERVISOR_AC];
const halves = (linear: bigint): [number, number] => [
  Number(BigInt.asIntN(32, linear)),
  Number(BigInt.asIntN(32, linear >> 32n)),
];

describe.each(MODES)('%s paging', (mode) => {
  const seed = Number(process.env['VIVARIUM_SEED'] ?? 1);

  it(`gives the addresses, error codes and entries of the second walker (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    let mapped = 0;
    for (let round = 0; round < 40; round++) {
      const c = randomControl(random, mode);
      randomTables(random, mode !== '32-bit');
      const pdptes = randomPdptes(random);
      const walker = configure(c, pdptes);
      for (let i = 0; i < 150; i++) {
        const linear = randomLinear(random, mode);
        const access = random.pick(ACCESSES);
        const accessor = random.pick(ACCESSORS);
        const copy = new DataView(new Uint8Array(buffer, layout.user, GUEST_BYTES).slice().buffer);
        const reference = new Reference(c, copy, pdptes);
        const wanted = reference.walk(linear, access, accessor);
        const gpa = walker.walk(...halves(linear), access, accessor);
        const got: Outcome = gpa === NOT_MAPPED ? { error: walker.error } : { gpa: BigInt(gpa) };
        const what = `${JSON.stringify(c)} access ${access} by ${accessor} at 0x${linear.toString(16)}`;
        expect(got, what).toEqual(wanted);
        expect(Buffer.from(buffer, layout.user, GUEST_BYTES).equals(Buffer.from(copy.buffer)), what).toBe(true);
        if (gpa === NOT_MAPPED) continue;
        mapped++;
        // what the TLB may keep is what other accesses would find; writes only when they leave the tables alone
        const { readable, writable, executable } = walker;
        const may = (other: Access): boolean => 'gpa' in reference.walk(linear, other, accessor);
        expect({ readable, executable }, what).toEqual({ readable: may(READ), executable: may(EXECUTE) });
        const before = Buffer.from(copy.buffer.slice(0));
        const mayWrite = may(WRITE) && before.equals(Buffer.from(copy.buffer));
        if (access === WRITE) expect(writable, what).toBe(true);
        if (writable) expect(mayWrite, what).toBe(true);
      }
    }
    expect(mapped).toBeGreaterThan(200);
  });
});

describe.each(MODES)('%s paging in generated code', (mode) => {
  const seed = Number(process.env['VIVARIUM_SEED'] ?? 1);
  const wide = mode !== '32-bit';
  const view = new DataView(buffer);
  const snapshot = (): Buffer => Buffer.from(Buffer.from(buffer, layout.user, GUEST_BYTES));
  const walkFault = (): number => view.getInt32(vcpu.state + S.WALK_FAULT, true);

  it(`fills the TLB with what the second walker allows, or leaves it to TypeScript (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    let filled = 0;
    let large = 0;
    let faults = 0;
    for (let round = 0; round < 60; round++) {
      const c = randomControl(random, mode);
      randomTables(random, wide);
      // tables in use have been accessed
      for (let at = 0; at < GUEST_BYTES; at += wide ? 8 : 4)
        if (random.below(16) !== 0) guest.setUint8(at, guest.getUint8(at) | 0x20);
      const pdptes = randomPdptes(random);
      const walker = configure(c, pdptes);
      for (let i = 0; i < 150; i++) {
        const [linear, access, accessor] = [randomLinear(random, mode), random.pick(ACCESSES), random.pick(ACCESSORS)];
        configureRefill(c, accessor);
        const copy = new DataView(new Uint8Array(snapshot()).buffer);
        const reference = new Reference(c, copy, pdptes);
        const wanted = reference.walk(linear, access, accessor);
        const host = refill(linear, access);
        const after = Buffer.from(buffer, layout.user, GUEST_BYTES);
        const what = `${JSON.stringify(c)} access ${access} by ${accessor} at 0x${linear.toString(16)}`;
        if (host === 0) {
          if (walkFault() !== 0) {
            faults++;
            expect({ error: walkFault() & ~S.PAGE_FAULTS }, what).toEqual(wanted);
            expect(after.equals(Buffer.from(copy.buffer)), what).toBe(true);
          }
          // it may have marked entries already, as TypeScript then does
          walker.walk(...halves(linear), access, accessor);
          expect(after.equals(Buffer.from(copy.buffer)), what).toBe(true);
          continue;
        }
        filled++;
        expect({ gpa: BigInt(host - layout.user) }, what).toEqual(wanted);
        expect(after.equals(Buffer.from(copy.buffer)), what).toBe(true);
        const entry = vcpu.tlb + tlbSlot(Number(linear & 0xffff_ffffn));
        const has = (tag: number): boolean => view.getBigUint64(entry + tag, true) === (linear & ~0xfffn);
        const may = (other: Access): boolean => 'gpa' in reference.walk(linear, other, accessor);
        expect([has(S.TLB_READ), has(S.TLB_EXEC)], what).toEqual([may(READ), may(EXECUTE)]);
        if (access === WRITE) expect(has(S.TLB_WRITE), what).toBe(true);
        const unmarked = Buffer.from(new Uint8Array(copy.buffer));
        if (has(S.TLB_WRITE)) expect(may(WRITE) && unmarked.equals(Buffer.from(copy.buffer)), what).toBe(true);
        expect((Number(linear & 0xffff_ffffn) + view.getInt32(entry + S.TLB_ADDEND, true)) >>> 0, what).toBe(host);
        walker.walk(...halves(linear), access, accessor);
        expect((view.getInt32(entry + S.TLB_GLOBAL, true) & S.TLB_PART_OF_LARGE) !== 0, what).toBe(walker.large);
        large += Number(walker.large);
      }
    }
    expect(filled).toBeGreaterThan(100);
    expect(large).toBeGreaterThan(10);
    expect(faults).toBeGreaterThan(100);
  });

  it(`leaves nothing to TypeScript but reserved bits and pages that are no memory (seed ${seed})`, () => {
    const random = new SeededRandom(seed);
    let done = 0;
    for (let round = 0; round < 20; round++) {
      const c = { ...randomControl(random, mode), pse36: false, gigabytePages: false };
      randomTables(random, wide, false);
      const pdptes = Array.from({ length: 4 }, () => BigInt(random.below(FIRST_ROM_TABLE) << 12) | 1n);
      const walker = configure(c, pdptes);
      for (let i = 0; i < 100; i++) {
        const [linear, access, accessor] = [randomLinear(random, mode), random.pick(ACCESSES), random.pick(ACCESSORS)];
        configureRefill(c, accessor);
        if (refill(linear, access) !== 0 || walkFault() !== 0) {
          done++;
          continue;
        }
        const gpa = walker.walk(...halves(linear), access, accessor);
        const left = gpa === NOT_MAPPED ? (walker.error & 8) !== 0 : gpa >= FIRST_ROM_TABLE * 0x1000;
        expect(left, `${JSON.stringify(c)} access ${access} by ${accessor} at 0x${linear.toString(16)}`).toBe(true);
      }
    }
    expect(done).toBeGreaterThan(500);
  });
});

describe('without paging, in generated code', () => {
  it.each(ACCESSORS)('every page is open to accessor %d at its own address', (accessor) => {
    const c = { mode: '32-bit', wp: true, pse: false, nxe: false, smep: true, smap: true } as const;
    const control: Control = { ...c, pse36: false, gigabytePages: false };
    guest.setUint32(0, 0, true);
    configure(control, [0n, 0n, 0n, 0n]);
    state.set32(S.CR0, S.CR0_PE);
    configureRefill(control, accessor);
    for (const access of ACCESSES) expect(refill(0x2345n, access)).toBe(layout.user + 0x2345);
    expect(refill(0x1_0000_2345n, READ)).toBe(0);
    const entry = vcpu.tlb + 2 * S.TLB_ENTRY_SIZE;
    const tags = [S.TLB_READ, S.TLB_WRITE, S.TLB_EXEC].map((tag) =>
      new DataView(buffer).getBigUint64(entry + tag, true),
    );
    expect(tags).toEqual([0x2000n, 0x2000n, 0x2000n]);
  });
});
