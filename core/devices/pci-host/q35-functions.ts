/**
 * The functions of the `q35` board's chipset: MCH (00:00.0) and the LPC bridge of ICH9 (00:1f.0), with the registers
 * behind RCBA that route interrupts.
 *
 * [MCH] Intel 3 Series Express Chipset data sheet (316966), 5.1. [ICH9] Intel I/O Controller Hub 9 data sheet (316972),
 * 10.1 (RCBA), 13.1 (LPC). Kept without effect: decode ranges, power management configuration, BIOS control, GPIO base
 * (no GPIO block is here). Not here: DRAM control, TSEG and system management mode, PCI Express ports.
 */
import type { AccessSize, Device, DeviceState, IoRegion } from '../device.ts';
import { byteArray, defineState } from '../state-shape.ts';
import {
  BRIDGE_COMMAND,
  type ChipsetStart,
  definePirqRegister,
  defineShadowRegisters,
  followPmBase,
  INTEL,
  type PmPorts,
  SCI_LINE,
  type ShadowPorts,
} from './chipset-functions.ts';
import * as R from './pci.regs.ts';
import { PciConfigSpace } from './pci-config-space.ts';

const MIB = 2 ** 20;

export interface MchPorts extends ShadowPorts, ChipsetStart {
  /** RAM ends here below 4 GiB, and (0: has none) above. */
  readonly topOfLowRam: number;
  readonly topOfRam: number;
  /** Where memory-mapped configuration space is on a direct boot. */
  readonly ecamBase: number;
  /** Memory-mapped configuration space of `sizeBytes` (a MiB a bus) moved to this address, or (undefined) went. */
  ecamMapped(base: number | undefined, sizeBytes: number): void;
}

export function q35HostBridge(ports: MchPorts): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'mch',
    vendorId: INTEL,
    deviceId: 0x29c0,
    classCode: 0x06_00_00,
    command: { value: BRIDGE_COMMAND, writable: R.COMMAND_SERR },
  });
  space.define(R.PCIEXBAR, 4, ports.directBoot ? ports.ecamBase | R.PCIEXBAR_ENABLE : 0xe000_0000, 0xfc00_0007);
  space.define(R.PCIEXBAR + 4, 4, 0, 0xf);
  space.define(R.ESMRAMC, 1, R.ESMRAMC_POWER_ON, R.ESMRAMC_WRITABLE);
  space.define(R.MCH_TSEGMB, 4, ports.topOfLowRam);
  space.define(R.MCH_TOUUD, 2, ports.topOfRam / MIB);
  space.define(R.MCH_TOLUD, 2, (ports.topOfLowRam / MIB) << 4);
  space.keepInSleep(R.PCIEXBAR, 8);
  defineShadowRegisters(space, { pam0: R.MCH_PAM0, smram: R.MCH_SMRAM }, ports);
  followEcam(space, ports);
  return space;
}

function followEcam(space: PciConfigSpace, ports: MchPorts): void {
  let told = '';
  const tell = (): void => {
    const low = space.readConfig(R.PCIEXBAR, 4);
    const length = (low & R.PCIEXBAR_LENGTH) >> R.PCIEXBAR_LENGTH_SHIFT;
    const decodes = (low & R.PCIEXBAR_ENABLE) !== 0 && length < 3;
    const sizeBytes = (256 * MIB) >>> length;
    const address = space.readConfig(R.PCIEXBAR + 4, 4) * 2 ** 32 + ((low & ~(sizeBytes - 1)) >>> 0);
    const base = decodes ? address : undefined;
    if (`${base} ${sizeBytes}` === told) return;
    told = `${base} ${sizeBytes}`;
    ports.ecamMapped(base, sizeBytes);
  };
  tell();
  space.onChange(tell);
}

export interface LpcPorts extends PmPorts {
  /** PIRQ lines 0..7, A to H. */
  routePirq(pirq: number, irq: number | undefined): void;
  /** The chipset's registers moved to this address, or (undefined) went. */
  rcbaMapped(base: number | undefined): void;
}

export function ich9LpcBridge(ports: LpcPorts): PciConfigSpace {
  const { directBoot, pmIoBase } = ports;
  const space = new PciConfigSpace({
    name: 'ich9-lpc',
    vendorId: INTEL,
    deviceId: 0x2918,
    revisionId: 2,
    classCode: 0x06_01_00,
    multifunction: true,
    command: { value: R.COMMAND_IO | BRIDGE_COMMAND, writable: R.COMMAND_SERR },
  });
  space.define(R.PMBASE, 4, (directBoot ? pmIoBase : 0) | R.BAR_IO, R.PMBASE_MASK);
  const kept = R.ACPI_CNTL_ACPI_EN | R.ACPI_CNTL_SCI_IRQ_SEL;
  space.define(R.ACPI_CNTL, 1, directBoot ? R.ACPI_CNTL_ACPI_EN : 0, kept);
  space.define(R.GPIOBASE, 4, R.BAR_IO, R.GPIOBASE_MASK);
  space.define(R.GPIO_CNTL, 1, 0, 0x10);
  space.define(R.INTERRUPT_LINE, 1, directBoot ? SCI_LINE : 0, 0xff);
  for (let i = 0; i < 8; i++) {
    const offset = i < 4 ? R.PIRQA_ROUT + i : R.PIRQE_ROUT + i - 4;
    definePirqRegister(space, offset, (irq) => ports.routePirq(i, irq));
  }
  space.define(R.LPC_I_O_DEC, 2, 0, 0x1377);
  space.define(R.LPC_EN, 2, 0, 0x3f0f);
  space.define(R.GEN_PMCON_1, 2, 0, 0x06ff);
  space.define(R.BIOS_CNTL, 1, 0, 0x1f);
  space.define(R.RCBA, 4, 0, (R.RCBA_MASK | R.RCBA_ENABLE) >>> 0);
  // SeaBIOS resumes from S3 without setting them again
  space.keepInSleep(R.PMBASE, 4).keepInSleep(R.ACPI_CNTL, 1).keepInSleep(R.RCBA, 4);
  followPmBase(space, ports, () => {
    const decodes = (space.readConfig(R.ACPI_CNTL, 1) & R.ACPI_CNTL_ACPI_EN) !== 0;
    return decodes ? space.readConfig(R.PMBASE, 4) & R.PMBASE_MASK : undefined;
  });
  let told: number | undefined;
  space.onChange(() => {
    const value = space.readConfig(R.RCBA, 4);
    const base = value & R.RCBA_ENABLE ? (value & R.RCBA_MASK) >>> 0 : undefined;
    if (base === told) return;
    told = base;
    ports.rcbaMapped(base);
  });
  return space;
}

/** The interrupt route registers: devices 31 to 25, in the order of their offsets, and where each is. */
const ROUTES: readonly (readonly [slot: number, offset: number])[] = [
  [31, 0x3140],
  [30, 0x3142],
  [29, 0x3144],
  [28, 0x3146],
  [27, 0x3148],
  [26, 0x314c],
  [25, 0x3150],
];
/** INTA to PIRQA and so on. [ICH9] 10.1.44 and following */
const ROUTE_POWER_ON = 0x3210;
const ROUTE_MASK = 0x7777;
const FIRST_FREE_PIRQ = 4;
const STATE = defineState('ich9-rcba', 1, { routes: byteArray(ROUTES.length * 2) });

/** The chipset's configuration registers behind RCBA. */
export class Ich9ChipsetRegisters implements Device, IoRegion {
  readonly counters = { unknownReads: 0, unknownWrites: 0 };
  readonly #routes = new DataView(new ArrayBuffer(ROUTES.length * 2));
  readonly #listeners: (() => void)[] = [];

  constructor() {
    this.reset();
  }

  /** Calls the listener when a guest has routed pins anew. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** The PIRQ line (0..7) of a slot's pin (0..3). Slots without a register share lines E to H. */
  pirqOf(slot: number, pin: number): number {
    const index = ROUTES.findIndex(([number]) => number === slot);
    if (index < 0) return FIRST_FREE_PIRQ + ((slot + pin) % 4);
    return (this.#routes.getUint16(2 * index, true) >> (4 * pin)) & 7;
  }

  reset(): void {
    ROUTES.forEach((_, i) => {
      this.#routes.setUint16(2 * i, ROUTE_POWER_ON, true);
    });
    this.#changed();
  }

  save(): DeviceState {
    return STATE.save({ routes: new Uint8Array(this.#routes.buffer) });
  }

  restore(state: DeviceState): void {
    const { routes } = STATE.restore(state);
    ROUTES.forEach((_, i) => {
      this.#routes.setUint16(2 * i, ((routes[2 * i] ?? 0) | ((routes[2 * i + 1] ?? 0) << 8)) & ROUTE_MASK, true);
    });
    this.#changed();
  }

  /** Reserved registers read zero, as do those of functions that are not here. */
  read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      const at = this.#routeByte(offset + i);
      if (at !== undefined) value |= this.#routes.getUint8(at) << (8 * i);
    }
    return value >>> 0;
  }

  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      const at = this.#routeByte(offset + i);
      if (at !== undefined) this.#routes.setUint8(at, (value >>> (8 * i)) & (ROUTE_MASK & 0xff));
    }
    this.#changed();
  }

  #routeByte(offset: number): number | undefined {
    const index = ROUTES.findIndex(([, at]) => offset === at || offset === at + 1);
    return index < 0 ? undefined : 2 * index + (offset & 1);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}
