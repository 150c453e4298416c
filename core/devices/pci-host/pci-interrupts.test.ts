import { describe, expect, it } from 'vitest';
import { FakeLine } from '../../testing/fake-line.ts';
import { MsiCapability } from './msi.ts';
import { MsixCapability } from './msix.ts';
import * as R from './pci.regs.ts';
import { type BarSpec, PciConfigSpace } from './pci-config-space.ts';

const makeSpace = (more: Partial<ConstructorParameters<typeof PciConfigSpace>[0]> = {}): PciConfigSpace =>
  new PciConfigSpace({ name: 'test', vendorId: 1, deviceId: 2, classCode: 0x0c_03_30, interruptPin: 1, ...more });

/** Messages as "address data", in hexadecimal. */
function messages() {
  const sent: string[] = [];
  const send = (lo: number, hi: number, data: number) => {
    sent.push(`${hi.toString(16)}:${lo.toString(16)} ${data.toString(16)}`);
  };
  return { sent, send };
}

describe('INTx', () => {
  it('reaches its pin unless the guest disables it, and shows in the status register either way', () => {
    const space = makeSpace();
    const pin = new FakeLine();
    const intx = space.intx(pin);
    const status = () => space.readConfig(R.STATUS, 2) & R.STATUS_INTERRUPT;
    intx.set(true);
    expect([pin.level, status()]).toEqual([true, R.STATUS_INTERRUPT]);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_INTX_DISABLE);
    expect([pin.level, status()]).toEqual([false, R.STATUS_INTERRUPT]);
    space.writeConfig(R.COMMAND, 2, 0);
    expect(pin.level).toBe(true);
    intx.set(false);
    expect([pin.level, status()]).toEqual([false, 0]);
  });

  it('is no part of the saved state, but the disable bit is', () => {
    const space = makeSpace();
    space.intx(new FakeLine()).set(true);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_INTX_DISABLE);
    const copy = makeSpace();
    const pin = new FakeLine();
    const intx = copy.intx(pin);
    copy.restore(space.save());
    expect(copy.readConfig(R.STATUS, 2) & R.STATUS_INTERRUPT).toBe(0);
    intx.set(true);
    expect(pin.level).toBe(false);
  });
});

describe('capabilities', () => {
  it('form a list that a guest can walk, and not change', () => {
    const space = makeSpace();
    expect(space.readConfig(R.STATUS, 2) & R.STATUS_CAPABILITIES).toBe(0);
    expect([space.addCapability(0x01, 8), space.addCapability(0x09, 5, 0x60), space.addCapability(0x12, 4)]).toEqual([
      0x40, 0x60, 0x68,
    ]);
    space.writeConfig(R.CAPABILITIES_POINTER, 4, 0);
    const found: number[] = [];
    for (let at = space.readConfig(R.CAPABILITIES_POINTER, 1); at !== 0; at = space.readConfig(at + 1, 1)) {
      found.push(space.readConfig(at, 1));
    }
    expect(found).toEqual([0x01, 0x09, 0x12]);
    expect(space.readConfig(R.STATUS, 2) & R.STATUS_CAPABILITIES).toBe(R.STATUS_CAPABILITIES);
    expect(() => space.addCapability(0x05, 24, 0xf0)).toThrow(/no room/);
  });

  it('leave 4 KiB to an extended function and 256 bytes to any other', () => {
    expect(makeSpace({ extended: true }).readConfig(0x100, 4)).toBe(0);
    expect(makeSpace().readConfig(0x100, 4)).toBe(0xffff_ffff);
  });

  it('have bits that only the device changes and bits that a guest clears by ones', () => {
    const space = makeSpace().define(0x40, 2, 0x0100, 0x0003, { clearable: 0x00f0, own: 0x0f00 });
    space.put(0x40, 2, 0xffff);
    expect(space.readConfig(0x40, 2)).toBe(0x0ff0);
    space.writeConfig(0x40, 2, 0x0031);
    expect(space.readConfig(0x40, 2)).toBe(0x0fc1);
    const copy = makeSpace().define(0x40, 2, 0x0100, 0x0003, { clearable: 0x00f0, own: 0x0f00 });
    copy.restore(space.save());
    expect(copy.readConfig(0x40, 2)).toBe(0x0fc1);
  });
});

describe('expansion ROM', () => {
  it('decodes when both the register and the command register say so', () => {
    const moves: (string | undefined)[] = [];
    const space = makeSpace({ rom: { sizeBytes: 0x10000, memory: { offset: 0x5000, readOnly: true } } });
    space.onWindow((bar: BarSpec, base) => moves.push(`${bar.index} ${base?.toString(16)}`));
    space.writeConfig(R.EXPANSION_ROM, 4, 0xffff_fffe);
    expect(space.readConfig(R.EXPANSION_ROM, 4)).toBe(0xffff_0000);
    space.writeConfig(R.EXPANSION_ROM, 4, 0xfeb0_0001);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_MEMORY);
    space.writeConfig(R.EXPANSION_ROM, 4, 0xfeb0_0000);
    expect(moves).toEqual(['6 feb00000', '6 undefined']);
  });
});

describe('MSI', () => {
  function enabledMsi(granted = 0) {
    const space = makeSpace();
    const { sent, send } = messages();
    const msi = new MsiCapability(space, 4, send);
    const at = space.readConfig(R.CAPABILITIES_POINTER, 1);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_MASTER);
    space.writeConfig(at + R.MSI_ADDRESS_LO, 4, 0xfee0_1003);
    space.writeConfig(at + R.MSI_DATA, 2, 0x4043);
    const enable = R.MSI_CONTROL_ENABLE | (granted << R.MSI_CONTROL_GRANTED_SHIFT);
    return { space, msi, at, sent, enable: (on = true) => space.writeConfig(at + R.MSI_CONTROL, 2, on ? enable : 0) };
  }

  it('sends nothing while it is off or the function may not master the bus', () => {
    const { space, msi, sent, enable } = enabledMsi();
    msi.notify(0);
    enable();
    space.writeConfig(R.COMMAND, 2, 0);
    msi.notify(0);
    expect(sent).toEqual([]);
  });

  it('tells as many messages apart as were granted', () => {
    const few = enabledMsi(1);
    few.enable();
    for (const message of [0, 1, 2, 7]) few.msi.notify(message);
    expect(few.sent).toEqual(['0:fee01000 4042', '0:fee01000 4043', '0:fee01000 4042']);
    const all = enabledMsi(2);
    all.enable();
    all.msi.notify(3);
    expect(all.sent).toEqual(['0:fee01000 4043']);
  });

  it('keeps a masked message pending until it is unmasked', () => {
    const { space, msi, at, sent, enable } = enabledMsi(2);
    enable();
    space.writeConfig(at + R.MSI_MASK, 4, 0xffff_ffff);
    msi.notify(1);
    msi.notify(1);
    expect([sent.length, space.readConfig(at + R.MSI_PENDING, 4)]).toEqual([0, 2]);
    space.writeConfig(at + R.MSI_MASK, 4, 0);
    expect(sent).toEqual(['0:fee01000 4041']);
    expect(space.readConfig(at + R.MSI_PENDING, 4)).toBe(0);
  });

  it('takes over from INTx and gives back', () => {
    const { msi, sent, enable } = enabledMsi();
    const intx = new FakeLine();
    const line = msi.line(intx);
    line.set(true);
    expect(intx.level).toBe(true);
    enable();
    expect([intx.level, sent.length]).toEqual([false, 1]);
    line.set(false);
    line.set(true);
    expect([intx.level, sent.length]).toEqual([false, 2]);
    enable(false);
    expect(intx.level).toBe(true);
  });
});

describe('MSI-X', () => {
  function makeMsix() {
    const space = makeSpace();
    const { sent, send } = messages();
    const msix = new MsixCapability(
      space,
      { vectors: 3, table: { bar: 0, offset: 0x3000 }, pba: { bar: 0, offset: 0x3800 } },
      send,
    );
    const at = space.readConfig(R.CAPABILITIES_POINTER, 1);
    space.writeConfig(R.COMMAND, 2, R.COMMAND_MASTER);
    const setEntry = (vector: number, address: number, data: number, control = 0) => {
      [address, 0, data, control].forEach((value, i) => {
        msix.table.write(vector * 16 + i * 4, 4, value);
      });
    };
    const control = (value: number) => space.writeConfig(at + R.MSIX_CONTROL, 2, value);
    return { space, msix, at, sent, setEntry, control };
  }

  it('tells its size and where table and pending bits are', () => {
    const { space, at, msix } = makeMsix();
    expect(space.readConfig(at + R.MSIX_CONTROL, 2)).toBe(2);
    expect([space.readConfig(at + R.MSIX_TABLE, 4), space.readConfig(at + R.MSIX_PBA, 4)]).toEqual([0x3000, 0x3800]);
    expect(msix.table.read(0x1c, 4)).toBe(R.MSIX_ENTRY_MASKED);
  });

  it('sends a vector’s own message, and keeps it pending while it or the function is masked', () => {
    const { msix, sent, setEntry, control } = makeMsix();
    setEntry(2, 0xfee0_0000, 0x51);
    control(R.MSIX_CONTROL_ENABLE);
    msix.notify(2);
    msix.notify(1); // masked since power-on
    expect(sent).toEqual(['0:fee00000 51']);
    expect(msix.pba.read(0, 4)).toBe(0b010);
    setEntry(1, 0xfee0_1000, 0x52);
    expect(sent).toEqual(['0:fee00000 51', '0:fee01000 52']);
    control(R.MSIX_CONTROL_ENABLE | R.MSIX_CONTROL_MASK_ALL);
    msix.notify(2);
    expect(msix.pba.read(0, 4)).toBe(0b100);
    control(R.MSIX_CONTROL_ENABLE);
    expect([sent.length, msix.pba.read(0, 4)]).toEqual([3, 0]);
    msix.notify(3);
    expect(sent.length).toBe(3);
  });

  it('saves, restores and resets its table with configuration space', () => {
    const original = makeMsix();
    original.setEntry(0, 0xfee0_0004, 0x77);
    original.control(R.MSIX_CONTROL_ENABLE);
    const copy = makeMsix();
    copy.space.restore(structuredClone(original.space.save()));
    copy.msix.notify(0);
    expect(copy.sent).toEqual(['0:fee00004 77']);
    copy.space.reset();
    expect([copy.msix.enabled, copy.msix.table.read(12, 4)]).toEqual([false, R.MSIX_ENTRY_MASKED]);
  });
});
