/**
 * The state that SMI saves and RSM loads, 512 bytes at SMBASE + 0xfe00. Two layouts, as KVM has: [APM] volume 2, table
 * 10-1 where the processor has long mode, else the P6 family's 32-bit one; in both, KVM's own byte for the interrupt
 * shadow. Fields that are not named here are left zero: I/O restart and SVM.
 */
import type { Cpu } from '../cpu.ts';
import * as S from '../state.ts';

export const AREA_SIZE = 512;
export const AREA_OFFSET = 0xfe00;
/** SMBASE can be changed; no I/O restart. */
const REVISION_64 = 0x20064;
const REVISION_32 = 0x20000;

/** Registers of the area that RSM must check before they are loaded. */
export interface SavedControl {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  readonly dr6: bigint;
  readonly dr7: bigint;
}

/** One layout. `load` sets what needs no check; the CPU's mode is not up to date then. */
export interface SaveArea {
  save(cpu: Cpu, view: DataView): void;
  control(view: DataView): SavedControl;
  load(cpu: Cpu, view: DataView): void;
  /** The SMI came while HLT waited, or RSM is to go back there. */
  readonly haltRestart: number;
}

type Shadow = 0 | 1 | 2;
const SHADOWS: readonly number[] = [0, S.SHADOW_MOV_SS, S.SHADOW_STI];
function savedShadow(cpu: Cpu): Shadow {
  if (!cpu.inShadow) return 0;
  return cpu.state.get32(S.SHADOW) === S.SHADOW_MOV_SS ? 1 : 2;
}
function loadShadow(cpu: Cpu, shadow: number): void {
  cpu.state.set32(S.SHADOW, SHADOWS[shadow & 3] ?? 0);
  cpu.state.set64(S.SHADOW_RIP, cpu.state.rip);
}

/** Access rights as saved: KVM marks an unusable segment by P = 0. */
const rightsOf = (access: number): number => (access & S.SEG_UNUSABLE ? access & ~S.AR_P : access) & 0xf0ff;
const accessOf = (rights: number): number => (rights & 0xf0ff) | ((rights & S.AR_P) === 0 ? S.SEG_UNUSABLE : 0);

// -- 64-bit --------------------------------------------------------------------------------------------------------
const SEGMENTS_64: readonly (readonly [number, number])[] = [
  [S.ES, 0x00],
  [S.CS, 0x10],
  [S.SS, 0x20],
  [S.DS, 0x30],
  [S.FS, 0x40],
  [S.GS, 0x50],
  [S.LDTR, 0x70],
  [S.TR, 0x90],
];
/** Descriptor tables: limit, base in the state; place in the area. */
const TABLES_64 = [
  [S.GDTR_LIMIT, S.GDTR_BASE, 0x60],
  [S.IDTR_LIMIT, S.IDTR_BASE, 0x80],
] as const;

export const AREA_64: SaveArea = {
  haltRestart: 0xc9,
  save(cpu, view) {
    const s = cpu.state;
    const put = (at: number, value: bigint): void => view.setBigUint64(at, value, true);
    for (const [n, at] of SEGMENTS_64) {
      view.setUint16(at, s.selector(n), true);
      view.setUint16(at + 2, rightsOf(s.access(n)), true);
      view.setUint32(at + 4, s.segLimit(n), true);
      put(at + 8, s.segBase(n));
    }
    for (const [limit, base, at] of TABLES_64) {
      view.setUint32(at + 4, s.get32(limit), true);
      put(at + 8, s.get64(base));
    }
    view.setUint8(0xcb, savedShadow(cpu));
    put(0xd0, BigInt(s.efer >>> 0));
    view.setUint32(0xfc, REVISION_64, true);
    view.setUint32(0x100, cpu.smm.base, true);
    put(0x148, BigInt(s.cr4 >>> 0));
    put(0x150, s.get64(S.CR3));
    put(0x158, BigInt(s.cr0 >>> 0));
    put(0x160, s.get64(S.DR + 7 * 8));
    put(0x168, s.get64(S.DR + 6 * 8));
    put(0x170, BigInt(s.eflags >>> 0));
    put(0x178, s.rip);
    for (let n = 0; n < 16; n++) put(0x1f8 - n * 8, s.gpr(n));
  },
  control(view) {
    const get = (at: number): bigint => view.getBigUint64(at, true);
    return { cr0: get(0x158), cr3: get(0x150), cr4: get(0x148), efer: get(0xd0), dr6: get(0x168), dr7: get(0x160) };
  },
  load(cpu, view) {
    const s = cpu.state;
    const get = (at: number): bigint => view.getBigUint64(at, true);
    for (let n = 0; n < 16; n++) s.setGpr(n, get(0x1f8 - n * 8));
    s.rip = get(0x178);
    s.eflags = Number(get(0x170) & 0x3f7fd7n);
    cpu.smm.base = view.getUint32(0x100, true);
    for (const [limit, base, at] of TABLES_64) {
      s.set32(limit, view.getUint32(at + 4, true) & 0xffff);
      s.set64(base, get(at + 8));
    }
    for (const [n, at] of SEGMENTS_64)
      s.setSegment(
        n,
        view.getUint16(at, true),
        get(at + 8),
        view.getUint32(at + 4, true),
        accessOf(view.getUint16(at + 2, true)),
      );
    loadShadow(cpu, view.getUint8(0xcb));
  },
};

// -- 32-bit --------------------------------------------------------------------------------------------------------
/** Segment register, its descriptor (rights in bits 23..8, limit, base) and its selector. */
const SEGMENTS_32: readonly (readonly [number, number, number])[] = [
  [S.DS, 0x12c, 0x1b4],
  [S.FS, 0x138, 0x1b8],
  [S.GS, 0x144, 0x1bc],
  [S.TR, 0x15c, 0x1c4],
  [S.LDTR, 0x178, 0x1c0],
  [S.ES, 0x184, 0x1a8],
  [S.CS, 0x190, 0x1ac],
  [S.SS, 0x19c, 0x1b0],
];
const TABLES_32 = [
  [S.IDTR_LIMIT, S.IDTR_BASE, 0x150],
  [S.GDTR_LIMIT, S.GDTR_BASE, 0x16c],
] as const;

export const AREA_32: SaveArea = {
  haltRestart: 0x102,
  save(cpu, view) {
    const s = cpu.state;
    const put = (at: number, value: number): void => view.setUint32(at, value, true);
    const low = (offset: number): number => s.u32[offset >> 2] ?? 0;
    put(0xf8, cpu.smm.base);
    put(0xfc, REVISION_32);
    put(0x114, s.cr4);
    view.setUint8(0x11a, savedShadow(cpu));
    for (const [n, at, selector] of SEGMENTS_32) {
      put(at, rightsOf(s.access(n)) << 8);
      put(at + 4, s.segLimit(n));
      put(at + 8, Number(s.segBase(n) & 0xffff_ffffn));
      put(selector, s.selector(n));
    }
    for (const [limit, base, at] of TABLES_32) {
      put(at + 4, s.get32(limit));
      put(at + 8, low(base));
    }
    put(0x1c8, low(S.DR + 7 * 8));
    put(0x1cc, low(S.DR + 6 * 8));
    for (let n = 0; n < 8; n++) put(0x1d0 + n * 4, s.gpr32(n));
    put(0x1f0, Number(s.rip & 0xffff_ffffn));
    put(0x1f4, s.eflags);
    put(0x1f8, low(S.CR3));
    put(0x1fc, s.cr0);
  },
  control(view) {
    const get = (at: number): bigint => BigInt(view.getUint32(at, true));
    return { cr0: get(0x1fc), cr3: get(0x1f8), cr4: get(0x114), efer: 0n, dr6: get(0x1cc), dr7: get(0x1c8) };
  },
  load(cpu, view) {
    const s = cpu.state;
    const get = (at: number): number => view.getUint32(at, true);
    for (let n = 0; n < 8; n++) s.setGpr32(n, get(0x1d0 + n * 4));
    s.rip = BigInt(get(0x1f0));
    s.eflags = get(0x1f4) & 0x3f7fd7;
    cpu.smm.base = get(0xf8);
    for (const [limit, base, at] of TABLES_32) {
      s.set32(limit, get(at + 4) & 0xffff);
      s.set64(base, BigInt(get(at + 8)));
    }
    for (const [n, at, selector] of SEGMENTS_32)
      s.setSegment(n, get(selector) & 0xffff, BigInt(get(at + 8)), get(at + 4), accessOf(get(at) >>> 8));
    loadShadow(cpu, view.getUint8(0x11a));
  },
};
