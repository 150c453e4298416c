/**
 * What a new definition has before its values are filled in: what every Vivarium machine has, and the usual input and
 * display. Its drives come from what the VM is made of.
 */
import type { NewVmSource } from '../../core/contracts/calls.ts';
import { type DiskSettings, usualBus, usualUsbController } from '../../core/contracts/hardware.ts';
import type { MachineType } from '../../core/contracts/machine.ts';

export const newDomainXml = (machine: MachineType): string => `<domain type='kvm'>
  <name/>
  <uuid/>
  <memory unit='KiB'/>
  <currentMemory unit='KiB'/>
  <vcpu placement='static'/>
  <os>
    <type arch='x86_64' machine='${machine}'>hvm</type>
  </os>
  <features>
    <acpi/>
    <apic/>
  </features>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <controller type='usb' index='0' model='${usualUsbController(machine)}'/>
    <serial type='pty'>
      <target port='0'/>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>
    <input type='keyboard' bus='ps2'/>
    <input type='mouse' bus='ps2'/>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <video>
      <model type='vga' vram='16384' heads='1' primary='yes'/>
    </video>
  </devices>
</domain>
`;

/** The drives of a new VM, in the order they are booted from. */
export function newDrives(source: NewVmSource, machine: MachineType): readonly DiskSettings[] {
  const drive = (device: DiskSettings['device'], path: string): DiskSettings => ({
    kind: 'disk',
    device,
    bus: usualBus(machine, device),
    source: path,
    readOnly: device === 'cdrom',
  });
  switch (source.kind) {
    case 'kernel':
      return [];
    case 'iso':
      return [drive('cdrom', source.path), ...(source.disk === undefined ? [] : [drive('disk', source.disk)])];
    case 'disk':
    case 'floppy':
      return [drive(source.kind, source.path)];
  }
}
