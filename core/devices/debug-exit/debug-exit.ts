/**
 * isa-debug-exit: a port whose write ends the machine, for test programs. QEMU's device of that name, 4 ports at 0xf4.
 *
 * The value goes out as written, 8, 16 or 32 bits; what exit status it becomes is the machine's affair. Reads give 0.
 */
import type { AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { defineState } from '../state-shape.ts';
import { DEBUG_EXIT_PORTS } from './debug-exit.regs.ts';

const STATE = defineState('debug-exit', 1, {});

export class DebugExit implements Device, IoRegion {
  readonly counters = { unknownReads: 0, unknownWrites: 0 };

  constructor(readonly ports: { exit(value: number): void }) {}

  reset(): void {}

  save(): DeviceState {
    return STATE.save({});
  }

  restore(state: DeviceState): void {
    STATE.restore(state);
  }

  read(_offset: number, _size: AccessSize): number {
    return 0;
  }

  write(offset: number, _size: AccessSize, value: number): void {
    if (offset < DEBUG_EXIT_PORTS) this.ports.exit(value >>> 0);
    else this.counters.unknownWrites++;
  }
}
