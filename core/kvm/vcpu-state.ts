/** The state of a vCPU in KVM's structures: KVM_GET/SET_REGS, SREGS, FPU, MSRS. */
import {
  badCr0,
  type Cpu,
  CR0_DEFINED,
  CR4_OFFERED,
  EFER_OFFERED,
  MSRS,
  MXCSR_MASK,
  readFxsave,
  refreshPaging,
  CpuOffsets as S,
  writeFxsave,
} from '../cpu/index.ts';
import * as A from './api.ts';
import type { Lapic } from './irqchip/irqchip.ts';
import type { VmMsrs } from './msrs.ts';

const GPR_NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;
const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldt', 'tr'] as const;
const MASK64 = 0xffff_ffff_ffff_ffffn;
const KVM_X86_SHADOW_INT_MOV_SS = 1;
const KVM_X86_SHADOW_INT_STI = 2;
/** EFLAGS bits that exist. */
const EFLAGS_DEFINED = 0x3f7fd7;

export class VcpuStateAccess {
  constructor(
    readonly cpu: Cpu,
    readonly msrs: VmMsrs,
    readonly lapic: Lapic | undefined,
  ) {}

  getRegs(): A.KvmRegs {
    const s = this.cpu.state;
    const regs: Partial<Record<(typeof GPR_NAMES)[number], bigint>> = {};
    GPR_NAMES.forEach((name, n) => {
      regs[name] = s.gpr(n);
    });
    return { ...(regs as Required<typeof regs>), rip: s.rip, rflags: BigInt(s.eflags >>> 0) };
  }

  setRegs(regs: A.KvmRegs): void {
    const s = this.cpu.state;
    GPR_NAMES.forEach((name, n) => {
      s.setGpr(n, regs[name]);
    });
    s.rip = regs.rip & MASK64;
    s.eflags = (Number(regs.rflags & 0xffff_ffffn) & EFLAGS_DEFINED) | 2;
    s.set32(S.SHADOW, 0);
  }

  #segment(n: number): A.KvmSegment {
    const s = this.cpu.state;
    const a = s.access(n);
    const bit = (mask: number): number => ((a & mask) !== 0 ? 1 : 0);
    return {
      base: s.segBase(n),
      limit: s.segLimit(n),
      selector: s.selector(n),
      type: a & S.AR_TYPE,
      present: bit(S.AR_P),
      dpl: (a >> S.AR_DPL_SHIFT) & 3,
      db: bit(S.AR_DB),
      s: bit(S.AR_S),
      l: bit(S.AR_L),
      g: bit(S.AR_G),
      avl: bit(S.AR_AVL),
      unusable: bit(S.SEG_UNUSABLE),
    };
  }

  #setSegment(n: number, v: A.KvmSegment): void {
    const on = (flag: number, mask: number): number => (flag !== 0 ? mask : 0);
    const access =
      (v.type & S.AR_TYPE) |
      on(v.s, S.AR_S) |
      ((v.dpl & 3) << S.AR_DPL_SHIFT) |
      on(v.present, S.AR_P) |
      on(v.avl, S.AR_AVL) |
      on(v.l, S.AR_L) |
      on(v.db, S.AR_DB) |
      on(v.g, S.AR_G) |
      on(v.unusable, S.SEG_UNUSABLE);
    this.cpu.state.setSegment(n, v.selector, v.base & MASK64, v.limit >>> 0, access);
  }

  getSregs(queuedInterrupt: number): A.KvmSregs {
    const s = this.cpu.state;
    const segments: Partial<Record<(typeof SEGMENT_NAMES)[number], A.KvmSegment>> = {};
    SEGMENT_NAMES.forEach((name, n) => {
      segments[name] = this.#segment(n);
    });
    const interruptBitmap = [0n, 0n, 0n, 0n];
    if (queuedInterrupt >= 0) interruptBitmap[queuedInterrupt >> 6] = 1n << BigInt(queuedInterrupt & 63);
    return {
      ...(segments as Required<typeof segments>),
      gdt: { base: s.get64(S.GDTR_BASE), limit: s.get32(S.GDTR_LIMIT) },
      idt: { base: s.get64(S.IDTR_BASE), limit: s.get32(S.IDTR_LIMIT) },
      cr0: BigInt(s.cr0 >>> 0),
      cr2: s.get64(S.CR2),
      cr3: s.get64(S.CR3),
      cr4: BigInt(s.cr4 >>> 0),
      cr8: BigInt(this.cpu.host.getCr8()),
      efer: BigInt(s.efer >>> 0),
      apicBase: this.msrs.apicBase,
      interruptBitmap,
    };
  }

  /** EINVAL, and nothing changed, for control registers that no processor could have. */
  setSregs(v: A.KvmSregs): void {
    this.#checkSregs(v);
    const { cpu, lapic } = this;
    const s = cpu.state;
    if (lapic && v.apicBase !== lapic.apicBase && !lapic.setApicBase(v.apicBase, true))
      throw new A.KvmError('KVM_SET_SREGS', 'EINVAL', `apic_base 0x${v.apicBase.toString(16)}`);
    s.set64(S.GDTR_BASE, v.gdt.base);
    s.set32(S.GDTR_LIMIT, v.gdt.limit & 0xffff);
    s.set64(S.IDTR_BASE, v.idt.base);
    s.set32(S.IDTR_LIMIT, v.idt.limit & 0xffff);
    s.set32(S.EFER, Number(v.efer));
    s.set32(S.CR0, Number(BigInt.asIntN(32, v.cr0)) | S.CR0_ET);
    s.set32(S.CR4, Number(v.cr4));
    s.set64(S.CR2, v.cr2);
    s.set64(S.CR3, v.cr3);
    cpu.host.setCr8(Number(v.cr8));
    SEGMENT_NAMES.forEach((name, n) => {
      this.#setSegment(n, v[name]);
    });
    s.set32(S.CPL, (s.cr0 & S.CR0_PE) === 0 ? 0 : s.vm86 ? 3 : v.ss.dpl & 3);
    refreshPaging(cpu);
    cpu.flushTlb(true);
    cpu.updateMode();
  }

  #checkSregs(v: A.KvmSregs): void {
    const bad = (what: string): never => {
      throw new A.KvmError('KVM_SET_SREGS', 'EINVAL', what);
    };
    if (badCr0(v.cr0) || (v.cr0 & BigInt(~CR0_DEFINED)) !== 0n) bad(`cr0 0x${v.cr0.toString(16)}`);
    if ((v.cr4 & ~BigInt(CR4_OFFERED)) !== 0n) bad(`cr4 0x${v.cr4.toString(16)} has bits that are not offered`);
    if ((v.efer & ~BigInt(EFER_OFFERED)) !== 0n) bad(`efer 0x${v.efer.toString(16)}`);
    const [paging, pae] = [(v.cr0 & 0x8000_0000n) !== 0n, (v.cr4 & 0x20n) !== 0n];
    const [lme, lma] = [(v.efer & 0x100n) !== 0n, (v.efer & 0x400n) !== 0n];
    if (lma !== (lme && paging) || (lma && !pae)) bad('efer.LMA does not follow from efer.LME, cr0.PG and cr4.PAE');
    if (lma ? v.cr3 >> 40n !== 0n : v.cs.l !== 0) bad('cr3 or cs.l');
    if (v.cs.l !== 0 && v.cs.db !== 0) bad('cs.l and cs.db');
    if (v.cr8 > 15n) bad(`cr8 ${v.cr8}`);
  }

  getFpu(): A.KvmFpu {
    const s = this.cpu.state;
    const area = new DataView(new ArrayBuffer(512));
    writeFxsave(this.cpu.x87, area, 0, true);
    const bytes = new Uint8Array(area.buffer);
    const xmm = new Uint8Array(256);
    for (let n = 0; n < 16; n++) xmm.set(s.u8.subarray(S.VEC + n * S.VEC_SIZE, S.VEC + n * S.VEC_SIZE + 16), n * 16);
    return {
      fpr: bytes.slice(32, 160),
      fcw: area.getUint16(0, true),
      fsw: area.getUint16(2, true),
      ftwx: area.getUint8(4),
      lastOpcode: area.getUint16(6, true),
      lastIp: area.getBigUint64(8, true),
      lastDp: area.getBigUint64(16, true),
      xmm,
      mxcsr: s.get32(S.MXCSR),
    };
  }

  setFpu(fpu: A.KvmFpu): void {
    const s = this.cpu.state;
    if ((fpu.mxcsr & ~MXCSR_MASK) !== 0 || fpu.fpr.length !== 128 || fpu.xmm.length !== 256)
      throw new A.KvmError('KVM_SET_FPU', 'EINVAL');
    const area = new DataView(new ArrayBuffer(512));
    area.setUint16(0, fpu.fcw, true);
    area.setUint16(2, fpu.fsw, true);
    area.setUint8(4, fpu.ftwx);
    area.setUint16(6, fpu.lastOpcode, true);
    area.setBigUint64(8, fpu.lastIp, true);
    area.setBigUint64(16, fpu.lastDp, true);
    new Uint8Array(area.buffer).set(fpu.fpr, 32);
    readFxsave(this.cpu.x87, area, 0, true);
    for (let n = 0; n < 16; n++) s.u8.set(fpu.xmm.subarray(n * 16, n * 16 + 16), S.VEC + n * S.VEC_SIZE);
    s.set32(S.MXCSR, fpu.mxcsr);
  }

  /** Processing stops at the first MSR that does not exist. */
  getMsrs(indices: number[]): A.KvmMsrEntry[] {
    const entries: A.KvmMsrEntry[] = [];
    for (const index of indices) {
      const data = MSRS.get(index)?.read(this.cpu) ?? this.msrs.read(index);
      if (data === undefined) break;
      entries.push({ index, data });
    }
    return entries;
  }
  setMsrs(entries: A.KvmMsrEntry[]): number {
    let done = 0;
    for (const { index, data } of entries) {
      const own = MSRS.get(index);
      if (!(own ? own.write(this.cpu, data) : this.msrs.write(index, data, true))) break;
      done++;
    }
    this.cpu.updateMode();
    return done;
  }

  /** SIPI: real mode at vector * 4096. */
  startAt(vector: number): void {
    const s = this.cpu.state;
    s.setSegment(S.CS, vector << 8, BigInt(vector << 12), 0xffff, S.AR_P | S.AR_S | 0xb);
    s.rip = 0n;
    this.cpu.updateMode();
  }

  /** Interrupt shadow as KVM names it: 1 MOV SS, 2 STI, 0 none. */
  get shadow(): number {
    if (!this.cpu.inShadow) return 0;
    return this.cpu.state.get32(S.SHADOW) === S.SHADOW_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : KVM_X86_SHADOW_INT_STI;
  }
  set shadow(kind: number) {
    const s = this.cpu.state;
    s.set32(S.SHADOW, kind === 0 ? 0 : (kind & KVM_X86_SHADOW_INT_MOV_SS) !== 0 ? S.SHADOW_MOV_SS : S.SHADOW_STI);
    s.set64(S.SHADOW_RIP, s.rip);
  }
}
