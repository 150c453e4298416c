/** The debug console of SeaBIOS and OVMF: what is written to its one port is text for developers. No state. */
import { ByteDevice } from '../byte-device.ts';
import type { CharBackend, DeviceState } from '../device.ts';
import { defineState } from '../state-shape.ts';
import { DEBUG_CONSOLE_PRESENT } from './debugcon.regs.ts';

const STATE = defineState('debugcon', 1, {});

export class DebugConsole extends ByteDevice {
  constructor(readonly out: CharBackend) {
    super();
  }

  reset(): void {}

  save(): DeviceState {
    return STATE.save({});
  }

  restore(state: DeviceState): void {
    STATE.restore(state);
  }

  protected readByte(offset: number): number {
    return offset === 0 ? DEBUG_CONSOLE_PRESENT : this.unknownRead();
  }

  protected writeByte(offset: number, value: number): void {
    if (offset === 0) this.out.write(Uint8Array.of(value));
    else this.unknownWrite();
  }
}
