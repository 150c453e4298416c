/** What a person calls hardware: labels of the list and of choices, in virt-manager's words. */
import type { DeviceSettings, Hardware, HardwareDevice } from '../../core/contracts/hardware.ts';
import type { DiskBus, MachineType, UsbControllerModel, WatchdogAction } from '../../core/contracts/machine.ts';

export const MACHINE_TYPES: readonly { readonly id: MachineType; readonly label: string }[] = [
  { id: 'pc', label: 'pc (i440FX + PIIX3)' },
  { id: 'q35', label: 'q35 (Q35 + ICH9)' },
];

export const BUS_WORDS: Readonly<Record<DiskBus, string>> = { ide: 'IDE', sata: 'SATA', fdc: 'Floppy', usb: 'USB' };

export const USB_CONTROLLERS: readonly { readonly id: UsbControllerModel; readonly label: string }[] = [
  { id: 'piix3-uhci', label: 'USB 1 (PIIX3 UHCI)' },
  { id: 'ich9-ehci1', label: 'USB 2 (ICH9 EHCI)' },
  { id: 'qemu-xhci', label: 'USB 3 (xHCI)' },
];

export const WATCHDOG_ACTION_WORDS: readonly { readonly id: WatchdogAction; readonly label: string }[] = [
  { id: 'reset', label: 'Forcefully reset the guest' },
  { id: 'shutdown', label: 'Gracefully shut down the guest' },
  { id: 'poweroff', label: 'Forcefully power off the guest' },
  { id: 'pause', label: 'Pause the guest' },
  { id: 'inject-nmi', label: 'Inject a non-maskable interrupt' },
  { id: 'none', label: 'No action' },
];

const INPUT_WORDS = { keyboard: 'Keyboard', mouse: 'Mouse', tablet: 'Tablet' } as const;
const DISK_WORDS = { disk: 'Disk', cdrom: 'CDROM', floppy: 'Floppy' } as const;
const ELEMENT_WORDS: Readonly<Record<string, string>> = {
  disk: 'Disk',
  graphics: 'Display',
  interface: 'NIC',
  controller: 'Controller',
  memballoon: 'Memory balloon',
  rng: 'RNG',
  tpm: 'TPM',
  hostdev: 'Host device',
  filesystem: 'Filesystem',
};

/** Without a number: "IDE Disk", "Tablet", "Display VNC". */
function kindLabel({ element, settings, model }: HardwareDevice): string {
  if (settings) return settingsLabel(settings);
  const word = ELEMENT_WORDS[element] ?? element.charAt(0).toUpperCase() + element.slice(1);
  if (element === 'graphics' || element === 'controller') return `${word} ${(model ?? '').toUpperCase()}`.trim();
  return element === 'serial' ? 'Serial' : word;
}

function settingsLabel(settings: DeviceSettings): string {
  switch (settings.kind) {
    case 'disk':
      return settings.device === 'floppy' ? 'Floppy' : `${BUS_WORDS[settings.bus]} ${DISK_WORDS[settings.device]}`;
    case 'input':
      return settings.bus === 'usb' && settings.type !== 'tablet'
        ? `USB ${INPUT_WORDS[settings.type]}`
        : INPUT_WORDS[settings.type];
    case 'usb-controller':
      return 'Controller USB';
    case 'video':
      return 'Video VGA';
    case 'watchdog':
      return 'Watchdog';
    case 'panic':
      return 'Panic Notifier';
  }
}

export interface NamedDevice {
  readonly device: HardwareDevice;
  readonly label: string;
}

/** As virt-manager orders them. */
const ORDER = ['disk', 'interface', 'input', 'graphics', 'sound', 'serial', 'parallel', 'channel', 'hostdev', 'video'];
const LAST = ['watchdog', 'filesystem', 'rng', 'panic', 'vsock', 'controller', 'tpm', 'memballoon'];

/** The devices in the list's order, each with a label of its own: drives and ports are counted. */
export function namedDevices({ devices }: Pick<Hardware, 'devices'>): readonly NamedDevice[] {
  const order = [...ORDER, ...LAST];
  const rank = ({ element }: HardwareDevice): number =>
    (order.indexOf(element) + order.length + 1) % (order.length + 1);
  const counts = new Map<string, number>();
  return devices
    .map((device, index) => ({ device, index }))
    .sort((a, b) => rank(a.device) - rank(b.device) || a.index - b.index)
    .map(({ device }) => {
      const kind = kindLabel(device);
      const number = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, number);
      const counted = device.element === 'disk' || device.element === 'serial' || number > 1;
      return { device, label: counted ? `${kind} ${number}` : kind };
    });
}
