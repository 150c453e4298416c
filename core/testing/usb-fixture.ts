/**
 * A USB controller with devices and guest memory as one device under the suite: what a guest does is mostly done to memory.
 * Memory begins as seeded garbage that links into itself; the stimuli lay out rings that nearly make sense.
 */
import type { AccessCounters, Device, DeviceState } from '../devices/device.ts';
import * as P from '../devices/pci-host/pci.regs.ts';
import type { PciConfigSpace } from '../devices/pci-host/pci-config-space.ts';
import { defineState, type Field } from '../devices/state-shape.ts';
import { FakeMemory } from './fake-memory.ts';
import { SeededRandom } from './seeded-random.ts';

const MEMORY_BYTES = 64 * 1024;

/** A word that often is a pointer into the memory, with low bits that mean something. */
export function plausibleWord(random: SeededRandom): number {
  const pointer = (random.below(MEMORY_BYTES) & ~0x1f) | random.below(16);
  return random.pick([pointer, pointer, 0, random.uint32()]);
}

export function garbageMemory(seed: number): FakeMemory {
  const random = new SeededRandom(seed);
  const memory = new FakeMemory(MEMORY_BYTES);
  for (let at = 0; at < MEMORY_BYTES; at += 4) memory.write32(at, plausibleWord(random));
  return memory;
}

/** As text, which compares fast. */
const text: Field<string> = (value) =>
  typeof value === 'string' && value.length === 2 * MEMORY_BYTES ? value : undefined;
const MEMORY_STATE = defineState('memory', 1, { hex: text });

class MemoryPart implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  constructor(readonly memory: FakeMemory) {}
  /** RAM keeps its content; but the suite's reset has to end alike. */
  reset(): void {}
  save(): DeviceState {
    return MEMORY_STATE.save({ hex: Buffer.from(this.memory.bytes).toString('hex') });
  }
  restore(state: DeviceState): void {
    this.memory.bytes.set(Buffer.from(MEMORY_STATE.restore(state).hex, 'hex'));
  }
}

/** Several devices that are reset, saved and restored together, all or none. */
class Assembly implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly #shape;

  constructor(readonly parts: Readonly<Record<string, Device>>) {
    const object = (value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as DeviceState) : undefined;
    const fields = Object.fromEntries(Object.keys(parts).map((name) => [name, object]));
    this.#shape = defineState<Record<string, DeviceState>>('assembly', 1, fields);
  }

  reset(): void {
    for (const part of Object.values(this.parts)) part.reset();
  }

  save(): DeviceState {
    return this.#shape.save(Object.fromEntries(Object.entries(this.parts).map(([name, part]) => [name, part.save()])));
  }

  restore(state: DeviceState): void {
    const states = this.#shape.restore(state);
    const before = this.save();
    try {
      this.#restoreParts(states);
    } catch (error) {
      this.#restoreParts(this.#shape.restore(before));
      throw error;
    }
  }

  #restoreParts(states: Readonly<Record<string, DeviceState>>): void {
    for (const [name, part] of Object.entries(this.parts)) {
      const state = states[name];
      if (state) part.restore(state);
    }
  }
}

/** The devices come first: the controller is restored last. */
export function usbAssembly(memory: FakeMemory, parts: Readonly<Record<string, Device>>): Device {
  return new Assembly({ memory: new MemoryPart(memory), ...parts });
}

/** Lets a function decode and master the bus. */
export function enableFunction(space: PciConfigSpace): void {
  space.writeConfig(P.COMMAND, 2, P.COMMAND_IO | P.COMMAND_MEMORY | P.COMMAND_MASTER);
}
