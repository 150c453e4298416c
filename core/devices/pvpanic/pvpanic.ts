/**
 * The panic device: a guest that gives up says so. [PVPANIC] QEMU's docs/specs/pvpanic.rst. It has no state.
 */
import { ByteDevice } from '../byte-device.ts';
import type { DeviceState } from '../device.ts';
import { defineState } from '../state-shape.ts';
import * as R from './pvpanic.regs.ts';

const STATE = defineState('pvpanic', 1, {});

export interface PvpanicPorts {
  panicked(): void;
  /** It panicked, too, but goes on with a crash kernel. */
  crashLoaded(): void;
}

/** One port at PVPANIC_PORT. */
export class Pvpanic extends ByteDevice {
  constructor(readonly ports: PvpanicPorts) {
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
    return offset === 0 ? R.PVPANIC_EVENTS : this.unknownRead();
  }

  protected writeByte(offset: number, value: number): void {
    if (offset !== 0 || value & ~R.PVPANIC_EVENTS) this.unknownWrite();
    if (offset !== 0) return;
    if (value & R.PVPANIC_PANICKED) this.ports.panicked();
    else if (value & R.PVPANIC_CRASH_LOADED) this.ports.crashLoaded();
  }
}
