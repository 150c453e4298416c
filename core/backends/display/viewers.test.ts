/**
 * Viewers that others wrote show what our own screenshot shows: TigerVNC's in a window of an X server, gtk-vnc's as a file.
 * Debian: tigervnc-viewer, xvfb, x11-apps, imagemagick; gvncviewer.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { ServedDisplay } from '../../testing/served-display.ts';
import { missingPrograms, toRgb, XDisplay } from '../../testing/x-display.ts';
import { VncPassword } from '../../worker/vnc-password.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

const WIDTH = 640;
const HEIGHT = 480;
const PATIENCE_MS = 15_000;

/** Something for each form of each encoding: plain areas, two colours, some, many, and noise. */
function picture(seed: number): (x: number, y: number) => number {
  const random = new SeededRandom(seed);
  const colours = Array.from({ length: 200 }, () => random.below(0x1000000));
  return (x, y) => {
    const part = Math.floor(x / 128) + Math.floor(y / 96) * 5 + seed;
    switch (part % 5) {
      case 0:
        return 0x204060;
      case 1:
        return (x * 7 + y * 3) % 5 < 2 ? 0xaaaaaa : 0x0000aa;
      case 2:
        return colours[(x * 11 + y * 7) % 200] ?? 0;
      case 3:
        return ((x * 2) << 16) | ((y & 0xff) << 8) | ((x ^ y) & 0xff);
      default:
        return random.below(0x1000000);
    }
  };
}

let served: Awaited<ReturnType<typeof ServedDisplay.start>>;
const serve = async (password?: VncPassword): Promise<void> => {
  served = await ServedDisplay.start(password ? { password } : {});
  served.setMode(WIDTH, HEIGHT);
  served.draw(picture(0));
};
const screenshot = async (): Promise<Buffer> => toRgb(await served.display.screenshot(), 'png');
afterEach(() => served.close());

/** Pixels that differ by more than `tolerance` in a colour. */
function different(a: Buffer, b: Buffer, tolerance = 0): number {
  if (a.length !== b.length) return -1;
  let count = 0;
  for (let at = 0; at < a.length; at += 3) {
    const far = (i: number) => Math.abs((a[at + i] ?? 0) - (b[at + i] ?? 0)) > tolerance;
    if (far(0) || far(1) || far(2)) count++;
  }
  return count;
}

const tigerLacks = missingPrograms('xtigervncviewer', 'Xvfb', 'xwd', 'convert');

describe.skipIf(tigerLacks.length > 0)(`TigerVNC's viewer${lacking(tigerLacks)}`, () => {
  let x: XDisplay;
  beforeAll(async () => {
    // Larger: the viewer makes its window smaller than the screen.
    x = await XDisplay.start(WIDTH + 200, HEIGHT + 200);
  });
  afterAll(() => x.close());

  const view = (options: readonly string[], environment?: Record<string, string>) => {
    const place = `127.0.0.1::${served.port}`;
    const common = ['-ReconnectOnError=0', '-AlertOnFatalError=0'];
    return x.run('xtigervncviewer', [...common, ...options, place], environment);
  };
  /** Its first message to its user goes away by itself. */
  const untilShown = async (expected: Buffer, tolerance = 0): Promise<number> => {
    let wrong = -1;
    for (const end = Date.now() + PATIENCE_MS; wrong !== 0 && Date.now() < end; await pause(250)) {
      wrong = different(x.picture('served - TigerVNC'), expected, tolerance);
    }
    return wrong;
  };

  it.each([
    ['Raw', []],
    ['ZRLE', []],
    ['Tight', ['-NoJPEG=1']],
    ['Tight', ['-NoJPEG=1', '-CompressLevel=9']],
  ])('shows the same pixels by %s %j, and follows changes', async (encoding, options) => {
    await serve();
    const leave = view([`-PreferredEncoding=${encoding}`, '-AutoSelect=0', ...options]);
    expect(await untilShown(await screenshot())).toBe(0);
    for (const seed of [1, 2]) {
      served.draw(picture(seed));
      expect(await untilShown(await screenshot())).toBe(0);
    }
    leave();
  });

  it.each([
    [0, 1],
    [1, 3],
    [2, 7],
  ])('shows the nearest of few colours at colour level %i', async (level, max) => {
    await serve();
    const leave = view(['-AutoSelect=0', '-FullColor=0', `-LowColorLevel=${level}`]);
    const near = (value: number, top: number) => Math.round((Math.round((value * top) / 255) * 255) / top);
    const expected = (await screenshot()).map((value, i) =>
      near(value, i % 3 === 2 ? Math.min(max, 3) : max),
    ) as Buffer;
    // Viewers differ in how they spread a few levels over 256.
    expect(await untilShown(expected, 4)).toBe(0);
    leave();
  });

  it('follows a change of size', async () => {
    await serve();
    served.setMode(320, 200);
    served.draw(picture(3));
    const leave = view([]);
    await pause(1000);
    served.setMode(WIDTH, HEIGHT);
    served.draw(picture(4));
    expect(await untilShown(await screenshot())).toBe(0);
    leave();
  });

  it('gets in with the password only', async () => {
    await serve(new VncPassword('sesame'));
    view(['-SecurityTypes=VncAuth'], { VNC_USERNAME: '', VNC_PASSWORD: 'guess' });
    await vi.waitFor(() => expect(served.log.join()).toMatch(/the password is wrong/), PATIENCE_MS);
    const leave = view(['-SecurityTypes=VncAuth'], { VNC_USERNAME: '', VNC_PASSWORD: 'sesame' });
    expect(await untilShown(await screenshot())).toBe(0);
    leave();
  });
});

const gtkLacks = missingPrograms('gvnccapture', 'convert');

describe.skipIf(gtkLacks.length > 0)(`gtk-vnc's capture${lacking(gtkLacks)}`, () => {
  it('takes the same picture', async () => {
    await serve();
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
    const file = join(folder, 'screen.png');
    await promisify(execFile)('gvnccapture', ['-q', `127.0.0.1:${served.port - 5900}`, file]);
    const taken = toRgb(readFileSync(file), 'png');
    rmSync(folder, { recursive: true });
    expect(different(taken, await screenshot())).toBe(0);
  });
});

function lacking(programs: readonly string[]): string {
  return programs.length > 0 ? ` (skipped: this host lacks ${programs.join(', ')})` : '';
}
