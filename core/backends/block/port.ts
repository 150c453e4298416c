/**
 * What a disk controller knows of the medium behind it. Requests are handed over and end later, on the machine's thread; a
 * back end may end them at once, before submit() returns.
 */

/** Of all requests; offsets and lengths are multiples of it. */
export const BLOCK_SECTOR_SIZE = 512;

export type BlockRequest =
  /** Fills `data`, bytes of the VM's memory or of the controller. */
  | { readonly kind: 'read'; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: 'write'; readonly offset: number; readonly data: Uint8Array }
  /** All that was written before it is on stable storage when it ends. */
  | { readonly kind: 'flush' }
  /** What is there is not needed any more and may read as zeros. */
  | { readonly kind: 'discard'; readonly offset: number; readonly length: number };

/** Why a request failed: the host's errno, e.g. 'EIO' or 'ENOSPC'. */
export interface BlockError {
  readonly errno: string;
  readonly message: string;
}

export interface BlockBackend {
  /** A multiple of BLOCK_SECTOR_SIZE. */
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** `done` is called exactly once. A request outside of the medium, or a write to a read-only one, fails. */
  submit(request: BlockRequest, done: (error?: BlockError) => void): void;
}

/** A drive with removable media tells its controller when they change; the guest may lock the door. */
export interface MediaListener {
  /** A medium was put in, or (undefined) taken out. */
  mediaChanged(medium: BlockBackend | undefined): void;
  /** Somebody pressed the eject button of a drive that the guest has locked. */
  ejectRequested?(): void;
}

/** A drive for removable media as its controller sees it. */
export interface MediumSlot {
  /** What can be read: undefined in an empty drive, and while the tray is open. */
  readonly medium: BlockBackend | undefined;
  readonly trayOpen: boolean;
  /** The guest holds the medium: the button does not eject it. */
  locked: boolean;
  /** By the guest's command. The listener hears of what that changes. */
  moveTray(open: boolean): void;
  /** There is one listener: the controller. */
  listen(listener: MediaListener): void;
}
