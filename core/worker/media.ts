/** The media of a machine's drives: images of the host's disk; both can change while the machine runs. */

import type { BlockFile } from '../backends/block/block-file.ts';
import { Drive } from '../backends/block/drive.ts';
import { RawImage } from '../backends/block/raw-image.ts';
import type { DiskConfig, MachineType } from '../contracts/machine.ts';
import { type MachineDrive, placeOf } from '../machine/storage.ts';
import { StartError } from './client-api.ts';
import { openDiskFile } from './disk-file.ts';

/** Places on each bus of a board. */
const PLACES: Readonly<Record<MachineType, Readonly<Record<DiskConfig['bus'], number>>>> = {
  pc: { ide: 4, sata: 6, fdc: 2, usb: 8 },
  q35: { ide: 0, sata: 6, fdc: 2, usb: 8 },
};

interface OpenDrive extends MachineDrive {
  readonly config: DiskConfig;
}

export class Media {
  readonly #machine: MachineType;
  #drives: readonly OpenDrive[] = [];
  /** What is open, by target. */
  readonly #files = new Map<string, BlockFile>();

  /** Throws StartError for an image that cannot be opened, and for a drive that the machine type has no place for. */
  constructor(configs: readonly DiskConfig[], machine: MachineType) {
    this.#machine = machine;
    try {
      for (const config of configs) this.add(config);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get drives(): readonly MachineDrive[] {
    return this.#drives;
  }

  /** One more drive. Throws StartError. */
  add(config: DiskConfig): MachineDrive {
    checkPlace(config, this.#machine);
    if (this.#drives.some(({ target }) => target === config.target)) {
      throw new StartError(`There is a drive ${config.target} already.`, 'Give it another target.');
    }
    const drive = this.#open(config);
    this.#drives = [...this.#drives, drive];
    return drive;
  }

  /** A drive that the machine has no longer. */
  remove(target: string): void {
    this.#drives = this.#drives.filter((drive) => drive.target !== target);
    this.#files.get(target)?.close();
    this.#files.delete(target);
  }

  /**
   * Puts another medium into a drive, or (no path) takes it out. Answers what kept it from happening; the old medium stays
   * then.
   */
  change(target: string, path?: string): string | undefined {
    const drive = this.#drives.find(({ config }) => config.target === target);
    if (!drive || !(isRemovable(drive.medium) && drive.medium.slot instanceof Drive)) {
      return `There is no drive ${target} whose medium could be changed.`;
    }
    let file: BlockFile | undefined;
    try {
      file = path === undefined ? undefined : openDiskFile(path, drive.config.readOnly);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      return `${error.message} ${error.hint}`;
    }
    if (!drive.medium.slot.change(file && new RawImage(file))) {
      file?.close();
      return `The guest has locked the drive ${target} and was asked to eject the medium.`;
    }
    this.#files.get(target)?.close();
    if (file) this.#files.set(target, file);
    else this.#files.delete(target);
    return undefined;
  }

  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #open(config: DiskConfig): OpenDrive {
    const { target, bus, bootOrder, source, readOnly, device } = config;
    const image = source === undefined ? undefined : this.#image(target, source, readOnly);
    if (device === 'disk' && !image) {
      throw new StartError(`The disk ${target} has no image.`, 'Choose a file for it, or remove it.', 'file');
    }
    const medium = device === 'disk' && image ? { fixed: image } : { slot: new Drive(image) };
    return { config, target, bus, medium, ...(bootOrder !== undefined && { bootOrder }) };
  }

  #image(target: string, path: string, readOnly: boolean): RawImage {
    const file = openDiskFile(path, readOnly);
    this.#files.set(target, file);
    return new RawImage(file);
  }
}

const isRemovable = (medium: MachineDrive['medium']): medium is Extract<MachineDrive['medium'], { slot: unknown }> =>
  'slot' in medium;

function checkPlace({ target, bus, device }: DiskConfig, machine: MachineType): void {
  const places = PLACES[machine][bus];
  const place = placeOf(target);
  if (place < 0 || place >= places || (device === 'floppy') !== (bus === 'fdc')) {
    throw new StartError(
      `A machine of type ${machine} has no place for the ${device} ${target} on the bus ${bus}.`,
      places === 0 ? 'Put it on another bus.' : `The bus has ${places} places.`,
    );
  }
}
