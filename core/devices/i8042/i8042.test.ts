import { describe, expect, it } from 'vitest';
import { FakeTimers } from '../../testing/fake-clock.ts';
import { FakeLine } from '../../testing/fake-line.ts';
import * as R from './i8042.regs.ts';
import { I8042 } from './i8042.ts';
import { KEY_CODES } from './keys.ts';

const BYTE_TIME_NS = 1_000_000;

function makeController() {
  const timers = new FakeTimers();
  const irq1 = new FakeLine();
  const irq12 = new FakeLine();
  const calls: string[] = [];
  const kbc = new I8042({
    irq1,
    irq12,
    timers,
    a20: (enabled) => calls.push(`a20 ${enabled}`),
    resetCpu: () => calls.push('reset'),
  });
  const status = () => kbc.command.read(0, 1);
  const command = (value: number, ...data: number[]) => {
    kbc.command.write(0, 1, value);
    for (const byte of data) kbc.data.write(0, 1, byte);
  };
  const data = () => kbc.data.read(0, 1);
  const ccb = () => {
    command(R.CMD_READ_RAM);
    return data();
  };
  /** All bytes that come while time goes on, as an interrupt handler reads them. */
  const drain = () => {
    const bytes: number[] = [];
    for (let quiet = 0; quiet < 3; ) {
      if (status() & R.STATUS_OBF) {
        bytes.push(data());
        quiet = 0;
      } else {
        timers.advance(BYTE_TIME_NS);
        quiet++;
      }
    }
    return bytes;
  };
  const keyboard = (...bytes: number[]) => {
    for (const byte of bytes) kbc.data.write(0, 1, byte);
    return drain();
  };
  const mouse = (...bytes: number[]) => {
    for (const byte of bytes) command(R.CMD_WRITE_AUX, byte);
    return drain();
  };
  return { kbc, timers, irq1, irq12, calls, status, command, data, ccb, drain, keyboard, mouse };
}

/** Without translation: what the keyboard itself sends. */
function makeUntranslated() {
  const bench = makeController();
  bench.command(R.CMD_WRITE_RAM, R.CCB_KBD_INT);
  return bench;
}

describe('I8042 controller', () => {
  it('starts as firmware leaves it: keyboard on and translated, mouse off', () => {
    const { ccb, status } = makeController();
    expect(status()).toBe(R.STATUS_SYS | R.STATUS_UNLOCKED);
    expect(ccb()).toBe(R.CCB_POWER_ON);
  });

  it.each([
    [R.CMD_SELF_TEST, 0x55],
    [R.CMD_TEST_KBD, 0x00],
    [R.CMD_TEST_AUX, 0x00],
    [R.CMD_TEST_PASSWORD, 0xf1],
    [R.CMD_READ_INPUT, 0xb0],
    [R.CMD_READ_OUTPUT, 0xcf],
    [R.CMD_READ_TEST, 0x03],
  ])('answers command %i with %i', (value, answer) => {
    const { command, status, data } = makeController();
    command(value);
    expect(status() & R.STATUS_OBF).toBe(R.STATUS_OBF);
    expect(data()).toBe(answer);
    expect(status() & R.STATUS_OBF).toBe(0);
  });

  it('keeps its RAM and tells commands from data in the status', () => {
    const { command, status, data } = makeController();
    command(R.CMD_WRITE_RAM + 5, 0x77);
    expect(status() & R.STATUS_A2).toBe(0);
    command(R.CMD_READ_RAM + 5);
    expect(status() & R.STATUS_A2).toBe(R.STATUS_A2);
    expect(data()).toBe(0x77);
  });

  it('shows halves of the input port in the status until the next write', () => {
    const { command, status } = makeController();
    command(R.CMD_POLL_INPUT_HIGH);
    expect(status() & 0xf0).toBe(0xb0);
    command(R.CMD_POLL_INPUT_LOW);
    expect(status() & 0xf0).toBe(0x00);
    command(R.CMD_ENABLE_KBD);
    expect(status() & 0xf0).toBe(R.STATUS_UNLOCKED);
  });

  it('switches A20 by the output port and by its short commands', () => {
    const { command, data, calls } = makeController();
    command(R.CMD_WRITE_OUTPUT, R.OUTPUT_RUN);
    command(R.CMD_READ_OUTPUT);
    expect(data() & R.OUTPUT_A20).toBe(0);
    command(R.CMD_ENABLE_A20);
    command(R.CMD_DISABLE_A20);
    expect(calls).toEqual(['a20 false', 'a20 true', 'a20 false']);
  });

  it('resets the CPU by the pulse 0xFE and by the output port, not by other pulses', () => {
    const { command, calls } = makeController();
    command(0xff);
    expect(calls).toEqual([]);
    command(0xfe);
    command(R.CMD_WRITE_OUTPUT, R.OUTPUT_A20);
    expect(calls.filter((call) => call === 'reset')).toHaveLength(2);
  });

  it('swallows a password up to its zero', () => {
    const { command, keyboard } = makeController();
    command(R.CMD_LOAD_PASSWORD, 0x1e, 0x30, 0x00);
    expect(keyboard(R.KBD_ECHO)).toEqual([R.KBD_ECHO]);
  });

  it('gives out the answer to a command before keys that wait', () => {
    const { kbc, command, data, drain } = makeController();
    command(R.CMD_DISABLE_KBD);
    kbc.keyboard.press('KeyA');
    command(R.CMD_SELF_TEST);
    expect(data()).toBe(R.SELF_TEST_PASSED);
    command(R.CMD_ENABLE_KBD);
    expect(drain()).toEqual([0x1e]);
  });

  it('counts commands that do not exist', () => {
    const { kbc, command } = makeController();
    command(0xb5);
    expect(kbc.counters.unknownWrites).toBe(1);
  });
});

describe('I8042 keyboard', () => {
  it('sends set 1 codes through the translation, one interrupt a byte', () => {
    const { kbc, drain, irq1 } = makeController();
    kbc.keyboard.press('KeyA');
    kbc.keyboard.release('KeyA');
    kbc.keyboard.press('ArrowUp');
    expect(irq1.level).toBe(true);
    expect(drain()).toEqual([0x1e, 0x9e, 0xe0, 0x48]);
    expect(irq1.edges).toBe(4);
    expect(irq1.level).toBe(false);
  });

  it('holds the next byte back for a byte time, so that a second look at port 0x60 sees the same', () => {
    const { kbc, status, data, timers } = makeController();
    kbc.keyboard.press('KeyA');
    kbc.keyboard.press('KeyB');
    expect(data()).toBe(0x1e);
    expect(data()).toBe(0x1e);
    expect(status() & R.STATUS_OBF).toBe(0);
    timers.advance(BYTE_TIME_NS);
    expect(status() & R.STATUS_OBF).toBe(R.STATUS_OBF);
    expect(data()).toBe(0x30);
  });

  it('sends set 2 codes when translation is off, and the set that is selected', () => {
    const { kbc, drain, keyboard } = makeUntranslated();
    kbc.keyboard.press('ArrowUp');
    kbc.keyboard.release('ArrowUp');
    expect(drain()).toEqual([0xe0, 0x75, 0xe0, 0xf0, 0x75]);
    expect(keyboard(R.KBD_SCAN_CODE_SET, 3)).toEqual([R.ACK, R.ACK]);
    kbc.keyboard.press('ArrowUp');
    kbc.keyboard.release('ArrowUp');
    expect(drain()).toEqual([0x63, 0xf0, 0x63]);
    expect(keyboard(R.KBD_SCAN_CODE_SET, 1)).toEqual([R.ACK, R.ACK]);
    kbc.keyboard.press('ArrowUp');
    expect(drain()).toEqual([0xe0, 0x48]);
    expect(keyboard(R.KBD_SCAN_CODE_SET, 0)).toEqual([R.ACK, R.ACK, 1]);
    expect(keyboard(R.KBD_SCAN_CODE_SET, 4)).toEqual([R.ACK, R.RESEND]);
  });

  it('acknowledges its commands', () => {
    const { kbc, keyboard } = makeUntranslated();
    expect(keyboard(R.DEV_RESET)).toEqual([R.ACK, R.SELF_TEST_OK]);
    expect(keyboard(R.DEV_GET_ID)).toEqual([R.ACK, 0xab, 0x83]);
    expect(keyboard(R.KBD_ECHO)).toEqual([R.KBD_ECHO]);
    expect(keyboard(R.DEV_RESEND)).toEqual([R.KBD_ECHO]);
    expect(keyboard(R.DEV_SET_RATE, 0x20)).toEqual([R.ACK, R.ACK]);
    expect(keyboard(R.KBD_LEDS, 0x05)).toEqual([R.ACK, R.ACK]);
    expect(kbc.keyboard.leds).toBe(5);
    expect(keyboard(R.DEV_DEFAULTS)).toEqual([R.ACK]);
    expect(keyboard(0x12)).toEqual([R.RESEND]);
  });

  it('translates its replies too: the id becomes AB 41, set 2 becomes 41', () => {
    const { keyboard } = makeController();
    expect(keyboard(R.DEV_GET_ID)).toEqual([R.ACK, 0xab, 0x41]);
    expect(keyboard(R.KBD_SCAN_CODE_SET, 0)).toEqual([R.ACK, R.ACK, 0x41]);
  });

  it('says nothing while it is disabled, and forgets what was typed before', () => {
    const { kbc, keyboard, drain } = makeUntranslated();
    kbc.keyboard.press('KeyA');
    kbc.keyboard.press('KeyB');
    expect(keyboard(R.DEV_DISABLE)).toEqual([0x1c, R.ACK]); // the first was on its way
    kbc.keyboard.press('KeyC');
    expect(drain()).toEqual([]);
    expect(keyboard(R.DEV_ENABLE)).toEqual([R.ACK]);
    kbc.keyboard.press('KeyD');
    expect(drain()).toEqual([0x23]);
  });

  it('repeats a key when the viewer does, Pause excepted', () => {
    const { kbc, drain } = makeUntranslated();
    for (let i = 0; i < 3; i++) kbc.keyboard.press('KeyA');
    expect(drain()).toEqual([0x1c, 0x1c, 0x1c]);
    kbc.keyboard.press('Pause');
    kbc.keyboard.press('Pause');
    expect(drain()).toHaveLength(8);
  });

  it('repeats and releases in set 3 as the guest wants for each key', () => {
    const { kbc, drain, keyboard } = makeUntranslated();
    keyboard(R.KBD_SCAN_CODE_SET, 3);
    expect(keyboard(R.KBD_ALL_MAKE)).toEqual([R.ACK]);
    expect(keyboard(R.KBD_KEY_TYPEMATIC, 0x1c, R.KBD_KEY_MAKE_BREAK, 0x32)).toEqual(Array(4).fill(R.ACK));
    for (const key of ['KeyA', 'KeyB', 'KeyC'] as const) {
      kbc.keyboard.press(key);
      kbc.keyboard.press(key);
      kbc.keyboard.release(key);
    }
    expect(drain()).toEqual([0x1c, 0x1c, 0x32, 0xf0, 0x32, 0x21]);
  });

  it('ignores the release of a key that the guest never saw go down', () => {
    const { kbc, drain } = makeController();
    kbc.keyboard.release('KeyA');
    expect(drain()).toEqual([]);
  });

  it('loses keys when the guest does not read, but never a release', () => {
    const { kbc, drain } = makeUntranslated();
    for (let round = 0; round < 20; round++) {
      for (const code of KEY_CODES) kbc.keyboard.press(code);
    }
    for (const code of KEY_CODES) kbc.keyboard.release(code);
    const down = new Set<string>();
    let prefix = '';
    for (const byte of drain()) {
      if (byte === 0xe0) prefix = 'e0 ';
      else if (byte === 0xf0) prefix += 'f0';
      else {
        const key = `${prefix.replace('f0', '')}${byte}`;
        if (prefix.endsWith('f0')) down.delete(key);
        else down.add(key);
        prefix = '';
      }
    }
    expect([...down]).toEqual([]);
  });

  it('keeps no more replies than its queue holds', () => {
    const { kbc, drain } = makeUntranslated();
    for (let i = 0; i < 1000; i++) kbc.data.write(0, 1, R.KBD_ECHO);
    expect(drain().length).toBeLessThanOrEqual(17);
  });
});

describe('I8042 mouse', () => {
  const enable = R.DEV_ENABLE;
  const still = { dx: 0, dy: 0, wheel: 0, buttons: 0 };

  it('answers as a plain PS/2 mouse', () => {
    const { mouse, irq12, command } = makeController();
    command(R.CMD_WRITE_RAM, R.CCB_AUX_INT);
    expect(mouse(R.DEV_RESET)).toEqual([R.ACK, R.SELF_TEST_OK, 0x00]);
    expect(irq12.edges).toBe(3);
    expect(mouse(R.DEV_GET_ID)).toEqual([R.ACK, 0]);
    expect(mouse(R.AUX_STATUS)).toEqual([R.ACK, 0, 2, 100]);
    expect(mouse(R.AUX_RESOLUTION, 4)).toEqual([R.ACK, R.RESEND]);
    expect(mouse(0xe1)).toEqual([R.RESEND]);
  });

  it('marks its bytes as the auxiliary device', () => {
    const { command, status } = makeController();
    command(R.CMD_WRITE_AUX, R.DEV_GET_ID);
    expect(status() & (R.STATUS_OBF | R.STATUS_AUX)).toBe(R.STATUS_OBF | R.STATUS_AUX);
  });

  it('reports movement and buttons: right and up are positive', () => {
    const { kbc, mouse, drain } = makeController();
    mouse(enable);
    kbc.mouse.input({ ...still, dx: 5, dy: 3, buttons: 1 });
    expect(drain()).toEqual([0x08 | 0x20 | 0x01, 5, 0xfd]);
    kbc.mouse.input({ ...still, dx: -5, dy: -3 });
    expect(drain()).toEqual([0x08 | 0x10, 0xfb, 3]);
    kbc.mouse.input(still);
    expect(drain()).toEqual([]);
  });

  it('splits large movement into packets that add up', () => {
    const { kbc, mouse, drain } = makeController();
    mouse(enable);
    kbc.mouse.input({ ...still, dx: 1000, dy: -600 });
    const bytes = drain();
    let x = 0;
    let y = 0;
    for (let i = 0; i < bytes.length; i += 3) {
      const [flags = 0, dx = 0, dy = 0] = bytes.slice(i, i + 3);
      x += dx - (flags & 0x10 ? 256 : 0);
      y += dy - (flags & 0x20 ? 256 : 0);
    }
    expect([x, y]).toEqual([1000, 600]);
  });

  it('becomes a wheel mouse, then one with five buttons, by the sample rates', () => {
    const { kbc, mouse, drain } = makeController();
    const rates = (...values: number[]) => values.map((rate) => mouse(R.DEV_SET_RATE, rate));
    rates(200, 100, 80);
    expect(mouse(R.DEV_GET_ID)).toEqual([R.ACK, 3]);
    mouse(enable);
    kbc.mouse.input({ ...still, wheel: -1 });
    expect(drain()).toEqual([0x08, 0, 0, 0xff]);
    rates(200, 200, 80);
    expect(mouse(R.DEV_GET_ID)).toEqual([R.ACK, 4]);
    kbc.mouse.input({ ...still, wheel: 1, buttons: 0x18 });
    expect(drain()).toEqual([0x08, 0, 0, 0x31]);
  });

  it('keeps quiet until reporting is enabled, and reports on request in remote mode', () => {
    const { kbc, mouse, drain } = makeController();
    kbc.mouse.input({ ...still, dx: 9 });
    expect(drain()).toEqual([]);
    mouse(R.AUX_REMOTE_MODE);
    kbc.mouse.input({ ...still, dx: 4 });
    expect(drain()).toEqual([]);
    expect(mouse(R.AUX_READ_DATA)).toEqual([R.ACK, 0x08, 4, 0]);
    expect(mouse(R.AUX_STATUS)[1]).toBe(R.AUX_STATUS_REMOTE);
  });

  it('echoes in wrap mode all but its end and the reset', () => {
    const { mouse } = makeController();
    mouse(R.AUX_WRAP_MODE);
    expect(mouse(0xe1, R.DEV_GET_ID, R.DEV_RESEND)).toEqual([0xe1, R.DEV_GET_ID, R.DEV_RESEND]);
    expect(mouse(R.AUX_RESET_WRAP)).toEqual([R.ACK]);
    expect(mouse(R.DEV_GET_ID)).toEqual([R.ACK, 0]);
  });

  it('doubles movement at scaling 2:1, small ones less', () => {
    const { kbc, mouse, drain } = makeController();
    mouse(R.AUX_SCALING_2_1, enable);
    const moved = [1, 2, 3, 4, 5, 6, 100].map((dx) => {
      kbc.mouse.input({ ...still, dx });
      return drain()[1];
    });
    expect(moved).toEqual([1, 1, 3, 6, 9, 12, 200]);
  });

  it('adds up movement that the guest does not take, within a bound', () => {
    const { kbc, mouse, drain } = makeController();
    mouse(enable);
    for (let i = 0; i < 10_000; i++) kbc.mouse.input({ ...still, dx: 100, buttons: i & 1 });
    expect(drain().length).toBeLessThanOrEqual(64 + 3 * 20);
  });
});

/** The steps of Linux's drivers/input/serio/i8042.c, atkbd.c and psmouse-base.c, in their order. */
describe('I8042 under the probe of Linux', () => {
  it('is found, keeps its control register and passes its self test', () => {
    const { status, command, data, ccb, drain } = makeController();
    drain();
    const saved = ccb();
    command(R.CMD_WRITE_RAM, (saved | R.CCB_KBD_DISABLE) & ~R.CCB_KBD_INT);
    expect(ccb()).toBe((saved | R.CCB_KBD_DISABLE) & ~R.CCB_KBD_INT);
    expect(status() & R.STATUS_UNLOCKED).toBe(R.STATUS_UNLOCKED);
    expect(saved & R.CCB_XLAT).toBe(R.CCB_XLAT);
    command(R.CMD_SELF_TEST);
    expect(data()).toBe(0x55);
  });

  it('has an auxiliary port: loop with its mark, enable bits, and an interrupt', () => {
    const { status, command, data, ccb, irq12 } = makeController();
    const loop = (byte: number) => {
      command(R.CMD_WRITE_AUX_BUFFER, byte);
      const mark = status() & R.STATUS_AUX;
      return mark ? data() : undefined;
    };
    expect(loop(0x5a)).toBe(0x5a);
    command(R.CMD_DISABLE_AUX);
    expect(ccb() & R.CCB_AUX_DISABLE).toBe(R.CCB_AUX_DISABLE);
    command(R.CMD_ENABLE_AUX);
    expect(ccb() & R.CCB_AUX_DISABLE).toBe(0);
    command(R.CMD_WRITE_RAM, ccb() | R.CCB_AUX_INT);
    expect(loop(0xa5)).toBe(0xa5);
    expect(irq12.edges).toBe(1);
    expect([0xf0, 0x56, 0xa4].map(loop)).toEqual([0xf0, 0x56, 0xa4]); // no multiplexer
  });

  it('has an AT keyboard that atkbd takes, in set 2 through translation', () => {
    const { kbc, keyboard, drain } = makeController();
    expect(keyboard(R.DEV_DISABLE)).toEqual([R.ACK]);
    expect(keyboard(R.DEV_GET_ID)).toEqual([R.ACK, 0xab, 0x41]);
    expect(keyboard(R.KBD_LEDS, 0)).toEqual([R.ACK, R.ACK]);
    expect(keyboard(R.DEV_SET_RATE, 0)).toEqual([R.ACK, R.ACK]);
    expect(keyboard(R.DEV_ENABLE)).toEqual([R.ACK]);
    kbc.keyboard.press('KeyU');
    expect(drain()).toEqual([0x16]);
  });

  it('has a mouse that psmouse takes for an IntelliMouse Explorer', () => {
    const { mouse } = makeController();
    expect(mouse(R.DEV_GET_ID)).toEqual([R.ACK, 0x00]);
    expect(mouse(R.DEV_RESET)).toEqual([R.ACK, R.SELF_TEST_OK, 0x00]);
    // Synaptics and Logitech knocks go unanswered: the status bytes stay plain.
    for (let i = 0; i < 4; i++) mouse(R.AUX_RESOLUTION, 0);
    expect(mouse(R.AUX_STATUS)).toEqual([R.ACK, 0x00, 0x00, 100]);
    for (const rate of [200, 100, 80]) mouse(R.DEV_SET_RATE, rate);
    for (const rate of [200, 200, 80]) mouse(R.DEV_SET_RATE, rate);
    expect(mouse(R.DEV_GET_ID)).toEqual([R.ACK, 0x04]);
    expect(mouse(R.DEV_ENABLE)).toEqual([R.ACK]);
  });
});
