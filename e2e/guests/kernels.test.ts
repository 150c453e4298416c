/** Debian's other kernels, unmodified, to the same shell: the full 64-bit one, 32-bit without and with PAE. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linuxGuest } from '../fixtures/guests.ts';
import { VivProcess } from './viv-process.ts';

const PROMPT = /\/ # (?:.\[6n)?$/;
const figure = (text: string): void => console.log(`figure: ${text}`);

describe.each([
  ['amd64', 'x86_64', /flags\s*:.*\blm\b/],
  ['686', 'i686', /flags\s*:.*\bcx8\b/],
  ['686-pae', 'i686', /flags\s*:.*\bpae\b/],
])('linux-image-%s', (name, machine, cpuinfo) => {
  const guest = linuxGuest(name);
  const skipped = 'missing' in guest ? ` (skipped: ${guest.missing})` : '';

  describe.skipIf('missing' in guest)(`with a busybox shell${skipped}`, () => {
    let viv: VivProcess;
    beforeAll(() => {
      if ('missing' in guest) return;
      const boot = ['--kernel', guest.kernel, '--initrd', guest.initrd, '--append', 'console=ttyS0'];
      viv = new VivProcess(['run', ...boot, '--memory', '256', '--timeout', '170', '--stats']);
    });
    afterAll(() => viv?.kill());

    it('boots, answers, and powers off', async () => {
      await viv.until(PROMPT, 0);
      figure(`${name} boots to a shell in ${viv.seconds.toFixed(1)} s`);
      expect(await viv.command('uname -a', PROMPT)).toMatch(new RegExp(`Linux vivarium .*-${name} .* ${machine} `));
      expect(await viv.command('cat /proc/cpuinfo', PROMPT)).toMatch(cpuinfo);
      expect(await viv.command('dmesg | grep -c -i -E "oops|segfault|invalid opcode"', PROMPT)).toMatch(/^0\r?$/m);
      viv.type('poweroff -f');
      expect(await viv.exited).toBe(0);
    });
  });
});
