/** Choosing the processor of a virtual machine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '../fixtures/test.ts';

test('a CPU model is chosen by keyboard, kept in the definition, and given up again', async ({
  manager,
  host,
  page,
}) => {
  const definition = (): Promise<string> => readFile(join(host.dataDir, 'vms', 'Welcome.xml'), 'utf8');
  const vm = await manager.openVm('Welcome');
  const cpus = await vm.showCpus();
  await cpus.expectModel('Maximum (default)');
  await expect(cpus.apply).toHaveAttribute('aria-disabled', 'true');

  await cpus.chooseByKeyboard('Nehalem');
  await cpus.save();
  expect(await definition()).toContain('<model fallback="allow">Nehalem</model>');

  await page.reload();
  await (await vm.shown()).show('Details');
  await (await vm.showCpus()).expectModel('Nehalem');
  await vm.run();
  await expect(cpus.region).toContainText('after the next start');

  await cpus.copyHost.focus();
  await page.keyboard.press('Space');
  await expect(cpus.model).toBeDisabled();
  await cpus.save();
  expect(await definition()).toContain('<cpu mode="host-passthrough"');
  expect(await definition()).not.toContain('Nehalem');
});
