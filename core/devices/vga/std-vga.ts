/**
 * The standard VGA as a PCI function: a Vga whose video memory lies whole at BAR 0, and whose registers, with the
 * monitor's EDID before them, are memory at BAR 2.
 * Reference: [DISPI], see vga.regs.ts.
 */
import type { AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { COMMAND_INTX_DISABLE, COMMAND_IO, COMMAND_MASTER, COMMAND_MEMORY } from '../pci-host/pci.regs.ts';
import { type BarMemory, PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { defineState, type Field } from '../state-shape.ts';
import { EDID_BYTES, edid } from './edid.ts';
import * as R from './vga.regs.ts';
import { Vga, type VgaPorts } from './vga.ts';

const CLASS_VGA = 0x03_00_00;
const REVISION = 2; // has the registers at MMIO_QEXT
const SUBSYSTEM_VENDOR_ID = 0x1af4;
const SUBSYSTEM_ID = 0x1100;

export interface StdVgaPorts extends VgaPorts {
  /** Where the VM's shared memory has `vram`. */
  readonly vramOffset: number;
  /** A VGA BIOS, for firmware to find at the expansion ROM register. */
  readonly rom?: { readonly sizeBytes: number; readonly memory: BarMemory };
}

const deviceState: Field<DeviceState> = (value) =>
  typeof value === 'object' && value !== null && 'version' in value ? (value as DeviceState) : undefined;
const STD_VGA_STATE = defineState('std-vga', 1, { vga: deviceState, config: deviceState });

export class StdVga implements Device {
  readonly vga: Vga;
  readonly configSpace: PciConfigSpace;
  /** BAR 2. */
  readonly mmio: IoRegion = {
    read: (offset, size) => this.#read(offset, size),
    write: (offset, size, value) => this.#write(offset, size, value),
  };
  readonly #edid = edid();

  constructor(ports: StdVgaPorts) {
    this.vga = new Vga(ports);
    const sizeBytes = this.vga.videoMemoryBytes;
    const memory: BarMemory = { offset: ports.vramOffset, logsDirty: true };
    // The log of what was written at the old place ends with it.
    const mapped = () => ports.scanout.dirty.mark(0, sizeBytes);
    this.configSpace = new PciConfigSpace({
      name: 'std-vga',
      vendorId: R.STD_VGA_VENDOR_ID,
      deviceId: R.STD_VGA_DEVICE_ID,
      revisionId: REVISION,
      classCode: CLASS_VGA,
      // The legacy ports are I/O without a BAR, and always decode.
      command: { value: 0, writable: COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_DISABLE },
      subsystemVendorId: SUBSYSTEM_VENDOR_ID,
      subsystemId: SUBSYSTEM_ID,
      bars: [
        { index: 0, kind: 'memory32', sizeBytes, prefetchable: true, memory, mapped },
        { index: 2, kind: 'memory32', sizeBytes: R.MMIO_BYTES, region: this.mmio },
      ],
      ...(ports.rom && { rom: { sizeBytes: ports.rom.sizeBytes, memory: ports.rom.memory } }),
    });
  }

  get counters() {
    return this.vga.counters;
  }

  reset(): void {
    this.vga.reset();
    this.configSpace.reset();
  }

  /** As on auxiliary power: few guests, and no firmware, program a VGA's modes anew after S3. */
  resetFromSleep(): void {}

  save(): DeviceState {
    return STD_VGA_STATE.save({ vga: this.vga.save(), config: this.configSpace.save() });
  }

  restore(state: DeviceState): void {
    const { vga, config } = STD_VGA_STATE.restore(state);
    const before = this.vga.save();
    this.vga.restore(vga);
    try {
      this.configSpace.restore(config);
    } catch (error) {
      this.vga.restore(before);
      throw error;
    }
  }

  #read(offset: number, size: AccessSize): number {
    if (offset >= R.MMIO_VGA && offset + size <= R.MMIO_VGA + R.MMIO_VGA_BYTES) {
      return this.vga.read(offset - R.MMIO_VGA + R.AR_ADDRESS, size);
    }
    if (isDispi(offset, size)) return this.vga.readDispi((offset - R.MMIO_DISPI) >> 1);
    if (size === 4 && offset === R.MMIO_QEXT) return R.QEXT_BYTES;
    if (size === 4 && offset === R.MMIO_QEXT + 4) return R.QEXT_LITTLE_ENDIAN;
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readEdid(offset + i) << (8 * i);
    return value >>> 0;
  }

  #readEdid(offset: number): number {
    if (offset < R.MMIO_EDID + EDID_BYTES) return this.#edid[offset - R.MMIO_EDID] ?? 0;
    if (offset < R.MMIO_VGA) return 0;
    this.counters.unknownReads++;
    return 0xff;
  }

  #write(offset: number, size: AccessSize, value: number): void {
    if (offset >= R.MMIO_VGA && offset + size <= R.MMIO_VGA + R.MMIO_VGA_BYTES) {
      this.vga.write(offset - R.MMIO_VGA + R.AR_ADDRESS, size, value);
    } else if (isDispi(offset, size)) {
      this.vga.writeDispi((offset - R.MMIO_DISPI) >> 1, value);
    } else if (offset < R.MMIO_QEXT || offset >= R.MMIO_QEXT + R.QEXT_BYTES) {
      this.counters.unknownWrites++; // the byte order is little endian, whatever is asked for
    }
  }
}

function isDispi(offset: number, size: AccessSize): boolean {
  return size === 2 && offset % 2 === 0 && offset >= R.MMIO_DISPI && offset < R.MMIO_DISPI + 2 * R.DISPI_COUNT;
}
