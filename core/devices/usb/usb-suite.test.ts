/** USB under the suite that holds for all devices: controllers with devices and memory, and each device by its packets. */
import { type DeviceFixture, describeDevice } from '../../testing/device-suite.ts';
import type { FakeTimers } from '../../testing/fake-clock.ts';
import type { FakeMemory } from '../../testing/fake-memory.ts';
import type { SeededRandom } from '../../testing/seeded-random.ts';
import { enableFunction, garbageMemory, plausibleWord, usbAssembly } from '../../testing/usb-fixture.ts';
import { FakeMedium, setupPacket } from '../../testing/usb-host.ts';
import type { IoRegion } from '../device.ts';
import * as E from './ehci.regs.ts';
import { Ehci } from './ehci.ts';
import { UsbKeyboard } from './hid-keyboard.ts';
import { UsbMouse } from './hid-mouse.ts';
import { UsbTablet } from './hid-tablet.ts';
import * as U from './uhci.regs.ts';
import { ICH9_UHCI, PIIX3_UHCI, Uhci } from './uhci.ts';
import type { UsbDevice } from './usb-device.ts';
import { UsbHub } from './usb-hub.ts';
import { UsbStorage } from './usb-storage.ts';
import * as X from './xhci.regs.ts';
import { Xhci } from './xhci.ts';

const nothing = (): void => {};

/** Each kind of device once. */
function makeDevices(timers: FakeTimers) {
  const hub = new UsbHub();
  const mouse = new UsbMouse(timers);
  hub.sockets[0]?.connect(mouse);
  return {
    keyboard: new UsbKeyboard(timers),
    tablet: new UsbTablet(timers),
    mouse,
    hub,
    storage: new UsbStorage({ medium: new FakeMedium(64 * 1024), serial: '1' }),
  };
}

type Devices = ReturnType<typeof makeDevices>;

function hostInput({ keyboard, tablet, mouse }: Devices): NonNullable<ReturnType<DeviceFixture['create']>['stimuli']> {
  return [
    (random) => keyboard.press(random.pick(['KeyA', 'ShiftLeft', 'F5', 'NoSuchKey'])),
    (random) => keyboard.release(random.pick(['KeyA', 'ShiftLeft', 'F5'])),
    (random) => tablet.input({ x: random.below(40000), y: random.below(99), wheel: 1, buttons: random.below(64) }),
    (random) => mouse.input({ dx: random.below(999), dy: -random.below(999), wheel: 1, buttons: random.below(64) }),
  ];
}

function scribble(memory: FakeMemory): (random: SeededRandom) => void {
  return (random) => {
    const at = random.below(memory.bytes.length - 256) & ~0x1f;
    for (let i = 0; i < 32; i++) memory.write32(at + 4 * i, plausibleWord(random));
  };
}

const SETUPS = [
  setupPacket(0, 5, 0),
  setupPacket(0, 5, 1),
  setupPacket(0, 9, 1),
  setupPacket(0x80, 6, 0x0200, 0, 255),
  setupPacket(0x21, 0x0a, 0x0100),
  setupPacket(0x23, 3, 8, 1),
  setupPacket(0x23, 3, 4, 1),
];

/** A command wrapper that mostly is one. */
function randomCommand(random: SeededRandom): number[] {
  const opcode = random.pick([0x00, 0x03, 0x12, 0x1a, 0x25, 0x28, 0x2a, 0x35, 0x9e, random.below(256)]);
  const block = random.below(140);
  const cdb = [opcode, 0, 0, 0, 0, block, 0, 0, random.below(9), 0, 0, 0, 0, 0, 0, 0];
  const length = random.pick([0, 13, 36, 512, 4096]);
  const direction = random.pick([0, 0x80]);
  return [0x55, 0x53, 0x42, 0x43, 1, 2, 3, 4, length & 0xff, length >>> 8, 0, 0, direction, 0, 10, ...cdb];
}

function fillBuffer(memory: FakeMemory, at: number, random: SeededRandom): void {
  memory.write(at, Uint8Array.from(random.below(2) ? random.pick(SETUPS) : randomCommand(random)));
}

function uhciTraffic(uhci: Uhci, memory: FakeMemory): ((random: SeededRandom) => void)[] {
  const start = (): void => {
    enableFunction(uhci.configSpace);
    for (const port of [U.PORTSC1, U.PORTSC1 + 2]) uhci.write(port, 2, U.PORTSC_PED);
    uhci.write(U.FRBASEADD, 4, 0x1000);
    uhci.write(U.USBINTR, 2, U.USBINTR_MASK);
    uhci.write(U.USBCMD, 2, U.USBCMD_RS);
  };
  const transfer = (random: SeededRandom): void => {
    fillBuffer(memory, 0x800, random);
    for (let i = 0; i < 4; i++) {
      const pid = random.pick([U.PID_SETUP, U.PID_IN, U.PID_OUT, U.PID_IN]);
      const length = random.pick([7, 30, 63, 0x7ff]);
      const token = ((length << 21) | (random.below(3) << 15) | (random.below(2) << 8) | pid) >>> 0;
      const status = U.TD_ACTIVE | (random.below(2) * U.TD_SPD) | (random.below(2) * U.TD_IOC);
      memory.write32(0x400 + 16 * i, random.pick([0x400 + 16 * random.below(4) + U.LINK_VF, 1]), status, token, 0x800);
    }
    memory.write32(0x300, random.pick([0x300 | U.LINK_Q, U.LINK_T]), 0x400);
    for (let i = 0; i < 1024; i += 4) memory.write32(0x1000 + 4 * i, 0x300 | U.LINK_Q);
  };
  return [start, transfer, transfer];
}

function ehciTraffic(ehci: Ehci, memory: FakeMemory): ((random: SeededRandom) => void)[] {
  const set = (offset: number, value: number): void => ehci.write(E.CAPLENGTH_VALUE + offset, 4, value);
  const start = (): void => {
    enableFunction(ehci.configSpace);
    set(E.CONFIGFLAG, 1);
    set(E.PORTSC1, E.PORTSC_PR);
    set(E.PORTSC1, 0);
    set(E.ASYNCLISTADDR, 0x300);
    set(E.PERIODICLISTBASE, 0x1000);
    set(E.USBINTR, E.USBINTR_MASK);
    set(E.USBCMD, E.USBCMD_RS | E.USBCMD_ASE | E.USBCMD_PSE);
  };
  const transfer = (random: SeededRandom): void => {
    fillBuffer(memory, 0x800, random);
    for (let i = 0; i < 4; i++) {
      const token = (random.pick([8, 31, 512, 0x5fff]) << 16) | E.TOKEN_ACTIVE | (random.below(3) << 8);
      const [next, alternate] = [random.pick([1, 0x400 + 64 * random.below(4)]), random.pick([1, 0x400])];
      memory.write32(0x400 + 64 * i, next, alternate, token | (random.below(2) * E.TOKEN_IOC), 0x800, 0x2000, 0x9000);
    }
    const characteristics = (512 << 16) | E.QH_HIGH_SPEED | (random.below(3) << 8) | random.below(2);
    memory.write32(0x300, random.pick([0x302, 0x502, 1]), characteristics, random.below(2), 0, 0x400, 1, 0);
  };
  return [start, transfer, transfer];
}

function xhciTraffic(xhci: Xhci, memory: FakeMemory): ((random: SeededRandom) => void)[] {
  const set = (offset: number, value: number): void => xhci.write(offset, 4, value);
  const start = (): void => {
    enableFunction(xhci.configSpace);
    memory.write32(0x100, 0x2000, 0, 64, 0);
    const ir = X.RUNTIME_OFFSET + X.IR0;
    set(ir + X.ERSTSZ, 1);
    set(ir + X.ERDP_LO, 0x2000);
    set(ir + X.ERSTBA_LO, 0x100);
    set(ir + X.ERSTBA_HI, 0);
    set(ir + X.IMAN, X.IMAN_IE);
    set(X.CAPLENGTH_VALUE + X.DCBAAP_LO, 0x3000);
    set(X.CAPLENGTH_VALUE + X.CRCR_LO, 0x4000 | 1);
    for (let port = 0; port < 4; port++) set(X.PORTS_OFFSET + 16 * port, X.PORTSC_PR | X.PORTSC_PP);
    set(X.CAPLENGTH_VALUE + X.USBCMD, X.USBCMD_RS | X.USBCMD_INTE);
    for (let slot = 1; slot < 5; slot++) memory.write32(0x3000 + 8 * slot, 0x8000 + 0x400 * slot, 0);
  };
  const ring = (at: number, random: SeededRandom, types: readonly number[]): void => {
    for (let i = 0; i < 16; i++) {
      const low = random.pick([0x5000, 0x6000, 0x0100_0680, 0x0001_0900]);
      const flags = random.pick([1, 1, 0x21, 0x31, 0x65, random.uint32() | 1]);
      const slot = random.pick([1, 1, 2, 3]) << 24;
      memory.write32(
        at + 16 * i,
        low,
        0,
        random.pick([8, 31, 512, 0x1_0000]),
        (random.pick(types) << 10) | slot | flags,
      );
    }
  };
  const input = (random: SeededRandom): void => {
    memory.write32(0x5000, 0, random.pick([3, 3, 0x19, random.uint32()]));
    memory.write32(0x5020, 1 << 27, random.pick([1, 2, 3, 5, 6]) << 16, 0, 0);
    for (let i = 2; i < 32; i++) memory.write32(0x5000 + 32 * i, 0, (64 << 16) | (7 << 3), 0x6001, 0);
  };
  const commands = (random: SeededRandom): void => {
    input(random);
    ring(0x4000, random, [9, 11, 11, 12, 12, 13, 14, 15, 16, 17, 23, 10, 6, random.below(64)]);
    set(X.CAPLENGTH_VALUE + X.CRCR_LO, 0x4000 | 1);
    set(X.DOORBELL_OFFSET, 0);
  };
  const transfers = (random: SeededRandom): void => {
    fillBuffer(memory, 0x5000, random);
    ring(0x6000, random, [1, 1, 2, 3, 4, 6, 7, 8, random.below(64)]);
    for (let i = 0; i < 4; i++) set(X.DOORBELL_OFFSET + 4 * (1 + random.below(3)), 1 + random.below(5));
  };
  const handle = (): void => set(X.RUNTIME_OFFSET + X.IR0 + X.ERDP_LO, (0x2000 + 16 * 5) | X.ERDP_EHB);
  return [start, commands, commands, transfers, transfers, handle];
}

/** The packets a host may send, as a window of registers. */
function packetWindow(device: UsbDevice): IoRegion {
  const answer = (value: unknown): number => (value instanceof Uint8Array ? (value[0] ?? 0) & 0x7f : 0x55);
  return {
    read: (offset) => answer(device.packetIn(offset % 4)),
    write: (offset, size, value) => {
      if (offset < 2) device.setup(Uint8Array.from(SETUPS[value % SETUPS.length] ?? []));
      else if (offset < 4)
        device.setup(Uint8Array.of(value & 0xff, value >>> 8, value >>> 16, value >>> 24, 1, 0, 8, 0));
      else device.packetOut(offset % 4, new Uint8Array(size * (value % 20)).fill(value));
    },
  };
}

const deviceFixture = (name: keyof Devices): DeviceFixture => ({
  name: `usb ${name}`,
  create: (timers) => {
    const devices = makeDevices(timers);
    const device = devices[name];
    const commands = (random: SeededRandom): void => {
      device.packetOut(2, Uint8Array.from(randomCommand(random)));
    };
    const windows = [{ region: packetWindow(device), length: 8 }];
    return { device, windows, stimuli: [...hostInput(devices), commands, commands] };
  },
});

const FIXTURES: readonly DeviceFixture[] = [
  ...(['keyboard', 'tablet', 'mouse', 'hub', 'storage'] as const).map(deviceFixture),
  {
    name: 'uhci',
    create: (timers, line) => {
      const memory = garbageMemory(1);
      const devices = makeDevices(timers);
      const uhci = new Uhci(PIIX3_UHCI, { irq: line(), memory, timers });
      uhci.sockets[0]?.connect(devices.hub);
      uhci.sockets[1]?.connect(devices.storage);
      devices.hub.sockets[1]?.connect(devices.tablet);
      const windows = [{ region: uhci, length: U.UHCI_IO_SIZE }];
      const stimuli = [...hostInput(devices), ...uhciTraffic(uhci, memory), scribble(memory)];
      return { device: usbAssembly(memory, { ...devices, uhci }), windows, stimuli };
    },
  },
  {
    name: 'ehci with companions',
    create: (timers, line) => {
      const memory = garbageMemory(2);
      const devices = makeDevices(timers);
      const ports = { memory, timers };
      const [one, two, three] = ICH9_UHCI.map((model) => new Uhci(model, { ...ports, irq: line() }));
      if (!one || !two || !three) throw new Error('ICH9 has three companions');
      const ehci = new Ehci({ ...ports, irq: line(), companions: [one, two, three] });
      ehci.sockets[0]?.plug(devices.storage);
      ehci.sockets[1]?.plug(devices.tablet);
      ehci.sockets[2]?.plug(devices.keyboard);
      const windows = [
        { region: ehci, length: 0x80 },
        { region: one, length: U.UHCI_IO_SIZE },
      ];
      const traffic = [...ehciTraffic(ehci, memory), ...uhciTraffic(one, memory)];
      const stimuli = [...hostInput(devices), ...traffic, scribble(memory)];
      return { device: usbAssembly(memory, { ...devices, one, two, three, ehci }), windows, stimuli };
    },
  },
  {
    name: 'xhci',
    create: (timers, line) => {
      const memory = garbageMemory(3);
      const devices = makeDevices(timers);
      const xhci = new Xhci({ irq: line(), memory, timers, msi: nothing });
      xhci.sockets[0]?.connect(devices.keyboard);
      xhci.sockets[1]?.connect(devices.hub);
      xhci.sockets[4]?.connect(devices.storage);
      devices.hub.sockets[1]?.connect(devices.tablet);
      const windows = [
        { region: xhci, length: 0x500 },
        { region: xhci, length: X.XHCI_MMIO_SIZE },
      ];
      const stimuli = [...hostInput(devices), ...xhciTraffic(xhci, memory), scribble(memory)];
      return { device: usbAssembly(memory, { ...devices, xhci }), windows, stimuli };
    },
  },
];

for (const fixture of FIXTURES) describeDevice(fixture);
