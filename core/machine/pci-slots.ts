/**
 * The PCI slots of a board, and all rows of its table: what is wired to it for good, and cards, which sit in the slots that
 * the DSDT names for hot plug and can go and come while the guest runs.
 */
import { AcpiPciHotplug } from '../devices/acpi-pci-hotplug/acpi-pci-hotplug.ts';
import { PciBus } from '../devices/pci-host/pci-host.ts';
import { type Board, type DeviceRow, wire } from './board.ts';

export interface Card {
  readonly slot: number;
  /** Its PCI functions, and what is behind them at the moment. */
  readonly rows: () => readonly DeviceRow[];
  /** It is out: the guest let go of it, or was reset while it was asked to. */
  readonly ejected?: () => void;
}

export class PciSlots {
  readonly bus = new PciBus();
  /** The hot plug registers. */
  readonly registers: AcpiPciHotplug;
  readonly #board: Board;
  readonly #slots: readonly number[];
  readonly #rows: DeviceRow[] = [];
  readonly #cards = new Map<number, Card>();

  /** slots: those for cards. event: the general-purpose event of PCI hot plug. */
  constructor(board: Board, slots: readonly number[], event: () => void) {
    this.#board = board;
    this.#slots = slots;
    this.registers = new AcpiPciHotplug({ event, eject: (slot) => this.#eject(slot) });
  }

  get rows(): readonly DeviceRow[] {
    return this.#rows;
  }

  /** What the board's table says, at power-on. One that sits in a slot for cards can be taken out. */
  connect(rows: readonly DeviceRow[]): void {
    for (const row of rows) this.add(row);
  }

  /** A card that the table has put there. */
  hold(card: Card): void {
    if (!this.#slots.includes(card.slot)) return;
    this.#cards.set(card.slot, card);
    this.registers.present(card.slot);
  }

  /** The slot that is wanted, or another free one. */
  freeSlot(wanted: number): number | undefined {
    return [wanted, ...this.#slots].find((slot) => this.#slots.includes(slot) && !this.#cards.has(slot));
  }

  /** Puts a card in, and tells the guest. */
  plug(card: Card): void {
    this.#cards.set(card.slot, card);
    for (const row of card.rows()) this.add(row);
    this.registers.plugged(card.slot);
  }

  /** Asks the guest to let go of a card. False where it cannot be taken out. */
  requestEject(slot: number): boolean {
    return this.registers.requestEject(slot);
  }

  /** One more device: of the table, or behind a card. */
  add(row: DeviceRow): void {
    this.#rows.push(row);
    wire(row, this.bus, this.#board);
  }

  /** A device that was behind a card. */
  remove(row: DeviceRow): void {
    row.device.reset();
    const index = this.#rows.indexOf(row);
    if (index >= 0) this.#rows.splice(index, 1);
  }

  #eject(slot: number): void {
    const card = this.#cards.get(slot);
    if (!card) return;
    this.#cards.delete(slot);
    for (const row of card.rows()) this.remove(row);
    this.bus.detach(slot);
    card.ejected?.();
  }
}
