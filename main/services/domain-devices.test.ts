import { describe, expect, it } from 'vitest';
import type { NewVm, NewVmSource, VmId } from '../../core/contracts/calls.ts';
import type { DeviceSettings } from '../../core/contracts/hardware.ts';
import type { MachineType } from '../../core/contracts/machine.ts';
import { libvirtJudge } from '../testing/libvirt-schemas.ts';
import { Domain } from './domain-xml.ts';

const ID = '0f9a3f0e-6f0b-4c57-9f2b-6a5d2f6c1b11' as VmId;
const NVRAM = '/data/nvram/x_VARS.fd';
const OVMF = { kind: 'image', path: '/usr/share/OVMF/OVMF_CODE_4M.fd', type: 'pflash' } as const;

const create = (source: NewVmSource, change: Partial<NewVm> = {}): Domain =>
  Domain.create({ name: 'a', memoryMiB: 64, vcpus: 1, source, ...change }, ID, {}, NVRAM);
const iso = (machine: MachineType = 'pc'): Domain =>
  create({ kind: 'iso', path: '/a.iso', disk: '/d.img' }, { machine });
const domain = (devices: string, os = ''): Domain =>
  Domain.parse(
    `<domain type='kvm'><name>a</name><memory>65536</memory><os><type machine='pc-i440fx-7.2'>hvm</type>${os}</os>
  <devices>
    ${devices}
  </devices>
</domain>`,
  );
const value = <T>(
  outcome: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown },
): T => {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error));
  return outcome.value;
};

const CDROM: DeviceSettings = { kind: 'disk', device: 'cdrom', bus: 'sata', readOnly: true };
const FLOPPY: DeviceSettings = { kind: 'disk', device: 'floppy', bus: 'fdc', source: '/f.img', readOnly: false };

describe('a new VM', () => {
  it('made from an ISO boots from it, then from its disk, with a tablet, a VGA and a serial port', () => {
    expect(iso().machineConfig()).toMatchObject({
      machine: 'pc',
      disks: [
        { target: 'hdc', device: 'cdrom', bus: 'ide', source: '/a.iso', format: 'raw', readOnly: true, bootOrder: 1 },
        { target: 'hda', device: 'disk', bus: 'ide', source: '/d.img', format: 'raw', readOnly: false, bootOrder: 2 },
      ],
      inputs: expect.arrayContaining([{ type: 'tablet', bus: 'usb' }]),
      usb: 'piix3-uhci',
      videoMemoryMiB: 16,
    });
    expect(iso().machineConfig()).not.toHaveProperty('boot');
    expect(iso('q35').machineConfig()).toMatchObject({
      machine: 'q35',
      disks: [
        { target: 'sda', bus: 'sata', bootOrder: 1 },
        { target: 'sdb', bus: 'sata', bootOrder: 2 },
      ],
      usb: 'qemu-xhci',
    });
    expect(iso().toXml()).toContain(`<target dev="hdc" bus="ide"/>`);
  });

  it('has UEFI variables of its own where the firmware is for flash', () => {
    const efi = create({ kind: 'disk', path: '/d.img' }, { firmware: OVMF });
    expect(efi.machineConfig().firmware).toEqual({ kind: 'image', path: OVMF.path, nvram: NVRAM });
    expect(efi.hardware.firmware).toEqual(OVMF);
    efi.setMachine('pc', { kind: 'bios' }, NVRAM);
    expect(efi.toXml()).not.toMatch(/loader|nvram/);
  });

  it('is valid by libvirt’s RelaxNG schema, also after every kind of edit', { timeout: 120_000 }, async (context) => {
    const judge = await libvirtJudge();
    if ('missing' in judge) return context.skip(`skipped: ${judge.missing}`);
    expect(judge.verdict(create({ kind: 'floppy', path: '/f.img' }).toXml())).toBe('valid');
    for (const machine of ['pc', 'q35'] as const) {
      const edited = iso(machine);
      expect(judge.verdict(edited.toXml())).toBe('valid');
      const more: DeviceSettings[] = [
        CDROM,
        FLOPPY,
        { kind: 'input', type: 'mouse', bus: 'usb' },
        { kind: 'watchdog', action: 'poweroff' },
        { kind: 'panic' },
      ];
      const ids = more.map((settings) => value(edited.addDevice(settings)).device);
      value(edited.editDevice('controller:usb', { kind: 'usb-controller', model: 'ich9-ehci1' }));
      value(edited.editDevice('video', { kind: 'video', memoryMiB: 32 }));
      value(edited.setBoot({ order: ids.slice(0, 2), menuTimeoutMs: 5000, kernel: { kernel: '/k', cmdline: 'a' } }));
      edited.setMachine(machine, OVMF, NVRAM);
      expect(judge.verdict(edited.toXml())).toBe('valid');
      value(edited.removeDevice('controller:usb'));
      for (const id of ids) value(edited.removeDevice(id));
      expect(judge.verdict(edited.toXml())).toBe('valid');
      expect(edited.toXml()).not.toMatch(/ich9|watchdog|panic/);
    }
  });
});

describe('editing a device', () => {
  it('adds drives at free places, until there are none', () => {
    const edited = iso();
    const targets = Array.from({ length: 3 }, () => edited.addDevice({ ...CDROM, bus: 'ide' }));
    expect(targets.map((each) => (each.ok ? each.value.device : each.error.code))).toEqual([
      'disk:hdd',
      'disk:hdb',
      'no-place',
    ]);
    expect(iso('q35').addDevice({ ...CDROM, bus: 'ide' })).toMatchObject({ error: { code: 'no-place', field: 'bus' } });
    expect(iso().addDevice({ ...CDROM, bus: 'fdc' })).toMatchObject({ error: { code: 'no-place' } });
    expect(iso().addDevice({ kind: 'input', type: 'tablet', bus: 'usb' })).toMatchObject({
      error: { code: 'no-place' },
    });
  });

  it('moves a disk to another bus with a new target, and leaves all else as it was', () => {
    const edited = domain(`<!-- mine -->
    <disk type='block' device='disk' snapshot='no'>
      <driver name='qemu' type='raw' cache='none'/>
      <source dev='/dev/sdz'/>
      <target dev='hda' bus='ide'/>
      <boot order='1'/>
      <address type='drive' bus='0'/>
    </disk>`);
    const before = edited.toXml();
    const settings = edited.hardware.devices[0]?.settings;
    expect(settings).toEqual({ kind: 'disk', device: 'disk', bus: 'ide', source: '/dev/sdz', readOnly: false });
    if (settings?.kind !== 'disk') throw new Error('it is no disk');
    value(edited.editDevice('disk:hda', settings));
    expect(edited.toXml()).toBe(before);
    expect(value(edited.editDevice('disk:hda', { ...settings, bus: 'sata', readOnly: true }))).toEqual({
      device: 'disk:sda',
    });
    expect(edited.toXml()).toBe(
      before
        .replace('<target dev="hda" bus="ide"/>', '<target dev="sda" bus="sata"/>\n      <readonly/>')
        .replace('\n      <address type="drive" bus="0"/>', ''),
    );
    expect(edited.machineConfig().disks?.[0]).toMatchObject({ source: '/dev/sdz', bootOrder: 1, readOnly: true });
  });

  it('does not change what has become another device, or what belongs to the machine', () => {
    expect(iso().editDevice('disk:hdc', FLOPPY)).toMatchObject({ error: { code: 'wrong-device' } });
    expect(iso().editDevice('disk:hdx', FLOPPY)).toMatchObject({ error: { code: 'wrong-device', field: 'device' } });
    expect(iso().removeDevice('video')).toMatchObject({ error: { code: 'wrong-device' } });
    expect(iso().removeDevice('input:mouse:ps2')).toMatchObject({ error: { code: 'wrong-device' } });
  });

  it('puts a medium into a drive and takes it out, but not out of a disk', () => {
    const edited = iso();
    value(edited.changeMedia('hdc', undefined));
    expect(edited.machineConfig().disks?.[0]).not.toHaveProperty('source');
    value(edited.changeMedia('hdc', '/b & c.iso'));
    expect(edited.machineConfig().disks?.[0]).toMatchObject({ source: '/b & c.iso', bootOrder: 1 });
    expect(edited.changeMedia('hda', '/x')).toMatchObject({ error: { code: 'wrong-device' } });
    expect(edited.changeMedia('fda', '/x')).toMatchObject({ error: { code: 'wrong-device', field: 'target' } });
  });
});

describe('the boot order', () => {
  const BOTH = `<disk type='file' device='disk'><source file='/d'/><target dev='hda'/></disk>
    <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>
    <interface type='user'><boot order='1'/></interface>`;

  it('is read from the kinds that <os> names, and written by device', () => {
    const edited = domain(BOTH, "<boot dev='cdrom'/><boot dev='hd'/>");
    expect(edited.hardware.boot).toEqual({ order: ['disk:hdc', 'disk:hda'] });
    const before = edited.toXml();
    value(edited.setBoot({ order: ['disk:hdc', 'disk:hda'] }));
    expect(edited.toXml()).toBe(before);
    value(edited.setBoot({ order: ['disk:hda'], menuTimeoutMs: 100 }));
    expect(edited.toXml()).not.toContain('boot dev');
    expect(edited.toXml()).toMatch(/<interface type="user">\s*<boot order="2"\/>/);
    expect(edited.machineConfig()).toMatchObject({ bootMenuMs: 100, disks: [{ bootOrder: 1 }, { target: 'hdc' }] });
  });

  it('refuses what cannot be booted from, and what is named twice', () => {
    for (const order of [['interface'], ['disk:hdx'], ['disk:hda', 'disk:hda']]) {
      expect(domain(BOTH).setBoot({ order })).toMatchObject({ error: { code: 'wrong-device' } });
    }
  });
});

describe('what Vivarium cannot run', () => {
  it.each([
    [
      "<disk device='disk'><driver type='qcow2'/><source file='/d'/><target dev='hda'/></disk>",
      /hda has the format qcow2/,
    ],
    ["<disk device='disk'><source file='/d'/><target dev='vda' bus='virtio'/></disk>", /vda is on the bus virtio/],
    ["<disk device='disk'><source file='/d'/><target dev='sda'/></disk>", /sda is on the bus scsi/],
    ["<disk type='network' device='disk'><target dev='hda'/></disk>", /hda has a source of type "network"/],
    ["<disk device='lun'><target dev='hda'/></disk>", /hda is a "lun"/],
    ["<disk device='disk'><target dev='hda'/></disk>", /hda has no image/],
    ["<disk device='cdrom'/>", /no target/],
  ])('is kept, and why it cannot be started is said: %s', (xml, message) => {
    const kept = domain(xml);
    expect(kept.startProblem?.message).toMatch(message);
    expect(kept.startProblem?.hint).not.toBe('');
    expect(kept.hardware.devices[0]?.limit).toMatch(message);
    expect(kept.machineConfig()).not.toHaveProperty('disks');
    value(kept.removeDevice(kept.hardware.devices[0]?.id ?? ''));
    expect(kept.startProblem).toBeUndefined();
  });

  it('is told of boards and of firmware that is not named', () => {
    const microvm = domain('').toXml().replace('pc-i440fx-7.2', 'microvm');
    expect(Domain.parse(microvm).startProblem?.message).toContain('"microvm"');
    const efi = domain('').toXml().replace('<os>', "<os firmware='efi'>");
    expect(Domain.parse(efi).startProblem?.message).toContain('UEFI');
  });

  it('does not keep a guest from starting where it can do without', () => {
    const rich = domain(`<sound model='ich9'/><interface type='user'><model type='virtio'/></interface>
      <video><model type='qxl' vram='65536'/></video><graphics type='spice'/><tpm model='tpm-crb'/>
      <controller type='pci' model='pci-root'/><watchdog model='ib700'/><serial type='file'><target port='0'/></serial>`);
    expect(rich.startProblem).toBeUndefined();
    const limits = Object.fromEntries(rich.hardware.devices.map(({ id, limit }) => [id, limit]));
    expect(limits).toMatchObject({
      sound: expect.stringContaining('no ich9 sound card yet'),
      interface: expect.stringContaining('no virtio network card yet'),
      video: expect.stringContaining('standard VGA instead of qxl'),
      graphics: expect.stringContaining('by VNC'),
      watchdog: expect.stringContaining('ib700'),
      serial: expect.stringContaining('pty'),
      'controller:pci': undefined,
    });
  });

  it('keeps a versioned machine name of the same board', () => {
    const edited = domain('');
    edited.setMachine('pc', { kind: 'bios' }, NVRAM);
    expect(edited.hardware).toMatchObject({ machine: 'pc', machineName: 'pc-i440fx-7.2' });
    edited.setMachine('q35', { kind: 'bios' }, NVRAM);
    expect(edited.hardware).toMatchObject({ machine: 'q35', machineName: 'q35' });
    expect(iso().misplacedOn('q35')).toEqual(['hdc', 'hda']);
  });
});
