import { describe, expect, it } from 'vitest';
import type { DeviceSettings, Hardware } from '../../../../core/contracts/hardware.ts';
import { bootDraftOf, bootOptionsOf, menuError, moved } from './boot-order.ts';
import { firmwareDraftOf, firmwareOf } from './firmware-choice.ts';
import { leavingDevices, plugsIn, removalScope } from './live-devices.ts';
import { freeBuses, freeInputs, missingOf, newDevice, newSettings, unavailableKind } from './new-device.ts';

const settingsOf = (device: 'disk' | 'cdrom', bus: 'ide' | 'sata'): DeviceSettings => ({
  kind: 'disk',
  device,
  bus,
  readOnly: false,
});
const hardware = (change: Partial<Hardware> = {}): Hardware => ({
  machine: 'pc',
  machineName: 'pc',
  firmware: { kind: 'bios' },
  boot: { order: ['disk:hdc'] },
  devices: [
    { id: 'disk:hda', element: 'disk', target: 'hda', removable: true, settings: settingsOf('disk', 'ide') },
    { id: 'disk:hdc', element: 'disk', target: 'hdc', removable: true, settings: settingsOf('cdrom', 'ide') },
    { id: 'disk:vda', element: 'disk', target: 'vda', removable: true, limit: 'not yet' },
    { id: 'panic', element: 'panic', removable: true, settings: { kind: 'panic' } },
  ],
  ...change,
});

describe('the boot page', () => {
  it('shows every drive that can be booted, those that are tried first', () => {
    const draft = bootDraftOf(hardware());
    expect(draft.entries).toEqual([
      { id: 'disk:hdc', enabled: true },
      { id: 'disk:hda', enabled: false },
    ]);
    expect(bootOptionsOf(draft)).toEqual({ order: ['disk:hdc'] });
  });

  it('moves entries within the list', () => {
    const { entries } = bootDraftOf(hardware());
    expect(moved(entries, 1, -1).map(({ id }) => id)).toEqual(['disk:hda', 'disk:hdc']);
    expect(moved(entries, 0, -1)).toBe(entries);
    expect(moved(entries, 1, 1)).toBe(entries);
  });

  it('has a menu with a time, and a kernel with blanks taken off', () => {
    const kernel = { kernel: '/k', cmdline: 'a' };
    const draft = bootDraftOf(hardware({ boot: { order: [], menuTimeoutMs: 2500, kernel } }));
    expect(draft).toMatchObject({ menu: true, menuSeconds: '2.5', direct: true });
    expect(bootOptionsOf({ ...draft, kernel: ' /k2 ', initrd: ' ' })).toEqual({
      order: [],
      menuTimeoutMs: 2500,
      kernel: { kernel: '/k2', cmdline: 'a' },
    });
    for (const menuSeconds of ['', '-1', '66', 'soon'])
      expect(menuError({ ...draft, menuSeconds })).toContain('0 to 65');
    expect(menuError({ ...draft, menu: false, menuSeconds: 'soon' })).toBeUndefined();
  });
});

describe('the firmware', () => {
  const images = [{ label: 'SeaBIOS', path: '/bios', type: 'rom' }] as const;

  it('is the BIOS, one that the host has, or one of the user’s own', () => {
    for (const firmware of [
      { kind: 'bios' },
      { kind: 'image', path: '/bios', type: 'rom' },
      { kind: 'image', path: '/mine.fd', type: 'pflash' },
    ] as const) {
      expect(firmwareOf(firmwareDraftOf(firmware, images), images)).toEqual(firmware);
    }
    expect(firmwareDraftOf({ kind: 'image', path: '/mine.fd', type: 'pflash' }, images).firmware).toBe('custom');
  });
});

describe('a new device', () => {
  it('is offered where the machine has a place for it', () => {
    expect(freeBuses(hardware(), 'disk')).toEqual(['ide', 'sata', 'usb']);
    expect(freeBuses(hardware({ machine: 'q35' }), 'disk')).toEqual(['sata', 'usb']);
    expect(freeBuses(hardware(), 'floppy')).toEqual(['fdc']);
    expect(freeInputs(hardware())).toEqual(['tablet', 'mouse', 'keyboard']);
    expect(unavailableKind(hardware(), 'panic')).toContain('There is one');
    expect(unavailableKind(hardware(), 'watchdog')).toBeUndefined();
  });

  it('says what it is to be, or what is missing', () => {
    const draft = newDevice(hardware({ machine: 'q35' }));
    expect([missingOf(draft), missingOf({ ...draft, source: ' /d ' })]).toEqual(['Choose a disk image.', undefined]);
    expect(newSettings({ ...draft, source: ' /d ' })).toEqual({ ...settingsOf('disk', 'sata'), source: '/d' });
    expect(newSettings(newDevice(hardware(), 'cdrom'))).toEqual({ ...settingsOf('cdrom', 'ide'), readOnly: true });
    expect(newSettings(newDevice(hardware(), 'input'))).toEqual({ kind: 'input', type: 'tablet', bus: 'usb' });
    expect(newSettings(newDevice(hardware({ machine: 'q35' }), 'usb-controller'))).toMatchObject({
      model: 'qemu-xhci',
    });
  });
});

describe('a machine that runs', () => {
  const watchdog = { kind: 'watchdog', action: 'none' } as const;
  const device = (id: string, settings: DeviceSettings) => ({ id, element: settings.kind, removable: true, settings });
  const dog = device('watchdog', watchdog);
  const ide = device('disk:hda', settingsOf('disk', 'ide'));
  const sata = { ...device('disk:sda', settingsOf('cdrom', 'sata')), target: 'sda' };
  const running = {
    hardware: hardware({ devices: [sata] }),
    activeHardware: hardware({ devices: [dog, ide, sata] }),
  };

  it('has what its definition lacks, until it goes', () => {
    expect(leavingDevices(running)).toEqual([dog, ide]);
    expect(leavingDevices({ hardware: hardware() })).toEqual([]);
  });

  it('loses at once what can go at once, where it has it', () => {
    expect([sata, dog, ide].map((each) => removalScope(running, each))).toEqual(['both', 'live', 'config']);
    expect(removalScope({ hardware: running.hardware }, sata)).toBe('config');
  });

  it('gets at once what can come at once', () => {
    const kinds = [watchdog, settingsOf('disk', 'sata'), settingsOf('disk', 'ide'), { kind: 'panic' } as const];
    expect(kinds.map((each) => plugsIn(running, each))).toEqual([true, true, false, false]);
    expect(plugsIn({ hardware: hardware() }, watchdog)).toBe(false);
  });
});
