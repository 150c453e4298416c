/**
 * The chipset's own PCI functions: 440FX host bridge (00:00.0), PIIX3 ISA bridge (00:01.0), PIIX4 power management
 * (00:01.3).
 *
 * [440FX] Intel 82441FX data sheet (May 1996), 3.2. [PIIX] Intel 82371SB (April 1996) and 82371AB (April 1997) data
 * sheets. Command registers are as firmware leaves them. Kept without effect: PAM and SMRAM (the machine maps its
 * memory itself), XBCS, PIRQ routing. Not here: DRAM timing and boundaries, IDE, USB, SMBus.
 */

import * as R from './pci.regs.ts';
import { PciConfigSpace } from './pci-config-space.ts';

const INTEL = 0x8086;
const BRIDGE_COMMAND = R.COMMAND_MEMORY | R.COMMAND_MASTER;
const PAM_WRITABLE = 0x33;
const SMRAM_POWER_ON = 0x02;
const SMRAM_WRITABLE = 0x78;
const XBCS_POWER_ON = 0x0003;
/** The SCI is wired to this interrupt, whatever the register says. */
const SCI_LINE = 9;

export function i440fxHostBridge(): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'i440fx',
    vendorId: INTEL,
    deviceId: 0x1237,
    revisionId: 2,
    classCode: 0x06_00_00,
    command: { value: BRIDGE_COMMAND, writable: R.COMMAND_SERR },
  });
  for (let i = 0; i < R.PAM_COUNT; i++) space.define(R.PAM0 + i, 1, 0, PAM_WRITABLE);
  return space.define(R.SMRAM, 1, SMRAM_POWER_ON, SMRAM_WRITABLE);
}

export function piix3IsaBridge(): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'piix3',
    vendorId: INTEL,
    deviceId: 0x7000,
    classCode: 0x06_01_00,
    multifunction: true,
    command: { value: R.COMMAND_IO | BRIDGE_COMMAND, writable: R.COMMAND_SERR },
  });
  space.define(R.XBCS, 2, XBCS_POWER_ON, 0xffff);
  for (let i = 0; i < 4; i++) space.define(R.PIRQRCA + i, 1, R.PIRQRC_DISABLED, R.PIRQRC_MASK);
  return space;
}

/**
 * pmIoBase: where firmware puts the power management block (core/devices/acpi-pm). mapped: told when a guest moves or
 * hides the block; a machine that leaves it out keeps the block in place.
 */
export function piix4PowerManagement(ports: {
  pmIoBase: number;
  mapped?(base: number | undefined): void;
}): PciConfigSpace {
  const space = new PciConfigSpace({
    name: 'piix4-pm',
    vendorId: INTEL,
    deviceId: 0x7113,
    revisionId: 3,
    classCode: 0x06_80_00,
    interruptPin: 1,
    interruptLine: SCI_LINE,
    command: { value: R.COMMAND_IO, writable: R.COMMAND_IO | R.COMMAND_MASTER },
  });
  space.define(R.PMBA, 4, ports.pmIoBase | R.BAR_IO, R.PMBA_MASK);
  space.define(R.PMREGMISC, 1, R.PMREGMISC_PMIOSE, R.PMREGMISC_PMIOSE);
  let told: number | undefined = ports.pmIoBase;
  return space.onChange(() => {
    const decodes = (space.readConfig(R.PMREGMISC, 1) & R.PMREGMISC_PMIOSE) !== 0;
    const base = decodes ? space.readConfig(R.PMBA, 4) & R.PMBA_MASK : undefined;
    if (base === told) return;
    told = base;
    ports.mapped?.(base);
  });
}
