/** memtest86+ from Debian's package: one full pass over a small memory finds no error. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestNamed } from '../fixtures/guests.ts';
import { VivProcess } from './viv-process.ts';

const MEMORY_MIB = '6'; // with less it stops at its first screen, in other machines too
const figure = (text: string): void => console.log(`figure: ${text}`);

describe.each(['memtest86+x64', 'memtest86+ia32'])('%s', (name) => {
  const guest = guestNamed(name);
  const skipped = 'missing' in guest ? ` (skipped: ${guest.missing})` : '';

  describe.skipIf('missing' in guest)(`over ${MEMORY_MIB} MiB${skipped}`, () => {
    let viv: VivProcess;
    beforeAll(() => {
      if ('missing' in guest) return;
      viv = new VivProcess([
        'run',
        '--kernel',
        guest.kernel,
        '--append',
        'console=ttyS0,115200',
        '--memory',
        MEMORY_MIB,
      ]);
    });
    afterAll(() => viv?.kill());

    it('passes without an error', async () => {
      // it repaints its status line on serial: "Pass:  1        Errors: 0"
      const status = await viv.until(/Pass:\s*1\s+Errors:\s*\d+/, 0);
      figure(`${name}: one pass in ${viv.seconds.toFixed(1)} s`);
      expect(status).toMatch(/Pass:\s*1\s+Errors:\s*0$/);
      expect(status).not.toMatch(/Errors:\s*[1-9]/);
    });
  });
});
