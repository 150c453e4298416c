/** The main job end to end: make a virtual machine by clicking, boot Debian's kernel in it, see it and type into it. */
import { expect, test } from '../fixtures/test.ts';
import { GUEST_MS } from '../pages/vm-window.ts';

const PROMPT = '/ #';
/** A screen breaks it into two lines. */
const UNAME = /Linux vivarium [\w.-]+-cloud-amd64 [\s\S]* x86_64 GNU\/Linux/;
const DEFAULT_CMDLINE = 'console=ttyS0 console=tty0';

test('a new user makes a Debian VM, uses its screen and serial port, and finds it after a restart', async ({
  manager,
  host,
  page,
  linux,
}) => {
  test.setTimeout(15 * 60_000);
  const wizard = await manager.newVm();
  await (await wizard.browse('kernel')).pick(linux.kernel);
  await expect(wizard.field('Kernel')).toHaveAccessibleDescription(/Linux kernel/);
  await (await wizard.browse('initrd')).type(linux.initrd);
  await expect(wizard.field('Command line')).toHaveValue(DEFAULT_CMDLINE);
  await wizard.forward(2);
  await wizard.fill('Memory (MiB)', '256');
  await wizard.forward(3);
  const vm = await wizard.finish('debian');

  await test.step('it boots to a shell on the screen', async () => {
    await vm.expectState('Running');
    await vm.expectOnScreen(PROMPT);
  });

  await test.step('what is typed on the screen is answered on the screen', async () => {
    await vm.typeOnScreen('uname -a');
    await vm.expectOnScreen(UNAME);
    await vm.typeOnScreen('cat /proc/cpuinfo');
    await vm.expectOnScreen(/address sizes\s*: \d+ bits physical/);
  });

  await test.step('and on serial', async () => {
    await vm.expectOnSerial(PROMPT);
    await vm.typeOnSerial('uname -a');
    await vm.expectOnSerial(UNAME);
    await vm.typeOnSerial('cat /proc/cpuinfo');
    await vm.expectOnSerial(/vendor_id\s*: \w+/);
  });

  await test.step('a paused guest stands still and goes on', async () => {
    await vm.typeOnSerial('while :; do echo tick $((n=n+1)); sleep 1; done');
    await vm.expectOnSerial(/tick 2\b/);
    await vm.pause();
    await vm.show('Console');
    await vm.resume();
    await vm.expectOnSerial(/tick 4\b/);
  });

  await test.step('reset boots it again, force off ends it', async () => {
    await vm.reset();
    await vm.expectOnScreen(/Vivarium guest ready/);
    await vm.forceOff();
  });

  await test.step('a restarted app has it still', async () => {
    await host.stop();
    await host.launch();
    await page.goto(host.url);
    await manager.expectState('debian', 'Shutoff');
  });

  await test.step('Shut Down presses the power button, which ends the guest', async () => {
    const again = await manager.openVm('debian');
    await again.run();
    await again.expectOnScreen(PROMPT);
    await again.shutDown();
    await again.expectState('Shutoff', GUEST_MS);
  });
});

test('two virtual machines run at the same time', async ({ manager, linux }) => {
  test.setTimeout(10 * 60_000);
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', linux.kernel);
  await wizard.fill('Initrd', linux.initrd);
  await wizard.forward(2);
  await wizard.fill('Memory (MiB)', '256');
  await wizard.forward(3);
  const debian = await wizard.finish('debian');
  await debian.expectState('Running');

  await (await debian.back()).run('Welcome');
  await manager.expectState('debian', 'Running');
  const welcome = await manager.openVm('Welcome');
  await welcome.expectOnScreen(/\S/);
  const again = await (await welcome.back()).openVm('debian');
  await again.expectOnScreen(PROMPT);
  await again.forceOff();
  await (await again.back()).expectState('Welcome', 'Running');
});

test('a killed app loses no definition', async ({ manager, host, page, linux }) => {
  const wizard = await manager.newVm();
  await wizard.fill('Kernel', linux.kernel);
  await wizard.forward(2);
  await wizard.forward(3);
  await wizard.finish('debian');
  await host.kill();
  await host.launch();
  await page.goto(host.url);
  await manager.expectState('debian', 'Shutoff');
});
