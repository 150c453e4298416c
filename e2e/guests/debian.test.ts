import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linuxGuest } from '../fixtures/guests.ts';
import { type HostUse, VivProcess } from './viv-process.ts';

const guest = linuxGuest();
const skipped = 'missing' in guest ? ` (skipped: ${guest.missing})` : '';

/** ash asks the terminal for the cursor's place after each prompt. */
const PROMPT = /\/ # (?:.\[6n)?$/;
const BOOT_SECONDS = 60;
const IDLE_SECONDS = 10;
const IDLE_PERCENT = 5;

const figure = (text: string): void => console.log(`figure: ${text}`);

describe.skipIf('missing' in guest)(`Debian's cloud kernel with a busybox shell${skipped}`, () => {
  let viv: VivProcess;
  beforeAll(() => {
    if ('missing' in guest) return;
    const { kernel, initrd } = guest;
    const boot = ['--kernel', kernel, '--initrd', initrd, '--append', 'console=ttyS0'];
    viv = new VivProcess(['run', ...boot, '--memory', '512', '--timeout', '170', '--stats']);
  });
  afterAll(() => viv?.kill());

  it(`boots to a shell within ${BOOT_SECONDS} s`, async () => {
    await viv.until(PROMPT, 0);
    const seconds = viv.seconds;
    const use = viv.hostUse();
    figure(
      `boot to a shell ${seconds.toFixed(1)} s, ${use?.cpuSeconds.toFixed(1)} s of CPU, RSS ${use?.residentMiB} MiB`,
    );
    expect(viv.serial).toContain('Vivarium guest ready');
    expect(seconds).toBeLessThan(BOOT_SECONDS);
  });

  it('answers commands', async () => {
    expect(await viv.command('uname -a', PROMPT)).toMatch(/Linux vivarium .*-cloud-amd64 .* x86_64 GNU\/Linux/);
    expect(await viv.command('cat /proc/cpuinfo', PROMPT)).toMatch(/flags\s*:.*\bsse2\b.*\blm\b/);
    expect(await viv.command('echo $((6 * 7)) | tr 2 4', PROMPT)).toContain('44');
  });

  it('keeps the time', async () => {
    const clock = async (): Promise<number> => {
      const answer = await viv.command('cat /proc/uptime', PROMPT);
      return Number(/(\d+\.\d+) \d+\.\d+/.exec(answer)?.[1]);
    };
    const [guestBefore, hostBefore] = [await clock(), viv.seconds];
    await viv.command('sleep 5', PROMPT);
    const [guestAfter, hostAfter] = [await clock(), viv.seconds];
    expect(guestAfter - guestBefore).toBeGreaterThan(4.9);
    expect(Math.abs(guestAfter - guestBefore - (hostAfter - hostBefore))).toBeLessThan(1);
  });

  it(`leaves the host idle when it is: under ${IDLE_PERCENT} % of one core over ${IDLE_SECONDS} s`, async () => {
    const before = viv.hostUse();
    if (before === undefined) return figure('idle CPU is not measured on this host: it has no /proc');
    await pause(IDLE_SECONDS * 1000); // the quantity under test is what happens in this time
    const after = viv.hostUse() as HostUse;
    const percent = ((after.cpuSeconds - before.cpuSeconds) / IDLE_SECONDS) * 100;
    figure(`idle CPU ${percent.toFixed(1)} % of one core over ${IDLE_SECONDS} s, RSS ${after.residentMiB} MiB`);
    expect(percent).toBeLessThan(IDLE_PERCENT);
  });

  it('powers off with status 0', async () => {
    viv.type('poweroff -f');
    expect(await viv.exited).toBe(0);
    for (const line of viv.errors.trim().split('\n')) figure(line.trim());
    expect(viv.errors).toMatch(/\d+ instructions, [\d.]+ MIPS while busy/);
  });
});
