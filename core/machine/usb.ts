/**
 * USB on a board: its controller by libvirt's model, where that sits, and the devices that are plugged in.
 */
import type { InputConfig, UsbControllerModel } from '../contracts/machine.ts';
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
}

const EHCI_FUNCTION = 7;
const EHCI_PIN = 4;
const INTA = 1;

export interface Usb {
  readonly rows: readonly DeviceRow[];
  readonly inputs: UsbInputs;
  /** Where each disk is, by its target, as firmware is told it. */
  readonly bootPaths: ReadonlyMap<string, string>;
}

/** No rows where nothing of USB was asked for. */
export function usb(board: Board, pins: PciPins, places: UsbPlaces): Usb {
  const { usb: config, timers } = board;
  const disks = new Map(board.drives.filter(({ bus }) => bus === 'usb').flatMap(storage));
  if (!config.controller && config.inputs.length === 0 && disks.size === 0) {
    return { rows: [], inputs: {}, bootPaths: new Map() };
  }
  const has = (type: InputConfig['type']): boolean => config.inputs.includes(type);
  const inputs: UsbInputs = {
    ...(has('keyboard') && { keyboard: new UsbKeyboard(timers) }),
    ...(has('mouse') && { mouse: new UsbMouse(timers) }),
    ...(has('tablet') && { tablet: new UsbTablet(timers) }),
  };
  const devices: UsbDevice[] = [...Object.values<UsbDevice>({ ...inputs }), ...disks.values()];
  const controller = createController(config.controller ?? places.usual, board, pins, places);
  const plugged = plugIn(devices, controller);
  return {
    rows: [...controller.rows, ...plugged.map(({ device }, i) => ({ id: `usb-${i}`, device }))],
    inputs,
    bootPaths: new Map([...disks].map(([target, disk]) => [target, bootPath(disk, plugged)])),
  };
}

function bootPath(disk: UsbStorage, plugged: readonly Plugged[]): string {
  const port = plugged.find(({ device }) => device === disk)?.port;
  return port ? `${port.parent}/storage@${port.number}` : '';
}

function createController(model: UsbControllerModel, board: Board, pins: PciPins, places: UsbPlaces): Controller {
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

const storage = ({ target, medium }: MachineDrive): (readonly [target: string, disk: UsbStorage])[] => {
  if (!('fixed' in medium)) return []; // a drive without a medium is no USB disk
  return [[target, new UsbStorage({ medium: medium.fixed, serial: `56495600000${placeOf(target).toString(16)}` })]];
};

/** Into the controller's sockets, and where they do not suffice into hubs. Answers what is plugged in, hubs first. */
function plugIn(devices: readonly UsbDevice[], { place, sockets }: Controller): Plugged[] {
  const [slot, functionNumber] = place;
  const name = functionNumber === 0 ? slot.toString(16) : `${slot.toString(16)},${functionNumber}`;
  const ports = portsOf(sockets, `usb@${name}`);
  const plugged: Plugged[] = [];
  const plug = (device: UsbDevice): Port => {
    const free = freeSocket(
      ports.map(({ socket }) => socket),
      device,
    );
    const port = ports.find(({ socket }) => socket === free);
    if (!port) throw new RangeError(`there is no socket for ${device.name}`);
    port.socket.plug(device);
    plugged.push({ device, port });
    return port;
  };
  while (devices.length > ports.filter(({ socket }) => !socket.device).length) {
    const hub = new UsbHub();
    const { parent, number } = plug(hub);
    ports.push(...portsOf(hub.sockets, `${parent}/hub@${number}`));
  }
  for (const device of devices) plug(device);
  return plugged;
}

/** USB 3 ports count by themselves, as in xHCI's protocol capabilities. */
function portsOf(sockets: readonly UsbSocket[], parent: string): Port[] {
  const isSuper = ({ speeds }: UsbSocket): boolean => speeds.includes('super');
  const kinds = [sockets.filter((socket) => !isSuper(socket)), sockets.filter(isSuper)];
  return kinds.flatMap((kind) => kind.map((socket, i) => ({ socket, parent, number: i + 1 })));
}
