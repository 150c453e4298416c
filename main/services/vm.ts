/**
 * One VM: its definition, its phase, and while it is active the handle on its threads, its serial pty and its figures.
 * Commands answer when the machine has done what was asked, or has ended.
 */
import type { LogLine, VmDetails, VmId, VmSummary } from '../../core/contracts/calls.ts';
import { DEFAULT_CPU } from '../../core/contracts/cpu.ts';
import type { DeviceId, DeviceSettings } from '../../core/contracts/hardware.ts';
import type {
  MachineEvent,
  MachineStats,
  PointerMotion,
  StopReason,
  TextScreen,
} from '../../core/contracts/machine.ts';
import type { StreamKind } from '../../core/contracts/streams.ts';
import { type ByteStream, type MachineHandle, StartError, type StartMachine } from '../../core/worker/client-api.ts';
import type { Definition } from './definitions.ts';
import type { Domain } from './domain-xml.ts';
import {
  type Command,
  describeStop,
  endOf,
  type Fact,
  isActive,
  next,
  type Phase,
  refusal,
  stateOf,
} from './lifecycle.ts';
import { type LiveError, LiveHardware } from './live-hardware.ts';
import { done, type Failed, fail, type Outcome, ok } from './outcome.ts';
import type { OpenPty, SerialPty } from './pty.ts';
import type { VmLog } from './vm-log.ts';

export interface VmPorts {
  readonly startMachine: StartMachine;
  readonly openPty: OpenPty;
  readonly log: VmLog;
  /** The file for UEFI's variables where the definition names none. */
  readonly nvram: string;
  /** Something in the summary changed. */
  readonly changed: (vm: Vm) => void;
  /** The running machine's hardware is another, by itself. */
  readonly hardwareChanged: () => void;
}

/** How long a guest may take over the power button before it counts as ignored. */
export const SHUTDOWN_GRACE_MS = 60_000;
/** How long the machine's thread may take over a command. */
export const COMMAND_TIMEOUT_MS = 5_000;

type Refused = Failed<'wrong-state'>;
type Answer = Outcome<undefined, 'wrong-state' | 'internal'>;

export class Vm {
  definition: Definition;
  readonly #ports: VmPorts;
  #phase: Phase = 'shutoff';
  #stop: StopReason | undefined;
  #handle: MachineHandle | undefined;
  #pty: SerialPty | undefined;
  #stats: MachineStats | undefined;
  #speakerHz: number | undefined;
  #live: LiveHardware | undefined;
  #shutdownTimer: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(definition: Definition, ports: VmPorts) {
    this.definition = definition;
    this.#ports = ports;
  }

  get id(): VmId {
    return this.definition.domain.uuid;
  }

  get name(): string {
    return this.definition.domain.name;
  }

  get active(): boolean {
    return isActive(this.#phase);
  }

  summary(): VmSummary {
    const { domain } = this.definition;
    return {
      id: this.id,
      name: this.name,
      state: stateOf(this.#phase),
      ...(this.#stop === undefined || this.active ? {} : { reason: describeStop(this.#stop) }),
      memoryMiB: domain.memoryMiB,
      vcpus: domain.vcpus,
      cpuPercent: this.#stats?.cpuPercent ?? 0,
      uptimeSeconds: this.#stats?.uptimeSeconds ?? 0,
      ...(this.#stats?.absolutePointer === undefined ? {} : { absolutePointer: this.#stats.absolutePointer }),
      ...(this.#speakerHz === undefined ? {} : { speakerHz: this.#speakerHz }),
      ...(this.#pty === undefined ? {} : { serialPty: this.#pty.path }),
    };
  }

  details(): VmDetails {
    const { domain, path, xml } = this.definition;
    return {
      ...this.summary(),
      ...(domain.title === undefined ? {} : { title: domain.title }),
      ...(domain.description === undefined ? {} : { description: domain.description }),
      hardware: domain.hardware,
      ...(this.#live === undefined ? {} : { activeHardware: this.#live.hardware }),
      cpu: domain.cpu ?? DEFAULT_CPU,
      domainXml: xml,
      definitionPath: path,
      ...(this.#stop === undefined || this.active ? {} : { stop: this.#stop }),
      log: this.#ports.log.lines,
    };
  }

  async start(): Promise<Outcome<undefined, 'wrong-state' | 'start-failed'>> {
    const refused = this.#refuse('start');
    if (refused) return refused;
    this.#move('start');
    this.#log('info', 'Starting.');
    const { domain } = this.definition;
    try {
      const problem = domain.startProblem;
      if (problem) throw new StartError(problem.message, problem.hint);
      const handle = await this.#ports.startMachine(domain.machineConfig(this.#ports.nvram));
      this.#attach(handle, domain);
      await this.#attachPty(handle);
      return done;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const hint = error instanceof StartError ? error.hint : 'See the log of the virtual machine, then try again.';
      this.#stop = { kind: 'start-failed', message, hint };
      this.#log('error', `Could not start: ${message} ${hint}`);
      this.#move('start-failed');
      return fail('start-failed', `"${this.name}" could not start: ${message}`, hint);
    }
  }

  pause(): Promise<Answer> {
    return this.#commandUntil('pause', () => this.#phase !== 'running');
  }

  resume(): Promise<Answer> {
    return this.#commandUntil('resume', () => this.#phase !== 'paused');
  }

  /** Presses the ACPI power button. The guest decides what follows. */
  shutdown(): Outcome<undefined, 'wrong-state'> {
    const refused = this.#refuse('shutdown');
    if (refused) return refused;
    this.#handle?.command({ type: 'power-button' });
    this.#log('info', 'Power button pressed.');
    clearTimeout(this.#shutdownTimer);
    this.#shutdownTimer = setTimeout(() => this.#shutdownIgnored(), SHUTDOWN_GRACE_MS);
    this.#move('shutdown');
    return done;
  }

  /** Force Off. Ends the threads where the machine itself does not. */
  async destroy(): Promise<Outcome<undefined, 'wrong-state'>> {
    const refused = this.#refuse('destroy');
    if (refused) return refused;
    const handle = this.#handle;
    handle?.command({ type: 'destroy' });
    if (!(await this.#until(() => this.#handle !== handle))) this.#end({ kind: 'destroyed' });
    await handle?.terminate();
    return done;
  }

  reset(): Outcome<undefined, 'wrong-state'> {
    const refused = this.#refuse('reset');
    if (refused) return refused;
    this.#handle?.command({ type: 'reset' });
    clearTimeout(this.#shutdownTimer);
    this.#log('info', 'Reset.');
    this.#move('reset');
    return done;
  }

  /** Puts a medium into a drive of the running machine, or takes it out. Nothing to do while there is none. */
  async changeMedia(
    target: string,
    path: string | undefined,
  ): Promise<Outcome<undefined, 'media-refused' | 'internal'>> {
    return this.#live?.changeMedia(target, path) ?? done;
  }

  /** Plugs a device into the running machine; `taken`: targets that it must not get besides those in use. */
  async attachDevice(
    settings: DeviceSettings,
    taken: readonly string[],
  ): Promise<Outcome<{ device: DeviceId }, LiveError | 'wrong-device' | 'no-place' | 'wrong-state' | 'internal'>> {
    const refused = this.#refuse('hotPlug');
    return refused || !this.#live ? (refused ?? this.#refused('hotPlug')) : this.#live.attach(settings, taken);
  }

  /** Takes a device out of the running machine. asked: the guest has not let go of it yet. */
  async detachDevice(
    device: DeviceId,
  ): Promise<Outcome<{ asked: boolean }, LiveError | 'wrong-device' | 'wrong-state' | 'internal'>> {
    const refused = this.#refuse('hotPlug');
    return refused || !this.#live ? (refused ?? this.#refused('hotPlug')) : this.#live.detach(device);
  }

  movePointer(motion: PointerMotion): Outcome<undefined, 'wrong-state'> {
    const refused = this.#refuse('movePointer');
    if (refused) return refused;
    this.#handle?.command({ type: 'pointer-motion', ...motion });
    return done;
  }

  async textScreen(): Promise<Outcome<TextScreen, 'wrong-state'>> {
    const handle = this.#handle;
    const refused = this.#refuse('textScreen');
    if (refused || handle === undefined) return refused ?? this.#refused('textScreen');
    try {
      return ok(await handle.textScreen());
    } catch (error) {
      if (this.#handle === handle) throw error;
      return this.#refused('textScreen'); // it ended while it was asked
    }
  }

  /** A viewer's end of the display or serial port; undefined while there is no machine. */
  openStream(kind: StreamKind): ByteStream | undefined {
    return this.#handle?.openStream(kind);
  }

  /** Whether it may be deleted now. */
  refuseDelete(): Refused | undefined {
    return this.#refuse('delete');
  }

  /** Resolves once it is not active any more; at once when it is not. */
  async untilOff(timeoutMs: number): Promise<void> {
    await this.#until(() => !this.active, timeoutMs);
  }

  async untilStarted(): Promise<void> {
    await this.#until(() => this.#phase !== 'starting');
  }

  #attach(handle: MachineHandle, domain: Domain): void {
    this.#handle = handle;
    this.#live = new LiveHardware(domain, {
      handle,
      log: (message) => this.#log('info', message),
      changed: this.#ports.hardwareChanged,
    });
    this.#stop = undefined;
    this.#stats = undefined;
    handle.onEvent((event) => {
      if (this.#handle === handle) this.#onEvent(event);
    });
    this.#log('info', 'Running.');
    this.#move('started');
  }

  async #attachPty(handle: MachineHandle): Promise<void> {
    try {
      const pty = await this.#ports.openPty(() => handle.openStream('serial'));
      if (this.#handle !== handle) return pty.close(); // it ended meanwhile
      this.#pty = pty;
      this.#log('info', `The serial port is ${pty.path}.`);
      this.#ports.changed(this);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#log('warning', `The serial port has no pty on this host (${why}); use the Serial tab.`);
    }
  }

  #onEvent(event: MachineEvent): void {
    if (event.type === 'log') {
      this.#log(event.level, event.message);
    } else if (event.type === 'stats') {
      this.#stats = event.stats;
      this.#ports.changed(this);
    } else if (event.type === 'media' || event.type === 'device') {
      this.#live?.onEvent(event);
    } else if (event.type === 'speaker') {
      this.#speakerHz = event.frequencyHz;
      this.#ports.changed(this);
    } else if (event.type === 'state') {
      this.#onState(event);
    }
  }

  #onState(event: Extract<MachineEvent, { type: 'state' }>): void {
    if (event.state === 'running') {
      this.#move('resumed');
    } else if (event.state === 'paused') {
      this.#move('paused');
    } else {
      const unknown = { kind: 'worker-died', message: 'it gave no reason' } as const;
      this.#end(event.reason ?? (event.state === 'crashed' ? unknown : { kind: 'guest-shutdown' }));
    }
  }

  #end(reason: StopReason): void {
    const handle = this.#handle;
    clearTimeout(this.#shutdownTimer);
    this.#pty?.close();
    this.#pty = undefined;
    this.#handle = undefined;
    this.#live?.end();
    this.#live = undefined;
    this.#stats = undefined;
    this.#speakerHz = undefined;
    this.#stop = reason;
    const registers = 'registers' in reason ? `\n${reason.registers}` : '';
    this.#log(endOf(reason) === 'crashed' ? 'error' : 'info', `${describeStop(reason)}.${registers}`);
    this.#move(endOf(reason));
    handle?.terminate().catch((error: unknown) => this.#log('error', `Its threads did not end: ${String(error)}`));
  }

  #shutdownIgnored(): void {
    if (next(this.#phase, 'shutdown-ignored') === undefined) return;
    const seconds = SHUTDOWN_GRACE_MS / 1000;
    this.#log('warning', `The guest did not act on the power button within ${seconds} s. It can be forced off.`);
    this.#move('shutdown-ignored');
  }

  async #commandUntil(command: 'pause' | 'resume', settled: () => boolean): Promise<Answer> {
    const refused = this.#refuse(command);
    if (refused) return refused;
    this.#handle?.command({ type: command });
    if (await this.#until(settled)) return done;
    return fail(
      'internal',
      `"${this.name}" did not ${command} within ${COMMAND_TIMEOUT_MS / 1000} s.`,
      'Try again, or force it off.',
    );
  }

  #refuse(command: Command): Refused | undefined {
    return next(this.#phase, command) === undefined ? this.#refused(command) : undefined;
  }

  #refused(command: Command): Refused {
    const { message, hint } = refusal(this.name, this.#phase, command);
    return fail('wrong-state', message, hint);
  }

  #move(what: Command | Fact): void {
    const phase = next(this.#phase, what);
    if (phase === undefined || phase === this.#phase) return;
    this.#phase = phase;
    this.#ports.changed(this);
    for (const wake of [...this.#waiting]) wake();
  }

  /** Waits for a condition that phase changes bring about; false when the time is over. */
  #until(condition: () => boolean, timeoutMs = COMMAND_TIMEOUT_MS): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (met: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(met);
      };
      const check = (): void => {
        if (condition()) finish(true);
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      this.#waiting.add(check);
    });
  }

  #log(level: LogLine['level'], message: string): void {
    this.#ports.log.add(level, message);
  }
}
