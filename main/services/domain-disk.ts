/**
 * One <disk> of domain XML ([1] "Hard drives, floppy disks, CDROMs"): type file or block, device, driver type raw,
 * source, target, readonly. What Vivarium cannot run (other formats, buses, kinds of source) is kept and told.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import type { Element } from '@xmldom/xmldom';
import { type DiskSettings, DRIVE_PLACES } from '../../core/contracts/hardware.ts';
import type { DiskBus, MachineType } from '../../core/contracts/machine.ts';
import type { StartProblem } from './domain-os.ts';
import { findChild, setChild } from './xml-edit.ts';

export interface ReadDisk {
  readonly target: string;
  /** Absent with `problem`. */
  readonly settings?: DiskSettings;
  readonly model: string;
  readonly problem?: StartProblem;
}

const DEVICES = ['disk', 'cdrom', 'floppy'] as const;
const BUSES: readonly DiskBus[] = ['ide', 'sata', 'fdc', 'usb'];
/** The bus of a <target> that names none, by its prefix. */
const BUS_OF_PREFIX: Readonly<Record<string, string>> = { hd: 'ide', sd: 'scsi', fd: 'fdc', vd: 'virtio', xvd: 'xen' };
export const TARGET_PREFIX: Readonly<Record<DiskBus, string>> = { ide: 'hd', sata: 'sd', usb: 'sd', fdc: 'fd' };
/** The attribute of <source> by the disk's type. */
const SOURCE_ATTRIBUTES: Readonly<Record<string, string>> = { file: 'file', block: 'dev' };

export function readDisk(disk: Element): ReadDisk {
  const target = findChild(disk, 'target')?.getAttribute('dev') ?? '';
  const device = DEVICES.find((each) => each === (disk.getAttribute('device') ?? 'disk'));
  const bus = busOf(disk, target);
  const problem = problemOf(disk, target, device, bus);
  const known = BUSES.find((each) => each === bus);
  const model = `${bus} ${disk.getAttribute('device') ?? 'disk'}`;
  if (problem || !device || !known) return { target, model, ...(problem && { problem }) };
  const source = sourceOf(disk);
  const readOnly = device === 'cdrom' || findChild(disk, 'readonly') !== undefined;
  return { target, model, settings: { kind: 'disk', device, bus: known, ...(source && { source }), readOnly } };
}

function busOf(disk: Element, target: string): string {
  const written = findChild(disk, 'target')?.getAttribute('bus');
  return written ?? BUS_OF_PREFIX[/^[a-z]*(?=[a-z]\d*$)/.exec(target)?.[0] ?? ''] ?? 'unknown';
}

function sourceOf(disk: Element): string | undefined {
  const attribute = SOURCE_ATTRIBUTES[disk.getAttribute('type') ?? 'file'] ?? 'file';
  return findChild(disk, 'source')?.getAttribute(attribute) || undefined;
}

function problemOf(disk: Element, target: string, device: string | undefined, bus: string): StartProblem | undefined {
  const type = disk.getAttribute('type') ?? 'file';
  const format = findChild(disk, 'driver')?.getAttribute('type') ?? 'raw';
  const name = target === '' ? 'A disk without a target' : `The disk ${target}`;
  if (target === '') return { message: 'A disk has no target.', hint: 'Add <target dev="hda" bus="ide"/> to it.' };
  if (device === undefined)
    return { message: `${name} is a "${disk.getAttribute('device')}", which Vivarium does not have.`, hint: REMOVE };
  if (!Object.hasOwn(SOURCE_ATTRIBUTES, type))
    return { message: `${name} has a source of type "${type}": Vivarium uses files and block devices.`, hint: REMOVE };
  if (format !== 'raw')
    return {
      message: `${name} has the format ${format}, which Vivarium cannot use yet.`,
      hint: `Convert it to a raw image (qemu-img convert -O raw), or remove it from the virtual machine.`,
    };
  if (!BUSES.some((each) => each === bus))
    return {
      message: `${name} is on the bus ${bus}, which Vivarium does not have yet.`,
      hint: 'Add it again on the bus ide, sata or usb, or remove it.',
    };
  if ((device === 'floppy') !== (bus === 'fdc'))
    return {
      message: `${name} cannot be on the bus ${bus}.`,
      hint: 'A floppy drive is on the bus fdc, others are not.',
    };
  if (device === 'disk' && sourceOf(disk) === undefined)
    return { message: `${name} has no image.`, hint: 'Choose a file for it, or remove it.' };
  return undefined;
}

const REMOVE = 'Remove it from the virtual machine.';

/** Writes what differs. An address belongs to the bus it was made for. */
export function writeDisk(disk: Element, settings: DiskSettings, target: string): void {
  const moved = readDisk(disk).settings?.bus !== settings.bus;
  disk.setAttribute('device', settings.device);
  setChild(disk, 'driver', { name: findChild(disk, 'driver')?.getAttribute('name') ?? 'qemu', type: 'raw' });
  writeSource(disk, settings.source);
  setChild(disk, 'target', { dev: target, bus: settings.bus }, 'source', 'driver');
  setChild(disk, 'readonly', settings.readOnly ? {} : false, 'target');
  if (moved) for (const child of ['address', 'alias']) setChild(disk, child, false);
}

/** Another medium, or none. */
export function writeSource(disk: Element, source: string | undefined): void {
  if (source === sourceOf(disk) && disk.hasAttribute('type')) return;
  disk.setAttribute('type', 'file');
  setChild(disk, 'source', false);
  setChild(disk, 'backingStore', false);
  if (source !== undefined) setChild(disk, 'source', { file: source }, 'driver');
}

/** A free target on the bus; undefined when all its places are taken. A CD-ROM likes to be the second IDE channel's. */
export function freeTarget(
  settings: Pick<DiskSettings, 'bus' | 'device'>,
  machine: MachineType,
  taken: readonly string[],
): string | undefined {
  const { bus, device } = settings;
  const places = Array.from({ length: DRIVE_PLACES[machine][bus] }, (_, place) => place);
  const preferred = bus === 'ide' && device === 'cdrom' ? [2, 3] : [];
  return [...preferred, ...places]
    .filter((place) => place < places.length)
    .map((place) => `${TARGET_PREFIX[bus]}${String.fromCharCode('a'.charCodeAt(0) + place)}`)
    .find((target) => !taken.includes(target));
}

/** Sets or removes the place in the boot order. */
export function writeBootOrder(device: Element, order: number | undefined): void {
  setChild(device, 'boot', order === undefined ? false : { order: String(order) }, 'target', 'source');
}

export function readBootOrder(device: Element): number | undefined {
  const order = findChild(device, 'boot')?.getAttribute('order') ?? '';
  return /^[1-9]\d{0,5}$/.test(order) ? Number(order) : undefined;
}
