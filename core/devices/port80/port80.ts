/**
 * Port 0x80: the POST code display. Keeps the last value, and gives it back as the spare DMA page register there does.
 * Other DMA page registers (0x81..0x8f) are not here: this board has no ISA DMA.
 */
import { ByteDevice } from '../byte-device.ts';
import type { DeviceState } from '../device.ts';
import { defineState, u8 } from '../state-shape.ts';

const STATE = defineState('port80', 1, { code: u8 });

export class Port80 extends ByteDevice {
  #code = 0;

  /** The last POST code written. */
  get code(): number {
    return this.#code;
  }

  reset(): void {
    this.#code = 0;
  }

  save(): DeviceState {
    return STATE.save({ code: this.#code });
  }

  restore(state: DeviceState): void {
    this.#code = STATE.restore(state).code;
  }

  protected readByte(offset: number): number {
    return offset === 0 ? this.#code : this.unknownRead();
  }

  protected writeByte(offset: number, value: number): void {
    if (offset === 0) this.#code = value;
    else this.unknownWrite();
  }
}
