/** A device to plug into a machine that runs, as the monitor's `attach` words it. */
import { resolve } from 'node:path';
import { USB_CONTROLLER_MODELS, WATCHDOG_ACTIONS } from '../../core/contracts/hardware.ts';
import type { PluggableDevice } from '../../core/contracts/machine.ts';

const INPUT_TYPES = ['tablet', 'mouse', 'keyboard'] as const;

export const ATTACH_HELP = `  attach watchdog ACTION      plugs a device in: ${WATCHDOG_ACTIONS.join(', ')}
  attach usb-controller MODEL ${USB_CONTROLLER_MODELS.join(', ')}
  attach input TYPE           a USB ${INPUT_TYPES.join(', ')}
  attach disk TARGET BUS FILE on the bus sata or usb
  attach cdrom TARGET [FILE]  on the bus sata
  detach NAME                 takes out what attach answered with; the guest may have to let go of it
`;

/** Undefined for what is none. */
export function parsePluggable(text: string): PluggableDevice | undefined {
  const [, kind = '', first = '', rest = ''] = /^(\S+) (\S+)\s?(.*)$/.exec(text) ?? [];
  switch (kind) {
    case 'watchdog':
      return chosen(WATCHDOG_ACTIONS, first, (action) => ({ kind, action }));
    case 'usb-controller':
      return chosen(USB_CONTROLLER_MODELS, first, (model) => ({ kind, model }));
    case 'input':
      return chosen(INPUT_TYPES, first, (type) => ({ kind, type }));
    case 'cdrom':
      return { kind: 'disk', disk: { ...drive(first, rest), device: 'cdrom', bus: 'sata', readOnly: true } };
    case 'disk': {
      const [, bus, file = ''] = /^(sata|usb) (.+)$/.exec(rest) ?? [];
      if (bus !== 'sata' && bus !== 'usb') return undefined;
      return { kind: 'disk', disk: { ...drive(first, file), device: 'disk', bus, readOnly: false } };
    }
    default:
      return undefined;
  }
}

const drive = (target: string, file: string) =>
  ({ target, format: 'raw', ...(file !== '' && { source: resolve(file) }) }) as const;

function chosen<T extends string>(
  names: readonly T[],
  text: string,
  make: (name: T) => PluggableDevice,
): PluggableDevice | undefined {
  const name = names.find((each) => each === text);
  return name && make(name);
}
