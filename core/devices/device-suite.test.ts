/** Every device under the suite that holds for all. A new device: add its row. */
import { type DeviceFixture, describeDevice } from '../testing/device-suite.ts';
import { DISK_FIXTURES } from '../testing/disk-fixtures.ts';
import { VgaRig } from '../testing/vga-rig.ts';
import { PCI_HOTPLUG_PORTS } from './acpi-pci-hotplug/acpi-pci-hotplug.regs.ts';
import { AcpiPciHotplug } from './acpi-pci-hotplug/acpi-pci-hotplug.ts';
import { PM_IO_SIZE } from './acpi-pm/acpi-pm.regs.ts';
import { AcpiPm } from './acpi-pm/acpi-pm.ts';
import { DebugExit } from './debug-exit/debug-exit.ts';
import { DebugConsole } from './debugcon/debugcon.ts';
import type { AccessSize, IoRegion } from './device.ts';
import { FW_CFG_PORTS } from './fw-cfg/fw-cfg.regs.ts';
import { FwCfg } from './fw-cfg/fw-cfg.ts';
import { REGISTERS_END } from './hpet/hpet.regs.ts';
import { Hpet } from './hpet/hpet.ts';
import { BAR_BYTES } from './i6300esb/i6300esb.regs.ts';
import { I6300Esb } from './i6300esb/i6300esb.ts';
import { I8042 } from './i8042/i8042.ts';
import { KEY_CODES } from './i8042/keys.ts';
import { Mc146818 } from './mc146818/mc146818.ts';
import { i440fxHostBridge, piix3IsaBridge, piix4PowerManagement } from './pci-host/chipset-functions.ts';
import { MsiCapability } from './pci-host/msi.ts';
import { MsixCapability } from './pci-host/msix.ts';
import { CONFIG_SPACE_SIZE, RCBA_SIZE } from './pci-host/pci.regs.ts';
import { PciConfigSpace } from './pci-host/pci-config-space.ts';
import { PciBus, PciHost } from './pci-host/pci-host.ts';
import { Ich9ChipsetRegisters, ich9LpcBridge, q35HostBridge } from './pci-host/q35-functions.ts';
import { BLOCK_BYTES } from './pflash/pflash.regs.ts';
import { Pflash } from './pflash/pflash.ts';
import { Port80 } from './port80/port80.ts';
import { Port92 } from './port92/port92.ts';
import { Pvpanic } from './pvpanic/pvpanic.ts';
import { Uart16550 } from './uart16550/uart16550.ts';
import { DISPI_PORT_COUNT, MMIO_BYTES, VGA_PORT_COUNT } from './vga/vga.regs.ts';

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

const HOST_BRIDGE = { directBoot: false, setPam: nothing, setSmramOpen: nothing };
const PM = { directBoot: true, pmIoBase: 0xb000, mapped: nothing };

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
      bus.attach(0, 0, i440fxHostBridge(HOST_BRIDGE));
      const resetControl: IoRegion = { read: () => 0, write: nothing };
      return byteDevice(new PciHost({ bus, resetControl }), 8);
    },
  },
  { name: 'i440fx', create: () => pciFunction(i440fxHostBridge(HOST_BRIDGE)) },
  { name: 'piix3', create: () => pciFunction(piix3IsaBridge({ routePirq: nothing })) },
  { name: 'piix4-pm', create: () => pciFunction(piix4PowerManagement(PM)) },
  {
    name: 'mch',
    create: () => {
      const ports = { topOfLowRam: 2 ** 30, topOfRam: 2 ** 33, ecamBase: 0xb000_0000, ecamMapped: nothing };
      return pciFunction(q35HostBridge({ ...HOST_BRIDGE, ...ports }));
    },
  },
  { name: 'ich9-lpc', create: () => pciFunction(ich9LpcBridge({ ...PM, routePirq: nothing, rcbaMapped: nothing })) },
  { name: 'ich9-rcba', create: () => byteDevice(new Ich9ChipsetRegisters(), RCBA_SIZE) },
  {
    name: 'PCI function with MSI, MSI-X and INTx',
    create: (_timers, line) => {
      const space = new PciConfigSpace({ name: 'messages', vendorId: 1, deviceId: 2, classCode: 0, interruptPin: 1 });
      const msi = new MsiCapability(space, 32, nothing);
      const places = { table: { bar: 0, offset: 0 }, pba: { bar: 0, offset: 0x800 } };
      const msix = new MsixCapability(space, { vectors: 5, ...places }, nothing);
      space.intx(line());
      const { device, windows } = pciFunction(space);
      return {
        device,
        windows: [...windows, { region: msix.table, length: 80 }, { region: msix.pba, length: 8 }],
        stimuli: [(random) => msi.notify(random.below(40)), (random) => msix.notify(random.below(8))],
      };
    },
  },
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
      return {
        device,
        windows,
        stimuli: [() => device.pressPowerButton(), (random) => device.raiseGpe(random.below(20))],
      };
    },
  },
  {
    name: 'acpi-pci-hotplug',
    create: () => {
      const device = new AcpiPciHotplug({ event: nothing, eject: nothing });
      return {
        ...byteDevice(device, PCI_HOTPLUG_PORTS),
        stimuli: [(random) => device.plugged(random.below(32)), (random) => void device.requestEject(random.below(32))],
      };
    },
  },
  {
    name: 'hpet',
    create: (timers, line) => {
      const ports = { timers, irq0: line(), irq8: line(), msi: nothing, legacyReplacement: nothing };
      return byteDevice(
        new Hpet({
          ...ports,
          inputs: new Map([
            [20, line()],
            [21, line()],
          ]),
        }),
        REGISTERS_END,
      );
    },
  },
  {
    name: 'i6300esb',
    create: (timers, line) => {
      const device = new I6300Esb({ timers, irq: line(), expired: nothing });
      return { device, windows: [{ region: device, length: BAR_BYTES }, ...pciFunction(device.configSpace).windows] };
    },
  },
  { name: 'pvpanic', create: () => byteDevice(new Pvpanic({ panicked: nothing, crashLoaded: nothing }), 1) },
  { name: 'debug-exit', create: () => byteDevice(new DebugExit({ exit: nothing }), 4) },
  { name: 'debugcon', create: () => byteDevice(new DebugConsole({ write: nothing }), 1) },
  {
    name: 'fw-cfg',
    create: () => {
      const memory = { read: (_gpa: number, target: Uint8Array) => void target.fill(0x11), write: nothing };
      const files = [{ name: 'etc/test', bytes: Uint8Array.of(1, 2, 3) }];
      return byteDevice(new FwCfg({ memory, items: [], files }), FW_CFG_PORTS);
    },
  },
  {
    name: 'pflash',
    create: () => {
      // the content is memory to a snapshot, as RAM is: here it is all zeros, which programming does not change
      const ports = { store: { write: nothing }, setReadable: nothing, written: nothing };
      const content = new Uint8Array(2 * BLOCK_BYTES);
      const device = new Pflash({ ...ports, content });
      const region: IoRegion = {
        read: (offset, size) => device.read(offset, size),
        write: (offset, size, value) => {
          device.write(offset, size, value);
          content.fill(0);
        },
      };
      return { device, windows: [{ region, length: content.length }] };
    },
  },
  { name: 'port80', create: () => byteDevice(new Port80(), 1) },
  {
    name: 'std-vga',
    create: (timers) => {
      const { stdVga } = new VgaRig(undefined, timers);
      const { vga, mmio, configSpace } = stdVga;
      return {
        device: stdVga,
        windows: [
          { region: vga, length: VGA_PORT_COUNT },
          { region: vga.dispi, length: DISPI_PORT_COUNT },
          { region: mmio, length: MMIO_BYTES },
          ...pciFunction(configSpace).windows,
        ],
      };
    },
  },
  { name: 'port92', create: () => byteDevice(new Port92({ a20: nothing, resetCpu: nothing }), 1) },
];

for (const fixture of [...FIXTURES, ...DISK_FIXTURES]) describeDevice(fixture);
