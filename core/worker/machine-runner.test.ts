import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { SerialConsole } from '../backends/chardev/serial-console.ts';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import type { MachineCommand, MachineEvent } from '../contracts/machine.ts';
import * as kvm from '../kvm/api.ts';
import { Machine, type MachineNotice } from '../machine/machine.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { interrupted, ScriptedKvm, type Step } from '../testing/scripted-kvm.ts';
import { Kick, MachineClock } from './machine-clock.ts';
import { MachineRunner } from './machine-runner.ts';
import { Media } from './media.ts';
import type { InputMessage, ToMachine } from './messages.ts';

interface Bench {
  readonly machine: Machine;
  readonly events: MachineEvent[];
  readonly host: { ms: number };
  readonly clock: MachineClock;
  send(message: ToMachine, transfer?: MessagePort[]): void;
  command(type: 'pause' | 'resume' | 'reset' | 'power-button' | 'destroy'): void;
  input(message: InputMessage): void;
  notice(notice: MachineNotice): void;
  run(): void;
  /** linger(), on a clock that moves 10 ms at each look. */
  linger(timeoutMs: number): void;
}

/** A runner over a scripted KVM: steps run in this thread, and may send messages as another thread would. */
function bench(steps: ((bench: Bench) => void)[]): Bench {
  const host = { ms: 0 };
  const kick = new Kick(Kick.createBuffer());
  const clock = new MachineClock(kick, () => host.ms);
  const timers = new TimerQueue(clock);
  const serial = new SerialConsole(timers);
  const script: Step[] = steps.map((step) => (vcpu) => {
    vcpu.run.setUint32(kvm.RUN_EXIT_REASON, kvm.KVM_EXIT_INTR, true);
    step(self);
    if (clock.signalPending()) interrupted(vcpu);
  });
  const machine = new Machine(
    new ScriptedKvm(script),
    { ramBytes: 2 ** 24, boot: { kernel: elf(multibootHeader(0)), cmdline: '' } },
    {
      ...{ thread: clock, timers, wall: { nowMs: () => 0 }, serial },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      notify: (notice) => runner.notice(notice),
    },
  );
  const control = new MessageChannel();
  const input = new MessageChannel();
  const events: MachineEvent[] = [];
  const ports = {
    machine,
    clock,
    timers,
    serial,
    control: control.port2,
    input: input.port2,
    media: new Media([], 'pc'),
  };
  const runner = new MachineRunner({ ...ports, emit: (event) => events.push(event) });
  const send = (message: ToMachine, transfer: MessagePort[] = []): void => {
    control.port1.postMessage(message, transfer);
    kick.kick();
  };
  const self: Bench = {
    ...{ machine, events, host, clock, send },
    command: (type) => send({ type: 'command', command: { type } }),
    input: (message) => {
      input.port1.postMessage(message);
      kick.kick();
    },
    notice: (notice) => runner.notice(notice),
    run: () => runner.run(),
    linger: (timeoutMs) => {
      let nowMs = 0;
      runner.linger(timeoutMs, () => {
        nowMs += 10;
        return nowMs;
      });
    },
  };
  return self;
}

const states = (events: readonly MachineEvent[]): unknown[] =>
  events.flatMap((event) =>
    event.type === 'state' ? [event.reason ? [event.state, event.reason.kind] : event.state] : [],
  );

function received(port: MessagePort): unknown[] {
  const messages: unknown[] = [];
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) messages.push(next.message);
  return messages.map((message) => (message instanceof ArrayBuffer ? new TextDecoder().decode(message) : message));
}

describe('MachineRunner', () => {
  it('ends when it is destroyed', () => {
    const b = bench([(self) => self.command('destroy')]);
    b.run();
    expect(states(b.events)).toEqual([['stopped', 'destroyed']]);
  });

  it('pauses, lets no guest time pass, and resumes', () => {
    const b = bench([
      (self) => {
        self.host.ms += 10;
        self.command('pause');
        self.command('pause');
        self.command('resume'); // all before it looks: it must not sleep for ever
      },
      (self) => {
        expect(self.clock.paused).toBe(false);
        expect(self.clock.nowNs()).toBe(10e6);
        self.command('destroy');
      },
    ]);
    b.run();
    expect(states(b.events)).toEqual(['paused', 'running', ['stopped', 'destroyed']]);
  });

  it('plugs devices in and takes them out, and says what came of it', () => {
    const device = { kind: 'watchdog', action: 'none' } as const;
    const disk = { target: 'sda', device: 'disk', bus: 'sata', format: 'raw', readOnly: false } as const;
    const tell = (self: Bench, ...commands: MachineCommand[]): void => {
      for (const command of commands) self.send({ type: 'command', command });
    };
    const b = bench([
      (self) => tell(self, { type: 'attach-device', device }, { type: 'attach-device', device }),
      (self) => tell(self, { type: 'attach-device', device: { kind: 'disk', disk } }),
      (self) =>
        tell(self, { type: 'detach-device', device: 'watchdog' }, { type: 'detach-device', device: 'disk:sda' }),
      (self) => {
        self.machine.reset();
        self.command('destroy');
      },
    ]);
    b.run();
    expect(b.events.filter(({ type }) => type === 'device')).toEqual([
      { type: 'device', device: 'watchdog', change: 'attached' },
      { type: 'device', device: 'watchdog', change: 'refused', why: expect.stringContaining('watchdog already') },
      { type: 'device', device: 'disk:sda', change: 'refused', why: expect.stringContaining('has no image') },
      { type: 'device', device: 'watchdog', change: 'asked' },
      { type: 'device', device: 'disk:sda', change: 'refused', why: expect.stringContaining('cannot be taken out') },
      { type: 'device', device: 'watchdog', change: 'detached' },
    ]);
  });

  it('pauses where the watchdog is to do that, and says why', () => {
    const b = bench([
      (self) => {
        self.notice({ type: 'watchdog', action: 'pause' });
        expect(self.clock.paused).toBe(true);
        self.command('resume');
      },
      (self) => self.command('destroy'),
    ]);
    b.run();
    expect(states(b.events)).toEqual(['paused', 'running', ['stopped', 'destroyed']]);
    const message = 'The guest did not answer its watchdog: it is paused.';
    expect(b.events).toContainEqual({ type: 'log', level: 'warning', message });
  });

  it('can be destroyed while paused', () => {
    const b = bench([
      (self) => {
        self.command('pause');
        self.command('destroy');
      },
    ]);
    b.run();
    expect(states(b.events)).toEqual(['paused', ['stopped', 'destroyed']]);
  });

  it('resets, and presses the power button', () => {
    const b = bench([
      (self) => {
        expect(self.machine.devices.pm.read(0, 2) & 0x100).toBe(0);
        self.command('power-button');
      },
      (self) => {
        expect(self.machine.devices.pm.read(0, 2) & 0x100).toBe(0x100);
        self.command('reset');
      },
      (self) => {
        expect(self.machine.devices.pm.read(0, 2) & 0x100).toBe(0);
        self.command('destroy');
      },
    ]);
    b.run();
  });

  it('connects viewers of the serial port in both directions, and closes them at the end', () => {
    const { port1, port2 } = new MessageChannel();
    const b = bench([
      (self) => {
        self.machine.devices.uart.write(0, 1, 0x21);
        self.send({ type: 'serial-viewer', port: port2 }, [port2]);
      },
      (self) => {
        port1.postMessage(new TextEncoder().encode('k').buffer);
        self.clock.kick.kick();
      },
      (self) => {
        expect(self.machine.devices.uart.read(0, 1)).toBe(0x6b);
        self.machine.devices.uart.write(0, 1, 0x3f);
        self.command('destroy');
      },
    ]);
    b.run();
    expect(received(port1)).toEqual(['open', '!', '?', 'close']);
  });

  it('gives a viewer that was on its way when the guest ended what the guest had sent', () => {
    const { port1, port2 } = new MessageChannel();
    const b = bench([
      (self) => {
        self.machine.devices.uart.write(0, 1, 0x21);
        self.command('destroy');
      },
    ]);
    b.run();
    b.send({ type: 'serial-viewer', port: port2 }, [port2]);
    b.linger(20);
    expect(received(port1)).toEqual(['open', '!', 'close']);
  });

  it('lets a viewer leave', () => {
    const { port1, port2 } = new MessageChannel();
    const b = bench([
      (self) => self.send({ type: 'serial-viewer', port: port2 }, [port2]),
      (self) => {
        port1.postMessage('close');
        self.clock.kick.kick();
      },
      (self) => {
        self.machine.devices.uart.write(0, 1, 0x21);
        self.command('destroy');
      },
    ]);
    b.run();
    expect(received(port1)).toEqual(['open']);
  });

  it('takes keys to the keyboard, and ignores scan codes that no key has', () => {
    const b = bench([
      (self) => {
        self.machine.devices.i8042.command.write(0, 1, 0x60); // enable the keyboard, translation on
        self.machine.devices.i8042.data.write(0, 1, 0x41);
        self.input({ type: 'key', key: { keysym: 0, qnum: 0xff }, down: true });
        self.input({ type: 'key', key: { keysym: 0x61, qnum: 0x1e }, down: true });
        self.input({ type: 'pointer', x: 1, y: 1, buttons: 0 });
      },
      (self) => {
        expect(self.machine.devices.i8042.data.read(0, 1)).toBe(0x1e);
        self.host.ms += 10;
        self.input({ type: 'key', key: { keysym: 0x62 }, down: true }); // a viewer without scan codes
      },
      (self) => {
        self.host.ms += 10;
        expect(self.machine.devices.i8042.data.read(0, 1)).toBe(0x30);
        self.command('destroy');
      },
    ]);
    b.run();
  });

  it('reports once a second how busy the guest was', () => {
    const b = bench([
      (self) => {
        self.clock.sleptNs += 750e6;
        self.host.ms += 1000;
      },
      (self) => self.command('destroy'),
    ]);
    b.run();
    const stats = b.events.flatMap((event) => (event.type === 'stats' ? [event.stats] : []));
    expect(stats[0]).toMatchObject({ cpuPercent: 25, uptimeSeconds: 1, counters: { busy_ns: 250e6 } });
  });

  it('counts exits, and times them once it is asked to', () => {
    const timing = (on: boolean): ToMachine => ({ type: 'command', command: { type: 'time-exits', on } });
    const b = bench([
      (self) => self.send(timing(true)),
      () => {},
      (self) => {
        self.host.ms += 1; // before the exit: no time of it
        self.send(timing(false));
      },
      (self) => self.command('destroy'),
    ]);
    b.run();
    const stats = b.events.flatMap((event) => (event.type === 'stats' ? [event.stats] : []));
    expect(stats.at(-1)).toMatchObject({ counters: { exits: expect.any(Number) } });
    expect(stats.at(-1)?.exits).toEqual([
      { reason: 'INTR', place: undefined, count: 4, timed: 2, totalNs: 0, minNs: 0, maxNs: 0 },
    ]);
  });

  it('turns a fault of its own into a crash with the registers', () => {
    const b = bench([
      () => {
        throw new TypeError('a defect');
      },
    ]);
    b.run();
    expect(b.events.at(-1)).toMatchObject({
      state: 'crashed',
      reason: {
        kind: 'internal-error',
        message: expect.stringContaining('a defect'),
        registers: expect.stringContaining('RIP'),
      },
    });
  });
});
