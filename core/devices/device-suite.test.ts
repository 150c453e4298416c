/** Every device under the suite that holds for all. A new device: add its row. */
import { SCANOUT_WORDS, Scanout } from '../backends/display/scanout.ts';
import { type DeviceFixture, describeDevice } from '../testing/device-suite.ts';
import { PM_IO_SIZE } from './acpi-pm/acpi-pm.regs.ts';
import { AcpiPm } from './acpi-pm/acpi-pm.ts';
import { DebugExit } from './debug-exit/debug-exit.ts';
import type { AccessSize, IoRegion } from './device.ts';
import { I8042 } from './i8042/i8042.ts';
import { KEY_CODES } from './i8042/keys.ts';
import { Mc146818 } from './mc146818/mc146818.ts';
import { i440fxHostBridge, piix3IsaBridge, piix4PowerManagement } from './pci-host/chipset-functions.ts';
import { CONFIG_SPACE_SIZE } from './pci-host/pci.regs.ts';
import { PciConfigSpace } from './pci-host/pci-config-space.ts';
import { PciBus, PciHost } from './pci-host/pci-host.ts';
import { Port80 } from './port80/port80.ts';
import { Port92 } from './port92/port92.ts';
import { Uart16550 } from './uart16550/uart16550.ts';
import { VGA_PORT_COUNT } from './vga/vga.regs.ts';
import { VGA_MEMORY_BYTES, Vga } from './vga/vga.ts';

const nothing = (): void => {};

function byteDevice(device: IoRegion & ReturnType<DeviceFixture['create']>['device'], length: number) {
  return { device, windows: [{ region: device, length }] };
}

/** Configuration space as the host bridge reaches it: aligned within 32 bits. */
function pciFunction(space: PciConfigSpace) {
  const aligned = (offset: number, size: AccessSize): number => offset & ~(size - 1);
  const region: IoRegion = {
    read: (offset, size) => space.readConfig(aligned(offset, size), size),
    write: (offset, size, value) => space.writeConfig(aligned(offset, size), size, value),
  };
  return { device: space, windows: [{ region, length: CONFIG_SPACE_SIZE }] };
}

const FIXTURES: readonly DeviceFixture[] = [
  {
    name: 'uart16550',
    create: (timers, line) => {
      const uart = new Uart16550({ irq: line(), out: { write: nothing }, timers });
      return {
        ...byteDevice(uart, 8),
        stimuli: [(random) => uart.receive(Uint8Array.from({ length: random.below(20) }, () => random.below(256)))],
      };
    },
  },
  {
    name: 'mc146818',
    create: (timers, line) => {
      const wall = { nowMs: () => Date.UTC(2024, 1, 29, 23, 59, 30) + timers.nowNs() / 1e6 };
      const memory = { below4gBytes: 2 ** 31, above4gBytes: 2 ** 32 };
      return byteDevice(new Mc146818({ irq: line(), timers, wall, memory }), 2);
    },
  },
  {
    name: 'i8042',
    create: (timers, line) => {
      const device = new I8042({ irq1: line(), irq12: line(), timers, a20: nothing, resetCpu: nothing });
      const { keyboard, mouse } = device;
      return {
        device,
        windows: [
          { region: device.data, length: 1 },
          { region: device.command, length: 1 },
        ],
        stimuli: [
          (random) => keyboard.press(random.pick(KEY_CODES)),
          (random) => keyboard.release(random.pick(KEY_CODES)),
          (random) => {
            const move = (limit: number): number => random.below(2 * limit) - limit;
            mouse.input({ dx: move(2000), dy: move(2000), wheel: move(10), buttons: random.below(32) });
          },
        ],
      };
    },
  },
  {
    name: 'pci-host',
    create: () => {
      const bus = new PciBus();
      bus.attach(0, 0, i440fxHostBridge());
      const resetControl: IoRegion = { read: () => 0, write: nothing };
      return byteDevice(new PciHost({ bus, resetControl }), 8);
    },
  },
  { name: 'i440fx', create: () => pciFunction(i440fxHostBridge()) },
  { name: 'piix3', create: () => pciFunction(piix3IsaBridge()) },
  { name: 'piix4-pm', create: () => pciFunction(piix4PowerManagement({ pmIoBase: 0xb000, mapped: nothing })) },
  {
    name: 'a PCI function with every kind of BAR',
    create: () =>
      pciFunction(
        new PciConfigSpace({
          name: 'bars',
          vendorId: 0x1234,
          deviceId: 0x5678,
          classCode: 0xff_00_00,
          bars: [
            { index: 0, kind: 'io', sizeBytes: 32, mapped: nothing },
            { index: 1, kind: 'memory32', sizeBytes: 4096, mapped: nothing },
            { index: 2, kind: 'memory64', sizeBytes: 2 ** 33, prefetchable: true, mapped: nothing },
          ],
        }),
      ),
  },
  {
    name: 'acpi-pm',
    create: (timers, line) => {
      const device = new AcpiPm({ sci: line(), timers, powerOff: nothing, suspend: nothing, reset: nothing });
      const windows = [
        { region: device, length: PM_IO_SIZE },
        { region: device.smiCommand, length: 2 },
        { region: device.resetControl, length: 1 },
      ];
      return { device, windows, stimuli: [() => device.pressPowerButton()] };
    },
  },
  { name: 'debug-exit', create: () => byteDevice(new DebugExit({ exit: nothing }), 4) },
  { name: 'port80', create: () => byteDevice(new Port80(), 1) },
  {
    name: 'vga',
    create: (timers) => {
      const scanout = new Scanout(new Int32Array(SCANOUT_WORDS));
      return byteDevice(new Vga({ vram: new Uint8Array(VGA_MEMORY_BYTES), scanout, timers }), VGA_PORT_COUNT);
    },
  },
  { name: 'port92', create: () => byteDevice(new Port92({ a20: nothing, resetCpu: nothing }), 1) },
];

for (const fixture of FIXTURES) describeDevice(fixture);
