/** What firmware reads from fw_cfg of a whole machine. */
import { describe, expect, it } from 'vitest';
import { Drive } from '../backends/block/drive.ts';
import { RawImage } from '../backends/block/raw-image.ts';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import * as R from '../devices/fw-cfg/fw-cfg.regs.ts';
import type { FwCfg } from '../devices/fw-cfg/fw-cfg.ts';
import { MemoryFile } from '../testing/memory-file.ts';
import { ScriptedKvm } from '../testing/scripted-kvm.ts';
import { Machine, type MachineOptions } from './machine.ts';
import type { MachineDrive } from './storage.ts';

const MOST_FILE_BYTES = 0x1_0000;

function configOf(options: Partial<MachineOptions>) {
  const thread = {
    ...{ nowNs: () => 0, signalPending: () => false, sleepUntil: () => {}, alarmNs: 0, setAlarm: () => {} },
    kicked: () => false,
  };
  const machine = new Machine(
    new ScriptedKvm([]),
    { ramBytes: 2 ** 24, boot: { firmware: new Uint8Array(2 ** 16) }, ...options },
    {
      ...{ thread, timers: new TimerQueue(thread), wall: { nowMs: () => 0 }, serial: { write: () => {} } },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
    },
  );
  const device = machine.devices.rows.find(({ id }) => id === 'fw-cfg')?.device as FwCfg;
  const item = (key: number, length: number): Uint8Array => {
    device.write(R.SELECTOR, 2, key);
    return Uint8Array.from({ length }, () => device.read(R.DATA, 1));
  };
  const file = (name: string): Uint8Array | undefined => {
    const count = new DataView(item(R.KEY_FILE_DIR, 4).buffer).getUint32(0);
    const directory = item(R.KEY_FILE_DIR, 4 + count * R.DIR_ENTRY_SIZE);
    for (let at = 4; at < directory.length; at += R.DIR_ENTRY_SIZE) {
      const view = new DataView(directory.buffer, at, R.DIR_ENTRY_SIZE);
      const text = new TextDecoder().decode(directory.subarray(at + R.DIR_NAME, at + R.DIR_ENTRY_SIZE));
      const length = view.getUint32(0);
      if (text.replace(/\0.*$/s, '') !== name) continue;
      expect(length).toBeLessThan(MOST_FILE_BYTES);
      return item(view.getUint16(4), length);
    }
    return undefined;
  };
  return { item, file };
}

describe('the boot menu', () => {
  it('is offered for the time that is wanted', () => {
    const { item, file } = configOf({ bootMenuMs: 0x1234 });
    expect([...item(R.KEY_BOOT_MENU, 2)]).toEqual([1, 0]);
    expect([...(file('etc/boot-menu-wait') ?? [])]).toEqual([0x34, 0x12]);
  });

  it('is not offered unless wanted', () => {
    const { item, file } = configOf({});
    expect([...item(R.KEY_BOOT_MENU, 2)]).toEqual([0, 0]);
    expect(file('etc/boot-menu-wait')).toBeUndefined();
  });
});

it('keeps a machine without anything to boot from being reset by its firmware', () => {
  expect([...(configOf({}).file('etc/boot-fail-wait') ?? [])]).toEqual([0xff, 0xff, 0xff, 0xff]);
});

describe('the boot order', () => {
  const fixed = { fixed: new RawImage(new MemoryFile(new Uint8Array(2 ** 16))) };
  const slot = { slot: new Drive() };
  const order = (options: Partial<MachineOptions>): string[] =>
    new TextDecoder().decode(configOf(options).file('bootorder')).replace(/\0$/, '').split('\n');
  const usbDisks = (count: number): MachineDrive[] =>
    Array.from({ length: count }, (_, i) => ({
      target: `sd${String.fromCharCode('a'.charCodeAt(0) + i)}`,
      bus: 'usb',
      medium: fixed,
      bootOrder: i + 1,
    }));

  it('names the drives of a pc by Open Firmware’s paths', () => {
    const drives: MachineDrive[] = [
      { target: 'hdd', bus: 'ide', medium: slot, bootOrder: 3 },
      { target: 'sdb', bus: 'sata', medium: fixed, bootOrder: 2 },
      { target: 'fda', bus: 'fdc', medium: slot, bootOrder: 1 },
      { target: 'hda', bus: 'ide', medium: fixed },
      { target: 'sdc', bus: 'usb', medium: fixed, bootOrder: 4 },
    ];
    expect(order({ drives })).toEqual([
      '/pci@i0cf8/isa@1/fdc@03f0/floppy@0',
      '/pci@i0cf8/pci8086,2922@4/drive@1/disk@0',
      '/pci@i0cf8/ide@1,1/drive@1/disk@1',
      '/pci@i0cf8/usb@1,2/storage@1/channel@0/disk@0,0',
    ]);
  });

  it('names USB disks behind a hub, and by the port of their speed', () => {
    const usb = (controller: 'piix3-uhci' | 'ich9-ehci1' | 'qemu-xhci') => ({
      controller,
      inputs: ['tablet'] as const,
    });
    const places = (options: Partial<MachineOptions>) =>
      order(options).map((path) => /usb@.*\/storage@\d+/.exec(path)?.[0]);
    expect(places({ drives: usbDisks(2), usb: usb('piix3-uhci') })).toEqual([
      'usb@1,2/hub@1/storage@1',
      'usb@1,2/hub@1/storage@2',
    ]);
    expect(places({ drives: usbDisks(1), usb: usb('ich9-ehci1') })).toEqual(['usb@1d,7/storage@2']);
    expect(places({ drives: usbDisks(2), usb: usb('qemu-xhci'), machine: 'q35' })).toEqual([
      'usb@3/storage@1',
      'usb@3/storage@2',
    ]);
  });
});
