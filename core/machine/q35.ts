/**
 * The devices of a `q35`: MCH with ICH9. One row each, with where it sits and what it is wired to. The interrupt
 * controllers and the PIT are not here: they are KVM's (KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2).
 */
import { ICH9_PM, ICH9_PM_IO_SIZE, PM_IO_BASE } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { RCBA_SIZE } from '../devices/pci-host/pci.regs.ts';
import { Ecam, PciBus } from '../devices/pci-host/pci-host.ts';
import { Ich9ChipsetRegisters, ich9LpcBridge, q35HostBridge } from '../devices/pci-host/q35-functions.ts';
import { ECAM_BASE, Q35_ACPI } from '../firmware/boards.ts';
import { HIGH_RAM_START } from '../firmware/platform.ts';
import { type Board, type BoardDevices, connect, type DeviceRow, movableWindow } from './board.ts';
import { commonDevices } from './common-devices.ts';
import { firmwareConfig } from './firmware-config.ts';
import { q35Pins } from './pci-pins.ts';
import { ahciRow } from './storage.ts';
import { usb } from './usb.ts';

const MIB = 2 ** 20;

export function createQ35(board: Board): BoardDevices {
  const { directBoot, shadow, cmos } = board;
  const pciBus = new PciBus();
  const chipset = new Ich9ChipsetRegisters();
  const pins = q35Pins(board.lines, chipset);
  const common = commonDevices(board, pciBus, { pmLayout: ICH9_PM, vgaSlot: 1 });
  const movePm = movableWindow(board.pio, common.pm);
  const moveEcam = movableWindow(board.mmio, new Ecam(pciBus));
  const moveChipset = movableWindow(board.mmio, chipset);
  let pmIoBase = 0;
  let ecam = { base: 0, buses: 256 };
  const hostBridge = q35HostBridge({
    directBoot,
    setPam: (registers) => shadow.setPam(registers),
    setSmramOpen: (open) => shadow.setSmramOpen(open),
    topOfLowRam: cmos.below4gBytes,
    topOfRam: cmos.above4gBytes > 0 ? HIGH_RAM_START + cmos.above4gBytes : 0,
    ecamBase: ECAM_BASE,
    ecamMapped: (base, sizeBytes) => {
      moveEcam(base, sizeBytes);
      ecam = { base: base ?? 0, buses: sizeBytes / MIB };
    },
  });
  const lpc = ich9LpcBridge({
    directBoot,
    pmIoBase: PM_IO_BASE,
    mapped: (base) => {
      movePm(base, ICH9_PM_IO_SIZE);
      pmIoBase = base ?? 0;
    },
    routePirq: (pirq, irq) => pins.router.route(pirq, irq),
    rcbaMapped: (base) => moveChipset(base, RCBA_SIZE),
  });
  const usbDevices = usb(board, pins.input, { usual: 'qemu-xhci', uhci: [2, 0], ehciSlot: 29, xhci: [3, 0] });
  const storage = { ahci: 'pci8086,2922@1f,2', isaBridge: 'isa@1f', usb: usbDevices.bootPaths };
  const config = firmwareConfig(board, storage, () => ({ ...Q35_ACPI, ...board.described.acpi, pmIoBase, ecam }));

  // biome-ignore format: a table
  const rows: DeviceRow[] = [
    { id: 'mch',       device: hostBridge, pci: [0, 0, hostBridge] },
    { id: 'ich9-lpc',  device: lpc,        pci: [31, 0, lpc] },
    ahciRow(board, pins.input, [31, 2]),
    { id: 'ich9-rcba', device: chipset },
    ...usbDevices.rows,
    ...config,
    ...common.rows,
  ];
  connect(rows, pciBus, board);
  return { ...common, rows, usb: usbDevices.inputs };
}
