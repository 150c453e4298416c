/** The HPET of a board, and what gives way to it: with legacy replacement PIT and RTC are off their interrupt lines. */

import type { IrqLine } from '../devices/device.ts';
import { HPET_BASE, HPET_SIZE } from '../devices/hpet/hpet.regs.ts';
import { Hpet } from '../devices/hpet/hpet.ts';
import { IRQ_RTC, IRQ_TIMER } from '../firmware/platform.ts';
import type { Board, DeviceRow } from './board.ts';

/** IOAPIC inputs as those of an ICH9. */
const INPUTS = [20, 21, 22, 23];
/** struct kvm_pit_state2: three channels of 24 bytes, then the flags. */
const PIT_STATE_FLAGS = 72;
const KVM_PIT_FLAGS_HPET_LEGACY = 1;

/** A line that can be cut. */
class SwitchedLine implements IrqLine {
  #level = false;
  #closed = true;

  constructor(readonly output: IrqLine) {}

  set(level: boolean): void {
    this.#level = level;
    this.output.set(level && this.#closed);
  }

  set closed(closed: boolean) {
    this.#closed = closed;
    this.set(this.#level);
  }
}

/** rtcLine: for the RTC to drive. */
export function hpet({ lines, timers, msi, pit }: Board): { row: DeviceRow; rtcLine: IrqLine } {
  const rtcLine = new SwitchedLine(lines.input(IRQ_RTC));
  const device = new Hpet({
    timers,
    irq0: lines.input(IRQ_TIMER),
    irq8: lines.input(IRQ_RTC),
    inputs: new Map(INPUTS.map((input) => [input, lines.input(input)])),
    msi,
    legacyReplacement: (on) => {
      silencePit(pit, on);
      rtcLine.closed = !on;
    },
  });
  const row = { id: 'hpet', device, memory: [[HPET_BASE, HPET_SIZE, device]], irqs: INPUTS } as const;
  return { row, rtcLine };
}

/** Takes channel 0 off its interrupt line, or puts it back. */
function silencePit(pit: Board['pit'], silent: boolean): void {
  const state = pit.getPit2();
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const flags = view.getUint32(PIT_STATE_FLAGS, true) & ~KVM_PIT_FLAGS_HPET_LEGACY;
  view.setUint32(PIT_STATE_FLAGS, flags | (silent ? KVM_PIT_FLAGS_HPET_LEGACY : 0), true);
  pit.setPit2(state);
}
