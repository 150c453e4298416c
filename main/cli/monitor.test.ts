import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MachineCommand, type MachineEvent, nameOfPlugged } from '../../core/contracts/machine.ts';
import type { Vm } from '../../core/worker/client.ts';
import { Monitor, serveMonitor } from './monitor.ts';

const TEXT = { columns: 4, rows: 1, lines: ['text'] };
const DRIVE = { target: 'sdb', format: 'raw' };
const HANDSHAKE = 'RFB 003.008\n\x01\x01';

/** A machine that keeps what it is told, and refuses every medium for hda. */
function fakeVm() {
  const commands: MachineCommand[] = [];
  let sent = '';
  let tell: (event: MachineEvent) => void = () => {};
  const vm: Pick<Vm, 'command' | 'onEvent' | 'openStream' | 'screenshot' | 'textScreen'> = {
    command(command) {
      commands.push(command);
      if (command.type === 'attach-device') {
        tell({ type: 'device', device: 'input:mouse', change: 'detached' }); // of no concern
        tell({ type: 'device', device: nameOfPlugged(command.device), change: 'attached' });
      }
      if (command.type === 'detach-device') {
        const { device } = command;
        if (device === 'watchdog') tell({ type: 'device', device, change: 'asked' });
        else tell({ type: 'device', device, change: 'refused', why: 'it is not there' });
      }
      if (command.type !== 'change-media') return;
      const { target } = command;
      tell({ type: 'media', target, ...(target === 'hda' && { refusal: 'hda is no drive for that' }) });
    },
    onEvent: (listener) => {
      tell = listener;
    },
    openStream: () => ({
      send: (message) => {
        if (message instanceof ArrayBuffer) sent += Buffer.from(message).toString('latin1');
      },
      onMessage: () => {},
      close: () => {},
    }),
    screenshot: async () => Uint8Array.of(1, 2, 3),
    textScreen: async () => TEXT,
  };
  return { vm: vm as Vm, commands, sent: () => sent };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-monitor-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the monitor', () => {
  const answer = async (vm: Vm, line: string): Promise<unknown> => JSON.parse(await new Monitor(vm).execute(line));

  it('tells the text on the screen, and saves a picture of it', async () => {
    const { vm } = fakeVm();
    expect(await answer(vm, 'screen')).toEqual({ ok: true, ...TEXT });
    const file = join(folder, 'screen.png');
    expect(await answer(vm, `screenshot ${file}`)).toEqual({ ok: true });
    expect([...readFileSync(file)]).toEqual([1, 2, 3]);
  });

  it('types as a viewer does: each key is pressed and let go', async () => {
    const { vm, sent } = fakeVm();
    expect(await answer(vm, 'type a')).toEqual({ ok: true });
    expect(sent()).toBe(`${HANDSHAKE}\x04\x01\0\0\0\0\0a\x04\0\0\0\0\0\0a`);
  });

  it('types with Shift what a US keyboard has there', async () => {
    const { vm, sent } = fakeVm();
    expect(await answer(vm, 'type |')).toEqual({ ok: true });
    const [shift, bar] = ['\0\0\xff\xe1', '\0\0\0|'];
    const event = (down: number, keysym: string) => `${String.fromCharCode(4, down, 0, 0)}${keysym}`;
    expect(sent()).toBe(HANDSHAKE + [event(1, shift), event(1, bar), event(0, bar), event(0, shift)].join(''));
  });

  it.each([
    ['watchdog reset', 'watchdog', { kind: 'watchdog', action: 'reset' }],
    ['usb-controller qemu-xhci', 'usb-controller', { kind: 'usb-controller', model: 'qemu-xhci' }],
    ['input tablet', 'input:tablet', { kind: 'input', type: 'tablet' }],
    [
      'disk sdb usb /tmp/a b.img',
      'disk:sdb',
      { kind: 'disk', disk: { ...DRIVE, device: 'disk', bus: 'usb', source: '/tmp/a b.img', readOnly: false } },
    ],
    ['cdrom sdb', 'disk:sdb', { kind: 'disk', disk: { ...DRIVE, device: 'cdrom', bus: 'sata', readOnly: true } }],
  ])('attaches %s', async (text, device, expected) => {
    const { vm, commands } = fakeVm();
    expect(await answer(vm, `attach ${text}`)).toEqual({ ok: true, device, change: 'attached' });
    expect(commands).toEqual([{ type: 'attach-device', device: expected }]);
  });

  it.each(['watchdog', 'watchdog bark', 'disk sda ide /a', 'disk sda sata', 'modem x'])(
    'knows no device %s',
    async (text) => {
      const { vm, commands } = fakeVm();
      const error = `'${text}' is no device to attach`;
      expect([await answer(vm, `attach ${text}`), commands]).toEqual([{ ok: false, error }, []]);
    },
  );

  it('asks the guest for a device, and says what keeps one from going', async () => {
    const { vm } = fakeVm();
    expect(await answer(vm, 'detach watchdog')).toEqual({ ok: true, device: 'watchdog', change: 'asked' });
    expect(await answer(vm, 'detach disk:sda')).toEqual({ ok: false, error: 'it is not there' });
  });

  it('presses chords, the last key first let go', async () => {
    const { vm, sent } = fakeVm();
    expect(await answer(vm, 'key ctrl+f1')).toEqual({ ok: true });
    const event = (down: number, keysym: number) => String.fromCharCode(4, down, 0, 0, 0, 0, 0xff, keysym);
    const events = [event(1, 0xe3), event(1, 0xbe), event(0, 0xbe), event(0, 0xe3)];
    expect(sent()).toBe(HANDSHAKE + events.join(''));
  });

  it('moves the pointer', async () => {
    const { vm, sent } = fakeVm();
    expect(await answer(vm, 'pointer 258 3 4')).toEqual({ ok: true });
    expect(sent().endsWith('\x05\x04\x01\x02\0\x03')).toBe(true);
  });

  it('changes media, resets, and presses the power button', async () => {
    const { vm, commands } = fakeVm();
    const monitor = new Monitor(vm);
    for (const line of ['media sda /x.iso', 'media sda', 'reset', 'power']) {
      expect(JSON.parse(await monitor.execute(line))).toEqual({ ok: true });
    }
    expect(commands).toEqual([
      { type: 'change-media', target: 'sda', path: '/x.iso' },
      { type: 'change-media', target: 'sda' },
      { type: 'reset' },
      { type: 'power-button' },
    ]);
  });

  it.each([
    ['shout', /no command 'shout'/],
    ['constructor', /no command 'constructor'/],
    ['', /no command/],
    ['key hyper+x', /no key 'hyper\+x'/],
    ['pointer 1', /two numbers or three/],
    ['screenshot', /needs a file/],
    ['media hda /x.iso', /hda is no drive for that/],
  ])('says what is wrong with "%s"', async (line, message) => {
    expect(await answer(fakeVm().vm, line)).toEqual({ ok: false, error: expect.stringMatching(message) });
  });

  it('is reached by a socket, which must not be there yet', async () => {
    const path = join(folder, 'monitor');
    const server = await serveMonitor({ execute: async (line) => `did ${line}` }, path);
    const socket = connect(path);
    socket.write('one\ntwo\n');
    const lines: string[] = [];
    for await (const line of createInterface({ input: socket })) if (lines.push(line) === 2) break;
    expect(lines).toEqual(['did one', 'did two']);
    await expect(serveMonitor({ execute: async () => '' }, path)).rejects.toThrow(/EADDRINUSE/);
    socket.destroy();
    server.close();
  });
});
