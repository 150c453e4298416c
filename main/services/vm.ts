/**
 * One VM: its definition, its phase, and while it is active the handle on its threads, its serial pty and its figures.
 * Commands answer when the machine has done what was asked, or has ended.
 */
import type { LogLine, VmDetails, VmId, VmSummary } from '../../core/contracts/calls.ts';
import { DEFAULT_CPU } from '../../core/contracts/cpu.ts';
import type { Hardware } from '../../core/contracts/hardware.ts';
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
  /** What the machine was started with, and the media that are in its drives now. */
  #hardware: Hardware | undefined;
  /** Who waits for the answer to change-media. */
  #mediaAnswer: ((refusal: string | undefined) => void) | undefined;
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
      ...(this.#hardware === undefined ? {} : { activeHardware: this.#hardware }),
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
      this.#attach(handle, domain.hardware);
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
    const handle = this.#handle;
    // A drive that was added since the start is not there yet.
    if (!handle || !this.#hardware?.devices.some((device) => device.target === target)) return done;
    if (this.#mediaAnswer)
      return fail('media-refused', 'Another medium is being changed.', 'Try again in a moment.', 'target');
    const answer = await this.#askForMedia(handle, target, path);
    if (answer === 'none') return fail('internal', `"${this.name}" did not answer.`, 'Try again.');
    if (answer !== undefined) return fail('media-refused', answer, undefined, 'path');
    this.#log(
      'info',
      path === undefined ? `The medium was taken out of ${target}.` : `${path} is in the drive ${target}.`,
    );
    return done;
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

  #attach(handle: MachineHandle, hardware: Hardware): void {
    this.#handle = handle;
    this.#hardware = hardware;
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
    } else if (event.type === 'media') {
      this.#mediaAnswer?.(event.refusal);
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
    this.#hardware = undefined;
    this.#mediaAnswer?.('The virtual machine has ended.');
    this.#stats = undefined;
    this.#speakerHz = undefined;
    this.#stop = reason;
    const registers = 'registers' in reason ? `\n${reason.registers}` : '';
    this.#log(endOf(reason) === 'crashed' ? 'error' : 'info', `${describeStop(reason)}.${registers}`);
    this.#move(endOf(reason));
    handle?.terminate().catch((error: unknown) => this.#log('error', `Its threads did not end: ${String(error)}`));
  }

  /** What kept it from happening; 'none' where the machine's thread does not answer. */
  #askForMedia(handle: MachineHandle, target: string, path: string | undefined): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#mediaAnswer?.('none'), COMMAND_TIMEOUT_MS);
      this.#mediaAnswer = (refusal) => {
        clearTimeout(timer);
        this.#mediaAnswer = undefined;
        if (refusal === undefined && this.#hardware) this.#hardware = withMedium(this.#hardware, target, path);
        resolve(refusal);
      };
      handle.command({ type: 'change-media', target, ...(path !== undefined && { path }) });
    });
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

function withMedium(hardware: Hardware, target: string, path: string | undefined): Hardware {
  const devices = hardware.devices.map((device) => {
    if (device.target !== target || device.settings?.kind !== 'disk') return device;
    const { source: _, ...settings } = device.settings;
    return { ...device, settings: { ...settings, ...(path !== undefined && { source: path }) } };
  });
  return { ...hardware, devices };
}
