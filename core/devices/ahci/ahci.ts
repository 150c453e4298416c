/**
 * The AHCI controller of ICH9: six serial ATA ports at 00:1f.2.
 *
 * [AHCI] Serial ATA Advanced Host Controller Interface 1.3.1. [ICH9] data sheet, 15. Not here: IDE emulation, port
 * multipliers, command coalescing, enclosure management, link power states.
 */
import { type AtaDrive, type DriveState, drivesField } from '../ata/ata-drive.ts';
import type { AccessCounters, AccessSize, Device, DeviceState, GuestMemory, IoRegion, IrqLine } from '../device.ts';
import { MsiCapability, type MsiSender } from '../pci-host/msi.ts';
import { PciConfigSpace } from '../pci-host/pci-config-space.ts';
import { bits, defineState, type Field, type StateShape, savedState, uint } from '../state-shape.ts';
import * as R from './ahci.regs.ts';
import { AhciPort, PORT_STATE, type PortState } from './ahci-port.ts';
import { INDEX_DATA_BYTES, IndexDataPair } from './index-data-pair.ts';

const ALL_PORTS = 2 ** R.PORT_COUNT - 1;
const CAPABILITIES =
  (R.PORT_COUNT - 1) |
  ((R.SLOT_COUNT - 1) << R.CAP_NCS_SHIFT) |
  R.CAP_SAM |
  R.CAP_ISS_GEN2 |
  R.CAP_SCLO |
  R.CAP_SNCQ |
  R.CAP_S64A;

export interface AhciPorts {
  /** INTA. */
  readonly irq: IrqLine;
  readonly msi: MsiSender;
  readonly memory: GuestMemory;
  /** By port. */
  readonly drives: readonly (AtaDrive | undefined)[];
}

interface AhciState {
  ghc: number;
  is: number;
  index: number;
  ports: PortState[];
  drives: DriveState[];
  config: DeviceState;
}

const portStates: Field<PortState[]> = (value) => {
  if (!Array.isArray(value) || value.length !== R.PORT_COUNT) return undefined;
  const copies = value.map((port) => PORT_STATE(port));
  return copies.every((copy) => copy !== undefined) ? copies : undefined;
};

/** Its registers are a window of ABAR_BYTES at BAR 5, and by an index at BAR 4. */
export class Ahci implements Device, IoRegion {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  readonly configSpace: PciConfigSpace;
  readonly #ports: readonly AhciPort[];
  readonly #line: IrqLine;
  readonly #pair = new IndexDataPair(this, R.ABAR_BYTES);
  #ghc = 0;
  #is = 0;
  #restoring = false;

  constructor(ports: AhciPorts) {
    this.configSpace = configSpace(this, this.#pair);
    const msi = new MsiCapability(this.configSpace, 1, ports.msi, R.MSI_OFFSET);
    this.#line = msi.line(this.configSpace.intx(ports.irq));
    this.#ports = Array.from({ length: R.PORT_COUNT }, (_, i) => {
      const port = new AhciPort({
        memory: ports.memory,
        mayMaster: () => this.configSpace.busMaster,
        changed: () => this.#driveIrq(),
      });
      port.connect(ports.drives[i]);
      return port;
    });
    for (const port of this.#ports) port.reset();
    this.configSpace.onChange(() => {
      if (!this.#restoring) for (const port of this.#ports) port.go();
    });
  }

  /** Plugs a drive into a port, or pulls out (undefined) what is there; the guest hears of it. */
  plug(port: number, drive: AtaDrive | undefined): void {
    this.#ports[port]?.plug(drive);
  }

  reset(): void {
    this.configSpace.reset();
    this.#pair.index = 0;
    this.#resetController(false);
  }

  save(): DeviceState {
    return this.#shape().save({
      ghc: this.#ghc,
      is: this.#is,
      index: this.#pair.index,
      ports: this.#ports.map((port) => port.save()),
      drives: this.#drives.map((drive) => drive.save()),
      config: this.configSpace.save(),
    });
  }

  restore(state: DeviceState): void {
    const { ghc, is, index, ports, drives, config } = this.#shape().restore(state);
    this.#restoreConfig(config);
    this.#ghc = ghc;
    this.#is = is;
    this.#pair.index = index;
    for (const [i, drive] of this.#drives.entries()) {
      const saved = drives[i];
      if (saved) drive.restore(saved);
    }
    for (const [i, port] of this.#ports.entries()) {
      const saved = ports[i];
      if (saved) port.restore(saved);
    }
    this.#driveIrq();
  }

  /** Registers are of 32 bits; narrower reads are parts of them. */
  read(offset: number, size: AccessSize): number {
    const shift = 8 * (offset & 3);
    const value = this.#register(offset & ~3);
    if (value === undefined || shift + 8 * size > 32) {
      this.counters.unknownReads++;
      return 2 ** (8 * size) - 1;
    }
    return Math.floor((value >>> 0) / 2 ** shift) % 2 ** (8 * size);
  }

  write(offset: number, size: AccessSize, value: number): void {
    const whole = size === 4 && offset % 4 === 0;
    if (!whole || !this.#writeRegister(offset, value)) this.counters.unknownWrites++;
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

  get #drives(): readonly AtaDrive[] {
    return this.#ports.map((port) => port.drive).filter((drive) => drive !== undefined);
  }

  #shape(): StateShape<AhciState> {
    return defineState<AhciState>('ahci', 1, {
      ghc: bits(R.GHC_IE),
      is: uint(ALL_PORTS),
      index: bits(R.ABAR_BYTES - 4),
      ports: portStates,
      drives: drivesField(this.#drives),
      config: savedState,
    });
  }

  #register(offset: number): number | undefined {
    if (offset >= R.PORTS) {
      const port = this.#ports[Math.floor((offset - R.PORTS) / R.PORT_BYTES)];
      return port?.read((offset - R.PORTS) % R.PORT_BYTES);
    }
    switch (offset) {
      case R.CAP:
        return CAPABILITIES;
      case R.GHC:
        return this.#ghc | R.GHC_AE;
      case R.IS:
        return this.#is;
      case R.PI:
        return ALL_PORTS;
      case R.VS:
        return R.VERSION_1_3;
      default:
        return offset >= R.CCC_CTL && offset <= R.BOHC ? 0 : undefined; // optional ones, of features it has not
    }
  }

  #writeRegister(offset: number, value: number): boolean {
    if (offset >= R.PORTS) {
      const port = this.#ports[Math.floor((offset - R.PORTS) / R.PORT_BYTES)];
      return port?.write((offset - R.PORTS) % R.PORT_BYTES, value) ?? false;
    }
    if (offset === R.GHC) {
      this.#ghc = value & R.GHC_IE;
      if (value & R.GHC_HR) this.#resetController(true);
    } else if (offset === R.IS) {
      this.#is &= ~value;
      this.#line.set(false); // what is left, or comes again, is a message of its own: [AHCI] 10.7.2
    } else {
      return false;
    }
    this.#driveIrq();
    return true;
  }

  #resetController(keepAddresses: boolean): void {
    this.#ghc = 0;
    for (const port of this.#ports) port.reset(keepAddresses);
    this.#is = 0;
    this.#driveIrq();
  }

  /** A port's bit stays until software clears it, and comes back while the port has a reason. [AHCI] 10.7.1.1 */
  #driveIrq(): void {
    this.#ports.forEach((port, i) => {
      if (port.interrupting) this.#is |= 1 << i;
    });
    this.#line.set((this.#ghc & R.GHC_IE) !== 0 && this.#is !== 0);
  }
}

/** Class 01 06 01: serial ATA, AHCI. */
function configSpace(registers: IoRegion, pair: IoRegion): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'ahci',
    vendorId: 0x8086,
    deviceId: 0x2922,
    revisionId: 2,
    classCode: 0x01_06_01,
    interruptPin: 1,
    bars: [
      { index: 4, kind: 'io', sizeBytes: INDEX_DATA_BYTES, region: pair },
      { index: 5, kind: 'memory32', sizeBytes: R.ABAR_BYTES, region: registers },
    ],
  });
  space.define(R.MAP, 1, R.MAP_AHCI);
  return space.define(R.PCS, 2, ALL_PORTS, ALL_PORTS);
}
