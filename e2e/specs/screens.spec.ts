/** Every screen in both themes: accessible (axe), and kept as a picture under out/test/screens for people to look at. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../fixtures/accessibility.ts';
import { expect, test } from '../fixtures/test.ts';
import { busyLoop, tripleFault } from '../guests/bare-metal.ts';

const PICTURES = join(import.meta.dirname, '..', '..', 'out', 'test', 'screens');

async function keep(page: Page, screen: string, theme: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${screen}-${theme}.png`), animations: 'disabled' });
  await expectAccessible(page, `${screen}, ${theme}`);
}

for (const theme of ['light', 'dark'] as const) {
  test(`every screen is accessible in the ${theme} theme`, async ({ manager, host, page }) => {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    const kernel = join(host.dataDir, 'loop.elf');
    const faulty = join(host.dataDir, 'fault.elf');
    await writeFile(kernel, busyLoop());
    await writeFile(faulty, tripleFault());
    await keep(page, 'list', theme);

    const wizard = await manager.newVm();
    await wizard.from('Local install media (ISO image)');
    await keep(page, 'wizard-iso', theme);
    await wizard.from('Direct kernel boot');
    await wizard.expectRefused('Kernel', /Choose a kernel/);
    await keep(page, 'wizard-refused', theme);
    const chooser = await wizard.browse('kernel');
    await chooser.path.fill(host.dataDir);
    await chooser.path.press('Enter');
    await expect(chooser.files.getByRole('row').filter({ hasText: 'loop.elf' })).toBeVisible();
    await keep(page, 'file-chooser', theme);
    await chooser.type(faulty);
    await keep(page, 'wizard-boot', theme);
    await wizard.forward(2);
    await keep(page, 'wizard-resources', theme);
    await wizard.forward(3);
    await keep(page, 'wizard-ready', theme);
    const crashed = await wizard.finish('crashing');
    await crashed.expectState('Crashed');
    await keep(page, 'crashed', theme);

    const list = await crashed.back();
    const vm = await list.openVm('Welcome');
    await keep(page, 'stopped', theme);
    await vm.run();
    await vm.expectOnScreen(/\S/);
    await keep(page, 'console', theme);
    await vm.show('Serial');
    await expect(vm.serialPort.getByRole('textbox')).toBeFocused();
    await keep(page, 'serial', theme);
    await vm.show('Details');
    const pages = [
      'Overview',
      'CPUs',
      'Boot Options',
      'Tablet',
      'Display VNC',
      'Video VGA',
      'Controller USB',
      'XML',
      'Log',
    ];
    for (const part of pages) {
      await page.getByRole('tab', { name: part, exact: true }).click();
      await keep(page, `details-${part.toLowerCase().replaceAll(' ', '-')}`, theme);
    }
    const adding = await vm.addHardware('CD-ROM drive');
    await keep(page, 'add-hardware', theme);
    await adding.getByRole('button', { name: 'Finish' }).click();
    await expect(page.getByRole('region', { name: 'IDE CDROM 1' })).toContainText('after the next shutdown');
    await keep(page, 'details-cdrom', theme);
    await vm.show('Console');
    await vm.pause();
    await keep(page, 'paused', theme);
    await vm.forceOff();

    await page.keyboard.press('Control+k');
    await expect(page.getByRole('dialog', { name: 'Commands' })).toBeVisible();
    await keep(page, 'palette', theme);
  });
}
