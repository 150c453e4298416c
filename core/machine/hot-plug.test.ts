import { describe, expect, it } from 'vitest';
import { SCANOUT_WORDS } from '../backends/display/scanout.ts';
import { TimerQueue } from '../base/clock.ts';
import type { MachineType } from '../contracts/machine.ts';
import { PCI_DOWN, PCI_EJ, PCI_RMV, PCI_UP } from '../devices/acpi-pci-hotplug/acpi-pci-hotplug.regs.ts';
import { GPE_PCI_HOTPLUG, ICH9_PM, PIIX4_PM } from '../devices/acpi-pm/acpi-pm.regs.ts';
import {
  BAR0,
  COMMAND,
  COMMAND_MEMORY,
  CONFIG_ADDRESS,
  CONFIG_DATA,
  CONFIG_ENABLE,
} from '../devices/pci-host/pci.regs.ts';
import { elf, multibootHeader } from '../testing/boot-images.ts';
import { numberedDisk } from '../testing/memory-file.ts';
import { ScriptedKvm } from '../testing/scripted-kvm.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { HotPlugError } from './hot-plug.ts';
import { Machine, type MachineOptions } from './machine.ts';
import type { MachineDrive } from './storage.ts';

const WATCHDOG = { kind: 'watchdog', action: 'none' } as const;
const TABLET = { kind: 'input', type: 'tablet' } as const;
const sata = (target: string): MachineDrive => ({
  ...{ target, bus: 'sata', medium: { fixed: numberedDisk(64).image } },
});

/** A machine whose guest is the test: it reads and writes the hot plug registers. */
function build(machineType: MachineType, options: Partial<MachineOptions> = {}) {
  const detached: string[] = [];
  const thread = {
    ...{ nowNs: () => 0, signalPending: () => false, sleepUntil: () => {}, alarmNs: 0 },
    ...{ setAlarm: () => {}, kicked: () => true },
  };
  const machine = new Machine(
    new ScriptedKvm([]),
    { ramBytes: 2 ** 24, boot: { kernel: elf(multibootHeader(0)), cmdline: '' }, machine: machineType, ...options },
    {
      ...{ thread, timers: new TimerQueue(thread), wall: { nowMs: () => 0 }, serial: { write: () => {} } },
      scanoutWords: new Int32Array(SCANOUT_WORDS),
      notify: (notice) => void (notice.type === 'detached' && detached.push(notice.device)),
    },
  );
  const row = (id: string) => machine.devices.rows.find((each) => each.id === id);
  const registers = row('acpi-pci-hotplug')?.ports?.[0]?.[2];
  const config = row('pci-host')?.ports?.[0]?.[2];
  const { pm } = machine.devices;
  const { GPE0_STS } = machineType === 'q35' ? ICH9_PM : PIIX4_PM;
  return {
    machine,
    detached,
    row,
    read: (register: number) => registers?.read(register, 4) ?? 0,
    eject: (slots: number) => registers?.write(PCI_EJ, 4, slots >>> 0),
    /** The event of PCI hot plug; taken back when it was there. */
    event: () => {
      const raised = (pm.read(GPE0_STS, 2) & (1 << GPE_PCI_HOTPLUG)) !== 0;
      pm.write(GPE0_STS, 2, 1 << GPE_PCI_HOTPLUG);
      return raised;
    },
    /** Device and vendor of function 0, as configuration mechanism 1 has it; undefined where nobody answers. */
    vendorAt: (slot: number): number | undefined => {
      config?.write(CONFIG_ADDRESS, 4, (CONFIG_ENABLE | (slot << 11)) >>> 0);
      const word = config?.read(CONFIG_DATA, 4);
      return word === 0xffff_ffff ? undefined : word;
    },
  };
}

describe.each(['pc', 'q35'] as const)('a card in a running %s', (machineType) => {
  it('is told to the guest, and goes when the guest lets go of it', () => {
    const rig = build(machineType);
    const rows = rig.machine.devices.rows.length;
    rig.machine.attach(WATCHDOG);
    expect([rig.event(), rig.read(PCI_UP), rig.read(PCI_UP), rig.vendorAt(5)]).toEqual([
      ...[true, 1 << 5, 0],
      0x25ab_8086,
    ]);
    expect(rig.machine.detach('watchdog')).toBe(false);
    expect([rig.event(), rig.read(PCI_DOWN), rig.detached]).toEqual([true, 1 << 5, []]);
    rig.eject(1 << 5);
    expect([rig.vendorAt(5), rig.read(PCI_DOWN), rig.read(PCI_RMV)]).toEqual([undefined, 0, 0]);
    expect(rig.detached).toEqual(['watchdog']);
    expect(rig.machine.devices.rows.length).toBe(rows);
  });

  it('that was there from the start can be taken out, and put in again', () => {
    const rig = build(machineType, { watchdog: 'none', usb: { controller: 'qemu-xhci', inputs: [] } });
    expect([rig.read(PCI_RMV), rig.read(PCI_UP), rig.event()]).toEqual([(1 << 3) | (1 << 5), 0, false]);
    expect(rig.machine.detach('usb-controller')).toBe(false);
    rig.eject(1 << 3);
    expect([rig.vendorAt(3), rig.row('xhci')]).toEqual([undefined, undefined]);
    rig.machine.attach({ kind: 'usb-controller', model: 'ich9-ehci1' });
    expect([rig.read(PCI_UP), rig.vendorAt(29)]).toEqual([1 << 29, 0x2934_8086]);
  });

  it('is one of its kind', () => {
    const { machine } = build(machineType, { watchdog: 'none', usb: { controller: 'qemu-xhci', inputs: ['tablet'] } });
    expect(() => machine.attach(WATCHDOG)).toThrow(HotPlugError);
    expect(() => machine.attach({ kind: 'usb-controller', model: 'qemu-xhci' })).toThrow(HotPlugError);
    expect(() => machine.attach(TABLET)).toThrow('has tablet already');
    expect(() => machine.detach('usb-controller')).toThrow('remove them first');
    expect(() => machine.detach('disk:hda')).toThrow(HotPlugError);
  });

  it('loses its windows when it goes', () => {
    const rig = build(machineType);
    rig.machine.attach(WATCHDOG);
    const space = rig.row('i6300esb')?.pci?.[2];
    space?.writeConfig(BAR0, 4, 0xfeb0_0000);
    space?.writeConfig(COMMAND, 2, COMMAND_MEMORY);
    rig.machine.detach('watchdog');
    rig.eject(1 << 5);
    expect(space?.readConfig(BAR0, 4)).toBe(0);
    rig.machine.attach(WATCHDOG);
    expect(rig.row('i6300esb')?.pci?.[2]).not.toBe(space);
  });

  it('that was asked for goes at a reset, and the rest stays', () => {
    const rig = build(machineType, { usb: { controller: 'qemu-xhci', inputs: [] } });
    rig.machine.attach(WATCHDOG);
    rig.machine.detach('usb-controller');
    rig.machine.reset();
    expect([rig.vendorAt(3), rig.vendorAt(5)]).toEqual([undefined, 0x25ab_8086]);
    expect([rig.read(PCI_UP), rig.read(PCI_RMV), rig.detached]).toEqual([0, 1 << 5, ['usb-controller']]);
  });
});

describe('a hostile guest', () => {
  it('ejects cards that nobody asked for, once each, and nothing else', () => {
    const rig = build('q35', { watchdog: 'none', usb: { controller: 'qemu-xhci', inputs: ['tablet'] } });
    const before = Array.from({ length: 32 }, (_, slot) => rig.vendorAt(slot));
    for (let i = 0; i < 3; i++) rig.eject(0xffff_ffff);
    expect(rig.detached.sort()).toEqual(['input:tablet', 'usb-controller', 'watchdog']);
    const after = before.map((vendor, slot) => ([3, 5].includes(slot) ? undefined : vendor));
    expect(Array.from({ length: 32 }, (_, slot) => rig.vendorAt(slot))).toEqual(after);
    expect(() => rig.machine.detach('watchdog')).toThrow('no such device');
  });

  it('that ejects at any moment leaves a machine into which the same can be plugged again', () => {
    const random = new SeededRandom(7);
    const rig = build('pc');
    const attempt = (act: () => unknown): void => {
      try {
        act();
      } catch (error) {
        if (!(error instanceof HotPlugError)) throw error;
      }
    };
    const acts = [
      () => rig.machine.attach(WATCHDOG),
      () => rig.machine.attach(TABLET),
      () => rig.machine.attach({ kind: 'usb-controller', model: 'qemu-xhci' }),
      () => rig.machine.attach({ kind: 'disk', drive: sata('sda') }),
      () => rig.machine.attach({ kind: 'disk', drive: sata('sdb') }),
      ...(['watchdog', 'usb-controller', 'input:tablet', 'disk:sda', 'disk:sdb'] as const).map(
        (name) => () => rig.machine.detach(name),
      ),
      () => rig.eject(random.uint32()),
      () => rig.eject(0xffff_ffff),
      () => rig.read(PCI_UP),
      () => rig.machine.reset(),
    ];
    for (let i = 0; i < 2000; i++) attempt(acts[random.below(acts.length)] ?? (() => {}));
    rig.eject(0xffff_ffff);
    const rows = rig.machine.devices.rows.length;
    expect(rows).toBe(build('pc').machine.devices.rows.length);
    rig.machine.attach(WATCHDOG);
    rig.machine.attach({ kind: 'disk', drive: sata('sda') });
    expect([rig.vendorAt(5), rig.vendorAt(4)]).toEqual([0x25ab_8086, 0x2922_8086]);
  });
});

describe('SATA drives', () => {
  it('bring the controller that a pc lacks, and the last one goes with it', () => {
    const rig = build('pc');
    rig.machine.attach({ kind: 'disk', drive: sata('sda') });
    expect([rig.read(PCI_UP), rig.vendorAt(4)]).toEqual([1 << 4, 0x2922_8086]);
    rig.machine.attach({ kind: 'disk', drive: sata('sdb') });
    expect(() => rig.machine.attach({ kind: 'disk', drive: sata('sdb') })).toThrow('has sdb already');
    expect([rig.machine.detach('disk:sda'), rig.machine.detach('disk:sdb')]).toEqual([true, false]);
    rig.eject(1 << 4);
    expect([rig.detached, rig.vendorAt(4)]).toEqual([['disk:sdb'], undefined]);
  });

  it('come and go at the controller that a q35 has', () => {
    const rig = build('q35');
    rig.machine.attach({ kind: 'disk', drive: sata('sdc') });
    expect(rig.read(PCI_UP)).toBe(0);
    expect(rig.machine.detach('disk:sdc')).toBe(true);
    expect(rig.vendorAt(31)).toBeDefined();
  });

  it('are the only ones: IDE is no bus for that', () => {
    const { machine } = build('pc');
    const drive: MachineDrive = { ...sata('hda'), bus: 'ide' };
    expect(() => machine.attach({ kind: 'disk', drive })).toThrow(HotPlugError);
  });
});

describe('USB devices', () => {
  it('come with a controller, and are gone at once', () => {
    const rig = build('q35');
    rig.machine.attach(TABLET);
    expect([rig.read(PCI_UP), rig.machine.devices.usb.tablet]).toEqual([1 << 3, expect.anything()]);
    expect(rig.machine.detach('input:tablet')).toBe(true);
    expect(rig.machine.devices.usb.tablet).toBeUndefined();
    rig.machine.attach(TABLET);
    expect(rig.machine.devices.usb.tablet).toBeDefined();
  });

  it('of the chipset’s own controller stay with it', () => {
    const rig = build('pc', { usb: { inputs: ['tablet'] } });
    expect(rig.machine.detach('input:tablet')).toBe(true);
    expect(() => rig.machine.detach('usb-controller')).toThrow('a part of the board');
  });

  it('are refused when all sockets are taken', () => {
    const { machine } = build('q35', { usb: { controller: 'qemu-xhci', inputs: [] } });
    const disk = (target: string): MachineDrive => ({ ...sata(target), bus: 'usb' });
    const plug = (): void => {
      for (let i = 0; i < 200; i++) machine.attach({ kind: 'disk', drive: disk(`sd${i}`) });
    };
    expect(plug).toThrow('All sockets of the USB controller are taken.');
  });
});
