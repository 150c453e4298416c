/**
 * How a PC reports an FPU error while CR0.NE is clear: FERR# raises IRQ 13, and the handler's write to port 0xf0 lowers it
 * and asserts IGNNE#, which lets the FPU go on. [SDM] volume 1, appendix D. Only with the in-kernel irqchip. KVM over VMX
 * has no such wire: hardware holds CR0.NE at one there, and the guest gets #MF. What DOS and old kernels look for is this.
 */
import type { Cpu } from '../cpu/index.ts';
import type { Irqchip } from './irqchip/irqchip.ts';

const PORT = 0xf0;
const IRQ = 13;

export class FpuErrorLine {
  constructor(
    readonly irqchip: Irqchip,
    readonly cpu: () => Cpu,
  ) {}

  raise(): void {
    this.irqchip.setIrq(IRQ, 1);
  }

  claims(port: number): boolean {
    return port === PORT;
  }
  write(): void {
    this.irqchip.setIrq(IRQ, 0);
    this.cpu().x87.ignoresErrors = true;
  }
}
