/** The Add Hardware dialog as data: what can be added to this machine, with which fields. */
import {
  type DeviceSettings,
  DRIVE_PLACES,
  type Hardware,
  usualBus,
  usualUsbController,
} from '../../../../core/contracts/hardware.ts';
import type {
  DiskBus,
  DiskConfig,
  InputConfig,
  UsbControllerModel,
  WatchdogAction,
} from '../../../../core/contracts/machine.ts';

export type NewDeviceKind = DiskConfig['device'] | 'input' | 'usb-controller' | 'watchdog' | 'panic';

export interface NewDevice {
  readonly kind: NewDeviceKind;
  readonly source: string;
  readonly bus: DiskBus;
  readonly readOnly: boolean;
  readonly input: InputConfig['type'];
  readonly controller: UsbControllerModel;
  readonly action: WatchdogAction;
}

export const NEW_DEVICE_KINDS: readonly { readonly id: NewDeviceKind; readonly label: string }[] = [
  { id: 'disk', label: 'Disk' },
  { id: 'cdrom', label: 'CD-ROM drive' },
  { id: 'floppy', label: 'Floppy drive' },
  { id: 'input', label: 'Input' },
  { id: 'usb-controller', label: 'USB controller' },
  { id: 'watchdog', label: 'Watchdog' },
  { id: 'panic', label: 'Panic notifier' },
];

const DRIVES: readonly NewDeviceKind[] = ['disk', 'cdrom', 'floppy'];
const isDrive = (kind: NewDeviceKind): kind is DiskConfig['device'] => DRIVES.includes(kind);

export function newDevice(hardware: Hardware, kind: NewDeviceKind = 'disk'): NewDevice {
  return {
    kind,
    source: '',
    bus: usualBus(hardware.machine, isDrive(kind) ? kind : 'disk'),
    readOnly: false,
    input: freeInputs(hardware)[0] ?? 'tablet',
    controller: usualUsbController(hardware.machine),
    action: 'reset',
  };
}

/** USB inputs that the machine does not have yet. */
export function freeInputs({ devices }: Hardware): readonly InputConfig['type'][] {
  const inputs = devices.flatMap(({ settings }) =>
    settings?.kind === 'input' && settings.bus === 'usb' ? [settings.type] : [],
  );
  return (['tablet', 'mouse', 'keyboard'] as const).filter((type) => !inputs.includes(type));
}

/** Why a device of this kind cannot be added; undefined when it can. */
export function unavailableKind(hardware: Hardware, kind: NewDeviceKind): string | undefined {
  if (kind === 'input') return freeInputs(hardware).length > 0 ? undefined : 'It has a USB tablet, mouse and keyboard.';
  if (isDrive(kind)) return freeBuses(hardware, kind).length > 0 ? undefined : 'All places for drives are taken.';
  const has = hardware.devices.some(({ settings }) => settings?.kind === kind);
  return has ? 'There is one: a machine has no more of them.' : undefined;
}

/** Buses of the board with a free place for such a drive. */
export function freeBuses({ machine, devices }: Hardware, device: DiskConfig['device']): readonly DiskBus[] {
  const candidates: readonly DiskBus[] = device === 'floppy' ? ['fdc'] : ['ide', 'sata', 'usb'];
  const onBus = (bus: DiskBus): number =>
    devices.filter(({ settings }) => settings?.kind === 'disk' && settings.bus === bus).length;
  return candidates.filter((bus) => onBus(bus) < DRIVE_PLACES[machine][bus]);
}

/** What has to be chosen yet. */
export const missingOf = ({ kind, source }: NewDevice): string | undefined =>
  kind === 'disk' && source.trim() === '' ? 'Choose a disk image.' : undefined;

/** The settings to ask for. */
export function newSettings(device: NewDevice): DeviceSettings {
  const { kind, bus, readOnly } = device;
  const source = device.source.trim();
  switch (kind) {
    case 'disk':
    case 'cdrom':
    case 'floppy':
      return { kind: 'disk', device: kind, bus, readOnly: kind === 'cdrom' || readOnly, ...(source && { source }) };
    case 'input':
      return { kind: 'input', type: device.input, bus: 'usb' };
    case 'usb-controller':
      return { kind: 'usb-controller', model: device.controller };
    case 'watchdog':
      return { kind: 'watchdog', action: device.action };
    case 'panic':
      return { kind: 'panic' };
  }
}
