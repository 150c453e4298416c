/** Floating-point and vector state in KVM's structures: KVM_GET/SET_FPU, XSAVE, XCRS. */
import {
  type Cpu,
  componentsInUse,
  initComponents,
  MXCSR_INIT,
  MXCSR_MASK,
  mxcsrOf,
  offeredXcr0,
  readComponents,
  CpuOffsets as S,
  validXcr0,
  writeComponents,
  writeMxcsr,
  XSAVE_HEADER,
  XSAVE_HEADER_SIZE,
  XSTATE_AVX,
  XSTATE_SSE,
  XSTATE_X87,
} from '../cpu/index.ts';
import * as A from './api.ts';

const FORM = { wide: true, registers: 16 } as const;
const X87_SSE = XSTATE_X87 | XSTATE_SSE;
const ALL = X87_SSE | XSTATE_AVX;
// the legacy region of an XSAVE area, as struct kvm_fpu has it
const ST0 = 32;
const XMM = 160;

export class VcpuFpuAccess {
  constructor(readonly cpu: Cpu) {}

  getFpu(): A.KvmFpu {
    const bytes = new Uint8Array(XSAVE_HEADER);
    writeComponents(this.cpu, bytes, X87_SSE, FORM);
    const area = new DataView(bytes.buffer);
    return {
      fpr: bytes.slice(ST0, XMM),
      fcw: area.getUint16(0, true),
      fsw: area.getUint16(2, true),
      ftwx: area.getUint8(4),
      lastOpcode: area.getUint16(6, true),
      lastIp: area.getBigUint64(8, true),
      lastDp: area.getBigUint64(16, true),
      xmm: bytes.slice(XMM, XMM + 256),
      mxcsr: this.cpu.state.get32(S.MXCSR),
    };
  }

  setFpu(fpu: A.KvmFpu): void {
    if ((fpu.mxcsr & ~MXCSR_MASK) !== 0 || fpu.fpr.length !== XMM - ST0 || fpu.xmm.length !== 256)
      throw new A.KvmError('KVM_SET_FPU', 'EINVAL');
    const bytes = new Uint8Array(XSAVE_HEADER);
    const area = new DataView(bytes.buffer);
    area.setUint16(0, fpu.fcw, true);
    area.setUint16(2, fpu.fsw, true);
    area.setUint8(4, fpu.ftwx);
    area.setUint16(6, fpu.lastOpcode, true);
    area.setBigUint64(8, fpu.lastIp, true);
    area.setBigUint64(16, fpu.lastDp, true);
    bytes.set(fpu.fpr, ST0);
    bytes.set(fpu.xmm, XMM);
    readComponents(this.cpu, bytes, X87_SSE, FORM);
    this.cpu.state.set32(S.MXCSR, fpu.mxcsr);
  }

  /** The standard format, whatever XCR0 enables now; XSTATE_BV says which components are not initial. */
  getXsave(): Uint8Array {
    const area = new Uint8Array(A.KVM_XSAVE_SIZE);
    writeComponents(this.cpu, area, this.#offered(), FORM);
    writeMxcsr(this.cpu, area);
    const mxcsrUsed = this.cpu.state.get32(S.MXCSR) !== MXCSR_INIT ? XSTATE_SSE : 0;
    area[XSAVE_HEADER] = (componentsInUse(this.cpu, 16) | mxcsrUsed) & this.#offered();
    return area;
  }

  /** EINVAL, and nothing changed, for components that CPUID does not offer, another format or a bad MXCSR. */
  setXsave(area: Uint8Array): void {
    const bad = (why: string): never => {
      throw new A.KvmError('KVM_SET_XSAVE', 'EINVAL', why);
    };
    if (area.length < A.KVM_XSAVE_SIZE) bad(`${area.length} bytes`);
    const header = area.subarray(XSAVE_HEADER, XSAVE_HEADER + XSAVE_HEADER_SIZE);
    const present = header[0] ?? 0;
    if ((present & ~this.#offered()) !== 0) bad(`XSTATE_BV 0x${present.toString(16)}`);
    if (header.subarray(1).some((b) => b !== 0)) bad('XCOMP_BV or reserved bytes of the header');
    const given = mxcsrOf(area) ?? bad('MXCSR');
    readComponents(this.cpu, area, present, FORM);
    initComponents(this.cpu, ALL & ~present, 16);
    this.cpu.state.set32(S.MXCSR, (present & (XSTATE_SSE | XSTATE_AVX)) !== 0 ? given : MXCSR_INIT);
  }

  /** Without XSAVE there is what FXSAVE has. */
  #offered(): number {
    return Number(offeredXcr0(this.cpu.features)) | X87_SSE;
  }

  getXcrs(): A.KvmXcrs {
    return { flags: 0, xcrs: [{ xcr: 0, value: this.cpu.state.get64(S.XCR0) }] };
  }
  /** Of the list XCR0 counts; the others do not exist and are ignored, as in KVM. */
  setXcrs({ flags, xcrs }: A.KvmXcrs): void {
    const xcr0 = xcrs.find((x) => x.xcr === 0)?.value;
    const bad = xcr0 !== undefined && !validXcr0(this.cpu.features, xcr0);
    if (flags !== 0 || xcrs.length > A.KVM_MAX_XCRS || bad) throw new A.KvmError('KVM_SET_XCRS', 'EINVAL');
    if (xcr0 === undefined) return;
    this.cpu.state.set64(S.XCR0, xcr0);
    this.cpu.updateMode();
  }
}
