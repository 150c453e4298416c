import { describe, expect, it } from 'vitest';
import type { AccessSize } from '../device.ts';
import { i440fxHostBridge, piix3IsaBridge, piix4PowerManagement } from './chipset-functions.ts';
import * as R from './pci.regs.ts';
import { PciConfigSpace } from './pci-config-space.ts';
import { Ecam, PciBus, PciHost } from './pci-host.ts';

function hostBridge(shadow: string[] = []) {
  return i440fxHostBridge({
    directBoot: false,
    setPam: (registers) => shadow.push(Buffer.from(registers).toString('hex')),
    setSmramOpen: (open) => shadow.push(open ? 'open' : 'closed'),
  });
}

function makeHost() {
  const bus = new PciBus();
  const pmMoves: (number | undefined)[] = [];
  const pirqs: string[] = [];
  const shadow: string[] = [];
  bus.attach(0, 0, hostBridge(shadow));
  bus.attach(1, 0, piix3IsaBridge({ routePirq: (pirq, irq) => pirqs.push(`${pirq} ${irq}`) }));
  bus.attach(1, 3, piix4PowerManagement({ directBoot: true, pmIoBase: 0xb000, mapped: (base) => pmMoves.push(base) }));
  const resets: number[] = [];
  const host = new PciHost({
    bus,
    resetControl: { read: () => 0x02, write: (_offset, _size, value) => resets.push(value) },
  });
  const select = (slot: number, fn: number, register: number, bus = 0) =>
    host.write(0, 4, (0x8000_0000 | (bus << 16) | (slot << 11) | (fn << 8) | (register & 0xfc)) >>> 0);
  const read = (slot: number, fn: number, register: number, size: AccessSize = 4, bus = 0) => {
    select(slot, fn, register, bus);
    return host.read(4 + (register & 3), size);
  };
  const write = (slot: number, fn: number, register: number, value: number, size: AccessSize = 4) => {
    select(slot, fn, register);
    host.write(4 + (register & 3), size, value);
  };
  return { host, bus, resets, pmMoves, pirqs, shadow, read, write };
}

it('PciBus: takes out a slot with all its functions, whose windows go', () => {
  const windows: (number | undefined)[] = [];
  const bus = new PciBus();
  const header = { name: 'card', vendorId: 1, deviceId: 2, classCode: 0 };
  const bars = [{ index: 0, kind: 'io', sizeBytes: 16, mapped: (base?: number) => void windows.push(base) }] as const;
  const card = new PciConfigSpace({ ...header, bars });
  bus.attach(9, 0, card);
  bus.attach(9, 1, new PciConfigSpace(header));
  card.writeConfig(0x10, 4, 0xc000);
  card.writeConfig(0x04, 2, 1);
  bus.detach(9);
  expect([bus.functionAt(0, 9 * 8), bus.functionAt(0, 9 * 8 + 1)]).toEqual([undefined, undefined]);
  expect(windows).toEqual([0xc000, undefined]);
  bus.attach(9, 0, card);
});

describe('PciHost', () => {
  it('passes the check of Linux for configuration mechanism 1', () => {
    const { host } = makeHost();
    host.write(3, 1, 1); // 0xcfb
    host.write(0, 4, 0x8000_0000);
    expect(host.read(0, 4)).toBe(0x8000_0000);
    expect(host.read(4, 4)).toBe(0x1237_8086);
  });

  it('finds the chipset and nothing else on bus 0', () => {
    const { read } = makeHost();
    const found: string[] = [];
    for (let slot = 0; slot < 32; slot++) {
      for (let fn = 0; fn < 8; fn++) {
        const id = read(slot, fn, R.VENDOR_ID);
        if (id !== 0xffff_ffff)
          found.push(`${slot}.${fn} ${id.toString(16)} ${(read(slot, fn, 8) >>> 8).toString(16)}`);
      }
    }
    expect(found).toEqual(['0.0 12378086 60000', '1.0 70008086 60100', '1.3 71138086 68000']);
    expect(read(1, 0, R.HEADER_TYPE, 1)).toBe(R.HEADER_MULTIFUNCTION);
    expect(read(0, 0, 0, 4, 1)).toBe(0xffff_ffff);
  });

  it('reads parts of a register through the matching data ports', () => {
    const { read } = makeHost();
    expect(read(0, 0, R.DEVICE_ID, 2)).toBe(0x1237);
    expect([0, 1, 2, 3].map((i) => read(0, 0, i, 1))).toEqual([0x86, 0x80, 0x37, 0x12]);
  });

  it('answers all ones while the enable bit is clear and for accesses across the window', () => {
    const { host } = makeHost();
    host.write(0, 4, 0);
    expect(host.read(4, 4)).toBe(0xffff_ffff);
    host.write(0, 4, 0x8000_0000);
    expect(host.read(6, 4)).toBe(0xffff_ffff);
    expect(host.read(0, 2)).toBe(0xffff);
    expect(host.counters.unknownReads).toBe(3);
  });

  it('passes byte accesses of 0xcf9 on to the reset register and leaves the address alone', () => {
    const { host, resets } = makeHost();
    host.write(0, 4, 0x8000_1234);
    host.write(1, 1, 0x06);
    expect(resets).toEqual([0x06]);
    expect(host.read(1, 1)).toBe(0x02);
    expect(host.read(0, 4)).toBe(0x8000_1234);
  });

  it('lets a guest route PIRQs and move or hide the power management block', () => {
    const { read, write, pmMoves, pirqs } = makeHost();
    write(1, 0, R.PIRQRCA + 1, 0x7b, 1);
    expect(read(1, 0, R.PIRQRCA + 1, 1)).toBe(0x0b);
    expect(pirqs.filter((route) => route.startsWith('1')).at(-1)).toBe('1 11');
    write(1, 0, R.PIRQRCA + 1, 0x8b, 1);
    expect(pirqs.filter((route) => route.startsWith('1')).at(-1)).toBe('1 undefined');
    expect(read(1, 3, R.PMBA)).toBe(0xb001);
    write(1, 3, R.PMBA, 0x0600);
    write(1, 3, R.PMREGMISC, 0, 1);
    write(1, 3, R.PMREGMISC, 1, 1);
    expect(pmMoves).toEqual([0xb000, 0x600, undefined, 0x600]);
  });
});

describe('host bridge', () => {
  it('tells which of ROM and RAM is below 1 MiB, and whether SMRAM is open', () => {
    const { write, shadow } = makeHost();
    expect(shadow).toEqual(['00000000000000', 'closed']);
    write(0, 0, R.PAM0, 0xff, 1);
    expect(shadow.at(-2)).toBe('30000000000000');
    write(0, 0, R.SMRAM, 0x4a, 1);
    expect(shadow.at(-1)).toBe('open');
    write(0, 0, R.SMRAM, 0x6a, 1);
    expect(shadow.at(-1)).toBe('closed');
  });
});

describe('Ecam', () => {
  it('reaches the functions of bus 0 by address, and nothing on others', () => {
    const { bus, read } = makeHost();
    const ecam = new Ecam(bus);
    expect([ecam.read(0, 4), ecam.read(0xb002, 2), ecam.read(0x10_0000, 4)]).toEqual([
      0x1237_8086, 0x7113, 0xffff_ffff,
    ]);
    ecam.write(0x803c + 0x3000, 1, 0x0a);
    expect(read(1, 3, R.INTERRUPT_LINE, 1)).toBe(0x0a);
    expect([ecam.read(0x100, 4), ecam.read(2, 4)]).toEqual([0xffff_ffff, 0xffff_ffff]);
  });
});

describe('PciBus', () => {
  it('refuses a second function in the same place and places that do not exist', () => {
    const bus = new PciBus();
    bus.attach(2, 0, hostBridge());
    expect(() => bus.attach(2, 0, hostBridge())).toThrow(/is taken/);
    expect(() => bus.attach(32, 0, hostBridge())).toThrow(/does not exist/);
    expect(() => bus.attach(0, 8, hostBridge())).toThrow(/does not exist/);
  });
});

describe('PciConfigSpace', () => {
  const makeFunction = () => {
    const moves: string[] = [];
    const mapped = (name: string) => (base: number | undefined) => moves.push(`${name} ${base?.toString(16)}`);
    const space = new PciConfigSpace({
      name: 'test',
      vendorId: 0x1af4,
      deviceId: 0x1000,
      revisionId: 7,
      classCode: 0x02_00_00,
      subsystemVendorId: 0x1af4,
      subsystemId: 1,
      interruptPin: 1,
      bars: [
        { index: 0, kind: 'io', sizeBytes: 32, mapped: mapped('io') },
        { index: 1, kind: 'memory32', sizeBytes: 4096, mapped: mapped('mem') },
        { index: 4, kind: 'memory64', sizeBytes: 16384, prefetchable: true, mapped: mapped('mem64') },
      ],
    });
    return { space, moves };
  };

  it('tells the size and kind of its BARs to a guest that writes ones', () => {
    const { space } = makeFunction();
    const sized = [0, 1, 2, 3, 4, 5].map((i) => {
      space.writeConfig(R.BAR0 + 4 * i, 4, 0xffff_ffff);
      return space.readConfig(R.BAR0 + 4 * i, 4);
    });
    expect(sized).toEqual([0xffff_ffe1, 0xffff_f000, 0, 0, 0xffff_c00c, 0xffff_ffff]);
  });

  it('maps a BAR when both its address and its decoding are there, and unmaps it', () => {
    const { space, moves } = makeFunction();
    space.writeConfig(R.BAR0, 4, 0xc000);
    space.writeConfig(R.BAR0 + 16, 4, 0xe000_0000);
    space.writeConfig(R.BAR0 + 20, 4, 0x12);
    expect(moves).toEqual([]);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_IO | R.COMMAND_MEMORY);
    expect(moves).toEqual(['io c000', 'mem64 12e0000000']);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_IO);
    space.reset();
    expect(moves.slice(2)).toEqual(['mem64 undefined', 'io undefined']);
  });

  it('maps again after a restore', () => {
    const { space, moves } = makeFunction();
    space.writeConfig(R.BAR0, 4, 0xc000);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_IO);
    const saved = space.save();
    space.reset();
    moves.length = 0;
    space.restore(saved);
    expect(moves).toEqual(['io c000']);
  });

  it('keeps read-only registers whatever is written', () => {
    const { space } = makeFunction();
    for (let offset = 0; offset < 256; offset += 4) space.writeConfig(offset, 4, 0xffff_ffff);
    expect(space.readConfig(0, 4)).toBe(0x1000_1af4);
    expect(space.readConfig(8, 4)).toBe(0x0200_0007);
    expect(space.readConfig(R.SUBSYSTEM_VENDOR_ID, 4)).toBe(0x0001_1af4);
    expect(space.readConfig(R.INTERRUPT_LINE, 2)).toBe(0x01ff);
    expect(space.readConfig(R.COMMAND, 2)).toBe(0x0547);
    expect(space.readConfig(0x40, 4)).toBe(0);
  });

  it('refuses BARs that cannot be', () => {
    const withBar = (index: number, sizeBytes: number) => () =>
      new PciConfigSpace({
        name: 'test',
        vendorId: 1,
        deviceId: 1,
        classCode: 0,
        bars: [{ index, kind: 'memory64', sizeBytes }],
      });
    expect(withBar(5, 4096)).toThrow(RangeError);
    expect(withBar(0, 4095)).toThrow(RangeError);
    expect(withBar(0, 8)).toThrow(RangeError);
  });
});
