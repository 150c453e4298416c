/** Media that others made, started by the BIOS in a machine of ours: what Debian's packages bring. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DiskConfig, MachineType } from '../../contracts/machine.ts';
import { buildThreads, CLIENT, IO_WORKER, MACHINE_WORKER, removeThreads } from '../../testing/build-threads.ts';
import { VmSession } from '../../testing/vm-session.ts';
import type * as Client from '../../worker/client.ts';

vi.setConfig({ testTimeout: 60_000 });

const CD = '/usr/lib/grub-rescue/grub-rescue-cdrom.iso';
const FLOPPY = '/usr/lib/grub-rescue/grub-rescue-floppy.img';
const DISK = '/usr/lib/grub-rescue/grub-rescue-usb.img';
const missing = ![CD, FLOPPY, DISK].every((path) => existsSync(path));
const KEYSYM_RETURN = 0xff0d;
const KEYSYM_SHIFT = 0xffe1;
const CD_ON_IDE: DiskConfig = {
  target: 'hda',
  device: 'cdrom',
  bus: 'ide',
  source: CD,
  format: 'raw',
  readOnly: true,
};

describe.skipIf(missing)(`GRUB's rescue media${missing ? ' (skipped: grub-rescue-pc is not installed)' : ''}`, () => {
  let client: typeof Client;
  let built: string;
  let session: VmSession | undefined;
  beforeAll(async () => {
    built = await buildThreads({ ...CLIENT, ...MACHINE_WORKER, ...IO_WORKER });
    client = (await import(pathToFileURL(join(built, 'client.js')).href)) as typeof Client;
  }, 60_000);
  afterEach(() => session?.vm.terminate());
  afterAll(() => removeThreads(built));

  const media: readonly (readonly [string, MachineType, DiskConfig])[] = [
    ['CD on IDE', 'pc', CD_ON_IDE],
    ['CD on AHCI', 'q35', { target: 'sda', device: 'cdrom', bus: 'sata', source: CD, format: 'raw', readOnly: true }],
    ['disk on IDE', 'pc', { target: 'hda', device: 'disk', bus: 'ide', source: DISK, format: 'raw', readOnly: true }],
    [
      'disk on AHCI',
      'q35',
      { target: 'sda', device: 'disk', bus: 'sata', source: DISK, format: 'raw', readOnly: true },
    ],
    ['floppy', 'pc', { target: 'fda', device: 'floppy', bus: 'fdc', source: FLOPPY, format: 'raw', readOnly: true }],
  ];

  /** At GRUB's command line, with a viewer. */
  async function commandLine(machine: MachineType, disk: DiskConfig) {
    const vm = await client.startMachine({ id: 'b', name: 'BIOS', memoryMiB: 64, vcpus: 1, machine, disks: [disk] });
    const running = new VmSession(vm);
    session = running;
    await running.untilScreen(/GNU GRUB {2}version/);
    const display = await running.openDisplay();
    const press = (keysym: number): void => {
      for (const down of [true, false]) display.key(keysym, down);
    };
    press('c'.charCodeAt(0));
    await running.untilScreen(/grub> *$/m);
    /** The BIOS keeps 15 keys, so a few at a time are typed and waited for. */
    const type = async (command: string): Promise<void> => {
      for (const part of command.match(/.{1,7}/g) ?? []) {
        for (const character of part) {
          if (character === '_') display.key(KEYSYM_SHIFT, true);
          press(character.charCodeAt(0));
          if (character === '_') display.key(KEYSYM_SHIFT, false);
        }
        await running.untilScreen(new RegExp(`${part.trim()} *$`, 'm'));
      }
      press(KEYSYM_RETURN);
    };
    return { running, type };
  }

  it.each(media)('%s: comes to the prompt and takes a command', async (_, machine, disk) => {
    const { running, type } = await commandLine(machine, disk);
    await type('echo hi');
    expect(await running.untilScreen(/^ *hi *$/m)).toMatch(/grub> echo hi/);
  });

  it('draws in a VBE mode', async () => {
    const { running, type } = await commandLine('pc', CD_ON_IDE);
    for (const command of ['insmod vbe', 'set gfxmode=1024x768', 'terminal_output gfxterm']) await type(command);
    await running.untilScreen(/graphics, 1024x768/);
  });
});
