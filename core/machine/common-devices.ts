/** The devices that every board has at the same places: one row each, with what they are wired to. */
import { PCI_HOTPLUG_PORT, PCI_HOTPLUG_PORTS } from '../devices/acpi-pci-hotplug/acpi-pci-hotplug.regs.ts';
import { type PmLayout, SMI_CMD_PORT } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { AcpiPm } from '../devices/acpi-pm/acpi-pm.ts';
import { DEBUG_EXIT_PORT, DEBUG_EXIT_PORTS } from '../devices/debug-exit/debug-exit.regs.ts';
import { DebugExit } from '../devices/debug-exit/debug-exit.ts';
import { DEBUG_CONSOLE_PORT } from '../devices/debugcon/debugcon.regs.ts';
import { DebugConsole } from '../devices/debugcon/debugcon.ts';
import type { IrqLine } from '../devices/device.ts';
import { I8042 } from '../devices/i8042/i8042.ts';
import { CONTROLLER_PORT_COUNTS, CONTROLLER_PORTS, PAGE_PORT_COUNT, PAGE_PORTS } from '../devices/i8237/i8237.regs.ts';
import { I8237 } from '../devices/i8237/i8237.ts';
import { Mc146818 } from '../devices/mc146818/mc146818.ts';
import { CONFIG_ADDRESS_PORT, CONFIG_PORTS } from '../devices/pci-host/pci.regs.ts';
import { PciHost } from '../devices/pci-host/pci-host.ts';
import { Pflash } from '../devices/pflash/pflash.ts';
import { POST_CODE_PORT } from '../devices/port80/port80.regs.ts';
import { Port80 } from '../devices/port80/port80.ts';
import { SYSTEM_CONTROL_PORT } from '../devices/port92/port92.regs.ts';
import { Port92 } from '../devices/port92/port92.ts';
import { Uart16550 } from '../devices/uart16550/uart16550.ts';
import { StdVga } from '../devices/vga/std-vga.ts';
import {
  DISPI_PORT_BASE,
  DISPI_PORT_COUNT,
  VGA_PORT_BASE,
  VGA_PORT_COUNT,
  WINDOW_BYTES,
  WINDOW_GPA,
} from '../devices/vga/vga.regs.ts';
import type { VgaWindow } from '../devices/vga/vga-window.ts';
import { IRQ_COM1, IRQ_KEYBOARD, IRQ_MOUSE, IRQ_RTC, IRQ_SCI } from '../firmware/platform.ts';
import type { Board, BoardDevices, DeviceRow } from './board.ts';
import { panicRows } from './guards.ts';
import { hpet } from './hpet.ts';
import { type Mapping, RANK_BOARD } from './memory-map.ts';
import type { PciSlots } from './pci-slots.ts';
import { fdcRows } from './storage.ts';

/** A20 is always open: KVM has no gate, and guests only ever ask to open it. */
const a20 = (): void => {};

export interface CommonPlaces {
  readonly pmLayout: PmLayout;
  readonly vgaSlot: number;
}

export function commonDevices(
  board: Board,
  slots: PciSlots,
  { pmLayout, vgaSlot }: CommonPlaces,
): Omit<BoardDevices, 'usb' | 'hotPlug'> {
  const { lines, timers, wall, reset, debugExit, debugConsole } = board;
  const irq = (line: number) => lines.input(line);
  const pm = new AcpiPm({
    sci: irq(IRQ_SCI),
    timers,
    powerOff: board.powerOff,
    suspend: board.suspend,
    reset,
    layout: pmLayout,
  });
  const pciHost = new PciHost({ bus: slots.bus, resetControl: pm.resetControl });
  const { row: hpetRow, rtcLine } = hpet(board);
  const rtcIrq: IrqLine = {
    set: (level) => {
      rtcLine.set(level);
      if (level) pm.rtcAlarm();
    },
  };
  const rtc = new Mc146818({ irq: rtcIrq, timers, wall, memory: board.cmos });
  const i8042 = new I8042({ irq1: irq(IRQ_KEYBOARD), irq12: irq(IRQ_MOUSE), timers, a20, resetCpu: reset });
  const uart = new Uart16550({ irq: irq(IRQ_COM1), out: board.serial, timers });
  const stdVga = new StdVga({ ...board.video, timers, window: vgaWindow(board) });
  const { vga, configSpace } = stdVga;
  const flash = createFlash(board);
  const isaDma = new I8237(board.ram);
  const port80 = new Port80();
  const port92 = new Port92({ a20, resetCpu: reset });
  const exitPort = debugExit && new DebugExit({ exit: debugExit });
  const debugPort = debugConsole && new DebugConsole(debugConsole);

  // biome-ignore format: a table
  const rows: DeviceRow[] = [
    { id: 'pci-host', device: pciHost, ports: [[CONFIG_ADDRESS_PORT, CONFIG_PORTS, pciHost]] },
    { id: 'acpi-pm',  device: pm,      ports: [[SMI_CMD_PORT, 2, pm.smiCommand]], irqs: [IRQ_SCI] }, // its block: the south bridge's
    { id: 'rtc',      device: rtc,     ports: [[0x70, 2, rtc]], irqs: [IRQ_RTC] },
    hpetRow,
    { id: 'acpi-pci-hotplug', device: slots.registers, ports: [[PCI_HOTPLUG_PORT, PCI_HOTPLUG_PORTS, slots.registers]] },
    ...panicRows(board),
    { id: 'i8042',    device: i8042,   ports: [[0x60, 1, i8042.data], [0x64, 1, i8042.command]], irqs: [IRQ_KEYBOARD, IRQ_MOUSE] },
    { id: 'com1',     device: uart,    ports: [[0x3f8, 8, uart]], irqs: [IRQ_COM1] },
    { id: 'std-vga',  device: stdVga,  pci: [vgaSlot, 0, configSpace], ports: [[VGA_PORT_BASE, VGA_PORT_COUNT, vga], [DISPI_PORT_BASE, DISPI_PORT_COUNT, vga.dispi]], memory: [[WINDOW_GPA, WINDOW_BYTES, vga.memory]], coalesced: [[WINDOW_GPA, WINDOW_BYTES]] },
    { id: 'i8237',    device: isaDma,  ports: [...isaDma.controllers.map((region, i) => [CONTROLLER_PORTS[i] ?? 0, CONTROLLER_PORT_COUNTS[i] ?? 0, region] as const), [PAGE_PORTS, PAGE_PORT_COUNT, isaDma.pages]] },
    { id: 'port80',   device: port80,  ports: [[POST_CODE_PORT, 1, port80]] },
    { id: 'port92',   device: port92,  ports: [[SYSTEM_CONTROL_PORT, 1, port92]] },
    ...fdcRows(board, isaDma.channels),
    ...(exitPort ? [{ id: 'debug-exit', device: exitPort, ports: [[DEBUG_EXIT_PORT, DEBUG_EXIT_PORTS, exitPort]] as const }] : []),
    ...(flash ? [{ id: 'pflash', device: flash, memory: [[board.flash?.gpa ?? 0, board.flash?.content.length ?? 0, flash]] as const }] : []),
    ...(debugPort ? [{ id: 'debugcon', device: debugPort, ports: [[DEBUG_CONSOLE_PORT, 1, debugPort]] as const }] : []),
  ];
  return { rows, pm, rtc, uart, i8042 };
}

/** Its content is memory while the array is read. */
function createFlash({ map, flash }: Board): Pflash | undefined {
  if (!flash) return undefined;
  let mapping: Mapping | undefined;
  return new Pflash({
    ...flash,
    setReadable: (readable) => {
      if (mapping) map.unmap(mapping);
      const { gpa, offset, content } = flash;
      mapping = readable
        ? map.map({ gpa, offset, sizeBytes: content.length, rank: RANK_BOARD, readOnly: true })
        : undefined;
    },
  });
}

/** The part of the VGA's legacy window that is memory at the moment. */
function vgaWindow({ map, video }: Board): VgaWindow {
  let mapping: Mapping | undefined;
  const unmap = (): void => {
    if (mapping) map.unmap(mapping);
    mapping = undefined;
  };
  return {
    map: (gpa, offset, length) => {
      unmap();
      mapping = map.map({
        gpa,
        offset: video.vramOffset + offset,
        sizeBytes: length,
        rank: RANK_BOARD,
        logsDirty: true,
      });
    },
    unmap,
  };
}
