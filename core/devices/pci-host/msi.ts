/**
 * Message signalled interrupts of a PCI function: up to 32 messages, 64-bit addresses, masking by message.
 *
 * [PCI] PCI Local Bus Specification 3.0, 6.8.1.
 */
import type { IrqLine } from '../device.ts';
import * as R from './pci.regs.ts';
import type { PciConfigSpace } from './pci-config-space.ts';

/** A memory write that is an interrupt: where the machine takes it to the local APICs. */
export type MsiSender = (addressLo: number, addressHi: number, data: number) => void;

export class MsiCapability {
  readonly #at: number;
  /** The level of `line`, and where it goes while messages are off. */
  #asserted = false;
  #intx: IrqLine | undefined;
  #wasEnabled = false;

  /** messages: a power of two up to 32. at: its offset, where a data sheet fixes one. */
  constructor(
    readonly space: PciConfigSpace,
    readonly messages: 1 | 2 | 4 | 8 | 16 | 32,
    readonly send: MsiSender,
    at?: number,
  ) {
    this.#at = space.addCapability(R.CAP_ID_MSI, R.MSI_LENGTH, at);
    const all = 2 ** messages - 1;
    const capable = Math.log2(messages) << R.MSI_CONTROL_CAPABLE_SHIFT;
    const control = R.MSI_CONTROL_64BIT | R.MSI_CONTROL_MASKING | capable;
    space.define(this.#at + R.MSI_CONTROL, 2, control, R.MSI_CONTROL_ENABLE | R.MSI_CONTROL_GRANTED);
    space.define(this.#at + R.MSI_ADDRESS_LO, 4, 0, 0xffff_fffc);
    space.define(this.#at + R.MSI_ADDRESS_HI, 4, 0, 0xffff_ffff);
    space.define(this.#at + R.MSI_DATA, 2, 0, 0xffff);
    space.define(this.#at + R.MSI_MASK, 4, 0, all);
    space.define(this.#at + R.MSI_PENDING, 4, 0, 0, { own: all });
    space.onChange(() => this.#changed());
  }

  /** The guest chose messages: the function may not drive its INTx. */
  get enabled(): boolean {
    return (this.#control & R.MSI_CONTROL_ENABLE) !== 0;
  }

  /** Sends a message, or leaves it pending while the guest masks it. Nothing while messages are off. */
  notify(message = 0): void {
    if (!this.enabled || message < 0 || message >= this.messages) return;
    if (this.#register(R.MSI_MASK) & (1 << message)) this.#setPending(this.#pending | (1 << message));
    else this.#send(message);
  }

  /** For a function with one interrupt: a line that is message 0 on its rising edge, or the INTx while messages are off. */
  line(intx: IrqLine): IrqLine {
    this.#intx = intx;
    return {
      set: (level) => {
        const rises = level && !this.#asserted;
        this.#asserted = level;
        intx.set(level && !this.enabled);
        if (rises) this.notify(0);
      },
    };
  }

  get #control(): number {
    return this.space.readConfig(this.#at + R.MSI_CONTROL, 2);
  }

  get #pending(): number {
    return this.#register(R.MSI_PENDING);
  }

  #register(offset: number): number {
    return this.space.readConfig(this.#at + offset, 4);
  }

  #setPending(pending: number): void {
    this.space.put(this.#at + R.MSI_PENDING, 4, pending >>> 0);
  }

  /** The low bits of the data tell the messages apart, as many as the guest granted. [PCI] 6.8.1.6 */
  #send(message: number): void {
    if (!this.space.busMaster) return;
    const granted = 1 << ((this.#control & R.MSI_CONTROL_GRANTED) >> R.MSI_CONTROL_GRANTED_SHIFT);
    const count = Math.min(granted, this.messages);
    const data = this.space.readConfig(this.#at + R.MSI_DATA, 2);
    const low = message % count;
    this.send(this.#register(R.MSI_ADDRESS_LO), this.#register(R.MSI_ADDRESS_HI), (data & ~(count - 1)) | low);
  }

  #changed(): void {
    const { enabled } = this;
    if (enabled !== this.#wasEnabled) {
      this.#wasEnabled = enabled;
      this.#intx?.set(this.#asserted && !enabled);
      if (enabled && this.#asserted) this.notify(0);
    }
    const due = enabled ? this.#pending & ~this.#register(R.MSI_MASK) : 0;
    if (due === 0) return;
    this.#setPending(this.#pending & ~due);
    for (let message = 0; message < this.messages; message++) if (due & (1 << message)) this.#send(message);
  }
}
