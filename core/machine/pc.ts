/**
 * The devices of this machine, a PC of the 440FX/PIIX kind: one row each, with where it sits and what it is wired to.
 * The interrupt controllers and the PIT are not here: they are KVM's (KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2).
 */
import type { Scanout } from '../backends/display/scanout.ts';
import type { TimerHost, WallClock } from '../base/clock.ts';
import { PM_IO_BASE, PM_IO_SIZE, SMI_CMD_PORT } from '../devices/acpi-pm/acpi-pm.regs.ts';
import { AcpiPm } from '../devices/acpi-pm/acpi-pm.ts';
import { DEBUG_EXIT_PORT, DEBUG_EXIT_PORTS } from '../devices/debug-exit/debug-exit.regs.ts';
import { DebugExit } from '../devices/debug-exit/debug-exit.ts';
import type { CharBackend, Device, IoRegion, IrqLine } from '../devices/device.ts';
import { I8042 } from '../devices/i8042/i8042.ts';
import { type CmosMemory, Mc146818 } from '../devices/mc146818/mc146818.ts';
import { i440fxHostBridge, piix3IsaBridge, piix4PowerManagement } from '../devices/pci-host/chipset-functions.ts';
import { CONFIG_ADDRESS_PORT, CONFIG_PORTS } from '../devices/pci-host/pci.regs.ts';
import type { PciFunction } from '../devices/pci-host/pci-config-space.ts';
import { PciBus, PciHost } from '../devices/pci-host/pci-host.ts';
import { POST_CODE_PORT } from '../devices/port80/port80.regs.ts';
import { Port80 } from '../devices/port80/port80.ts';
import { SYSTEM_CONTROL_PORT } from '../devices/port92/port92.regs.ts';
import { Port92 } from '../devices/port92/port92.ts';
import { Uart16550 } from '../devices/uart16550/uart16550.ts';
import { VGA_PORT_BASE, VGA_PORT_COUNT } from '../devices/vga/vga.regs.ts';
import { Vga } from '../devices/vga/vga.ts';
import { IRQ_COM1, IRQ_KEYBOARD, IRQ_MOUSE, IRQ_RTC, IRQ_SCI } from '../firmware/platform.ts';

/** What the machine offers to its devices. */
export interface Board {
  /** The input of this number of the interrupt controllers. */
  irq(line: number): IrqLine;
  readonly timers: TimerHost;
  readonly wall: WallClock;
  readonly memory: CmosMemory;
  readonly serial: CharBackend;
  readonly vram: Uint8Array;
  readonly scanout: Scanout;
  /** The guest powered the machine off. */
  powerOff(): void;
  /** The guest asked for a reset, of the CPU or of everything: on this board the same. */
  reset(): void;
  /** The guest wrote to isa-debug-exit; without it that port does not exist. */
  readonly debugExit?: (value: number) => void;
}

/** One device of the machine: where it sits, and on which lines it interrupts (as wired below, for the reader). */
export interface DeviceRow {
  /** Its name in saved states and statistics. */
  readonly id: string;
  readonly device: Device;
  /** Windows of I/O ports. */
  readonly ports?: readonly (readonly [start: number, length: number, region: IoRegion])[];
  /** Slot and function on PCI bus 0. */
  readonly pci?: readonly [slot: number, functionNumber: number, configSpace: PciFunction];
  readonly irqs?: readonly number[];
}

/** The table, and those of its devices that the outside world reaches: keys, serial input, the power button. */
export interface PcDevices {
  readonly rows: readonly DeviceRow[];
  readonly pm: AcpiPm;
  readonly uart: Uart16550;
  readonly i8042: I8042;
  readonly vga: Vga;
}

/** A20 is always open: KVM has no gate, and guests only ever ask to open it. */
const a20 = (): void => {};

export function createPcDevices(board: Board): PcDevices {
  const { irq, timers, wall, reset } = board;
  const pciBus = new PciBus();
  const hostBridge = i440fxHostBridge();
  const isaBridge = piix3IsaBridge();
  const pmFunction = piix4PowerManagement({ pmIoBase: PM_IO_BASE });
  const pm = new AcpiPm({ sci: irq(IRQ_SCI), timers, powerOff: board.powerOff, reset });
  const pciHost = new PciHost({ bus: pciBus, resetControl: pm.resetControl });
  const rtc = new Mc146818({ irq: irq(IRQ_RTC), timers, wall, memory: board.memory });
  const i8042 = new I8042({ irq1: irq(IRQ_KEYBOARD), irq12: irq(IRQ_MOUSE), timers, a20, resetCpu: reset });
  const uart = new Uart16550({ irq: irq(IRQ_COM1), out: board.serial, timers });
  const vga = new Vga({ vram: board.vram, scanout: board.scanout, timers });
  const port80 = new Port80();
  const port92 = new Port92({ a20, resetCpu: reset });
  const { debugExit } = board;
  const exitPort = debugExit && new DebugExit({ exit: debugExit });

  // biome-ignore format: a table
  const rows: DeviceRow[] = [
    { id: 'i440fx',   device: hostBridge, pci: [0, 0, hostBridge] },
    { id: 'piix3',    device: isaBridge,  pci: [1, 0, isaBridge] },
    { id: 'piix4-pm', device: pmFunction, pci: [1, 3, pmFunction] },
    { id: 'pci-host', device: pciHost, ports: [[CONFIG_ADDRESS_PORT, CONFIG_PORTS, pciHost]] },
    { id: 'acpi-pm',  device: pm,      ports: [[PM_IO_BASE, PM_IO_SIZE, pm], [SMI_CMD_PORT, 2, pm.smiCommand]], irqs: [IRQ_SCI] },
    { id: 'rtc',      device: rtc,     ports: [[0x70, 2, rtc]], irqs: [IRQ_RTC] },
    { id: 'i8042',    device: i8042,   ports: [[0x60, 1, i8042.data], [0x64, 1, i8042.command]], irqs: [IRQ_KEYBOARD, IRQ_MOUSE] },
    { id: 'com1',     device: uart,    ports: [[0x3f8, 8, uart]], irqs: [IRQ_COM1] },
    { id: 'vga',      device: vga,     ports: [[VGA_PORT_BASE, VGA_PORT_COUNT, vga]] },
    { id: 'port80',   device: port80,  ports: [[POST_CODE_PORT, 1, port80]] },
    { id: 'port92',   device: port92,  ports: [[SYSTEM_CONTROL_PORT, 1, port92]] },
    ...(exitPort ? [{ id: 'debug-exit', device: exitPort, ports: [[DEBUG_EXIT_PORT, DEBUG_EXIT_PORTS, exitPort]] as const }] : []),
  ];
  for (const row of rows) if (row.pci) pciBus.attach(...row.pci);
  return { rows, pm, uart, i8042, vga };
}
