/** SATA on a board: its AHCI controller, where there is one, and the drives at its ports, which come and go. */
import { Ahci } from '../devices/ahci/ahci.ts';
import type { AtaDrive } from '../devices/ata/ata-drive.ts';
import type { Board, DeviceRow } from './board.ts';
import type { PciPins } from './pci-pins.ts';
import { ataDrive, type MachineDrive, type PciPlace, placeOf } from './storage.ts';

const SATA_PORTS = 6;
const SATA_QUEUE_DEPTH = 32;
const INTA = 1;

export class SataBus {
  readonly #board: Board;
  readonly #pins: PciPins;
  #ahci: Ahci | undefined;
  #place: PciPlace | undefined;
  readonly #drives = new Map<string, AtaDrive>();

  constructor(board: Board, pins: PciPins) {
    this.#board = board;
    this.#pins = pins;
  }

  /** The slot of the controller; absent without one. */
  get slot(): number | undefined {
    return this.#place?.[0];
  }

  /** The drives that are there. */
  get targets(): readonly string[] {
    return [...this.#drives.keys()];
  }

  /** A controller here, with these drives at it. */
  install(place: PciPlace, drives: readonly MachineDrive[]): DeviceRow {
    const { ram, timers, msi } = this.#board;
    for (const drive of drives) this.#drives.set(drive.target, ataDrive(drive, timers, SATA_QUEUE_DEPTH));
    this.#ahci = new Ahci({
      irq: this.#pins(place[0], INTA),
      msi,
      memory: ram,
      drives: Array.from({ length: SATA_PORTS }, (_, port) => {
        const at = drives.find(({ target }) => placeOf(target) === port);
        return at && this.#drives.get(at.target);
      }),
    });
    this.#place = place;
    return { id: 'ahci', device: this.#ahci, pci: [...place, this.#ahci.configSpace] };
  }

  /** Into the port of its target, as by a cable. */
  plug(drive: MachineDrive): void {
    const device = ataDrive(drive, this.#board.timers, SATA_QUEUE_DEPTH);
    this.#drives.set(drive.target, device);
    this.#ahci?.plug(placeOf(drive.target), device);
  }

  unplug(target: string): void {
    this.#drives.delete(target);
    this.#ahci?.plug(placeOf(target), undefined);
  }

  /** The controller is out, and its drives with it. */
  removed(): void {
    this.#drives.clear();
    this.#ahci = undefined;
    this.#place = undefined;
  }
}
