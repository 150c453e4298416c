import { describe, expect, it } from 'vitest';
import { I8042 } from '../devices/i8042/i8042.ts';
import { UsbKeyboard } from '../devices/usb/hid-keyboard.ts';
import { UsbMouse } from '../devices/usb/hid-mouse.ts';
import { UsbTablet } from '../devices/usb/hid-tablet.ts';
import { FakeTimers } from '../testing/fake-clock.ts';
import { FakeLine } from '../testing/fake-line.ts';
import { directPipe, setupPacket } from '../testing/usb-host.ts';
import { InputRouter } from './input-router.ts';

function setUp() {
  const timers = new FakeTimers();
  const nothing = () => {};
  const i8042 = new I8042({ irq1: new FakeLine(), irq12: new FakeLine(), timers, a20: nothing, resetCpu: nothing });
  const usb = { keyboard: new UsbKeyboard(timers), mouse: new UsbMouse(timers), tablet: new UsbTablet(timers) };
  const log: string[] = [];
  const note = (name: string, target: object, method: string): void => {
    Object.assign(target, { [method]: (value: unknown) => log.push(`${name} ${method} ${JSON.stringify(value)}`) });
  };
  for (const [name, { keyboard, mouse }] of Object.entries({ ps2: i8042, usb })) {
    note(name, keyboard, 'press');
    note(name, keyboard, 'release');
    note(name, mouse, 'input');
  }
  note('tablet', usb.tablet, 'input');
  const use = (device: UsbKeyboard | UsbMouse | UsbTablet, value = 1) =>
    directPipe(device).control(setupPacket(0, 9, value));
  const router = new InputRouter(i8042, usb);
  const move = (buttons: number) =>
    router.pointer({
      relative: () => ({ dx: 1, dy: 2, wheel: 0, buttons }),
      absolute: () => ({ x: 3, y: 4, wheel: 0, buttons }),
    });
  return { router, usb, log, use, move };
}

describe('input', () => {
  it('goes to the PS/2 devices until the guest uses those on USB', () => {
    const { router, usb, log, use, move } = setUp();
    router.key('KeyA', true);
    router.key('KeyA', false);
    use(usb.keyboard);
    router.key('KeyB', true);
    move(0);
    use(usb.mouse);
    move(0);
    use(usb.tablet);
    move(0);
    expect(log.filter((line) => !line.includes('"dx":0'))).toEqual([
      'ps2 press "KeyA"',
      'ps2 release "KeyA"',
      'usb press "KeyB"',
      'ps2 input {"dx":1,"dy":2,"wheel":0,"buttons":0}',
      'usb input {"dx":1,"dy":2,"wheel":0,"buttons":0}',
      'tablet input {"x":3,"y":4,"wheel":0,"buttons":0}',
    ]);
  });

  it('lets no key and no button stick when the guest changes its devices meanwhile', () => {
    const { router, usb, log, use, move } = setUp();
    router.key('KeyA', true);
    move(1);
    use(usb.keyboard);
    use(usb.tablet);
    router.key('KeyA', true);
    router.key('KeyA', false);
    move(1);
    use(usb.tablet, 0);
    move(0);
    expect(log.slice(2)).toEqual([
      'ps2 press "KeyA"',
      'ps2 release "KeyA"',
      'ps2 input {"dx":0,"dy":0,"wheel":0,"buttons":0}',
      'tablet input {"x":3,"y":4,"wheel":0,"buttons":1}',
      'tablet input {"x":3,"y":4,"wheel":0,"buttons":0}',
      'ps2 input {"dx":1,"dy":2,"wheel":0,"buttons":0}',
    ]);
  });
});
