/**
 * The memory of a machine: RAM around the VGA's window, below the hole and from 4 GiB on; firmware below 4 GiB and,
 * with RAM beside it, below 1 MiB; video memory. All of it lies in the VM's shared memory.
 */
import type { MachineType } from '../contracts/machine.ts';
import { ECAM_BASE } from '../firmware/boards.ts';
import { splitRam } from '../firmware/e820.ts';
import { HIGH_RAM_START, RAM_HOLE_START, VGA_WINDOW_START } from '../firmware/platform.ts';
import type { KvmVm } from '../kvm/api.ts';
import type { Bus } from './bus.ts';
import { type RamRange, SlotMemory } from './guest-memory.ts';
import { MemoryMap, RANK_BOARD } from './memory-map.ts';
import { ShadowMemory } from './shadow-memory.ts';

const PAGE_SIZE = 4096;
const SHADOW_START = 0xc_0000;
const SHADOW_END = 0x10_0000;
/** Of a firmware, what fits below 1 MiB without the video BIOS's place. */
const MOST_SHADOWED = 0x2_0000;
const FOUR_GIB = HIGH_RAM_START;

export interface MemorySizes {
  readonly machine: MachineType;
  readonly ramBytes: number;
  readonly vramBytes: number;
  /** Ends at 4 GiB. */
  readonly firmware?: Uint8Array;
  /** A flash below the firmware. */
  readonly nvram?: Uint8Array;
  readonly vgaBios?: Uint8Array;
}

/** Where RAM ends below 4 GiB at most. */
export const ramHoleStart = (machine: MachineType): number => (machine === 'q35' ? ECAM_BASE : RAM_HOLE_START);

/** Bytes of shared memory that a machine takes. */
export function sharedMemoryBytes({ ramBytes, vramBytes, firmware, nvram, vgaBios }: MemorySizes): number {
  return ramBytes + vramBytes + wholePages(firmware?.length ?? 0) + (nvram?.length ?? 0) + romBytes(vgaBios);
}

export class MachineMemory {
  readonly map: MemoryMap;
  readonly ram: SlotMemory;
  readonly shadow: ShadowMemory;
  readonly vram: { readonly offset: number; readonly sizeBytes: number };
  /** The flash: its place in the shared memory, and in the guest's. */
  readonly nvram?: { readonly offset: number; readonly sizeBytes: number; readonly gpa: number };
  /** As large as a base address register can say. */
  readonly vgaBios?: { readonly offset: number; readonly sizeBytes: number };

  constructor(vm: KvmVm, mmio: Bus, sizes: MemorySizes) {
    const { ramBytes, vramBytes, firmware, nvram, vgaBios } = sizes;
    const { lowBytes, highBytes } = splitRam(ramBytes, ramHoleStart(sizes.machine));
    const ramOffset = vm.mmap(ramBytes);
    const low = (gpa: number, end: number): RamRange => ({ gpa, sizeBytes: end - gpa, offset: ramOffset + gpa });
    const high = { gpa: HIGH_RAM_START, sizeBytes: highBytes, offset: ramOffset + lowBytes };
    this.map = new MemoryMap(vm);
    for (const range of [low(0, VGA_WINDOW_START), low(SHADOW_END, lowBytes), high]) {
      if (range.sizeBytes > 0) this.map.map({ ...range, rank: RANK_BOARD });
    }
    // devices reach all of RAM, whatever the guest has switched in front of it
    this.ram = new SlotMemory(
      vm,
      [low(0, VGA_WINDOW_START), low(SHADOW_START, lowBytes), high].filter((range) => range.sizeBytes > 0),
    );
    this.vram = { offset: vm.mmap(vramBytes), sizeBytes: vramBytes };
    if (vgaBios) {
      this.vgaBios = { offset: vm.mmap(romBytes(vgaBios)), sizeBytes: romBytes(vgaBios) };
      new Uint8Array(vm.memory).set(vgaBios, this.vgaBios.offset);
    }
    if (nvram) {
      const offset = vm.mmap(nvram.length);
      new Uint8Array(vm.memory).set(nvram, offset);
      const gpa = FOUR_GIB - wholePages(firmware?.length ?? 0) - nvram.length;
      this.nvram = { offset, sizeBytes: nvram.length, gpa };
    }
    const rom = firmware && this.#mapFirmware(vm, firmware);
    this.shadow = new ShadowMemory({ map: this.map, mmio, ram: this.ram, ramOffset, ...(rom && { rom }) });
  }

  /** What of it is seen below 1 MiB, too. */
  #mapFirmware(vm: KvmVm, image: Uint8Array): { offset: number; sizeBytes: number } {
    const sizeBytes = wholePages(image.length);
    const offset = vm.mmap(sizeBytes);
    new Uint8Array(vm.memory).set(image, offset + sizeBytes - image.length);
    this.map.map({ gpa: FOUR_GIB - sizeBytes, sizeBytes, offset, rank: RANK_BOARD, readOnly: true });
    const shadowed = Math.min(sizeBytes, MOST_SHADOWED);
    return { offset: offset + sizeBytes - shadowed, sizeBytes: shadowed };
  }
}

/** A power of two, at least a page; zero for no ROM. */
const romBytes = (rom?: Uint8Array): number => (rom ? 2 ** Math.ceil(Math.log2(Math.max(rom.length, PAGE_SIZE))) : 0);

const wholePages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
