/**
 * The functions of the `pc` board's chipset: 440FX host bridge (00:00.0), PIIX3 ISA bridge (00:01.0), PIIX4 power
 * management (00:01.3).
 *
 * [440FX] Intel 82441FX data sheet (May 1996), 3.2. [PIIX] Intel 82371SB (April 1996) and 82371AB (April 1997) data
 * sheets. XBCS is kept without effect. Not here: DRAM timing and boundaries, IDE and USB (devices of their own), SMBus;
 * system management mode, which DEVACTB's APMC_EN tells firmware is set up already.
 */

import * as R from './pci.regs.ts';
import { PciConfigSpace } from './pci-config-space.ts';

export const INTEL = 0x8086;
export const BRIDGE_COMMAND = R.COMMAND_MEMORY | R.COMMAND_MASTER;
const XBCS_POWER_ON = 0x0003;
/** The SCI is wired to this interrupt, whatever the register says. */
export const SCI_LINE = 9;

/** What a host bridge tells the machine about the memory below 1 MiB. */
export interface ShadowPorts {
  /** The seven PAM registers. */
  setPam(registers: Uint8Array): void;
  /** SMRAM is open: RAM shows where the VGA's window is. */
  setSmramOpen(open: boolean): void;
}

/** Registers as they are at power-on, or as firmware leaves them for a kernel that is booted without firmware. */
export interface ChipsetStart {
  readonly directBoot: boolean;
}

/**
 * PAM and SMRAM, which 440FX and MCH have at different offsets. Firmware that resumes from S3 finds itself in the RAM that
 * it has copied itself to: SeaBIOS knows by that copy that it has run.
 */
export function defineShadowRegisters(
  space: PciConfigSpace,
  at: { pam0: number; smram: number },
  ports: ShadowPorts & ChipsetStart,
): void {
  const ram = ports.directBoot ? R.PAM_WRITABLE : 0;
  for (let i = 0; i < R.PAM_COUNT; i++) {
    const writable = i === 0 ? R.PAM_WRITABLE & 0xf0 : R.PAM_WRITABLE;
    space.define(at.pam0 + i, 1, ram & writable, writable);
  }
  space.keepInSleep(at.pam0, R.PAM_COUNT);
  space.define(at.smram, 1, R.SMRAM_POWER_ON, R.SMRAM_WRITABLE);
  const apply = (): void => {
    ports.setPam(Uint8Array.from({ length: R.PAM_COUNT }, (_, i) => space.readConfig(at.pam0 + i, 1)));
    const smram = space.readConfig(at.smram, 1);
    ports.setSmramOpen((smram & R.SMRAM_D_OPEN) !== 0 && (smram & R.SMRAM_D_CLS) === 0);
  };
  apply();
  space.onChange(apply);
}

export function i440fxHostBridge(ports: ShadowPorts & ChipsetStart): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'i440fx',
    vendorId: INTEL,
    deviceId: 0x1237,
    revisionId: 2,
    classCode: 0x06_00_00,
    command: { value: BRIDGE_COMMAND, writable: R.COMMAND_SERR },
  });
  defineShadowRegisters(space, { pam0: R.PAM0, smram: R.SMRAM }, ports);
  return space;
}

/** A PIRQ's register: the ISA interrupt it leads to. [PIIX] 2.3.4 */
export function definePirqRegister(
  space: PciConfigSpace,
  offset: number,
  route: (irq: number | undefined) => void,
): void {
  space.define(offset, 1, R.PIRQRC_DISABLED, R.PIRQRC_MASK);
  space.onChange(() => {
    const value = space.readConfig(offset, 1);
    route(value & R.PIRQRC_DISABLED ? undefined : value & R.PIRQRC_IRQ);
  });
}

/** routePirq: told which ISA interrupt PIRQ line 0..3 leads to. */
export function piix3IsaBridge(ports: { routePirq(pirq: number, irq: number | undefined): void }): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'piix3',
    vendorId: INTEL,
    deviceId: 0x7000,
    classCode: 0x06_01_00,
    multifunction: true,
    command: { value: R.COMMAND_IO | BRIDGE_COMMAND, writable: R.COMMAND_SERR },
  });
  space.define(R.XBCS, 2, XBCS_POWER_ON, 0xffff);
  for (let i = 0; i < 4; i++) definePirqRegister(space, R.PIRQRCA + i, (irq) => ports.routePirq(i, irq));
  return space;
}

/** mapped: told where the power management block (core/devices/acpi-pm) decodes, or (undefined) that it does not. */
export interface PmPorts extends ChipsetStart {
  /** Where the block is on a direct boot. */
  pmIoBase: number;
  mapped(base: number | undefined): void;
}

export function piix4PowerManagement(ports: PmPorts): PciConfigSpace {
  const { directBoot, pmIoBase } = ports;
  const space = new PciConfigSpace({
    name: 'piix4-pm',
    vendorId: INTEL,
    deviceId: 0x7113,
    revisionId: 3,
    classCode: 0x06_80_00,
    interruptPin: 1,
    interruptLine: directBoot ? SCI_LINE : 0,
    command: { value: directBoot ? R.COMMAND_IO : 0, writable: R.COMMAND_IO | R.COMMAND_MASTER },
  });
  space.define(R.PMBA, 4, (directBoot ? pmIoBase : 0) | R.BAR_IO, R.PMBA_MASK);
  space.define(R.DEVACTB, 4, R.DEVACTB_APMC_EN, 0xffff_ffff);
  space.define(R.PMREGMISC, 1, directBoot ? R.PMREGMISC_PMIOSE : 0, R.PMREGMISC_PMIOSE);
  followPmBase(space, ports, () => {
    const decodes = (space.readConfig(R.PMREGMISC, 1) & R.PMREGMISC_PMIOSE) !== 0;
    return decodes ? space.readConfig(R.PMBA, 4) & R.PMBA_MASK : undefined;
  });
  return space;
}

/** Tells when the block's place has changed. */
export function followPmBase(space: PciConfigSpace, ports: PmPorts, base: () => number | undefined): void {
  let told: number | undefined;
  const tell = (): void => {
    const now = base();
    if (now === told) return;
    told = now;
    ports.mapped(now);
  };
  tell();
  space.onChange(tell);
}
