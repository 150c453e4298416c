/**
 * What can be plugged into a machine while it runs: a watchdog and a USB controller into PCI slots, SATA drives into ports of
 * the AHCI controller, which is a card where the board has none, USB devices into sockets. A card goes when the guest
 * lets go of it; a drive or USB device is pulled out, but for the last drive of a card, which goes with that.
 */
import type { InputConfig, PluggedDevice, UsbControllerModel, WatchdogAction } from '../contracts/machine.ts';
import type { Board, DeviceRow } from './board.ts';
import { WATCHDOG_SLOT, watchdogRow } from './guards.ts';
import type { Card, PciSlots } from './pci-slots.ts';
import type { SataBus } from './sata.ts';
import type { MachineDrive } from './storage.ts';
import type { UsbBus } from './usb.ts';

export type Attachment =
  | { readonly kind: 'disk'; readonly drive: MachineDrive }
  | { readonly kind: 'input'; readonly type: InputConfig['type'] }
  | { readonly kind: 'usb-controller'; readonly model: UsbControllerModel }
  | { readonly kind: 'watchdog'; readonly action: WatchdogAction };

/** What keeps a device from being plugged in or taken out, for the person who asked for it. */
export class HotPlugError extends Error {}

export interface HotPlugParts {
  readonly board: Board;
  readonly slots: PciSlots;
  readonly usb: UsbBus;
  readonly sata: SataBus;
  /** Where a controller for SATA drives is, on a board that has none of its own. */
  readonly ahciSlot?: number;
}

export class HotPlug {
  readonly #parts: HotPlugParts;
  #watchdog: Card | undefined;

  constructor(parts: HotPlugParts) {
    this.#parts = parts;
  }

  /** The cards that were asked for, for the board's table. */
  powerOn(): DeviceRow[] {
    const { board, slots, usb, sata, ahciSlot } = this.#parts;
    const drives = board.drives.filter(({ bus }) => bus === 'sata');
    const rows = [...usb.powerOn()];
    if (usb.slot !== undefined) slots.hold(this.#usbCard(usb.slot));
    if (ahciSlot !== undefined && drives.length > 0) {
      const row = sata.install([ahciSlot, 0], drives);
      rows.push(row);
      slots.hold(this.#sataCard(ahciSlot, row));
    }
    if (board.watchdog) {
      this.#watchdog = this.#watchdogCard(board.watchdog, WATCHDOG_SLOT);
      rows.push(...this.#watchdog.rows());
      slots.hold(this.#watchdog);
    }
    return rows;
  }

  /** Throws HotPlugError for what cannot be: then nothing has changed. */
  attach(device: Attachment): void {
    if (device.kind === 'watchdog') this.#attachWatchdog(device.action);
    else if (device.kind === 'usb-controller') this.#attachUsbController(device.model);
    else if (device.kind === 'disk') this.#attachDrive(device.drive);
    else this.#attachUsb(`input:${device.type}`, (usb) => usb.plugInput(device.type));
  }

  /**
   * True: it is out. False: the guest was asked to let go of it. Throws HotPlugError for what is not there or cannot be
   * taken out.
   */
  detach(name: PluggedDevice): boolean {
    const { slots, usb, sata, ahciSlot } = this.#parts;
    if (name === 'watchdog') return this.#ask(this.#watchdog?.slot);
    if (name === 'usb-controller') {
      if (usb.names.length > 0)
        throw new HotPlugError('Devices are plugged into the USB controller: remove them first.');
      return this.#ask(usb.slot);
    }
    const target = sata.targets.find((each) => name === `disk:${each}`);
    if (target !== undefined) {
      const lastOfCard = sata.targets.length === 1 && ahciSlot !== undefined;
      if (lastOfCard) return this.#ask(sata.slot);
      sata.unplug(target);
      return true;
    }
    const row = usb.unplug(name);
    if (!row) throw new HotPlugError('This device cannot be taken out while the machine runs.');
    slots.remove(row);
    return true;
  }

  #attachWatchdog(action: WatchdogAction): void {
    if (this.#watchdog) throw new HotPlugError('The machine has a watchdog already.');
    this.#watchdog = this.#watchdogCard(action, this.#freeSlot(WATCHDOG_SLOT));
    this.#parts.slots.plug(this.#watchdog);
  }

  #attachUsbController(model: UsbControllerModel): void {
    if (this.#parts.usb.slot !== undefined) throw new HotPlugError('The machine has a USB controller already.');
    this.#plugUsb(model);
  }

  #attachDrive(drive: MachineDrive): void {
    const { bus, target, medium } = drive;
    if (bus === 'sata') this.#attachSata(drive);
    else if (bus !== 'usb') throw new HotPlugError('Drives of this bus cannot be plugged in while the machine runs.');
    else if (!('fixed' in medium)) throw new HotPlugError('A USB drive has its medium built in: choose an image.');
    else this.#attachUsb(`disk:${target}`, (usb) => usb.plugDisk(drive));
  }

  #attachSata(drive: MachineDrive): void {
    const { slots, sata, ahciSlot } = this.#parts;
    if (sata.targets.includes(drive.target)) throw alreadyThere(`disk:${drive.target}`);
    if (sata.slot !== undefined) {
      sata.plug(drive);
      return;
    }
    const slot = this.#freeSlot(ahciSlot ?? 0);
    slots.plug(this.#sataCard(slot, sata.install([slot, 0], [drive])));
  }

  /** With the board's usual controller, where there is none. */
  #attachUsb(name: PluggedDevice, plug: (usb: UsbBus) => readonly DeviceRow[]): void {
    const { slots, usb } = this.#parts;
    if (usb.names.includes(name)) throw alreadyThere(name);
    if (usb.slot === undefined) this.#plugUsb();
    if (!usb.hasRoom) throw new HotPlugError('All sockets of the USB controller are taken.');
    for (const row of plug(usb)) slots.add(row);
  }

  #plugUsb(model?: UsbControllerModel): void {
    const { slots, usb } = this.#parts;
    const slot = this.#freeSlot(usb.usualSlot(model));
    usb.install(model, slot);
    slots.plug(this.#usbCard(slot));
  }

  #freeSlot(wanted: number): number {
    const slot = this.#parts.slots.freeSlot(wanted);
    if (slot === undefined) throw new HotPlugError('No PCI slot is free.');
    return slot;
  }

  #ask(slot: number | undefined): boolean {
    if (slot === undefined) throw new HotPlugError('The machine has no such device.');
    if (!this.#parts.slots.requestEject(slot)) {
      throw new HotPlugError('This device is a part of the board: it can be removed while the machine is off.');
    }
    return false;
  }

  #watchdogCard(action: WatchdogAction, slot: number): Card {
    const row = watchdogRow(this.#parts.board, action, slot);
    const ejected = (): void => {
      this.#watchdog = undefined;
      this.#parts.board.detached('watchdog');
    };
    return { slot, rows: () => [row], ejected };
  }

  #usbCard(slot: number): Card {
    const { board, usb } = this.#parts;
    const ejected = (): void => {
      const { names } = usb;
      usb.removed();
      for (const name of [...names, 'usb-controller'] as const) board.detached(name);
    };
    return { slot, rows: () => usb.rows, ejected };
  }

  #sataCard(slot: number, row: DeviceRow): Card {
    const { board, sata } = this.#parts;
    const ejected = (): void => {
      const { targets } = sata;
      sata.removed();
      for (const target of targets) board.detached(`disk:${target}`);
    };
    return { slot, rows: () => [row], ejected };
  }
}

const alreadyThere = (name: PluggedDevice): HotPlugError =>
  new HotPlugError(`The machine has ${name.slice(name.indexOf(':') + 1)} already.`);
