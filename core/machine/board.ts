/**
 * What the machine offers to the tables of its devices (pc.ts, q35.ts), what a row of them is, and how a row is wired:
 * fixed windows, and for a PCI function the windows that the guest moves.
 */
import type { TimerHost, WallClock } from '../base/clock.ts';
import type { PluggedDevice, WatchdogAction } from '../contracts/machine.ts';
import type { AcpiPm } from '../devices/acpi-pm/acpi-pm.ts';
import type { CharBackend, Device, GuestMemory, IoRegion } from '../devices/device.ts';
import type { FirmwareItem } from '../devices/fw-cfg/fw-cfg.ts';
import type { I8042 } from '../devices/i8042/i8042.ts';
import type { CmosMemory, Mc146818 } from '../devices/mc146818/mc146818.ts';
import type { MsiSender } from '../devices/pci-host/msi.ts';
import type { PciConfigSpace } from '../devices/pci-host/pci-config-space.ts';
import type { PciBus } from '../devices/pci-host/pci-host.ts';
import type { PflashPorts } from '../devices/pflash/pflash.ts';
import type { PvpanicPorts } from '../devices/pvpanic/pvpanic.ts';
import type { Uart16550 } from '../devices/uart16550/uart16550.ts';
import type { StdVgaPorts } from '../devices/vga/std-vga.ts';
import type { KvmVm } from '../kvm/api.ts';
import type { BoardDescription } from './board-tables.ts';
import type { Bus, BusWindow } from './bus.ts';
import type { HotPlug } from './hot-plug.ts';
import type { IrqLines } from './irq-lines.ts';
import { type Mapping, type MemoryMap, RANK_BAR } from './memory-map.ts';
import type { ShadowMemory } from './shadow-memory.ts';
import type { MachineDrive } from './storage.ts';
import type { UsbConfig, UsbInputs } from './usb.ts';

export interface Board {
  /** There is no firmware: chipset registers are as one would have left them. */
  readonly directBoot: boolean;
  readonly lines: IrqLines;
  readonly msi: MsiSender;
  readonly pio: Bus;
  readonly mmio: Bus;
  readonly map: MemoryMap;
  readonly shadow: ShadowMemory;
  readonly ram: GuestMemory;
  readonly timers: TimerHost;
  readonly wall: WallClock;
  readonly cmos: CmosMemory;
  readonly serial: CharBackend;
  readonly drives: readonly MachineDrive[];
  readonly usb: UsbConfig;
  readonly video: Omit<StdVgaPorts, 'timers' | 'window'>;
  /** What firmware prints for its developers. */
  readonly debugConsole?: CharBackend;
  /** Flash for firmware's variables, and where it is: for the guest, and in the shared memory. */
  readonly flash?: Omit<PflashPorts, 'setReadable'> & { readonly gpa: number; readonly offset: number };
  /** Firmware offers a choice of what to boot, for this many ms. */
  readonly bootMenuMs?: number;
  /** For firmware, besides what every machine tells it. */
  readonly firmwareItems: readonly FirmwareItem[];
  /** What tables tell of the machine, beside what the board's own fixes. */
  readonly described: BoardDescription;
  /** KVM's PIT. */
  readonly pit: Pick<KvmVm, 'getPit2' | 'setPit2'>;
  /** There is a watchdog that does this. */
  readonly watchdog?: WatchdogAction;
  /** The guest did not answer a watchdog. */
  watchdogExpired(action: WatchdogAction): void;
  /** The guest let go of a device. */
  detached(device: PluggedDevice): void;
  /** There is a panic device. */
  readonly panic?: PvpanicPorts;
  /** The guest powered the machine off. */
  powerOff(): void;
  /** The guest asked for S3. */
  suspend(): void;
  /** The guest asked for a reset, of the CPU or of everything: on this board the same. */
  reset(): void;
  /** The guest wrote to isa-debug-exit; without it that port does not exist. */
  readonly debugExit?: (value: number) => void;
}

/** A fixed window. */
export type Window = readonly [start: number, length: number, region: IoRegion];

/** One device of the machine: where it sits, and on which lines it interrupts (as wired in the table, for the reader). */
export interface DeviceRow {
  /** Its name in saved states and statistics. */
  readonly id: string;
  readonly device: Device;
  /** Windows of I/O ports. */
  readonly ports?: readonly Window[];
  /** Windows of memory-mapped registers. */
  readonly memory?: readonly Window[];
  /** Memory whose writes may wait until the guest does anything else with a device. */
  readonly coalesced?: readonly (readonly [start: number, length: number])[];
  /** Slot and function on PCI bus 0. */
  readonly pci?: readonly [slot: number, functionNumber: number, configSpace: PciConfigSpace];
  readonly irqs?: readonly number[];
}

/** A board's table, and those of its devices that the outside world reaches: keys, serial input, the power button. */
export interface BoardDevices {
  readonly rows: readonly DeviceRow[];
  readonly pm: AcpiPm;
  readonly rtc: Mc146818;
  readonly hotPlug: HotPlug;
  readonly uart: Uart16550;
  readonly i8042: I8042;
  readonly usb: UsbInputs;
}

export function wire({ ports = [], memory = [], pci }: DeviceRow, pciBus: PciBus, board: Board): void {
  for (const window of ports) board.pio.add(...window);
  for (const window of memory) board.mmio.add(...window);
  if (!pci) return;
  pciBus.attach(...pci);
  followWindows(pci[2], board);
}

/** A window whose place a guest chooses. */
export function movableWindow(bus: Bus, region: IoRegion): (base: number | undefined, sizeBytes: number) => void {
  let window: BusWindow | undefined;
  return (base, sizeBytes) => {
    if (window) bus.remove(window);
    window = base === undefined ? undefined : bus.add(base, sizeBytes, region);
  };
}

function followWindows(space: PciConfigSpace, { pio, mmio, map }: Board): void {
  const movers = new Map(
    space.bars.map((bar) => {
      const registers = bar.region && movableWindow(bar.kind === 'io' ? pio : mmio, bar.region);
      let mapping: Mapping | undefined;
      return [
        bar,
        (base: number | undefined): void => {
          registers?.(base, bar.sizeBytes);
          if (mapping) map.unmap(mapping);
          mapping =
            bar.memory && base !== undefined
              ? map.map({ gpa: base, sizeBytes: bar.sizeBytes, rank: RANK_BAR, ...bar.memory })
              : undefined;
        },
      ];
    }),
  );
  space.onWindow((bar, base) => movers.get(bar)?.(base));
}
