/**
 * memtest86+ from Debian's package finds no error in a small memory: all tests of a pass but the last, which does nothing
 * but wait for 160 s; with VIVARIUM_MEMTEST=pass the whole pass.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestNamed } from '../fixtures/guests.ts';
import { VivProcess } from './viv-process.ts';

const MEMORY_MIB = '6'; // with less it stops at its first screen, in other machines too
const whole = process.env['VIVARIUM_MEMTEST'] === 'pass';
/** It repaints its screen on serial: "Pass:  1        Errors: 0", "#10 [Bit fade test, 2 patterns]". */
const END = whole ? /Pass:\s*1\s+Errors:\s*\d+/ : /#10\s+\[Bit fade test[\s\S]*?Pass:\s*0\s+Errors:\s*\d+/;
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

    it('finds no error', { timeout: 600_000 }, async () => {
      const screens = await viv.until(END, 0);
      figure(`${name}: ${whole ? 'one pass' : 'tests 0 to 9'} in ${viv.seconds.toFixed(1)} s`);
      expect(screens).not.toMatch(/Errors:\s*[1-9]/);
    });
  });
});
