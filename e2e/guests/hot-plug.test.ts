/** Cards that are plugged into a machine while Debian's kernel runs, and go when its acpiphp lets go of them. */
import { afterEach, describe, expect, it } from 'vitest';
import { linuxGuest } from '../fixtures/guests.ts';
import { VivScreen } from './viv-screen.ts';

const guest = linuxGuest();
const skipped = 'missing' in guest ? ` (skipped: ${guest.missing})` : '';
const PROMPT = /\/ # (?:.\[6n)?$/;
const DEVICES = '/sys/bus/pci/devices';

describe.skipIf('missing' in guest).each(['pc', 'q35'])(`Debian's cloud kernel on a %s${skipped}`, (machine) => {
  let viv: VivScreen;
  const boot = async (): Promise<void> => {
    if ('missing' in guest) return;
    const kernel = ['--kernel', guest.kernel, '--initrd', guest.initrd, '--append', 'console=ttyS0'];
    viv = new VivScreen(['--machine', machine, ...kernel, '--memory', '256', '--timeout', '170']);
    await viv.process.until(PROMPT, 0);
  };
  afterEach(() => viv?.kill());

  const shell = (line: string): Promise<string> => viv.process.command(line, PROMPT);
  /** Waits until the guest has, or (`!`) has no more, a device in this slot. */
  const until = (slot: string, not = ''): Promise<string> =>
    shell(`while ! [ ${not} -e ${DEVICES}/0000:00:${slot} ]; do sleep 0.1; done; echo`);
  const identity = (slot: string): Promise<string> =>
    shell(`cd ${DEVICES}/0000:00:${slot}; cat vendor device; head -1 resource; cd /`);

  it('sees cards come, with an address for their registers, and go', async () => {
    await boot();
    await viv.command('attach watchdog none');
    await until('05.0');
    expect(await identity('05.0')).toMatch(/0x8086\s+0x25ab\s+0x0*[1-9a-f][0-9a-f]+ /);
    await viv.command('detach watchdog');
    await until('05.0', '!');
    await viv.command('attach cdrom sda'); // with a controller, where there is none
    await until(machine === 'pc' ? '04.0' : '1f.2');
    await viv.command('attach watchdog none'); // into the slot that was emptied
    await until('05.0');
  });

  it('lets go of a controller by itself, when its own user says so', async () => {
    await boot();
    await viv.command('attach usb-controller ich9-ehci1');
    for (const functionNumber of [0, 1, 2, 7]) await until(`1d.${functionNumber}`);
    await shell('echo 0 > /sys/bus/pci/slots/29/power');
    await until('1d.7', '!');
    await viv.command('attach usb-controller qemu-xhci');
    await until('03.0');
    expect(await identity('03.0')).toMatch(/0x1b36\s+0x000d/);
  });
});
