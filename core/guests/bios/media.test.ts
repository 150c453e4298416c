/** Media that others made, started by the BIOS in a machine of ours: what Debian's packages bring. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DiskConfig, MachineType } from '../../contracts/machine.ts';
import { buildThreads, CLIENT, IO_WORKER, MACHINE_WORKER, removeThreads } from '../../testing/build-threads.ts';
import { VmSession } from '../../testing/vm-session.ts';
import type * as Client from '../../worker/client.ts';

vi.setConfig({ testTimeout: 90_000 });

const CD = '/usr/lib/grub-rescue/grub-rescue-cdrom.iso';
const FLOPPY = '/usr/lib/grub-rescue/grub-rescue-floppy.img';
const DISK = '/usr/lib/grub-rescue/grub-rescue-usb.img';
const missing = ![CD, FLOPPY, DISK].every((path) => existsSync(path));
const KEYSYM_RETURN = 0xff0d;

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
    ['CD on IDE', 'pc', { target: 'hda', device: 'cdrom', bus: 'ide', source: CD, format: 'raw', readOnly: true }],
    ['CD on AHCI', 'q35', { target: 'sda', device: 'cdrom', bus: 'sata', source: CD, format: 'raw', readOnly: true }],
    ['disk on IDE', 'pc', { target: 'hda', device: 'disk', bus: 'ide', source: DISK, format: 'raw', readOnly: true }],
    [
      'disk on AHCI',
      'q35',
      { target: 'sda', device: 'disk', bus: 'sata', source: DISK, format: 'raw', readOnly: true },
    ],
    ['floppy', 'pc', { target: 'fda', device: 'floppy', bus: 'fdc', source: FLOPPY, format: 'raw', readOnly: true }],
  ];

  it.each(media)('%s: comes to the prompt and takes a command', async (_, machine, disk) => {
    const vm = await client.startMachine({ id: 'b', name: 'BIOS', memoryMiB: 64, vcpus: 1, machine, disks: [disk] });
    session = new VmSession(vm);
    await session.untilScreen(/GNU GRUB {2}version/);
    const display = await session.openDisplay();
    const press = (...keysyms: readonly number[]): void => {
      for (const keysym of keysyms) for (const down of [true, false]) display.key(keysym, down);
    };
    press('c'.charCodeAt(0));
    await session.untilScreen(/grub> *$/m);
    press(...[...'echo hi'].map((c) => c.charCodeAt(0)), KEYSYM_RETURN);
    expect(await session.untilScreen(/^ *hi *$/m)).toMatch(/grub> echo hi/);
  });

  it('draws in a VBE mode', async () => {
    const [, machine, disk] = media[0] ?? [];
    const vm = await client.startMachine({ id: 'b', name: 'BIOS', memoryMiB: 64, vcpus: 1, machine, disks: [disk] });
    session = new VmSession(vm);
    await session.untilScreen(/GNU GRUB {2}version/);
    const display = await session.openDisplay();
    const press = (...keysyms: readonly number[]): void => {
      for (const keysym of keysyms) for (const down of [true, false]) display.key(keysym, down);
    };
    press('c'.charCodeAt(0));
    await session.untilScreen(/grub> *$/m);
    for (const command of ['insmod vbe', 'set gfxmode=1024x768x32', 'terminal_output gfxterm']) {
      press(...[...command].map((c) => c.charCodeAt(0)), KEYSYM_RETURN);
    }
    await expect.poll(() => [display.width, display.height], { timeout: 30_000 }).toEqual([1024, 768]);
  });
});
