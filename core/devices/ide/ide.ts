/**
 * The IDE function of PIIX3 and PIIX4: two channels at their legacy ports, up to four drives, bus-master DMA.
 *
 * [PIIX] Intel 82371FB/82371SB and 82371AB data sheets, 2.3 and 2.6. Timing registers keep what is written, without
 * effect but for the bits that let a channel decode. Not here: native mode, which PIIX does not have.
 */
import type { AtaDrive } from '../ata/ata-drive.ts';
import { type DriveState, drivesField } from '../ata/ata-drive.ts';
import type { AccessCounters, AccessSize, Device, DeviceState, GuestMemory, IoRegion, IrqLine } from '../device.ts';
import { COMMAND_IO, COMMAND_MASTER } from '../pci-host/pci.regs.ts';
import { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { defineState, type StateShape, savedState } from '../state-shape.ts';
import * as R from './ide.regs.ts';
import { CHANNEL_STATE, type ChannelState, IdeChannel } from './ide-channel.ts';

export interface IdeModel {
  readonly name: string;
  readonly deviceId: number;
  readonly revisionId: number;
}

export const PIIX3_IDE: IdeModel = { name: 'piix3-ide', deviceId: 0x7010, revisionId: 0 };
export const PIIX4_IDE: IdeModel = { name: 'piix4-ide', deviceId: 0x7111, revisionId: 1 };

type Pair<T> = readonly [T, T];

export interface IdePorts {
  /** IRQ 14 and IRQ 15. */
  readonly irqs: Pair<IrqLine>;
  readonly memory: GuestMemory;
  /** By channel: drive 0 and drive 1. */
  readonly drives: Pair<Pair<AtaDrive | undefined>>;
  /** There is no firmware: the channels decode from power-on. */
  readonly decodesAtPowerOn?: boolean;
}

interface IdeState {
  channel0: ChannelState;
  channel1: ChannelState;
  drives: DriveState[];
  config: DeviceState;
}

export class Ide implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly configSpace: PciConfigSpace;
  /** By channel: eight ports at COMMAND_PORTS, one at CONTROL_PORTS. */
  readonly channels: Pair<{ readonly command: IoRegion; readonly control: IoRegion }>;
  readonly #channels: Pair<IdeChannel>;
  readonly #drives: readonly AtaDrive[];
  readonly #shape: StateShape<IdeState>;
  #restoring = false;

  constructor(model: IdeModel, ports: IdePorts) {
    this.configSpace = configSpace(model, this.busMaster, ports.decodesAtPowerOn ?? false);
    this.#drives = ports.drives.flat().filter((drive) => drive !== undefined);
    this.#channels = [this.#channel(ports, 0), this.#channel(ports, 1)];
    this.channels = [this.#decoded(0), this.#decoded(1)];
    this.configSpace.onChange(() => {
      if (!this.#restoring) for (const channel of this.#channels) channel.go();
    });
    this.#shape = defineState<IdeState>(model.name, 1, {
      channel0: CHANNEL_STATE,
      channel1: CHANNEL_STATE,
      drives: drivesField(this.#drives),
      config: savedState,
    });
  }

  reset(): void {
    this.configSpace.reset();
    for (const channel of this.#channels) channel.reset();
  }

  save(): DeviceState {
    const [channel0, channel1] = this.#channels;
    return this.#shape.save({
      channel0: channel0.save(),
      channel1: channel1.save(),
      drives: this.#drives.map((drive) => drive.save()),
      config: this.configSpace.save(),
    });
  }

  restore(state: DeviceState): void {
    const { channel0, channel1, drives, config } = this.#shape.restore(state);
    this.#restoreConfig(config);
    drives.forEach((saved, i) => {
      this.#drives[i]?.restore(saved);
    });
    this.#channels[0].restore(channel0);
    this.#channels[1].restore(channel1);
  }

  /** Sixteen ports where BAR 4 says. */
  readonly busMaster: IoRegion = {
    read: (offset, size) => {
      const channel = this.#channels[offset < R.CHANNEL_STRIDE ? 0 : 1];
      return channel.busMaster.read(offset % R.CHANNEL_STRIDE, size) ?? this.#unknownRead(size);
    },
    write: (offset, size, value) => {
      for (let i = 0; i < size; i++) {
        const channel = this.#channels[offset + i < R.CHANNEL_STRIDE ? 0 : 1];
        const known = channel.busMaster.writeByte((offset + i) % R.CHANNEL_STRIDE, (value >>> (8 * i)) & 0xff);
        if (!known) this.counters.unknownWrites++;
      }
    },
  };

  #channel(ports: IdePorts, index: 0 | 1): IdeChannel {
    return new IdeChannel({
      irq: ports.irqs[index],
      memory: ports.memory,
      drives: ports.drives[index],
      mayMaster: () => this.configSpace.busMaster,
      unknownRead: (size) => this.#unknownRead(size),
      unknownWrite: () => {
        this.counters.unknownWrites++;
      },
    });
  }

  /** Nothing may run on what was there before. */
  #restoreConfig(config: DeviceState): void {
    this.#restoring = true;
    try {
      this.configSpace.restore(config);
    } finally {
      this.#restoring = false;
    }
  }

  /** The channel's ports, which answer only while the function decodes them. */
  #decoded(index: 0 | 1): { command: IoRegion; control: IoRegion } {
    const gate = (region: IoRegion): IoRegion => ({
      readMany: (offset, size, target) => this.#decodes(index) && (region.readMany?.(offset, size, target) ?? false),
      writeMany: (offset, size, source) => this.#decodes(index) && (region.writeMany?.(offset, size, source) ?? false),
      read: (offset, size) => (this.#decodes(index) ? region.read(offset, size) : this.#unknownRead(size)),
      write: (offset, size, value) => {
        if (this.#decodes(index)) region.write(offset, size, value);
        else this.counters.unknownWrites++;
      },
    });
    const { command, control } = this.#channels[index];
    return { command: gate(command), control: gate(control) };
  }

  #decodes(index: 0 | 1): boolean {
    const space = this.configSpace;
    const io = space.readConfig(4, 1) & COMMAND_IO;
    return io !== 0 && (space.readConfig(R.IDETIM + 2 * index + 1, 1) & 0x80) !== 0;
  }

  #unknownRead(size: AccessSize): number {
    this.counters.unknownReads++;
    return 2 ** (8 * size) - 1;
  }
}

/** Class 01 01: IDE; interface 80: bus master, both channels in compatibility mode and fixed to it. */
function configSpace(model: IdeModel, busMaster: IoRegion, decodes: boolean): PciConfigSpace {
  const space = new PciConfigSpace({
    ...model,
    vendorId: 0x8086,
    classCode: 0x01_01_80,
    command: { value: decodes ? COMMAND_IO : 0, writable: COMMAND_IO | COMMAND_MASTER },
    bars: [{ index: 4, kind: 'io', sizeBytes: R.BUS_MASTER_PORTS, region: busMaster }],
  });
  // [PIIX] powers on with the bit clear; OVMF, unlike SeaBIOS, never sets it and would wait for minutes.
  for (const offset of [R.IDETIM, R.IDETIM + 2]) space.define(offset, 2, R.IDETIM_DECODE, 0xffff);
  space.define(R.SIDETIM, 1, 0, 0xff);
  if (model.deviceId === PIIX4_IDE.deviceId) {
    space.define(R.UDMACTL, 1, 0, 0x0f);
    space.define(R.UDMATIM, 2, 0, 0x3333);
  }
  return space;
}
