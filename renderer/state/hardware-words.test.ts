import { describe, expect, it } from 'vitest';
import type { DeviceSettings, HardwareDevice } from '../../core/contracts/hardware.ts';
import { namedDevices } from './hardware-words.ts';

const device = (element: string, change: Partial<HardwareDevice> = {}): HardwareDevice => ({
  id: `${element}:${change.target ?? change.model ?? ''}`,
  element,
  removable: true,
  ...change,
});
const drive = (kind: 'disk' | 'cdrom' | 'floppy', bus: 'ide' | 'sata' | 'fdc', target: string): HardwareDevice => {
  const settings: DeviceSettings = { kind: 'disk', device: kind, bus, readOnly: false };
  return device('disk', { target, settings });
};

describe('the hardware list', () => {
  it('is in virt-manager’s order, with drives counted by kind', () => {
    const devices = [
      device('controller', { settings: { kind: 'usb-controller', model: 'qemu-xhci' } }),
      device('video', { settings: { kind: 'video', memoryMiB: 16 } }),
      device('input', { settings: { kind: 'input', type: 'tablet', bus: 'usb' } }),
      drive('disk', 'ide', 'hda'),
      drive('cdrom', 'ide', 'hdc'),
      drive('disk', 'sata', 'sda'),
      drive('disk', 'ide', 'hdb'),
      drive('floppy', 'fdc', 'fda'),
      device('serial', { model: 'pty' }),
      device('graphics', { model: 'vnc' }),
      device('interface', { model: 'virtio', limit: 'not yet' }),
      device('shmem'),
    ];
    expect(namedDevices({ devices }).map(({ label }) => label)).toEqual([
      'IDE Disk 1',
      'IDE CDROM 1',
      'SATA Disk 1',
      'IDE Disk 2',
      'Floppy 1',
      'NIC',
      'Tablet',
      'Display VNC',
      'Serial 1',
      'Video VGA',
      'Controller USB',
      'Shmem',
    ]);
  });

  it('tells two of a kind apart', () => {
    const devices = [device('sound', { model: 'ich9' }), device('sound', { model: 'ac97' })];
    expect(namedDevices({ devices }).map(({ label }) => label)).toEqual(['Sound', 'Sound 2']);
  });
});
