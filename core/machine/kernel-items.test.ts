import { describe, expect, it } from 'vitest';
import * as R from '../devices/fw-cfg/fw-cfg.regs.ts';
import { BootError } from '../firmware/boot-image.ts';
import { kernelItems } from './kernel-items.ts';

/** A bzImage of two setup sectors and 3000 bytes behind them. */
function bzImage(): Uint8Array {
  const image = new Uint8Array(3 * 512 + 3000).fill(0x77, 3 * 512);
  const view = new DataView(image.buffer);
  view.setUint8(0x1f1, 2);
  view.setUint16(0x1fe, 0xaa55, true);
  image.set(new TextEncoder().encode('HdrS'), 0x202);
  view.setUint16(0x206, 0x20f, true);
  view.setUint8(0x211, 1);
  view.setUint32(0x22c, 0x7fff_ffff, true);
  return image;
}

describe('kernelItems', () => {
  it('give firmware setup, kernel, command line and RAM disk apart, and the setup header filled in', () => {
    const initrd = new Uint8Array(5000).fill(1);
    const items = new Map(
      kernelItems({ kernel: bzImage(), initrd, cmdline: 'quiet' }, 2 ** 28).map((i) => [i.key, i.bytes]),
    );
    const number = (key: number) => new DataView(Uint8Array.from(items.get(key) ?? []).buffer).getUint32(0, true);
    expect([R.KEY_SETUP_SIZE, R.KEY_KERNEL_SIZE, R.KEY_CMDLINE_SIZE, R.KEY_INITRD_SIZE].map(number)).toEqual([
      1536, 3000, 6, 5000,
    ]);
    expect(items.get(R.KEY_KERNEL_DATA)?.every((byte) => byte === 0x77)).toBe(true);
    const setup = new DataView(Uint8Array.from(items.get(R.KEY_SETUP_DATA) ?? []).buffer);
    expect([setup.getUint8(0x210), setup.getUint8(0x211), setup.getUint32(0x21c, true)]).toEqual([0xff, 0x81, 5000]);
    expect(setup.getUint32(0x218, true)).toBe(number(R.KEY_INITRD_ADDRESS));
    expect(number(R.KEY_INITRD_ADDRESS) + 5000).toBeLessThanOrEqual(2 ** 28 - 0x2_0000);
  });

  it('refuse what is no Linux kernel, and a RAM disk that does not fit', () => {
    expect(() => kernelItems({ kernel: new Uint8Array(4096), cmdline: '' }, 2 ** 28)).toThrow(BootError);
    const initrd = new Uint8Array(2 ** 20);
    expect(() => kernelItems({ kernel: bzImage(), initrd, cmdline: '' }, 2 ** 21)).toThrow(/does not fit/);
  });
});
