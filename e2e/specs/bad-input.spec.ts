/** Whatever is wrong is said, with what to do; the app goes on and no file is lost. */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '../fixtures/test.ts';
import { busyLoop, tripleFault } from '../guests/bare-metal.ts';
import type { ManagerPage } from '../pages/manager-page.ts';

/** The app is alive when the welcome guest can still be run. */
async function expectAlive(manager: ManagerPage): Promise<void> {
  await manager.run('Welcome');
  const vm = await manager.openVm('Welcome');
  await vm.forceOff();
}

test('a missing kernel is refused beside its field', async ({ manager, host }) => {
  const wizard = await manager.newVm();
  await wizard.expectRefused('Kernel', /Choose a kernel/);
  await wizard.fill('Kernel', join(host.dataDir, 'no-such-kernel'));
  await wizard.expectRefused('Kernel', /does not exist/);
  await wizard.cancel();
  await expectAlive(manager);
});

test('a text file is not taken for a kernel', async ({ manager, host }) => {
  const text = join(host.dataDir, 'notes.txt');
  await writeFile(text, 'Not a kernel at all.\n'.repeat(100));
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', text);
  await wizard.expectRefused('Kernel', /This is .*text|not a kernel/i);
  await wizard.cancel();
  await expectAlive(manager);
});

test('a terabyte of memory is refused with the most that is possible', async ({ manager, host }) => {
  const kernel = join(host.dataDir, 'loop.elf');
  await writeFile(kernel, busyLoop());
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', kernel);
  await wizard.forward(2);
  await wizard.fill('Memory (MiB)', String(1024 * 1024));
  await wizard.expectRefused('Memory (MiB)', /up to [\d,.]+ MiB/);
  await wizard.cancel();
  await expectAlive(manager);
});

test('an initrd that cannot be read is refused beside its field', async ({ manager, host }) => {
  const kernel = join(host.dataDir, 'loop.elf');
  const initrd = join(host.dataDir, 'secret.img');
  await writeFile(kernel, busyLoop());
  await writeFile(initrd, 'secret');
  await chmod(initrd, 0);
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', kernel);
  // root reads everything, so a folder stands in for the unreadable file there.
  await wizard.fill('Initrd', process.getuid?.() === 0 ? host.dataDir : initrd);
  await wizard.expectRefused('Initrd', /cannot be read|a folder/);
  await wizard.cancel();
  await expectAlive(manager);
});

test('a kernel that goes away after creation makes a start that fails with reason and advice', async ({
  manager,
  host,
  page,
}) => {
  const kernel = join(host.dataDir, 'loop.elf');
  await writeFile(kernel, busyLoop());
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', kernel);
  await wizard.forward(2);
  await wizard.forward(3);
  const vm = await wizard.finish('fleeting');
  await vm.expectState('Running');
  await vm.forceOff();
  await rm(kernel);
  await vm.button('Run').click();
  const failure = page.getByRole('alertdialog', { name: '“fleeting” could not be started' });
  await expect(failure).toContainText(kernel);
  await failure.getByRole('button', { name: 'Close' }).click();
  await expectAlive(await vm.back());
});

test('a broken definition is reported, kept as it is, and harms no other VM', async ({ manager, host, page }) => {
  const broken = join(host.dataDir, 'vms', 'broken.xml');
  const content = '<domain type="kvm"><name>broken</name><memory>';
  await host.stop();
  await writeFile(broken, content);
  await host.launch();
  await page.goto(host.url);
  await manager.shown();
  const banner = page.getByRole('region', { name: 'A definition file could not be read' });
  await expect(banner).toContainText(broken);
  await expectAlive(manager);
  expect(await readFile(broken, 'utf8')).toBe(content);
});

test('a guest that triple-faults is shown as crashed, with its registers, and can be run again', async ({
  manager,
  host,
  page,
}) => {
  const kernel = join(host.dataDir, 'fault.elf');
  await writeFile(kernel, tripleFault());
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', kernel);
  await wizard.forward(2);
  await wizard.forward(3);
  const vm = await wizard.finish('faulty');
  await vm.expectState('Crashed');
  await expect(vm.display).toContainText('The virtual machine has crashed');
  await expect(page.getByRole('region', { name: 'Registers' })).toContainText(/rip|eip/i);
  await vm.button('Run').click();
  await vm.expectState('Crashed');
  await expectAlive(await vm.back());
});
