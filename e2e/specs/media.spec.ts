/** Install media and hardware: made, changed while the guest runs, edited with Apply and Cancel, dropped on the window. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserHost } from '../fixtures/browser-host.ts';
import { expect, test } from '../fixtures/test.ts';
import { bootFloppy, bootIso } from '../guests/boot-media.ts';
import { FileChooser } from '../pages/file-chooser.ts';
import { NewVmWizard } from '../pages/new-vm-wizard.ts';

async function put(host: BrowserHost, name: string, bytes: Uint8Array): Promise<string> {
  const path = join(host.dataDir, name);
  await writeFile(path, bytes);
  return path;
}
const definition = (host: BrowserHost, name: string): Promise<string> =>
  readFile(join(host.dataDir, 'vms', `${name}.xml`), 'utf8');

test('a VM made from an ISO boots it, and gets another one while it runs', async ({ manager, host }) => {
  const first = await put(host, 'first.iso', bootIso('FIRST', 'Hello from the first CD'));
  const second = await put(host, 'second.iso', bootIso('SECOND', 'Hello from the second CD'));
  const wizard = await manager.newVm('Local install media (ISO image)');
  await wizard.expectRefused('ISO image', /Choose an ISO/);
  await wizard.fill('ISO image', first);
  await expect(wizard.field('ISO image')).toHaveAccessibleDescription(/ISO 9660 “FIRST”, bootable/);
  await wizard.forward(2);
  await wizard.fill('Memory (MiB)', '64');
  await wizard.button('Back').click();
  await expect(wizard.field('ISO image')).toHaveValue(first);
  await wizard.forward(2);
  await expect(wizard.field('Memory (MiB)')).toHaveValue('64');
  await wizard.forward(3);
  await expect(wizard.field('Name')).toHaveValue('first');
  const vm = await wizard.finish('from-cd');
  await vm.expectOnScreen('Hello from the first CD');

  const drive = await vm.showHardware('IDE CDROM 1');
  await drive.putMedium(second);
  expect(await definition(host, 'from-cd')).toContain(second);
  await vm.reset();
  await vm.expectOnScreen('Hello from the second CD');
  await vm.showHardware('IDE CDROM 1');
  await drive.button('Disconnect').click();
  await expect(drive.region).toContainText('The drive is empty.');
  expect(await definition(host, 'from-cd')).not.toContain('.iso');
  await vm.forceOff();
});

test('a floppy boots, and a disk that is no disk is refused beside its field', async ({ manager, host }) => {
  const floppy = await put(host, 'dos.img', bootFloppy('Hello from the diskette'));
  const qcow = await put(host, 'disk.qcow2', Uint8Array.from([0x51, 0x46, 0x49, 0xfb, ...new Uint8Array(2000)]));
  const wizard = await manager.newVm('Import existing disk image');
  await wizard.fill('Disk image', qcow);
  await wizard.expectRefused('Disk image', /qcow2.*convert/);
  await wizard.from('Floppy image');
  await wizard.fill('Floppy image', floppy);
  await wizard.forward(2);
  await wizard.forward(3);
  const vm = await wizard.finish('from-floppy');
  await vm.expectOnScreen('Hello from the diskette');
  await vm.forceOff();
});

test('hardware is added, edited, put in order and removed, with Apply and Cancel', async ({ manager, host, page }) => {
  const disk = await put(host, 'disk.img', new Uint8Array(1 << 20));
  const vm = await manager.openVm('Welcome');
  const adding = await vm.addHardware('Disk');
  await expect(adding.getByRole('button', { name: 'Finish' })).toHaveAttribute('aria-disabled', 'true');
  await adding.getByRole('textbox', { name: 'Disk image' }).fill(disk);
  await adding.getByRole('button', { name: 'Finish' }).click();
  await expect(adding).toBeHidden();

  const ide = await vm.showHardware('IDE Disk 1');
  await ide.choose('Disk bus', 'SATA');
  await ide.cancel();
  await ide.expectChosen('Disk bus', 'IDE');
  await ide.choose('Disk bus', 'SATA');
  await ide.button('Apply').click();
  const sata = await vm.showHardware('SATA Disk 1');
  expect(await definition(host, 'Welcome')).toContain('<target dev="sda" bus="sata"/>');

  const cdrom = await vm.addHardware('CD-ROM drive');
  await cdrom.getByRole('button', { name: 'Finish' }).click();
  const boot = await vm.showHardware('Boot Options');
  await boot.check('SATA Disk 1');
  await boot.check('IDE CDROM 1');
  await boot.button('Move up IDE CDROM 1').click();
  await boot.check('Enable boot menu');
  // Leaving asks; staying keeps what was changed.
  await page.getByRole('tab', { name: 'Overview', exact: true }).click();
  const question = page.getByRole('alertdialog', { name: 'There are unapplied changes' });
  await question.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Back to list' }).click();
  await question.getByRole('button', { name: 'Cancel' }).click();
  await vm.show('Console');
  await vm.show('Details');
  await boot.apply();
  const xml = await definition(host, 'Welcome');
  expect(xml).toContain('<bootmenu enable="yes" timeout="3000"/>');
  expect(xml).toMatch(/hdc[\s\S]*<boot order="1"\/>/);

  const overview = await vm.showHardware('Overview');
  await overview.choose('Machine type', 'q35 (Q35 + ICH9)');
  await overview.button('Apply').click();
  await expect(overview.region.getByRole('alert')).toContainText('no place for hdc');
  await overview.cancel();

  await vm.showHardware('SATA Disk 1');
  await sata.button('Remove').click();
  await expect(sata.region).toBeHidden();
  expect(await definition(host, 'Welcome')).not.toContain(disk);
});

test('what a running guest does not have yet is marked', async ({ manager }) => {
  const vm = await (await manager.run('Welcome')).openVm('Welcome');
  const video = await vm.showHardware('Video VGA');
  await video.choose('Video memory', '32 MiB');
  await video.apply();
  await expect(video.region).toContainText('Takes effect after the next shutdown. Now: 16 MiB.');
  await vm.forceOff();
  await expect(video.region).not.toContainText('after the next shutdown');
});

test('an ISO dropped on the window starts the wizard', async ({ manager, host, page }) => {
  const bytes = bootIso('DROPPED', 'Hello');
  const file = await put(host, 'dropped.iso', bytes);
  await manager.drop('notes.txt', bytes);
  await expect(page.getByText('“notes.txt” is no install medium')).toBeVisible();
  await manager.drop('dropped.iso', bytes);
  const chooser = await new FileChooser(page, 'Choose an install medium', new NewVmWizard(page)).shown();
  const wizard = await chooser.type(file);
  await expect(wizard.dialog).toContainText('A browser does not tell where a dropped file lies');
  await expect(wizard.field('ISO image')).toHaveValue(file);
  await wizard.cancel();
});

test('the pointer of a guest without a tablet is grabbed by a click and released by left Ctrl and Alt', async ({
  manager,
  page,
}) => {
  const vm = await (await manager.run('Welcome')).openVm('Welcome');
  await vm.expectOnScreen(/\S/);
  const locked = () => page.evaluate(() => document.pointerLockElement !== null);
  await expect(async () => {
    await vm.display.locator('canvas').click();
    expect(await locked()).toBe(true);
  }).toPass();
  await expect(vm.page.getByText(/keyboard and the mouse belong to the guest/)).toBeVisible();
  await expect(page).toHaveTitle(/Press left Ctrl\+left Alt to release – Welcome/);
  await page.mouse.move(300, 300);
  await vm.release();
  await expect.poll(locked).toBe(false);
  await vm.forceOff();
});
