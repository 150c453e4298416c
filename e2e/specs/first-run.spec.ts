/** A new user's first minute: the welcome guest is there, and shows something soon after the first click. */
import { expect, test } from '../fixtures/test.ts';

test('the first click on Run shows a living screen, and typing is echoed', async ({ manager }, testInfo) => {
  await manager.expectState('Welcome', 'Shutoff');
  const vm = await manager.openVm('Welcome');

  const clicked = performance.now();
  await vm.run();
  await vm.expectOnScreen(/\S/);
  const seconds = ((performance.now() - clicked) / 1000).toFixed(1);
  testInfo.annotations.push({ type: 'figure', description: `Run to text on the screen: ${seconds} s` });
  console.log(`figure: Run to text on the screen of the welcome guest: ${seconds} s`);

  await vm.typeOnScreen('hello vivarium');
  await vm.expectOnScreen('hello vivarium');
  await vm.forceOff();
});

test('the screen changes by itself: interrupts drive a clock', async ({ manager }) => {
  const vm = await (await manager.run('Welcome')).openVm('Welcome');
  await vm.expectOnScreen(/\S/);
  const screen = await vm.screenText();
  const before = await screen.textContent();
  await expect.poll(() => screen.textContent()).not.toBe(before);
  await vm.forceOff();
});

test('deleting asks first, and the deleted VM is gone after a restart too', async ({ manager, host, page }) => {
  await manager.delete('Welcome');
  await expect(manager.row('Welcome')).toHaveCount(0);
  await host.stop();
  await host.launch();
  await page.goto(host.url);
  await manager.shown();
  await expect(manager.row('Welcome')).toHaveCount(0);
});
