/**
 * Changes of VMs' definitions. Each is made on a copy, checked as a definition is when it is read, and takes the place
 * of the old one whole or not at all. A machine that runs keeps what it has, but for the media in its drives, and devices
 * that are to come or go at once: then the machine first, which may refuse.
 */
import type { AppEvent, CpuChoice, DeviceScope, FileRole, VmId } from '../../core/contracts/calls.ts';
import { isCpuModelName } from '../../core/contracts/cpu.ts';
import type { BootOptions, DeviceId, DeviceSettings, FirmwareChoice, Hardware } from '../../core/contracts/hardware.ts';
import type { DiskConfig, MachineType } from '../../core/contracts/machine.ts';
import type { DefinitionStore } from './definitions.ts';
import { Domain } from './domain-xml.ts';
import type { CheckFile } from './files.ts';
import type { LiveError } from './live-hardware.ts';
import { done, type Failed, fail, type Outcome, ok } from './outcome.ts';
import type { Vm } from './vm.ts';

export interface VmEditsPorts {
  readonly store: DefinitionStore;
  readonly find: (id: VmId) => Outcome<Vm, 'not-found'>;
  readonly checkFile: CheckFile;
  readonly emit: (event: AppEvent) => void;
  /** The file for the UEFI variables of a VM. */
  readonly nvramOf: (id: VmId) => string;
}

type EditError = 'not-found' | 'storage';
type DeviceError = EditError | 'wrong-device';
type LiveEditError = LiveError | 'wrong-state' | 'internal';
type NewDeviceError = DeviceError | 'invalid-file' | 'no-place';

/** What a drive's medium is chosen as. */
const ROLES: Readonly<Record<DiskConfig['device'], FileRole>> = { disk: 'disk', cdrom: 'iso', floppy: 'floppy' };

const targetsOf = ({ devices }: Hardware): readonly string[] =>
  devices.flatMap(({ target }) => (target === undefined ? [] : [target]));

export class VmEdits {
  readonly #ports: VmEditsPorts;

  constructor(ports: VmEditsPorts) {
    this.#ports = ports;
  }

  async setCpu(id: VmId, cpu: CpuChoice): Promise<Outcome<undefined, EditError | 'invalid-cpu'>> {
    if (cpu.mode === 'custom' && !isCpuModelName(cpu.model))
      return fail('invalid-cpu', `"${cpu.model}" is not a CPU model.`, 'Choose one of the list.', 'cpu');
    return this.#edit(id, (domain) => {
      domain.edit({ cpu });
      return done;
    });
  }

  async addDevice(
    id: VmId,
    device: DeviceSettings,
    affect: DeviceScope = 'config',
  ): Promise<Outcome<{ device: DeviceId }, NewDeviceError | LiveEditError>> {
    const refused = await this.#refuseMedium(device);
    if (refused) return refused;
    const found = this.#ports.find(id);
    if (!found.ok) return found;
    const vm = found.value;
    const { hardware, activeHardware } = vm.details();
    const taken = activeHardware ? targetsOf(activeHardware) : [];
    const edited = (domain: Domain) => domain.addDevice(device, affect === 'both' ? taken : []);
    if (affect === 'both') {
      const trial = edited(Domain.parse(vm.definition.xml));
      if (!trial.ok) return trial;
    }
    if (affect !== 'config') {
      const attached = await vm.attachDevice(device, targetsOf(hardware));
      if (!attached.ok || affect === 'live') return attached;
    }
    return this.#edit(id, edited);
  }

  async editDevice(
    id: VmId,
    device: DeviceId,
    settings: DeviceSettings,
  ): Promise<Outcome<{ device: DeviceId }, NewDeviceError>> {
    const refused = await this.#refuseMedium(settings);
    return refused ?? this.#edit(id, (domain) => domain.editDevice(device, settings));
  }

  async removeDevice(
    id: VmId,
    device: DeviceId,
    affect: DeviceScope = 'config',
  ): Promise<Outcome<{ asked: boolean }, DeviceError | LiveEditError>> {
    const found = this.#ports.find(id);
    if (!found.ok) return found;
    const vm = found.value;
    if (affect === 'both') {
      const trial = Domain.parse(vm.definition.xml).removeDevice(device);
      if (!trial.ok) return trial;
    }
    const detached = affect === 'config' ? ok({ asked: false }) : await vm.detachDevice(device);
    if (!detached.ok || affect === 'live') return detached;
    const removed = await this.#edit(id, (domain) => domain.removeDevice(device));
    return removed.ok ? detached : removed;
  }

  async setBoot(
    id: VmId,
    boot: BootOptions,
  ): Promise<Outcome<undefined, DeviceError | 'invalid-kernel' | 'invalid-initrd'>> {
    const { kernel, initrd } = boot.kernel ?? {};
    const refused =
      (kernel === undefined
        ? undefined
        : await this.#refuseFile(kernel, 'kernel', 'invalid-kernel', 'boot.kernel.kernel')) ??
      (initrd === undefined
        ? undefined
        : await this.#refuseFile(initrd, 'initrd', 'invalid-initrd', 'boot.kernel.initrd'));
    return refused ?? this.#edit(id, (domain) => domain.setBoot(boot));
  }

  async setMachine(
    id: VmId,
    machine: MachineType,
    firmware: FirmwareChoice,
  ): Promise<Outcome<undefined, EditError | 'no-place' | 'invalid-file'>> {
    const refused =
      firmware.kind === 'bios'
        ? undefined
        : await this.#refuseFile(firmware.path, 'firmware', 'invalid-file', 'firmware.path');
    return (
      refused ??
      this.#edit(id, (domain) => {
        const misplaced = domain.misplacedOn(machine);
        if (misplaced.length > 0)
          return fail(
            'no-place',
            `A machine of type ${machine} has no place for ${misplaced.join(', ')}.`,
            'Put these drives on another bus first.',
            'machine',
          );
        domain.setMachine(machine, firmware, this.#ports.nvramOf(id));
        return done;
      })
    );
  }

  async changeMedia(
    id: VmId,
    target: string,
    path: string | undefined,
  ): Promise<Outcome<undefined, DeviceError | 'invalid-file' | 'media-refused' | 'internal'>> {
    const found = this.#ports.find(id);
    if (!found.ok) return found;
    const trial = Domain.parse(found.value.definition.xml).changeMedia(target, path);
    if (!trial.ok) return trial;
    if (path !== undefined) {
      const refused = await this.#refuseFile(path, ROLES[trial.value.device], 'invalid-file', 'path');
      if (refused) return refused;
    }
    const changed = await found.value.changeMedia(target, path);
    if (!changed.ok) return changed;
    return this.#edit(id, (domain) => {
      const edited = domain.changeMedia(target, path);
      return edited.ok ? done : edited;
    });
  }

  async #edit<T, E extends string>(
    id: VmId,
    change: (domain: Domain) => Outcome<T, E>,
  ): Promise<Outcome<T, E | EditError>> {
    const found = this.#ports.find(id);
    if (!found.ok) return found;
    const vm = found.value;
    const domain = Domain.parse(vm.definition.xml);
    const changed = change(domain);
    if (!changed.ok) return changed;
    const replaced = await this.#ports.store.replace(vm.definition, Domain.parse(domain.toXml()));
    if (!replaced.ok) return replaced;
    vm.definition = replaced.value;
    this.#ports.emit({ type: 'vm-changed', vm: vm.summary() });
    return changed;
  }

  async #refuseMedium(settings: DeviceSettings): Promise<Failed<'invalid-file'> | undefined> {
    if (settings.kind !== 'disk' || settings.source === undefined) return undefined;
    return this.#refuseFile(settings.source, ROLES[settings.device], 'invalid-file', 'source');
  }

  async #refuseFile<C extends string>(
    path: string,
    role: FileRole,
    code: C,
    field: string,
  ): Promise<Failed<C> | undefined> {
    const { ok: usable, description, message } = await this.#ports.checkFile(path, role);
    return usable ? undefined : fail(code, message ?? `This is ${description}.`, undefined, field);
  }
}
