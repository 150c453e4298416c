/**
 * System control port A (0x92): the fast A20 gate and the fast CPU reset.
 *
 * The board has two A20 gates, this and the keyboard controller's; address line 20 is masked only while both are
 * closed, which is for the machine to combine. Not emulated: the activity light and the security lock bits.
 */
import { ByteDevice } from '../byte-device.ts';
import type { DeviceState } from '../device.ts';
import { bits, defineState } from '../state-shape.ts';
import * as R from './port92.regs.ts';

const STATE = defineState('port92', 1, { control: bits(R.SYSTEM_CONTROL_MASK) });

export interface Port92Ports {
  a20(enabled: boolean): void;
  resetCpu(): void;
}

export class Port92 extends ByteDevice {
  /** A20 open, as firmware hands the machine over. */
  #control = R.FAST_A20;

  constructor(readonly ports: Port92Ports) {
    super();
  }

  reset(): void {
    this.#set(R.FAST_A20);
  }

  save(): DeviceState {
    return STATE.save({ control: this.#control });
  }

  restore(state: DeviceState): void {
    this.#set(STATE.restore(state).control);
  }

  protected readByte(offset: number): number {
    return offset === 0 ? this.#control : this.unknownRead();
  }

  protected writeByte(offset: number, value: number): void {
    if (offset !== 0) {
      this.unknownWrite();
      return;
    }
    const rose = value & ~this.#control & R.FAST_INIT;
    this.#set(value & R.SYSTEM_CONTROL_MASK);
    if (rose) this.ports.resetCpu();
  }

  #set(control: number): void {
    this.#control = control;
    this.ports.a20((control & R.FAST_A20) !== 0);
  }
}
