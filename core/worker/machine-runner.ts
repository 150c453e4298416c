/**
 * Runs one machine on its thread: lets the guest run until someone kicks, does what the messages ask, reports. It
 * returns when the machine has ended. Nothing here waits for an event loop: a busy guest never reaches one.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { SerialConsole, SerialViewer } from '../backends/chardev/serial-console.ts';
import type { TimerQueue } from '../base/clock.ts';
import {
  type DiskConfig,
  type MachineCommand,
  type MachineEvent,
  nameOfPlugged,
  type PluggableDevice,
  type PluggedDevice,
  type StopReason,
  type WatchdogAction,
} from '../contracts/machine.ts';
import { keyFromKeysym, keyFromQnum } from '../devices/i8042/keys.ts';
import { HotPlugError } from '../machine/hot-plug.ts';
import { InputRouter } from '../machine/input-router.ts';
import type { Machine, MachineNotice } from '../machine/machine.ts';
import { StartError } from './client-api.ts';
import type { MachineClock } from './machine-clock.ts';
import type { Media } from './media.ts';
import type { InputMessage, ToMachine } from './messages.ts';
import { AbsolutePointer, RelativePointer } from './pointer.ts';
import { SpeakerEvents } from './speaker-events.ts';
import { closeStreamPort, openStreamPort, sendStreamBytes, streamBytes } from './stream-port.ts';

const STATS_PERIOD_NS = 1e9;
const NS_PER_S = 1e9;
const CRASHES: readonly StopReason['kind'][] = ['guest-panicked', 'vcpu-shutdown', 'internal-error'];
const WATCHDOG_WORDS: Readonly<Record<WatchdogAction, string>> = {
  reset: 'it is reset',
  shutdown: 'it is asked to shut down',
  poweroff: 'it is powered off',
  pause: 'it is paused',
  none: 'nothing is done',
  'inject-nmi': 'it gets an NMI',
};

export interface MachineRunnerPorts {
  readonly machine: Machine;
  readonly clock: MachineClock;
  readonly timers: TimerQueue;
  readonly serial: SerialConsole;
  /** ToMachine messages come in here. */
  readonly control: MessagePort;
  readonly input: MessagePort;
  readonly media: Media;
  readonly emit: (event: MachineEvent) => void;
}

interface SerialPortViewer extends SerialViewer {
  readonly port: MessagePort;
}

export class MachineRunner {
  readonly #ports: MachineRunnerPorts;
  readonly #viewers = new Set<SerialPortViewer>();
  readonly #pointer = new RelativePointer();
  readonly #tablet = new AbsolutePointer();
  readonly #router: InputRouter;
  readonly #statsTimer;
  readonly #speaker: SpeakerEvents;
  #sampledAtNs = 0;
  #sleptAtSampleNs = 0;
  #stop: StopReason | undefined;

  constructor(ports: MachineRunnerPorts) {
    this.#ports = ports;
    const { i8042, usb } = ports.machine.devices;
    this.#router = new InputRouter(i8042, usb);
    this.#speaker = new SpeakerEvents(ports.timers, ports.emit);
    this.#statsTimer = ports.timers.createTimer('statistics', () => this.#sampleStats());
    const { uart } = ports.machine.devices;
    uart.onRoom = () => ports.serial.offerInput();
    ports.serial.connect(uart);
  }

  /** What the machine tells while it runs. */
  notice(notice: MachineNotice): void {
    switch (notice.type) {
      case 'speaker':
        this.#speaker.change(notice.frequencyHz);
        return;
      case 'crash-loaded':
        this.#log('error', "The guest's kernel panicked, and another one goes on.");
        return;
      case 'suspended':
        this.#log('info', 'The guest sleeps: a key or the power button wakes it.');
        return;
      case 'detached':
        this.#detached(notice.device);
        return;
      case 'woken':
        this.#log('info', 'The guest wakes.');
        return;
      case 'watchdog':
        this.#log('warning', `The guest did not answer its watchdog: ${WATCHDOG_WORDS[notice.action]}.`);
        if (notice.action !== 'pause') return;
        this.#pause();
        this.#ports.clock.kick.kick(); // the machine is amid its run
    }
  }

  /** From power-on to the end. */
  run(): void {
    const { clock, machine, serial } = this.#ports;
    this.#resume();
    try {
      while (this.#stop === undefined) {
        clock.kick.clear();
        this.#receive();
        if (this.#stop !== undefined) break;
        if (clock.paused) {
          machine.answerDisplay();
          clock.kick.wait(Number.POSITIVE_INFINITY);
        } else this.#stop = machine.run();
      }
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#stop = { kind: 'internal-error', message, registers: machine.describeRegisters() };
    }
    serial.flush();
    this.#sampleStats();
    for (const { port } of this.#viewers) closeStreamPort(port);
    machine.close();
    this.#ports.media.close();
    const crashed = CRASHES.includes(this.#stop.kind);
    this.#ports.emit({ type: 'state', state: crashed ? 'crashed' : 'stopped', reason: this.#stop });
  }

  /**
   * After the end: serial viewers that were on their way still get what the guest sent. main ends the thread when it has
   * heard all it wants; left alone, it ends by itself after timeoutMs.
   */
  linger(timeoutMs: number, hostNowMs: () => number): void {
    const { clock, control } = this.#ports;
    const untilMs = hostNowMs() + timeoutMs;
    for (let leftMs = timeoutMs; leftMs > 0; leftMs = untilMs - hostNowMs()) {
      clock.kick.clear();
      for (const message of received<ToMachine>(control)) {
        if (message.type !== 'serial-viewer') continue;
        this.#addViewer(message.port);
        closeStreamPort(message.port);
      }
      clock.kick.wait(leftMs);
    }
  }

  #receive(): void {
    const { control, input, serial } = this.#ports;
    for (const message of received<ToMachine>(control)) {
      if (message.type === 'command') this.#command(message.command);
      else this.#addViewer(message.port);
    }
    for (const message of received<InputMessage>(input)) this.#input(message);
    for (const viewer of this.#viewers) {
      for (const message of received<unknown>(viewer.port)) {
        const bytes = streamBytes(message);
        if (bytes === undefined) this.#removeViewer(viewer);
        else if (serial.input(bytes) > 0) this.#log('warning', 'Serial input was lost: the guest does not read it.');
      }
    }
  }

  #command(command: MachineCommand): void {
    const { clock, machine } = this.#ports;
    switch (command.type) {
      case 'pause':
        this.#pause();
        return;
      case 'resume':
        if (!clock.paused) return;
        this.#resume();
        this.#ports.emit({ type: 'state', state: 'running' });
        return;
      case 'reset':
        machine.reset();
        return;
      case 'power-button':
        machine.pressPowerButton();
        return;
      case 'change-media':
        this.#changeMedia(command.target, command.path);
        return;
      case 'attach-device':
        this.#attach(command.device);
        return;
      case 'detach-device':
        this.#detach(command.device);
        return;
      case 'pointer-motion':
        this.#router.motion(command);
        return;
      case 'time-exits':
        machine.exitStats.timed = command.on;
        return;
      case 'destroy':
        this.#stop = { kind: 'destroyed' };
        return;
    }
  }

  #changeMedia(target: string, path: string | undefined): void {
    const refusal = this.#ports.media.change(target, path);
    this.#ports.emit({ type: 'media', target, ...(refusal !== undefined && { refusal }) });
  }

  #attach(device: PluggableDevice): void {
    const name = nameOfPlugged(device);
    try {
      if (device.kind !== 'disk') this.#ports.machine.attach(device);
      else this.#attachDrive(device.disk);
      this.#ports.emit({ type: 'device', device: name, change: 'attached' });
    } catch (error) {
      this.#refuse(name, error);
    }
  }

  #attachDrive(disk: DiskConfig): void {
    const { machine, media } = this.#ports;
    const drive = media.add(disk);
    try {
      machine.attach({ kind: 'disk', drive });
    } catch (error) {
      media.remove(disk.target);
      throw error;
    }
  }

  #detach(device: PluggedDevice): void {
    try {
      if (this.#ports.machine.detach(device)) this.#detached(device);
      else this.#ports.emit({ type: 'device', device, change: 'asked' });
    } catch (error) {
      this.#refuse(device, error);
    }
  }

  /** It is out: its image can be used by others. */
  #detached(device: PluggedDevice): void {
    if (device.startsWith('disk:')) this.#ports.media.remove(device.slice('disk:'.length));
    this.#ports.emit({ type: 'device', device, change: 'detached' });
  }

  #refuse(device: PluggedDevice, error: unknown): void {
    if (!(error instanceof HotPlugError || error instanceof StartError)) throw error;
    const why = error instanceof StartError ? `${error.message} ${error.hint}` : error.message;
    this.#ports.emit({ type: 'device', device, change: 'refused', why });
  }

  #pause(): void {
    const { clock, serial } = this.#ports;
    if (clock.paused) return;
    serial.flush();
    this.#sampleStats();
    this.#statsTimer.cancel();
    this.#speaker.pause();
    clock.pause();
    this.#ports.emit({ type: 'state', state: 'paused' });
  }

  #resume(): void {
    this.#ports.clock.resume();
    this.#speaker.resume();
    this.#startSample();
  }

  #input(message: InputMessage): void {
    if (message.type === 'pointer') {
      const { x, y, buttons } = message;
      this.#router.pointer({
        relative: () => this.#pointer.move(x, y, buttons),
        absolute: () => this.#tablet.move(x, y, buttons, this.#ports.machine.screenSize()),
      });
      return;
    }
    const { qnum, keysym } = message.key;
    // By keysym, Shift comes as a key of its own.
    const code = qnum === undefined ? keyFromKeysym(keysym)?.code : keyFromQnum(qnum);
    if (message.down) this.#ports.machine.wakeUp();
    if (code !== undefined) this.#router.key(code, message.down);
  }

  #addViewer(port: MessagePort): void {
    openStreamPort(port);
    const viewer: SerialPortViewer = { port, send: (bytes) => sendStreamBytes(port, bytes) };
    this.#viewers.add(viewer);
    this.#ports.serial.attach(viewer);
  }

  #removeViewer(viewer: SerialPortViewer): void {
    this.#ports.serial.detach(viewer);
    this.#viewers.delete(viewer);
    viewer.port.close();
  }

  #startSample(): void {
    const { clock } = this.#ports;
    this.#sampledAtNs = clock.nowNs();
    this.#sleptAtSampleNs = clock.sleptNs;
    this.#statsTimer.arm(this.#sampledAtNs + STATS_PERIOD_NS);
  }

  #sampleStats(): void {
    const { clock, machine } = this.#ports;
    const nowNs = clock.nowNs();
    const elapsedNs = nowNs - this.#sampledAtNs;
    const busy = elapsedNs > 0 ? 1 - (clock.sleptNs - this.#sleptAtSampleNs) / elapsedNs : 0;
    this.#ports.emit({
      type: 'stats',
      stats: {
        cpuPercent: Math.round(Math.min(Math.max(busy, 0), 1) * 1000) / 10,
        uptimeSeconds: nowNs / NS_PER_S,
        absolutePointer: this.#router.absolute,
        counters: { ...machine.counters(), busy_ns: nowNs - clock.sleptNs },
        exits: machine.exitStats.rows,
      },
    });
    this.#startSample();
  }

  #log(level: 'info' | 'warning' | 'error', message: string): void {
    this.#ports.emit({ type: 'log', level, message });
  }
}

/** What waits on a port, without an event loop. What it yields was posted by our own threads. */
function* received<T>(port: MessagePort): Generator<T> {
  for (;;) {
    const next = receiveMessageOnPort(port);
    if (next === undefined) return;
    yield next.message as T;
  }
}
