/** USB on a board: its controller by libvirt's model, where that sits, and the devices that are plugged in. */
import type { TimerHost } from '../base/clock.ts';
import type { InputConfig, PluggedDevice, UsbControllerModel } from '../contracts/machine.ts';
import { Ehci } from '../devices/usb/ehci.ts';
import { UsbKeyboard } from '../devices/usb/hid-keyboard.ts';
import { UsbMouse } from '../devices/usb/hid-mouse.ts';
import { UsbTablet } from '../devices/usb/hid-tablet.ts';
import { ICH9_UHCI, PIIX3_UHCI, Uhci } from '../devices/usb/uhci.ts';
import type { UsbDevice } from '../devices/usb/usb-device.ts';
import { UsbHub } from '../devices/usb/usb-hub.ts';
import { freeSocket, type UsbSocket } from '../devices/usb/usb-socket.ts';
import { UsbStorage } from '../devices/usb/usb-storage.ts';
import { Xhci } from '../devices/usb/xhci.ts';
import type { Board, DeviceRow } from './board.ts';
import type { PciPins } from './pci-pins.ts';
import { type MachineDrive, type PciPlace, placeOf } from './storage.ts';

/** What the user asked for. */
export interface UsbConfig {
  /** The board's usual one when absent. */
  readonly controller?: UsbControllerModel;
  readonly inputs: readonly InputConfig['type'][];
}

export interface UsbPlaces {
  readonly usual: UsbControllerModel;
  readonly uhci: PciPlace;
  /** Its companions are functions 0 to 2 of the slot. */
  readonly ehciSlot: number;
  readonly xhci: PciPlace;
}

/** The devices that the user's hands reach. */
export interface UsbInputs {
  readonly keyboard?: UsbKeyboard;
  readonly mouse?: UsbMouse;
  readonly tablet?: UsbTablet;
}

interface Controller {
  readonly rows: readonly DeviceRow[];
  readonly place: PciPlace;
  readonly sockets: readonly UsbSocket[];
}

/** A socket, and where it is in the words of Open Firmware. */
interface Port {
  readonly socket: UsbSocket;
  /** The controller or hub. */
  readonly parent: string;
  /** From 1 on. */
  readonly number: number;
}

interface Plugged {
  readonly device: UsbDevice;
  readonly port: Port;
  readonly row: DeviceRow;
}

const EHCI_FUNCTION = 7;
const EHCI_PIN = 4;
const INTA = 1;

/** The bus of a machine: a controller, where something was asked for, and what is plugged in, which comes and goes. */
export class UsbBus {
  /** The devices that the user's hands reach. */
  readonly inputs: { -readonly [Type in keyof UsbInputs]: UsbInputs[Type] } = {};
  readonly #board: Board;
  readonly #pins: PciPins;
  readonly #places: UsbPlaces;
  #controller: Controller | undefined;
  #ports: Port[] = [];
  #plugged: Plugged[] = [];
  readonly #disks = new Map<string, UsbStorage>();
  #rowNumber = 0;

  constructor(board: Board, pins: PciPins, places: UsbPlaces) {
    this.#board = board;
    this.#pins = pins;
    this.#places = places;
  }

  /** The slot of the controller; absent without one. */
  get slot(): number | undefined {
    return this.#controller?.place[0];
  }

  /** The controller's rows and those of all that is plugged in. */
  get rows(): readonly DeviceRow[] {
    return [...(this.#controller?.rows ?? []), ...this.#plugged.map(({ row }) => row)];
  }

  /** There is a socket, or one for a hub. */
  get hasRoom(): boolean {
    return this.#ports.some(({ socket }) => !socket.device);
  }

  /** What is plugged in, by its names. */
  get names(): readonly PluggedDevice[] {
    const inputs = INPUT_TYPES.filter((type) => this.inputs[type]);
    return [...inputs.map((type) => `input:${type}` as const), ...[...this.#disks.keys()].map(diskName)];
  }

  /** Where each disk is, by its target, as firmware is told it. */
  get bootPaths(): ReadonlyMap<string, string> {
    return new Map([...this.#disks].map(([target, disk]) => [target, this.#bootPath(disk)]));
  }

  /** What was asked for, at power-on; nothing where that is nothing of USB. */
  powerOn(): readonly DeviceRow[] {
    const { usb: config, drives } = this.#board;
    const inputs = INPUT_TYPES.filter((type) => config.inputs.includes(type));
    const disks = drives.filter(({ bus, medium }) => bus === 'usb' && 'fixed' in medium); // one without a medium is none
    if (!config.controller && inputs.length === 0 && disks.length === 0) return [];
    this.install(config.controller);
    this.#plugIn([...inputs.map((type) => this.#input(type)), ...disks.map((drive) => this.#disk(drive))]);
    return this.rows;
  }

  /** Where a controller of this model is by default. A slot of which it has one function is no place for a card. */
  usualSlot(model = this.#places.usual): number {
    const { uhci, ehciSlot, xhci } = this.#places;
    return { 'piix3-uhci': uhci[0], 'ich9-ehci1': ehciSlot, 'qemu-xhci': xhci[0] }[model];
  }

  /** A controller, the usual one where no model is said; in this slot, or where the board has it. */
  install(model = this.#places.usual, slot?: number): void {
    const places = slot === undefined ? this.#places : { uhci: card(slot), ehciSlot: slot, xhci: card(slot) };
    this.#controller = createController(model, this.#board, this.#pins, places);
    const { place, sockets } = this.#controller;
    const [at, functionNumber] = place;
    const name = functionNumber === 0 ? at.toString(16) : `${at.toString(16)},${functionNumber}`;
    this.#ports = portsOf(sockets, `usb@${name}`);
  }

  /** The new rows. Throws RangeError where there is no socket for it. */
  plugInput(type: InputConfig['type']): readonly DeviceRow[] {
    return this.#plugIn([this.#input(type)]);
  }

  plugDisk(drive: MachineDrive): readonly DeviceRow[] {
    return this.#plugIn([this.#disk(drive)]);
  }

  /** Pulls a device out: its row. Undefined where it is not there. */
  unplug(name: PluggedDevice): DeviceRow | undefined {
    const type = INPUT_TYPES.find((each) => name === `input:${each}`);
    const target = [...this.#disks.keys()].find((each) => name === diskName(each)) ?? '';
    const device = type ? this.inputs[type] : this.#disks.get(target);
    const plugged = this.#plugged.find((each) => each.device === device);
    if (type) delete this.inputs[type];
    this.#disks.delete(target);
    if (!plugged) return undefined;
    plugged.port.socket.plug(undefined);
    this.#plugged = this.#plugged.filter((each) => each !== plugged);
    return plugged.row;
  }

  /** The controller is out, and all that was at it. */
  removed(): void {
    for (const type of INPUT_TYPES) delete this.inputs[type];
    this.#disks.clear();
    this.#controller = undefined;
    this.#ports = [];
    this.#plugged = [];
  }

  #input(type: InputConfig['type']): UsbDevice {
    const input = INPUTS[type](this.#board.timers);
    Object.assign(this.inputs, { [type]: input });
    return input;
  }

  #disk({ target, medium }: MachineDrive): UsbDevice {
    if (!('fixed' in medium)) throw new RangeError(`${target} has no medium`);
    const disk = new UsbStorage({ medium: medium.fixed, serial: `56495600000${placeOf(target).toString(16)}` });
    this.#disks.set(target, disk);
    return disk;
  }

  /** Into the controller's sockets, and where they do not suffice into hubs. Answers the new rows, hubs first. */
  #plugIn(devices: readonly UsbDevice[]): readonly DeviceRow[] {
    const before = this.#plugged.length;
    while (devices.length > this.#ports.filter(({ socket }) => !socket.device).length) {
      const hub = new UsbHub();
      const { parent, number } = this.#plug(hub);
      this.#ports.push(...portsOf(hub.sockets, `${parent}/hub@${number}`));
    }
    for (const device of devices) this.#plug(device);
    return this.#plugged.slice(before).map(({ row }) => row);
  }

  #plug(device: UsbDevice): Port {
    const free = freeSocket(
      this.#ports.map(({ socket }) => socket),
      device,
    );
    const port = this.#ports.find(({ socket }) => socket === free);
    if (!port) throw new RangeError(`there is no socket for ${device.name}`);
    port.socket.plug(device);
    this.#plugged.push({ device, port, row: { id: `usb-${this.#rowNumber++}`, device } });
    return port;
  }

  #bootPath(disk: UsbStorage): string {
    const port = this.#plugged.find(({ device }) => device === disk)?.port;
    return port ? `${port.parent}/storage@${port.number}` : '';
  }
}

const INPUT_TYPES = ['keyboard', 'mouse', 'tablet'] as const;
const INPUTS = {
  keyboard: (timers: TimerHost) => new UsbKeyboard(timers),
  mouse: (timers: TimerHost) => new UsbMouse(timers),
  tablet: (timers: TimerHost) => new UsbTablet(timers),
};
const diskName = (target: string): PluggedDevice => `disk:${target}`;
const card = (slot: number): PciPlace => [slot, 0];

function createController(
  model: UsbControllerModel,
  board: Board,
  pins: PciPins,
  places: Omit<UsbPlaces, 'usual'>,
): Controller {
  const { timers, msi, ram } = board;
  const ports = (slot: number, pin: number) => ({ irq: pins(slot, pin), memory: ram, timers });
  switch (model) {
    case 'piix3-uhci': {
      const uhci = new Uhci(PIIX3_UHCI, ports(places.uhci[0], PIIX3_UHCI.interruptPin));
      const rows: DeviceRow[] = [{ id: 'uhci', device: uhci, pci: [...places.uhci, uhci.configSpace] }];
      return { rows, place: places.uhci, sockets: uhci.sockets };
    }
    case 'ich9-ehci1': {
      const slot = places.ehciSlot;
      const companions = ICH9_UHCI.map((uhci) => new Uhci(uhci, ports(slot, uhci.interruptPin)));
      const ehci = new Ehci({ ...ports(slot, EHCI_PIN), companions });
      const rows: DeviceRow[] = [
        { id: 'ehci', device: ehci, pci: [slot, EHCI_FUNCTION, ehci.configSpace] },
        ...companions.map((uhci, i): DeviceRow => ({ id: `uhci${i}`, device: uhci, pci: [slot, i, uhci.configSpace] })),
      ];
      return { rows, place: [slot, EHCI_FUNCTION], sockets: ehci.sockets };
    }
    case 'qemu-xhci': {
      const xhci = new Xhci({ ...ports(places.xhci[0], INTA), msi });
      const rows: DeviceRow[] = [{ id: 'xhci', device: xhci, pci: [...places.xhci, xhci.configSpace] }];
      return { rows, place: places.xhci, sockets: xhci.sockets };
    }
  }
}

/** USB 3 ports count by themselves, as in xHCI's protocol capabilities. */
function portsOf(sockets: readonly UsbSocket[], parent: string): Port[] {
  const isSuper = ({ speeds }: UsbSocket): boolean => speeds.includes('super');
  const kinds = [sockets.filter((socket) => !isSuper(socket)), sockets.filter(isSuper)];
  return kinds.flatMap((kind) => kind.map((socket, i) => ({ socket, parent, number: i + 1 })));
}
