/**
 * The <devices> of domain XML ([1] "Devices"), read: what each is, what of it can be edited, what Vivarium does not do
 * of it. Written by domain-edit.ts.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import type { Element } from '@xmldom/xmldom';
import {
  type DeviceSettings,
  type HardwareDevice,
  USB_CONTROLLER_MODELS,
  VIDEO_MEMORY_MIB,
  WATCHDOG_ACTIONS,
} from '../../core/contracts/hardware.ts';
import type { DiskConfig, MachineConfig, UsbControllerModel, VncConfig } from '../../core/contracts/machine.ts';
import { readBootOrder, readDisk } from './domain-disk.ts';
import { readVnc } from './domain-graphics.ts';
import { readBootDevs, type StartProblem } from './domain-os.ts';
import { elementsOf, findChild } from './xml-edit.ts';

export interface XmlDevice {
  readonly view: HardwareDevice;
  /** Several for a USB controller with companions. */
  readonly elements: readonly Element[];
  readonly bootOrder?: number;
  /** A definition with it cannot be started. */
  readonly problem?: StartProblem;
  /** Where viewers from outside the app may connect. */
  readonly vnc?: VncConfig;
}

type Reading = Pick<XmlDevice, 'problem' | 'vnc'> & {
  readonly base: string;
  readonly view: Omit<HardwareDevice, 'id' | 'element' | 'removable'> & { readonly removable?: boolean };
};

/** Beside what they stand for: a console is its serial port. */
const NOT_SHOWN: readonly string[] = ['console', 'emulator'];
/** Controllers that come with the machine type. */
const BOARD_CONTROLLERS: readonly string[] = ['ide', 'sata', 'fdc', 'pci', 'isa'];
const DEFAULT_VIDEO_MIB = 16;
const INPUT_TYPES = ['keyboard', 'mouse', 'tablet'] as const;
const INPUT_BUSES = ['ps2', 'usb'] as const;

/** In words, where the element's name is none. */
const WORDS: Readonly<Record<string, string>> = {
  interface: 'network card',
  memballoon: 'memory balloon',
  rng: 'random number generator',
  hostdev: 'host device',
  filesystem: 'shared folder',
  redirdev: 'USB redirection',
  tpm: 'TPM',
  vsock: 'VSOCK device',
  sound: 'sound card',
};

export function readDevices(root: Element): XmlDevice[] {
  const devices = findChild(root, 'devices');
  if (devices === undefined) return [];
  const found: XmlDevice[] = [];
  const counts = new Map<string, number>();
  for (const element of elementsOf(devices)) {
    const name = element.localName ?? '';
    if (element.namespaceURI !== null || NOT_SHOWN.includes(name)) continue;
    const master = companionOf(element, found);
    if (master) {
      found[found.indexOf(master)] = { ...master, elements: [...master.elements, element] };
      continue;
    }
    const { base, view, problem, vnc } = READERS[name]?.(element) ?? kept(element);
    const number = (counts.get(base) ?? 0) + 1;
    counts.set(base, number);
    const id = number === 1 ? base : `${base}#${number}`;
    const bootOrder = readBootOrder(element);
    found.push({
      view: { id, element: name, removable: view.removable ?? true, ...withoutRemovable(view) },
      elements: [element],
      ...(bootOrder !== undefined && { bootOrder }),
      ...(problem && { problem }),
      ...(vnc && { vnc }),
    });
  }
  return found;
}

const withoutRemovable = ({ removable: _, ...rest }: Reading['view']): Omit<Reading['view'], 'removable'> => rest;

const READERS: Readonly<Record<string, (element: Element) => Reading>> = {
  disk: (element) => {
    const { target, settings, model, problem } = readDisk(element);
    const limit = problem && `${problem.message} ${problem.hint}`;
    const view = settings ? { target, settings } : { target, model, ...(limit && { limit }) };
    return { base: `disk:${target}`, view, ...(problem && { problem }) };
  },
  input: (element) => {
    const type = INPUT_TYPES.find((each) => each === element.getAttribute('type'));
    const bus = INPUT_BUSES.find((each) => each === (element.getAttribute('bus') ?? usualInputBus(type)));
    if (!type || !bus || (type === 'tablet' && bus === 'ps2')) return kept(element);
    const settings = { kind: 'input', type, bus } as const;
    return { base: `input:${type}:${bus}`, view: { settings, removable: bus === 'usb' } };
  },
  controller: (element) => {
    const type = element.getAttribute('type') ?? '';
    const model = element.getAttribute('model') ?? undefined;
    const base = `controller:${type}`;
    if (BOARD_CONTROLLERS.includes(type)) return { base, view: { model: type.toUpperCase(), removable: false } };
    if (type !== 'usb' || model === 'none') return kept(element, base);
    const known = USB_CONTROLLER_MODELS.find((each) => each === model);
    if (known) return { base, view: { settings: { kind: 'usb-controller', model: known } } };
    // Without a model it is the board's usual one.
    return model === undefined ? { base, view: { model: 'USB' } } : kept(element, base);
  },
  video: (element) => {
    const model = findChild(element, 'model');
    const type = model?.getAttribute('type') ?? 'vga';
    const memoryMiB = videoMemory(model);
    if (type === 'vga') return { base: 'video', view: { settings: { kind: 'video', memoryMiB }, removable: false } };
    return { base: 'video', view: { model: type, limit: `The guest sees a standard VGA instead of ${type}.` } };
  },
  watchdog: (element) => {
    const action = WATCHDOG_ACTIONS.find((each) => each === (element.getAttribute('action') ?? 'reset'));
    if (element.getAttribute('model') !== 'i6300esb' || !action) return kept(element);
    return { base: 'watchdog', view: { settings: { kind: 'watchdog', action } } };
  },
  panic: (element) =>
    (element.getAttribute('model') ?? 'isa') === 'isa'
      ? { base: 'panic', view: { settings: { kind: 'panic' } } }
      : kept(element),
  graphics: (element) => {
    const type = element.getAttribute('type') ?? '';
    if (type !== 'vnc')
      return { base: 'graphics', view: { model: type, limit: `Vivarium shows the screen by VNC, not by ${type}.` } };
    const { vnc, problem, limit = problem && `${problem.message} ${problem.hint}` } = readVnc(element);
    const view = { model: type, removable: false, ...(vnc && { listens: true }), ...(limit && { limit }) };
    return { base: 'graphics', view, ...(vnc && { vnc }), ...(problem && { problem }) };
  },
  serial: (element) => {
    const type = element.getAttribute('type') ?? '';
    const first = findChild(element, 'target')?.getAttribute('port') ?? '0';
    if (first !== '0')
      return { base: 'serial', view: { model: type, limit: 'Vivarium has one serial port: the first.' } };
    const limit = type === 'pty' ? {} : { limit: `Vivarium gives the port a pty and the Serial tab, not a ${type}.` };
    return { base: 'serial', view: { model: type, removable: false, ...limit } };
  },
};

function kept(element: Element, base = element.localName ?? ''): Reading {
  const name = element.localName ?? '';
  const model = element.getAttribute('model') ?? findChild(element, 'model')?.getAttribute('type');
  const described = [model ?? element.getAttribute('type'), WORDS[name] ?? name].filter(Boolean).join(' ');
  const limit = `Vivarium has no ${described} yet: the definition keeps it, the guest does not see it.`;
  return { base, view: { ...(model && { model }), limit } };
}

const usualInputBus = (type: string | undefined): string => (type === 'tablet' ? 'usb' : 'ps2');

/** The UHCI companions of an EHCI controller have its index. */
function companionOf(element: Element, before: readonly XmlDevice[]): XmlDevice | undefined {
  if (!/^ich9-uhci[123]$/.test(element.getAttribute('model') ?? '')) return undefined;
  const index = element.getAttribute('index') ?? '0';
  return before.find(
    ({ view, elements }) =>
      view.settings?.kind === 'usb-controller' &&
      view.settings.model === 'ich9-ehci1' &&
      (elements[0]?.getAttribute('index') ?? '0') === index,
  );
}

/** libvirt's vram is in KiB; what the VGA can have is a power of two. */
function videoMemory(model: Element | undefined): number {
  const vram = model?.getAttribute('vram') ?? '';
  if (!/^\d{1,9}$/.test(vram)) return DEFAULT_VIDEO_MIB;
  return VIDEO_MEMORY_MIB.find((mib) => mib * 1024 >= Number(vram)) ?? Math.max(...VIDEO_MEMORY_MIB);
}

const BOOT_DEV_DEVICES: Readonly<Record<string, DiskConfig['device']>> = { hd: 'disk', cdrom: 'cdrom', fd: 'floppy' };

/** The devices that are tried, first to last: by <boot order>, else by the kinds that <os> names. */
export function bootOrderOf(root: Element, devices: readonly XmlDevice[]): readonly XmlDevice[] {
  const disks = devices.filter(({ view }) => view.settings?.kind === 'disk');
  const ordered = disks
    .filter(({ bootOrder }) => bootOrder !== undefined)
    .sort((a, b) => (a.bootOrder ?? 0) - (b.bootOrder ?? 0));
  if (ordered.length > 0) return ordered;
  const kinds = readBootDevs(root).map((dev) => BOOT_DEV_DEVICES[dev]);
  return kinds.flatMap((kind) =>
    disks.filter(({ view }) => view.settings?.kind === 'disk' && view.settings.device === kind),
  );
}

/** What of the devices a machine is built with. */
export function deviceConfig(
  root: Element,
): Pick<MachineConfig, 'disks' | 'inputs' | 'usb' | 'videoMemoryMiB' | 'vnc' | 'watchdog' | 'panic'> {
  const devices = readDevices(root);
  const order = bootOrderOf(root, devices);
  const settings = devices.flatMap(({ view }) => (view.settings ? [view.settings] : []));
  const disks = devices.flatMap((device) => diskConfig(device, order));
  const inputs = settings.flatMap((each) => (each.kind === 'input' ? [{ type: each.type, bus: each.bus }] : []));
  const find = <K extends DeviceSettings['kind']>(kind: K): Extract<DeviceSettings, { kind: K }> | undefined =>
    settings.find((each): each is Extract<DeviceSettings, { kind: K }> => each.kind === kind);
  const usb: UsbControllerModel | undefined = find('usb-controller')?.model;
  const video = find('video');
  const vnc = devices.find((device) => device.vnc)?.vnc;
  const watchdog = find('watchdog');
  return {
    ...(disks.length > 0 && { disks }),
    ...(inputs.length > 0 && { inputs }),
    ...(usb && { usb }),
    ...(video && { videoMemoryMiB: video.memoryMiB }),
    ...(vnc && { vnc }),
    ...(watchdog && { watchdog: watchdog.action }),
    ...(find('panic') && { panic: true }),
  };
}

function diskConfig(device: XmlDevice, order: readonly XmlDevice[]): DiskConfig[] {
  const { settings, target } = device.view;
  if (settings?.kind !== 'disk' || target === undefined) return [];
  const { kind: _, ...disk } = settings;
  const place = order.indexOf(device) + 1;
  return [{ ...disk, target, format: 'raw', ...(place > 0 && { bootOrder: place }) }];
}
