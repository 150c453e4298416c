/** Everything can be done without a mouse. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { expect, test } from '../fixtures/test.ts';
import { busyLoop } from '../guests/bare-metal.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';
import { VmWindow } from '../pages/vm-window.ts';

/** Presses a key as often as it takes to get to the element, but not for ever. */
async function pressUntilFocused(page: Page, key: string, target: Locator): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    if (await target.evaluate((element) => element.contains(document.activeElement))) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} does not lead to ${target}`);
}

test('a VM is made, paused, forced off and deleted by keyboard alone', async ({ manager, host, page }) => {
  const kernel = join(host.dataDir, 'loop.elf');
  await writeFile(kernel, busyLoop());
  const { keyboard } = page;

  await manager.shown();
  await keyboard.press('Alt+n');
  const wizard = await new NewVmWizard(page).shown();
  await expect(wizard.field('ISO image')).toBeFocused();
  await keyboard.press('Shift+Tab');
  await keyboard.press('ArrowUp');
  await expect(page.getByRole('radio', { name: 'Direct kernel boot' })).toBeFocused();
  await keyboard.press('Tab');
  await expect(wizard.field('Kernel')).toBeFocused();
  await keyboard.type(kernel);
  await keyboard.press('Enter');
  await wizard.expectStep(2);
  await expect(wizard.field('Memory (MiB)')).toBeFocused();
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('64');
  await keyboard.press('Enter');
  await wizard.expectStep(3);
  await expect(wizard.field('Name')).toBeFocused();
  await keyboard.press('ControlOrMeta+a');
  await keyboard.type('by-keyboard');
  await keyboard.press('Enter');

  const vm = await new VmWindow(page, 'by-keyboard').shown();
  await vm.expectState('Running');
  await expect(vm.button('Pause')).toBeEnabled();
  await keyboard.press('Alt+p');
  await vm.expectState('Paused');
  await expect(vm.button('Run')).toBeEnabled();
  await keyboard.press('Alt+r');
  await vm.expectState('Running');

  await vm.button('Run').focus();
  await pressUntilFocused(page, 'ArrowRight', vm.button('Force Off'));
  await keyboard.press('Enter');
  await vm.expectState('Shutoff');

  await page.getByRole('button', { name: 'Back to list' }).focus();
  await keyboard.press('Enter');
  const list = await manager.shown();
  await list.toolbar.getByRole('button', { name: 'New' }).focus();
  await pressUntilFocused(page, 'Tab', list.list);
  await pressUntilFocused(page, 'ArrowDown', list.row('by-keyboard'));
  await keyboard.press('Delete');
  const question = page.getByRole('alertdialog', { name: 'Delete “by-keyboard”?' });
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  await expect(list.row('by-keyboard')).toHaveCount(0);
});

test('the guest gets the keyboard by Enter and gives it back by left Ctrl and Alt', async ({ manager, page }) => {
  const vm = await (await manager.run('Welcome')).openVm('Welcome');
  await vm.expectOnScreen(/\S/);
  const screen = page.getByRole('application', { name: 'Screen of Welcome' });
  await page.getByRole('group', { name: 'Screen of Welcome' }).focus();
  await page.keyboard.press('Enter');
  await expect(screen).toBeVisible();
  await vm.release();
  await vm.forceOff();
});
