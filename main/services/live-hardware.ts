/**
 * The hardware of a machine that runs: the domain it was started with, and what has come, gone or been put into drives
 * since. Each question waits for the machine's answer; a guest may let go of devices at any time.
 */
import {
  type DeviceId,
  type DeviceSettings,
  type Hardware,
  type HardwareDevice,
  pluggable,
} from '../../core/contracts/hardware.ts';
import {
  type DeviceEvent,
  type MachineCommand,
  type MachineEvent,
  nameOfPlugged,
  type PluggedDevice,
} from '../../core/contracts/machine.ts';
import type { MachineHandle } from '../../core/worker/client-api.ts';
import { Domain } from './domain-xml.ts';
import { done, type Failed, fail, type Outcome, ok } from './outcome.ts';

/** How long the machine's thread may take over an answer. */
const ANSWER_TIMEOUT_MS = 5_000;
/** How long a guest may take to let go of a device until it counts as asked only; libvirt waits as long. */
const DETACH_GRACE_MS = 5_000;

export type LiveError = 'not-hot-pluggable' | 'hot-plug-refused';
type MediaEvent = Extract<MachineEvent, { type: 'media' }>;
type Answer = MediaEvent | DeviceEvent;

export interface LiveHardwarePorts {
  readonly handle: MachineHandle;
  readonly log: (message: string) => void;
  /** A device went. */
  readonly changed: () => void;
}

export class LiveHardware {
  readonly #ports: LiveHardwarePorts;
  readonly #domain: Domain;
  /** Who waits for what the machine says of a drive or device. */
  readonly #waiting = new Map<string, (answer: Answer | undefined) => void>();

  constructor(domain: Domain, ports: LiveHardwarePorts) {
    this.#ports = ports;
    this.#domain = Domain.parse(domain.toXml());
  }

  get hardware(): Hardware {
    return this.#domain.hardware;
  }

  /** Puts a medium into a drive, or takes it out. Nothing to do for a drive that the machine does not have yet. */
  async changeMedia(
    target: string,
    path: string | undefined,
  ): Promise<Outcome<undefined, 'media-refused' | 'internal'>> {
    if (!this.hardware.devices.some((device) => device.target === target)) return done;
    if (this.#waiting.has(target))
      return fail('media-refused', 'Another medium is being changed.', 'Try again in a moment.', 'target');
    const answer = await this.#ask(target, { type: 'change-media', target, ...(path !== undefined && { path }) });
    if (answer?.type !== 'media') return NO_ANSWER;
    if (answer.refusal !== undefined) return fail('media-refused', answer.refusal, undefined, 'path');
    this.#domain.changeMedia(target, path);
    this.#ports.log(
      path === undefined ? `The medium was taken out of ${target}.` : `${path} is in the drive ${target}.`,
    );
    return done;
  }

  /** Plugs a device in. taken: targets that a drive must not get besides those in use. */
  async attach(
    settings: DeviceSettings,
    taken: readonly string[],
  ): Promise<Outcome<{ device: DeviceId }, LiveError | 'wrong-device' | 'no-place' | 'internal'>> {
    const trial = Domain.parse(this.#domain.toXml());
    const added = trial.addDevice(settings, taken);
    if (!added.ok) return added;
    const device = pluggable(trial.hardware.devices.find(({ id }) => id === added.value.device) ?? {});
    if (!device) return NOT_HOT_PLUGGABLE;
    const answer = await this.#askOfDevice(nameOfPlugged(device), { type: 'attach-device', device });
    if (!answer.ok) return answer;
    const attached = this.#domain.addDevice(settings, taken);
    this.#ports.log(`${nameOfPlugged(device)} was plugged in.`);
    return attached;
  }

  /** Takes a device out. asked: the guest has not let go of it yet. */
  async detach(id: DeviceId): Promise<Outcome<{ asked: boolean }, LiveError | 'wrong-device' | 'internal'>> {
    const view = this.hardware.devices.find((device) => device.id === id);
    if (!view) return fail('wrong-device', 'The running machine has no such device.', undefined, 'device');
    const device = nameOf(view);
    if (!device) return NOT_HOT_PLUGGABLE;
    const answer = await this.#askOfDevice(device, { type: 'detach-device', device });
    if (!answer.ok) return answer;
    if (answer.value === 'detached') return ok({ asked: false });
    const later = await this.#hear(device, DETACH_GRACE_MS);
    const asked = !(later?.type === 'device' && later.change === 'detached');
    if (asked) this.#ports.log(`The guest was asked to let go of ${device}.`);
    return ok({ asked });
  }

  /** What the machine says. */
  onEvent(event: Answer): void {
    if (event.type === 'device' && event.change === 'detached') this.#gone(event.device);
    this.#waiting.get(event.type === 'media' ? event.target : event.device)?.(event);
  }

  /** The machine is no more: nobody waits any longer. */
  end(): void {
    for (const wake of [...this.#waiting.values()]) wake(undefined);
  }

  #gone(name: PluggedDevice): void {
    const view = this.hardware.devices.find((device) => nameOf(device) === name);
    if (!view) return; // a controller that came with a device
    this.#domain.removeDevice(view.id);
    this.#ports.log(`${name} was taken out.`);
    this.#ports.changed();
  }

  async #askOfDevice(
    name: PluggedDevice,
    command: MachineCommand,
  ): Promise<Outcome<DeviceEvent['change'], 'hot-plug-refused' | 'internal'>> {
    if (this.#waiting.has(name))
      return fail('hot-plug-refused', 'The device is on its way in or out.', 'Try again in a moment.');
    const answer = await this.#ask(name, command);
    if (answer?.type !== 'device') return NO_ANSWER;
    return answer.change === 'refused' ? fail('hot-plug-refused', answer.why) : ok(answer.change);
  }

  #ask(key: string, command: MachineCommand): Promise<Answer | undefined> {
    const answer = this.#hear(key, ANSWER_TIMEOUT_MS);
    this.#ports.handle.command(command);
    return answer;
  }

  /** Undefined when the time is over, or the machine has ended. */
  #hear(key: string, timeoutMs: number): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const wake = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(key);
        resolve(answer);
      };
      const timer = setTimeout(() => wake(undefined), timeoutMs);
      this.#waiting.set(key, wake);
    });
  }
}

function nameOf(view: HardwareDevice): PluggedDevice | undefined {
  const device = pluggable(view);
  return device && nameOfPlugged(device);
}

const NO_ANSWER: Failed<'internal'> = fail('internal', 'The machine did not answer.', 'Try again.');
const NOT_HOT_PLUGGABLE: Failed<'not-hot-pluggable'> = fail(
  'not-hot-pluggable',
  'A device of this kind cannot come or go while the machine runs.',
  'Change the definition: that takes effect after the next shutdown.',
);
