/**
 * A drive for removable media: a slot that the user fills and empties, and that the guest locks, opens and closes. The
 * controller of the drive reads through it and is told of every change.
 */
import type { BlockBackend, MediaListener, MediumSlot } from './port.ts';

export class Drive implements MediumSlot {
  locked = false;
  #inserted: BlockBackend | undefined;
  #trayOpen = false;
  #listener: MediaListener | undefined;

  constructor(medium?: BlockBackend) {
    this.#inserted = medium;
  }

  get medium(): BlockBackend | undefined {
    return this.#trayOpen ? undefined : this.#inserted;
  }

  get trayOpen(): boolean {
    return this.#trayOpen;
  }

  listen(listener: MediaListener): void {
    this.#listener = listener;
  }

  moveTray(open: boolean): void {
    this.#change(this.#inserted, open);
  }

  /**
   * The user puts another medium in, or takes it out (undefined); the tray is closed then. False, and nothing but a
   * request to the guest, when the guest has locked the drive and the user does not insist. The medium that was in it
   * is the caller's to close.
   */
  change(medium: BlockBackend | undefined, force = false): boolean {
    if (this.locked && this.#inserted && !force) {
      this.#listener?.ejectRequested?.();
      return false;
    }
    this.#change(undefined, false); // a drive always sees the old one leave before the new one comes
    this.#change(medium, false);
    return true;
  }

  #change(inserted: BlockBackend | undefined, trayOpen: boolean): void {
    const before = this.medium;
    this.#inserted = inserted;
    this.#trayOpen = trayOpen;
    if (this.medium !== before) this.#listener?.mediaChanged(this.medium);
  }
}
