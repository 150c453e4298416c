/** Devices of a machine that runs, beside those of its definition: what comes and goes at once, and what only it has. */
import type { CallFailure, DeviceScope, VmDetails } from '../../../../core/contracts/calls.ts';
import { type DeviceSettings, type HardwareDevice, pluggable } from '../../../../core/contracts/hardware.ts';
import { useSession } from '../../../state/context.tsx';
import type { NamedDevice } from '../../../state/hardware-words.ts';

type Hardwares = Pick<VmDetails, 'hardware' | 'activeHardware'>;

/** Of the running machine alone: it has them until its guest lets go of them, or until it is shut down. */
export function leavingDevices({ hardware, activeHardware }: Hardwares): readonly HardwareDevice[] {
  const kept = hardware.devices.map(({ id }) => id);
  return activeHardware?.devices.filter(({ id }) => !kept.includes(id)) ?? [];
}

/** A device with these settings can be plugged into the machine that runs. */
export const plugsIn = ({ activeHardware }: Hardwares, settings: DeviceSettings): boolean =>
  activeHardware !== undefined && pluggable({ settings }) !== undefined;

/** What is to lose a device that is removed. */
export function removalScope({ hardware, activeHardware }: Hardwares, device: HardwareDevice): DeviceScope {
  const has = (devices: readonly HardwareDevice[] = []): boolean => devices.some(({ id }) => id === device.id);
  if (!has(activeHardware?.devices) || !pluggable(device)) return 'config';
  return has(hardware.devices) ? 'both' : 'live';
}

const UNTIL_SHUTDOWN = 'The running machine has it until its next shutdown.';
const sentences = ({ message, hint }: CallFailure): string => [message, hint].filter(Boolean).join(' ');

/** Removes a device from the definition, and from the running machine where that lets it go; says what came of it. */
export function useRemoveDevice(details: VmDetails): (named: NamedDevice) => Promise<void> {
  const session = useSession();
  return async ({ device, label }) => {
    const remove = (affect: DeviceScope) =>
      session.edit('vms.removeDevice', { id: details.id, device: device.id, affect });
    const removed = (text?: string) =>
      session.notify({ kind: 'information', title: `${label} was removed`, ...(text !== undefined && { text }) });
    const failed = (error: CallFailure) =>
      session.notify({ kind: 'problem', title: `${label} could not be removed`, text: sentences(error) });
    const affect = removalScope(details, device);
    const reply = await remove(affect);
    if (reply.ok) {
      if (reply.value.asked) removed('The guest was asked to let go of it, and has it until it does.');
      else removed(affect === 'config' && details.activeHardware ? UNTIL_SHUTDOWN : undefined);
    } else if (affect === 'both' && reply.error.code === 'hot-plug-refused') {
      const later = await remove('config');
      if (later.ok) removed(`${reply.error.message} ${UNTIL_SHUTDOWN}`);
      else failed(later.error);
    } else failed(reply.error);
  };
}
