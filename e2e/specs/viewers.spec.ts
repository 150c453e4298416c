/** Two viewers of one guest at the same time, this app's own and TigerVNC's: both show the same pixels. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { missingPrograms, toRgb, XDisplay } from '../../core/testing/x-display.ts';
import { expect, test } from '../fixtures/test.ts';
import { PAINTED, painter } from '../guests/painter.ts';
import { GUEST_MS, type VmWindow } from '../pages/vm-window.ts';

const missing = missingPrograms('xtigervncviewer', 'Xvfb', 'xwd', 'convert');
const PICTURE_BYTES = PAINTED.width * PAINTED.height * 3;

/** What noVNC has drawn, as bytes of red, green and blue. */
async function ours(vm: VmWindow): Promise<Buffer> {
  const canvas = vm.display.locator('canvas');
  const url = await canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
  return toRgb(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'), 'png');
}

const coloursOf = (picture: Buffer): number =>
  new Set(Array.from({ length: PAINTED.width * PAINTED.height }, (_, pixel) => picture.readUIntBE(pixel * 3, 3))).size;

/** Waits until both show the same painting, other than `before`, without ours changing meanwhile; resolves with it. */
async function expectSame(vm: VmWindow, theirs: () => Buffer, before?: Buffer): Promise<Buffer> {
  let shown: Buffer = Buffer.alloc(0);
  await expect(async () => {
    shown = await ours(vm);
    const other = theirs();
    expect(shown.length).toBe(PICTURE_BYTES);
    expect(coloursOf(shown)).toBe(PAINTED.width * PAINTED.height);
    expect(before?.equals(shown)).not.toBe(true);
    expect((await ours(vm)).equals(shown)).toBe(true);
    expect(other.equals(shown)).toBe(true);
  }).toPass({ timeout: GUEST_MS });
  return shown;
}

test('TigerVNC’s viewer and this app’s own show the same pixels of a guest', async ({ manager, host, page }) => {
  test.skip(missing.length > 0, `skipped: this host lacks ${missing.join(', ')}`);
  const kernel = join(host.dataDir, 'painter.elf');
  await writeFile(kernel, painter());
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', kernel);
  await wizard.forward(2);
  await wizard.fill('Memory (MiB)', '64');
  await wizard.forward(3);
  await (await wizard.finish('painter')).forceOff();

  // Viewers from outside get a port by the definition only.
  await host.stop();
  const definition = join(host.dataDir, 'vms', 'painter.xml');
  const xml = await readFile(definition, 'utf8');
  await writeFile(definition, xml.replace('autoport="yes"', 'autoport="yes" listen="127.0.0.1"'));
  await host.launch();
  await page.goto(host.url);
  const vm = await (await manager.openVm('painter')).run();
  const place = await vm.viewersPlace();
  await vm.show('Console');

  const x = await XDisplay.start(1024, 768);
  try {
    const options = ['-ReconnectOnError=0', '-AlertOnFatalError=0', '-NoJPEG=1', place.replace(':', '::')];
    x.run('xtigervncviewer', options);
    const theirs = () => x.picture('painter - TigerVNC');
    const first = await expectSame(vm, theirs);
    await vm.typeOnScreen('v');
    await expectSame(vm, theirs, first);
  } finally {
    x.close();
  }
  await vm.forceOff();
});
