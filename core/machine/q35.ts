/**
 * The devices of a `q35`: MCH with ICH9. One row each, with where it sits and what it is wired to. The interrupt
 * controllers and the PIT are not here: they are KVM's (KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2).
 */
import { GPE_PCI_HOTPLUG, ICH9_PM, ICH9_PM_IO_SIZE, PM_IO_BASE } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { RCBA_SIZE } from '../devices/pci-host/pci.regs.ts';
import { Ecam } from '../devices/pci-host/pci-host.ts';
import { Ich9ChipsetRegisters, ich9LpcBridge, q35HostBridge } from '../devices/pci-host/q35-functions.ts';
import { ECAM_BASE, Q35_ACPI } from '../firmware/boards.ts';
import { HIGH_RAM_START } from '../firmware/platform.ts';
import { type Board, type BoardDevices, type DeviceRow, movableWindow } from './board.ts';
import { commonDevices } from './common-devices.ts';
import { firmwareConfig } from './firmware-config.ts';
import { HotPlug } from './hot-plug.ts';
import { q35Pins } from './pci-pins.ts';
import { PciSlots } from './pci-slots.ts';
import { SataBus } from './sata.ts';
import { UsbBus } from './usb.ts';

const MIB = 2 ** 20;

export function createQ35(board: Board): BoardDevices {
  const { directBoot, shadow, cmos } = board;
  const slots = new PciSlots(board, Q35_ACPI.hotplugSlots, () => common.pm.raiseGpe(GPE_PCI_HOTPLUG));
  const chipset = new Ich9ChipsetRegisters();
  const pins = q35Pins(board.lines, chipset);
  const common = commonDevices(board, slots, { pmLayout: ICH9_PM, vgaSlot: 1 });
  const movePm = movableWindow(board.pio, common.pm);
  const moveEcam = movableWindow(board.mmio, new Ecam(slots.bus));
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
  const usb = new UsbBus(board, pins.input, { usual: 'qemu-xhci', uhci: [2, 0], ehciSlot: 29, xhci: [3, 0] });
  const sata = new SataBus(board, pins.input);
  const hotPlug = new HotPlug({ board, slots, usb, sata });
  const cards = hotPlug.powerOn();
  const storage = { ahci: 'pci8086,2922@1f,2', isaBridge: 'isa@1f', usb: usb.bootPaths };
  const config = firmwareConfig(board, storage, () => ({ ...Q35_ACPI, ...board.described.acpi, pmIoBase, ecam }));

  // biome-ignore format: a table
  const rows: DeviceRow[] = [
    { id: 'mch',       device: hostBridge, pci: [0, 0, hostBridge] },
    { id: 'ich9-lpc',  device: lpc,        pci: [31, 0, lpc] },
    sata.install([31, 2], board.drives.filter(({ bus }) => bus === 'sata')),
    { id: 'ich9-rcba', device: chipset },
    ...cards,
    ...config,
    ...common.rows,
  ];
  slots.connect(rows);
  return { ...common, rows: slots.rows, usb: usb.inputs, hotPlug };
}
