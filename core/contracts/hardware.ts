/**
 * The hardware of a definition as the details show and edit it: libvirt's elements as plain data. `settings` are what
 * a person can change; what Vivarium only keeps for other hypervisors has none, and says so by `limit`.
 */
import type {
  DirectBoot,
  DiskBus,
  DiskConfig,
  InputConfig,
  MachineType,
  PluggableDevice,
  UsbControllerModel,
  WatchdogAction,
} from './machine.ts';

/** Stays the same while the device is there: 'disk:hda', 'input:tablet:usb'. */
export type DeviceId = string;

export type FirmwareChoice =
  /** Vivarium's own BIOS. */
  | { readonly kind: 'bios' }
  /** An image of the host: a ROM such as SeaBIOS, or UEFI code in flash, which has variables of its own for each VM. */
  | { readonly kind: 'image'; readonly path: string; readonly type: 'rom' | 'pflash' };

/** An image found where distributions put them. */
export interface FirmwareImage {
  readonly label: string;
  readonly path: string;
  readonly type: 'rom' | 'pflash';
}

export interface DiskSettings {
  readonly kind: 'disk';
  readonly device: DiskConfig['device'];
  readonly bus: DiskBus;
  /** Absent: no medium, which only a CD-ROM or floppy drive can do without. */
  readonly source?: string;
  readonly readOnly: boolean;
}
export interface InputSettings extends InputConfig {
  readonly kind: 'input';
}
export interface UsbControllerSettings {
  readonly kind: 'usb-controller';
  readonly model: UsbControllerModel;
}
export interface VideoSettings {
  readonly kind: 'video';
  readonly memoryMiB: number;
}
export interface WatchdogSettings {
  readonly kind: 'watchdog';
  readonly action: WatchdogAction;
}
export interface PanicSettings {
  readonly kind: 'panic';
}
export type DeviceSettings =
  | DiskSettings
  | InputSettings
  | UsbControllerSettings
  | VideoSettings
  | WatchdogSettings
  | PanicSettings;

export interface HardwareDevice {
  readonly id: DeviceId;
  /** The element's name: disk, input, graphics, interface... */
  readonly element: string;
  readonly settings?: DeviceSettings;
  /** A disk's target: hda, sda, fda... */
  readonly target?: string;
  /** What the definition calls it, where there are no settings: virtio, vnc, pty... */
  readonly model?: string;
  readonly removable: boolean;
  /** Of a display: viewers from outside the app may connect to it. */
  readonly listens?: boolean;
  /** What Vivarium does not do of it, in a sentence. */
  readonly limit?: string;
}

/** In what order firmware tries the devices, and whether it offers a choice. */
export interface BootOptions {
  /** Disks, CD-ROM and floppy drives; one that is not here is not booted from. */
  readonly order: readonly DeviceId[];
  /** Absent: no menu. */
  readonly menuTimeoutMs?: number;
  /** Boots this kernel without firmware. */
  readonly kernel?: DirectBoot;
}

export interface Hardware {
  readonly machine: MachineType;
  /** As the definition writes it: pc, q35, pc-i440fx-7.2... */
  readonly machineName: string;
  readonly firmware: FirmwareChoice;
  readonly boot: BootOptions;
  readonly devices: readonly HardwareDevice[];
}

/** What of a device a machine that runs is told; undefined for one that cannot come or go while it does. */
export function pluggable({
  settings,
  target = '',
}: Pick<HardwareDevice, 'settings' | 'target'>): PluggableDevice | undefined {
  switch (settings?.kind) {
    case 'watchdog':
      return { kind: 'watchdog', action: settings.action };
    case 'usb-controller':
      return { kind: 'usb-controller', model: settings.model };
    case 'input':
      return settings.bus === 'usb' ? { kind: 'input', type: settings.type } : undefined;
    case 'disk': {
      const { kind, ...disk } = settings;
      const plugs = disk.bus === 'sata' || (disk.bus === 'usb' && disk.device === 'disk');
      return plugs ? { kind, disk: { ...disk, target, format: 'raw' } } : undefined;
    }
    default:
      return undefined;
  }
}

/** Places on each bus of a board, one a drive. */
export const DRIVE_PLACES: Readonly<Record<MachineType, Readonly<Record<DiskBus, number>>>> = {
  pc: { ide: 4, sata: 6, fdc: 2, usb: 8 },
  q35: { ide: 0, sata: 6, fdc: 2, usb: 8 },
};

/** Video memory that the standard VGA can have, in MiB. */
export const VIDEO_MEMORY_MIB: readonly number[] = [1, 2, 4, 8, 16, 32, 64];

export const USB_CONTROLLER_MODELS = [
  'piix3-uhci',
  'ich9-ehci1',
  'qemu-xhci',
] as const satisfies readonly UsbControllerModel[];

export const WATCHDOG_ACTIONS = [
  'reset',
  'shutdown',
  'poweroff',
  'pause',
  'none',
  'inject-nmi',
] as const satisfies readonly WatchdogAction[];

/** How long a boot menu waits where the definition does not say. */
export const DEFAULT_BOOT_MENU_MS = 3000;
export const MAX_BOOT_MENU_MS = 65_535;

/** Where a board's CD-ROM and disks are by default. */
export const usualBus = (machine: MachineType, device: DiskConfig['device']): DiskBus => {
  if (device === 'floppy') return 'fdc';
  return machine === 'q35' ? 'sata' : 'ide';
};

export const usualUsbController = (machine: MachineType): UsbControllerModel =>
  machine === 'q35' ? 'qemu-xhci' : 'piix3-uhci';
