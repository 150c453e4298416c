/** What the machine gives every USB controller. */
import type { TimerHost } from '../../base/clock.ts';
import type { DeviceState, GuestMemory, IrqLine } from '../device.ts';
import type { Field } from '../state-shape.ts';

export interface UsbControllerPorts {
  /** The function's INTx pin. */
  readonly irq: IrqLine;
  readonly memory: GuestMemory;
  readonly timers: TimerHost;
}

/** The saved state of a part that is a device of its own: its own restore() checks it. */
export const savedState: Field<DeviceState> = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as DeviceState) : undefined;
