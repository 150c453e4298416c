import { describe, expect, it } from 'vitest';
import type { GuestMemory } from '../device.ts';
import * as R from './fw-cfg.regs.ts';
import { FwCfg, word } from './fw-cfg.ts';

function makeFwCfg() {
  const ram = new Uint8Array(0x1000);
  const memory: GuestMemory = {
    read: (gpa, target) => target.set(ram.subarray(gpa, gpa + target.length)),
    write: (gpa, source) => {
      for (let i = 0; i < source.length && gpa + i < ram.length; i++) ram[gpa + i] = source[i] ?? 0;
    },
  };
  const device = new FwCfg({
    memory,
    items: [{ key: R.KEY_NB_CPUS, bytes: word(3, 2) }],
    files: [
      { name: 'opt/b', bytes: Uint8Array.of(1, 2, 3, 4, 5) },
      { name: 'etc/a', bytes: Uint8Array.of(9) },
    ],
  });
  const select = (key: number) => device.write(R.SELECTOR, 2, key);
  const take = (length: number) => Array.from({ length }, () => device.read(R.DATA, 1));
  /** A transfer whose structure lies at 0x100; answers the control word that is there afterwards. */
  const dma = (control: number, length: number, target = 0x200) => {
    const view = new DataView(ram.buffer);
    view.setUint32(0x100, control);
    view.setUint32(0x104, length);
    view.setBigUint64(0x108, BigInt(target));
    device.write(R.DMA_ADDRESS_LO, 4, 0x0001_0000); // 0x100, big-endian
    return view.getUint32(0x100);
  };
  return { device, ram, select, take, dma };
}

describe('FwCfg by ports', () => {
  it('has a signature, features and items; zeros behind an item, nothing under a key that is not there', () => {
    const { select, take } = makeFwCfg();
    select(R.KEY_SIGNATURE);
    expect(String.fromCharCode(...take(4))).toBe('QEMU');
    select(R.KEY_ID);
    expect(take(4)).toEqual([3, 0, 0, 0]);
    select(R.KEY_NB_CPUS);
    expect(take(4)).toEqual([3, 0, 0, 0]);
    select(0x7777);
    expect(take(2)).toEqual([0, 0]);
  });

  it('lists its files by name', () => {
    const { select, take } = makeFwCfg();
    select(R.KEY_FILE_DIR);
    expect(take(4)).toEqual([0, 0, 0, 2]);
    const entries = [take(R.DIR_ENTRY_SIZE), take(R.DIR_ENTRY_SIZE)];
    expect(entries.map((e) => String.fromCharCode(...e.slice(8, 14)))).toEqual(['etc/a\0', 'opt/b\0']);
    expect(entries.map((e) => e.slice(0, 8))).toEqual([
      [0, 0, 0, 1, 0, 0x20, 0, 0],
      [0, 0, 0, 5, 0, 0x21, 0, 0],
    ]);
    select(0x21);
    expect(take(5)).toEqual([1, 2, 3, 4, 5]);
  });

  it('drops writes to items', () => {
    const { device, select, take } = makeFwCfg();
    select(R.KEY_NB_CPUS | R.KEY_WRITE);
    device.write(R.DATA, 1, 7);
    select(R.KEY_NB_CPUS);
    expect(take(1)).toEqual([3]);
  });
});

describe('FwCfg by DMA', () => {
  it('tells that it can', () => {
    const { device } = makeFwCfg();
    expect([device.read(R.DMA_ADDRESS_HI, 4), device.read(R.DMA_ADDRESS_LO, 4)]).toEqual([0x554d_4551, 0x4746_4320]);
  });

  it('selects, skips and reads, with zeros behind the end', () => {
    const { dma, ram } = makeFwCfg();
    ram.fill(0xff, 0x200, 0x210);
    expect(dma(((0x21 << 16) | R.DMA_CTL_SELECT | R.DMA_CTL_SKIP) >>> 0, 2)).toBe(0);
    expect(dma(R.DMA_CTL_READ, 5)).toBe(0);
    expect([...ram.subarray(0x200, 0x206)]).toEqual([3, 4, 5, 0, 0, 0xff]);
  });

  it('answers an error to a write and to a length beyond reason', () => {
    const { dma } = makeFwCfg();
    expect(dma(R.DMA_CTL_WRITE, 1)).toBe(R.DMA_CTL_ERROR);
    expect(dma(R.DMA_CTL_READ, 0xffff_ffff)).toBe(R.DMA_CTL_ERROR);
  });
});
