/** Hardware that comes and goes while a machine runs: with a guest that plays along, and with one that does not. */
import { expect, test } from '../fixtures/test.ts';

const NOW = 'Plug it into the running machine now';

test('a watchdog comes to a running Debian, and goes when that lets go of it', async ({ manager, page, linux }) => {
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', linux.kernel);
  await wizard.fill('Initrd', linux.initrd);
  await wizard.fill('Command line', 'console=ttyS0');
  await wizard.forward(2);
  await wizard.fill('Memory (MiB)', '256');
  await wizard.forward(3);
  const vm = await wizard.finish('debian');
  await vm.expectOnSerial('/ #');

  const adding = await vm.addHardware('Watchdog');
  await expect(adding.getByRole('checkbox', { name: NOW })).toBeChecked();
  await adding.getByRole('button', { name: 'Finish' }).click();
  const watchdog = await vm.showHardware('Watchdog');
  await expect(watchdog.region).not.toContainText('shutdown');
  await vm.typeOnSerial('cat /sys/bus/pci/devices/0000:00:05.0/device');
  await vm.expectOnSerial('0x25ab');

  await vm.showHardware('Watchdog');
  await watchdog.button('Remove').click();
  await expect(watchdog.region).toBeHidden();
  await expect(page.getByText('Watchdog was removed')).toBeVisible();
  await vm.typeOnSerial('ls -d /sys/bus/pci/devices/*5.0 || echo gone $((6 * 7))');
  await vm.expectOnSerial('gone 42');
  await vm.forceOff();
});

test('a guest that does not let go keeps the device until it is off', async ({ manager, page }) => {
  const vm = await (await manager.run('Welcome')).openVm('Welcome');
  const panic = await vm.addHardware('Panic notifier');
  await expect(panic).toContainText('after its next shutdown');
  await panic.getByRole('button', { name: 'Cancel' }).click();
  const adding = await vm.addHardware('Watchdog');
  await adding.getByRole('button', { name: 'Finish' }).click();
  const watchdog = await vm.showHardware('Watchdog');
  await watchdog.button('Remove').click();
  await expect(page.getByText('The guest was asked to let go of it')).toBeVisible();
  await expect(watchdog.region).toContainText('until its guest lets go of it');
  await vm.forceOff();
  await expect(page.getByRole('tab', { name: 'Watchdog' })).toBeHidden();
});
