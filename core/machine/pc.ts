/**
 * The devices of a `pc`: 440FX with PIIX3 and the power management of a PIIX4. One row each, with where it sits and what
 * it is wired to. The interrupt controllers and the PIT are not here: they are KVM's (KVM_CREATE_IRQCHIP,
 * KVM_CREATE_PIT2).
 */
import { GPE_PCI_HOTPLUG, PIIX4_PM, PM_IO_BASE, PM_IO_SIZE } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { PIIX3_IDE } from '../devices/ide/ide.ts';
import { i440fxHostBridge, piix3IsaBridge, piix4PowerManagement } from '../devices/pci-host/chipset-functions.ts';
import { PC_ACPI } from '../firmware/boards.ts';
import { type Board, type BoardDevices, type DeviceRow, movableWindow } from './board.ts';
import { commonDevices } from './common-devices.ts';
import { firmwareConfig } from './firmware-config.ts';
import { HotPlug } from './hot-plug.ts';
import { pcPins } from './pci-pins.ts';
import { PciSlots } from './pci-slots.ts';
import { SataBus } from './sata.ts';
import { ideRow } from './storage.ts';
import { UsbBus } from './usb.ts';

export function createPc(board: Board): BoardDevices {
  const { directBoot, shadow } = board;
  const slots = new PciSlots(board, PC_ACPI.hotplugSlots, () => common.pm.raiseGpe(GPE_PCI_HOTPLUG));
  const pins = pcPins(board.lines);
  const common = commonDevices(board, slots, { pmLayout: PIIX4_PM, vgaSlot: 2 });
  const movePm = movableWindow(board.pio, common.pm);
  let pmIoBase = 0;
  const hostBridge = i440fxHostBridge({
    directBoot,
    setPam: (registers) => shadow.setPam(registers),
    setSmramOpen: (open) => shadow.setSmramOpen(open),
  });
  const isaBridge = piix3IsaBridge({ routePirq: (pirq, irq) => pins.router.route(pirq, irq) });
  const pmFunction = piix4PowerManagement({
    directBoot,
    pmIoBase: PM_IO_BASE,
    mapped: (base) => {
      movePm(base, PM_IO_SIZE);
      pmIoBase = base ?? 0;
    },
  });
  const usb = new UsbBus(board, pins.input, { usual: 'piix3-uhci', uhci: [1, 2], ehciSlot: 29, xhci: [3, 0] });
  const sata = new SataBus(board, pins.input);
  const hotPlug = new HotPlug({ board, slots, usb, sata, ahciSlot: 4 });
  const cards = hotPlug.powerOn();
  const storage = { ide: 'ide@1,1', ahci: 'pci8086,2922@4', isaBridge: 'isa@1', usb: usb.bootPaths };
  const config = firmwareConfig(board, storage, () => ({ ...PC_ACPI, ...board.described.acpi, pmIoBase }));

  // biome-ignore format: a table
  const rows: DeviceRow[] = [
    { id: 'i440fx',   device: hostBridge, pci: [0, 0, hostBridge] },
    { id: 'piix3',    device: isaBridge,  pci: [1, 0, isaBridge] },
    ideRow(board, PIIX3_IDE, [1, 1]),
    { id: 'piix4-pm', device: pmFunction, pci: [1, 3, pmFunction] },
    ...cards,
    ...config,
    ...common.rows,
  ];
  slots.connect(rows);
  return { ...common, rows: slots.rows, usb: usb.inputs, hotPlug };
}
