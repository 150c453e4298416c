/** Edits of a domain's devices: add, change, remove, boot order. Each leaves what it is not about as it was. */
import type { Element } from '@xmldom/xmldom';
import {
  type DeviceId,
  type DeviceSettings,
  type DiskSettings,
  DRIVE_PLACES,
  type UsbControllerSettings,
} from '../../core/contracts/hardware.ts';
import type { MachineType } from '../../core/contracts/machine.ts';
import { bootOrderOf, readDevices, type XmlDevice } from './domain-devices.ts';
import { freeTarget, TARGET_PREFIX, writeBootOrder, writeDisk, writeSource } from './domain-disk.ts';
import { removeBootDevs } from './domain-os.ts';
import { fail, type Outcome, ok } from './outcome.ts';
import { addChild, ensureChild, findChildren, removeElement, setAttributes, setChild } from './xml-edit.ts';

export type DeviceEditError = 'wrong-device' | 'no-place';
type Edited = Outcome<{ device: DeviceId }, DeviceEditError>;

/** The element of each kind. */
const ELEMENTS: Readonly<Record<DeviceSettings['kind'], string>> = {
  disk: 'disk',
  input: 'input',
  'usb-controller': 'controller',
  video: 'video',
  watchdog: 'watchdog',
  panic: 'panic',
};
const COMPANIONS = [
  { model: 'ich9-uhci1', startport: '0' },
  { model: 'ich9-uhci2', startport: '2' },
  { model: 'ich9-uhci3', startport: '4' },
];
const KIB_PER_MIB = 1024;
const BUS_WORDS = { ide: 'IDE', sata: 'SATA', fdc: 'floppy', usb: 'USB' } as const;

/** taken: targets that a drive must not get besides those in use. */
export function addDevice(
  root: Element,
  settings: DeviceSettings,
  machine: MachineType,
  taken: readonly string[] = [],
): Edited {
  const devices = readDevices(root);
  const refused = refuseSettings(settings, devices);
  if (refused) return refused;
  if (settings.kind === 'disk') return addDisk(root, settings, machine, [...targetsOf(devices), ...taken]);
  const element = addElement(root, ELEMENTS[settings.kind]);
  writeSettings([element], settings);
  return added(root, element);
}

export function editDevice(root: Element, id: DeviceId, settings: DeviceSettings, machine: MachineType): Edited {
  const devices = readDevices(root);
  const device = devices.find(({ view }) => view.id === id);
  const [element] = device?.elements ?? [];
  const now = device?.view.settings;
  if (!device || !element || !now) return noSuchDevice(id);
  if (now.kind !== settings.kind || (now.kind === 'disk' && settings.kind === 'disk' && now.device !== settings.device))
    return fail('wrong-device', `The device ${id} is another one now.`, 'Look at the list of devices, then try again.');
  const others = devices.filter((other) => other !== device);
  const refused = refuseSettings(settings, others);
  if (refused) return refused;
  if (settings.kind !== 'disk') {
    writeSettings(device.elements, settings);
    return added(root, element);
  }
  const stays = now.kind === 'disk' && now.bus === settings.bus;
  const target = stays ? device.view.target : freeTarget(settings, machine, targetsOf(others));
  if (target === undefined) return noPlace(settings, machine);
  writeDisk(element, settings, target);
  return added(root, element);
}

export function removeDevice(root: Element, id: DeviceId): Outcome<undefined, 'wrong-device'> {
  const device = readDevices(root).find(({ view }) => view.id === id);
  if (!device) return noSuchDevice(id);
  if (!device.view.removable)
    return fail('wrong-device', 'This device belongs to the machine and cannot be removed.', undefined, 'device');
  for (const element of device.elements) removeElement(element);
  return ok(undefined);
}

/** The drive with this target, to put a medium into. */
export function changeSource(
  root: Element,
  target: string,
  source: string | undefined,
): Outcome<DiskSettings, 'wrong-device'> {
  const device = readDevices(root).find(({ view }) => view.target === target);
  const [element] = device?.elements ?? [];
  const settings = device?.view.settings;
  if (settings?.kind !== 'disk' || !element) return noSuchDevice(target, 'target');
  if (settings.device === 'disk')
    return fail(
      'wrong-device',
      `${target} is a disk: its image is a part of it.`,
      'Edit the device instead.',
      'target',
    );
  writeSource(element, source);
  return ok(settings);
}

/** Devices that are not named are not booted from; those that only other hypervisors boot come behind. */
export function setBootOrder(root: Element, order: readonly DeviceId[]): Outcome<undefined, 'wrong-device'> {
  const devices = readDevices(root);
  const before = bootOrderOf(root, devices).map(({ view }) => view.id);
  if (before.join() === order.join()) return ok(undefined);
  const wanted: XmlDevice[] = [];
  for (const id of order) {
    const device = devices.find(({ view }) => view.id === id);
    if (device?.view.settings?.kind !== 'disk') return noSuchDevice(id);
    if (wanted.includes(device)) return fail('wrong-device', `${id} is named twice.`, undefined, 'order');
    wanted.push(device);
  }
  removeBootDevs(root);
  const others = devices
    .filter((device) => device.view.settings?.kind !== 'disk' && device.bootOrder !== undefined)
    .sort((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0));
  for (const { elements } of devices) for (const element of elements) writeBootOrder(element, undefined);
  [...wanted, ...others].forEach(({ elements: [element] }, index) => {
    if (element) writeBootOrder(element, index + 1);
  });
  return ok(undefined);
}

/** Drives on buses that a board lacks. */
export function misplaced(root: Element, machine: MachineType): readonly string[] {
  return readDevices(root).flatMap(({ view: { settings, target } }) =>
    settings?.kind === 'disk' && DRIVE_PLACES[machine][settings.bus] === 0 && target !== undefined ? [target] : [],
  );
}

function addDisk(root: Element, settings: DiskSettings, machine: MachineType, taken: readonly string[]): Edited {
  const target = freeTarget(settings, machine, taken);
  if (target === undefined) return noPlace(settings, machine);
  const disk = addElement(root, 'disk');
  disk.setAttribute('type', 'file');
  writeDisk(disk, settings, target);
  return added(root, disk);
}

/** Beside its like, else at the end. */
function addElement(root: Element, name: string): Element {
  const devices = ensureChild(root, 'devices');
  return addChild(devices, name, findChildren(devices, name).at(-1));
}

function writeSettings(elements: readonly Element[], settings: Exclude<DeviceSettings, DiskSettings>): void {
  const [element] = elements;
  if (!element) return;
  if (settings.kind === 'input') setAttributes(element, { type: settings.type, bus: settings.bus });
  if (settings.kind === 'usb-controller') writeUsbController(elements, settings);
  if (settings.kind === 'video')
    setChild(element, 'model', { type: 'vga', vram: String(settings.memoryMiB * KIB_PER_MIB) });
  if (settings.kind === 'watchdog') setAttributes(element, { model: 'i6300esb', action: settings.action });
  if (settings.kind === 'panic') setAttributes(element, { model: 'isa' });
}

/** An EHCI controller of the ICH9 comes with three UHCI companions, which have its index. */
function writeUsbController([element, ...companions]: readonly Element[], { model }: UsbControllerSettings): void {
  const parent = element?.parentNode as Element | null | undefined;
  if (!element || !parent) return;
  const index = element.getAttribute('index') ?? '0';
  if (element.getAttribute('model') === model) return;
  setAttributes(element, { type: 'usb', index, model });
  for (const child of ['address', 'alias']) setChild(element, child, false);
  for (const companion of companions) removeElement(companion);
  if (model !== 'ich9-ehci1') return;
  let previous = element;
  for (const { model: companion, startport } of COMPANIONS) {
    previous = addChild(parent, 'controller', previous);
    setAttributes(previous, { type: 'usb', index, model: companion });
    setChild(previous, 'master', { startport });
  }
}

/** One of each kind is what a machine has. */
function refuseSettings(settings: DeviceSettings, others: readonly XmlDevice[]) {
  const has = (match: (other: DeviceSettings) => boolean): boolean =>
    others.some(({ view }) => view.settings !== undefined && match(view.settings));
  if (settings.kind === 'disk') {
    if ((settings.device === 'floppy') !== (settings.bus === 'fdc'))
      return fail(
        'no-place',
        `A ${settings.device} cannot be on the ${BUS_WORDS[settings.bus]} bus.`,
        undefined,
        'bus',
      );
    if (settings.device === 'disk' && !settings.source)
      return fail('wrong-device', 'A disk needs an image.', 'Choose a file.', 'source');
    return undefined;
  }
  if (settings.kind === 'input') {
    const { type, bus } = settings;
    if (type === 'tablet' && bus === 'ps2')
      return fail('no-place', 'A tablet is a USB device.', 'Choose the USB bus.', 'bus');
    if (has((other) => other.kind === 'input' && other.type === type && other.bus === bus))
      return fail('no-place', `There is a ${type} on this bus already.`, undefined, 'type');
    return undefined;
  }
  if (has(({ kind }) => kind === settings.kind))
    return fail('no-place', 'A virtual machine has one of these, and it is there.', 'Edit it instead.');
  return undefined;
}

function added(root: Element, element: Element): Edited {
  const device = readDevices(root).find(({ elements }) => elements.includes(element));
  if (!device) throw new Error('a device was written that cannot be read');
  return ok({ device: device.view.id });
}

const targetsOf = (devices: readonly XmlDevice[]): string[] =>
  devices.flatMap(({ view }) => (view.target === undefined ? [] : [view.target]));

const noSuchDevice = (id: string, field = 'device') =>
  fail('wrong-device', `There is no device ${id} that could be changed.`, 'Look at the list of devices.', field);

function noPlace({ bus }: DiskSettings, machine: MachineType) {
  const places = DRIVE_PLACES[machine][bus];
  const why =
    places === 0
      ? `A machine of type ${machine} has no ${BUS_WORDS[bus]} bus.`
      : `All ${places} places of the ${BUS_WORDS[bus]} bus are taken (${TARGET_PREFIX[bus]}a and on).`;
  return fail('no-place', why, 'Choose another bus, or remove a drive.', 'bus');
}
