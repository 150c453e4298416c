/**
 * The devices of a `pc`: 440FX with PIIX3 and the power management of a PIIX4. One row each, with where it sits and what
 * it is wired to. The interrupt controllers and the PIT are not here: they are KVM's (KVM_CREATE_IRQCHIP,
 * KVM_CREATE_PIT2).
 */
import { PIIX4_PM, PM_IO_BASE, PM_IO_SIZE } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { PIIX3_IDE } from '../devices/ide/ide.ts';
import { i440fxHostBridge, piix3IsaBridge, piix4PowerManagement } from '../devices/pci-host/chipset-functions.ts';
import { PciBus } from '../devices/pci-host/pci-host.ts';
import { PC_ACPI } from '../firmware/boards.ts';
import { type Board, type BoardDevices, connect, type DeviceRow, movableWindow } from './board.ts';
import { commonDevices } from './common-devices.ts';
import { firmwareConfig } from './firmware-config.ts';
import { pcPins } from './pci-pins.ts';
import { ahciRow, ideRow } from './storage.ts';
import { usb } from './usb.ts';

export function createPc(board: Board): BoardDevices {
  const { directBoot, shadow } = board;
  const pciBus = new PciBus();
  const pins = pcPins(board.lines);
  const common = commonDevices(board, pciBus, { pmLayout: PIIX4_PM, vgaSlot: 2 });
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
  const usbDevices = usb(board, pins.input, { usual: 'piix3-uhci', uhci: [1, 2], ehciSlot: 29, xhci: [3, 0] });
  const storage = { ide: 'ide@1,1', ahci: 'pci8086,2922@4', isaBridge: 'isa@1', usb: usbDevices.bootPaths };
  const config = firmwareConfig(board, storage, () => ({ ...PC_ACPI, ...board.described.acpi, pmIoBase }));

  // biome-ignore format: a table
  const rows: DeviceRow[] = [
    { id: 'i440fx',   device: hostBridge, pci: [0, 0, hostBridge] },
    { id: 'piix3',    device: isaBridge,  pci: [1, 0, isaBridge] },
    ideRow(board, PIIX3_IDE, [1, 1]),
    { id: 'piix4-pm', device: pmFunction, pci: [1, 3, pmFunction] },
    ...(board.drives.some(({ bus }) => bus === 'sata') ? [ahciRow(board, pins.input, [4, 0])] : []),
    ...usbDevices.rows,
    ...config,
    ...common.rows,
  ];
  connect(rows, pciBus, board);
  return { ...common, rows, usb: usbDevices.inputs };
}
