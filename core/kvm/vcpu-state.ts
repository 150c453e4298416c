/** The state of a vCPU in KVM's structures: KVM_GET/SET_REGS, SREGS, SREGS2, DEBUGREGS, MSRS; KVM_TRANSLATE. */
import {
  badCr0,
  type Cpu,
  CR0_DEFINED,
  cr4Offered,
  debugRegister,
  eferOffered,
  isCanonical,
  MSRS,
  NOT_MAPPED,
  PHYSICAL_ADDRESS_BITS,
  READ,
  refreshPaging,
  CpuOffsets as S,
  SUPERVISOR,
} from '../cpu/index.ts';
import * as A from './api.ts';
import type { Lapic } from './irqchip/irqchip.ts';
import { MSR_IA32_SMBASE, type VmMsrs } from './msrs.ts';

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
/** EFLAGS bits that exist. */
const EFLAGS_DEFINED = 0x3f7fd7;

const PDPTE_P = 1n;
const PDPTE_ADDRESS = 0xf_ffff_ffff_f000n;

type SystemRegisters = Omit<A.KvmSregs, 'interruptBitmap'>;

/** Paging with page-directory pointers: PAE outside long mode. */
function paePaging({ cr0, cr4, efer }: SystemRegisters): boolean {
  const paging = (Number(cr0 & 0xffff_ffffn) & S.CR0_PG) !== 0;
  return paging && (Number(cr4) & S.CR4_PAE) !== 0 && (Number(efer) & S.EFER_LMA) === 0;
}

function lowestBit(word: bigint): number {
  let n = 0;
  while (((word >> BigInt(n)) & 1n) === 0n) n++;
  return n;
}

const SMBASE = {
  read: (cpu: Cpu): bigint => BigInt(cpu.smm.base),
  write: (cpu: Cpu, value: bigint): boolean => {
    cpu.smm.base = Number(value & 0xffff_ffffn);
    return true;
  },
};

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
    this.#deriveCpl();
    s.set32(S.SHADOW, 0);
    this.cpu.updateMode();
  }

  /** CPL follows from CR0.PE, EFLAGS.VM and SS.DPL, whichever of them userspace sets last. */
  #deriveCpl(): void {
    const s = this.cpu.state;
    const dpl = (s.access(S.SS) >> S.AR_DPL_SHIFT) & 3;
    s.set32(S.CPL, !s.protectedMode ? 0 : s.vm86 ? 3 : dpl);
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
    const interruptBitmap = [0n, 0n, 0n, 0n];
    if (queuedInterrupt >= 0) interruptBitmap[queuedInterrupt >> 6] = 1n << BigInt(queuedInterrupt & 63);
    return { ...this.#systemRegisters(), interruptBitmap };
  }
  /**
   * With the page-directory pointers of PAE paging, which the processor holds beside CR3. Their bits for caching have no
   * effect here and are not kept.
   */
  getSregs2(): A.KvmSregs2 {
    const sregs = this.#systemRegisters();
    const pae = paePaging(sregs);
    const pdptrs = Array.from(this.cpu.state.pdptes, (table) => (pae && table >= 0 ? BigInt(table) | PDPTE_P : 0n));
    return { ...sregs, flags: pae ? A.KVM_SREGS2_FLAGS_PDPTRS_VALID : 0, pdptrs };
  }

  #systemRegisters(): SystemRegisters {
    const s = this.cpu.state;
    const segments: Partial<Record<(typeof SEGMENT_NAMES)[number], A.KvmSegment>> = {};
    SEGMENT_NAMES.forEach((name, n) => {
      segments[name] = this.#segment(n);
    });
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
    };
  }

  /** EINVAL, and nothing changed, for control registers that no processor could have. The interrupt, if there is one. */
  setSregs(v: A.KvmSregs): number | undefined {
    this.#setSystemRegisters(v, 'KVM_SET_SREGS');
    const word = v.interruptBitmap.findIndex((bits) => bits !== 0n);
    return word < 0 ? undefined : word * 64 + lowestBit(v.interruptBitmap[word] ?? 0n);
  }
  /** Page-directory pointers come from the structure, or from memory as with KVM_SET_SREGS. */
  setSregs2(v: A.KvmSregs2): void {
    const given = (v.flags & A.KVM_SREGS2_FLAGS_PDPTRS_VALID) !== 0;
    if ((v.flags & ~A.KVM_SREGS2_FLAGS_PDPTRS_VALID) !== 0 || (given && !paePaging(v)))
      throw new A.KvmError('KVM_SET_SREGS2', 'EINVAL', `flags ${v.flags}`);
    this.#setSystemRegisters(v, 'KVM_SET_SREGS2');
    if (!given) return;
    const tables = v.pdptrs.slice(0, 4).map((p) => ((p & PDPTE_P) !== 0n ? Number(p & PDPTE_ADDRESS) : -1));
    this.cpu.state.pdptes.set(tables);
  }

  #setSystemRegisters(v: SystemRegisters, ioctl: string): void {
    this.#checkSregs(v, ioctl);
    const { cpu, lapic } = this;
    const s = cpu.state;
    if (lapic && v.apicBase !== lapic.apicBase && !lapic.setApicBase(v.apicBase, true))
      throw new A.KvmError(ioctl, 'EINVAL', `apic_base 0x${v.apicBase.toString(16)}`);
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
    this.#deriveCpl();
    refreshPaging(cpu);
    cpu.flushTlb(true);
    cpu.updateMode();
  }

  #checkSregs(v: SystemRegisters, ioctl: string): void {
    const bad = (what: string): never => {
      throw new A.KvmError(ioctl, 'EINVAL', what);
    };
    if (badCr0(v.cr0) || (v.cr0 & BigInt(~CR0_DEFINED)) !== 0n) bad(`cr0 0x${v.cr0.toString(16)}`);
    if ((v.cr4 & ~BigInt(cr4Offered(this.cpu.features))) !== 0n)
      bad(`cr4 0x${v.cr4.toString(16)} has bits that are not offered`);
    if ((v.efer & ~BigInt(eferOffered(this.cpu.features))) !== 0n) bad(`efer 0x${v.efer.toString(16)}`);
    const [paging, pae] = [(v.cr0 & 0x8000_0000n) !== 0n, (v.cr4 & 0x20n) !== 0n];
    const [lme, lma] = [(v.efer & 0x100n) !== 0n, (v.efer & 0x400n) !== 0n];
    if (lma !== (lme && paging) || (lma && !pae)) bad('efer.LMA does not follow from efer.LME, cr0.PG and cr4.PAE');
    if (lma ? v.cr3 >> BigInt(PHYSICAL_ADDRESS_BITS) !== 0n : v.cs.l !== 0) bad('cr3 or cs.l');
    if (v.cs.l !== 0 && v.cs.db !== 0) bad('cs.l and cs.db');
    if (v.cr8 > 15n) bad(`cr8 ${v.cr8}`);
  }

  getDebugRegs(): A.KvmDebugRegs {
    const dr = (n: number): bigint => this.cpu.state.get64(S.DR + n * 8);
    return { db: [dr(0), dr(1), dr(2), dr(3)], dr6: dr(6), dr7: dr(7), flags: 0 };
  }
  /** EINVAL, and nothing changed, for flags and for upper halves of DR6 and DR7. */
  setDebugRegs({ db, dr6, dr7, flags }: A.KvmDebugRegs): void {
    if (flags !== 0 || dr6 >> 32n !== 0n || dr7 >> 32n !== 0n) throw new A.KvmError('KVM_SET_DEBUGREGS', 'EINVAL');
    const s = this.cpu.state;
    for (let n = 0; n < 4; n++) s.set64(S.DR + n * 8, db[n] ?? 0n);
    s.set64(S.DR + 6 * 8, debugRegister(6, dr6));
    s.set64(S.DR + 7 * 8, debugRegister(7, dr7));
    this.cpu.breakpoints.update();
  }

  /** As for a read by supervisor code. */
  translate(linear: bigint): A.KvmTranslation {
    const { cpu } = this;
    const [lo, hi] = [Number(BigInt.asIntN(32, linear)), Number(BigInt.asIntN(32, linear >> 32n))];
    const canonical = !cpu.state.longMode || isCanonical(cpu, linear);
    const gpa = canonical ? cpu.walker.walk(lo, hi, READ, SUPERVISOR) : NOT_MAPPED;
    const valid = gpa !== NOT_MAPPED;
    // KVM has never told more than this of rights
    return { physicalAddress: valid ? BigInt(gpa) : MASK64, valid, writeable: true, usermode: false };
  }

  /** MSRs of the processor core; userspace alone has SMBASE. */
  #hostMsr(index: number) {
    return index === MSR_IA32_SMBASE ? SMBASE : MSRS.get(index);
  }
  /** Processing stops at the first MSR that does not exist. */
  getMsrs(indices: number[]): A.KvmMsrEntry[] {
    const entries: A.KvmMsrEntry[] = [];
    for (const index of indices) {
      const data = this.#hostMsr(index)?.read(this.cpu) ?? this.msrs.read(index, true);
      if (data === undefined) break;
      entries.push({ index, data });
    }
    return entries;
  }
  setMsrs(entries: A.KvmMsrEntry[]): number {
    let done = 0;
    for (const { index, data } of entries) {
      const own = this.#hostMsr(index);
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
    return this.cpu.state.get32(S.SHADOW) === S.SHADOW_MOV_SS ? A.KVM_X86_SHADOW_INT_MOV_SS : A.KVM_X86_SHADOW_INT_STI;
  }
  set shadow(kind: number) {
    const s = this.cpu.state;
    s.set32(S.SHADOW, kind === 0 ? 0 : (kind & A.KVM_X86_SHADOW_INT_MOV_SS) !== 0 ? S.SHADOW_MOV_SS : S.SHADOW_STI);
    s.set64(S.SHADOW_RIP, s.rip);
  }
}
