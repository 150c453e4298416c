/** The registry of VMs: what there is, by id; creation, deletion, and what concerns all of them. */
import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import type {
  AppEvent,
  DefinitionProblem,
  FileCheck,
  FileRole,
  NewVm,
  VmDetails,
  VmId,
  VmSummary,
} from '../../core/contracts/calls.ts';
import { MAX_VCPUS, MIN_MEMORY_MIB } from '../../core/contracts/machine.ts';
import type { StreamAddress } from '../../core/contracts/streams.ts';
import type { ByteStream, StartMachine } from '../../core/worker/client-api.ts';
import { moveFile } from './atomic-file.ts';
import type { DataDir } from './data-dir.ts';
import type { Definition, DefinitionStore } from './definitions.ts';
import { Domain } from './domain-xml.ts';
import type { CheckFile } from './files.ts';
import { done, type Failed, fail, type Outcome, ok } from './outcome.ts';
import type { OpenPty } from './pty.ts';
import { Vm } from './vm.ts';
import { VmEdits } from './vm-edits.ts';
import { VmLog } from './vm-log.ts';
import { problemWithName } from './vm-name.ts';

export interface VmsPorts {
  readonly store: DefinitionStore;
  readonly dir: DataDir;
  readonly startMachine: StartMachine;
  readonly openPty: OpenPty;
  readonly checkFile: CheckFile;
  readonly emit: (event: AppEvent) => void;
  /** The most one guest can have on this host. */
  readonly maxMemoryMiB: number;
}

type CreateError =
  | 'invalid-name'
  | 'name-taken'
  | 'invalid-memory'
  | 'invalid-kernel'
  | 'invalid-initrd'
  | 'invalid-file'
  | 'invalid-vcpus'
  | 'storage';

export class Vms {
  /** Changes of definitions. */
  readonly edits: VmEdits;
  readonly #ports: VmsPorts;
  readonly #vms = new Map<VmId, Vm>();
  readonly #logs = new Set<VmLog>();

  /** Takes up every definition that the store has loaded. */
  constructor(ports: VmsPorts) {
    this.#ports = ports;
    this.edits = new VmEdits({
      store: ports.store,
      checkFile: ports.checkFile,
      emit: ports.emit,
      find: (id) => this.find(id),
      nvramOf: (id) => this.#nvramOf(id),
    });
    for (const definition of ports.store.definitions) this.#take(definition);
  }

  list(): { vms: readonly VmSummary[]; problems: readonly DefinitionProblem[] } {
    return { vms: [...this.#vms.values()].map((vm) => vm.summary()), problems: this.#ports.store.problems };
  }

  find(id: VmId): Outcome<Vm, 'not-found'> {
    const vm = this.#vms.get(id);
    if (vm !== undefined) return ok(vm);
    return fail(
      'not-found',
      'This virtual machine does not exist any more.',
      'It may have been deleted in another window.',
    );
  }

  details(id: VmId): Outcome<VmDetails, 'not-found'> {
    const found = this.find(id);
    return found.ok ? ok(found.value.details()) : found;
  }

  async create(request: NewVm): Promise<Outcome<{ id: VmId }, CreateError>> {
    const refused = this.#refuseNewVm(request) ?? (await this.#refuseFiles(request));
    if (refused) return refused;
    const id = randomUUID() as VmId;
    const added = await this.#ports.store.add(Domain.create(request, id, {}, this.#nvramOf(id)));
    if (!added.ok) return added;
    const vm = this.#take(added.value);
    this.#ports.emit({ type: 'vm-changed', vm: vm.summary() });
    return ok({ id: vm.id });
  }

  async delete(id: VmId): Promise<Outcome<undefined, 'not-found' | 'wrong-state' | 'storage'>> {
    const found = this.find(id);
    if (!found.ok) return found;
    const vm = found.value;
    const refused = vm.refuseDelete();
    if (refused) return refused;
    this.#vms.delete(id); // at once: it must not be started while its file moves
    const removed = await this.#ports.store.remove(vm.definition);
    if (!removed.ok) {
      this.#vms.set(id, vm);
      return removed;
    }
    await this.#trashNvram(id);
    this.#ports.emit({ type: 'vm-removed', id });
    return done;
  }

  openStream(address: StreamAddress): Outcome<ByteStream, 'not-found' | 'wrong-state'> {
    const found = this.find(address.vmId);
    if (!found.ok) return found;
    const stream = found.value.openStream(address.kind);
    if (stream !== undefined) return ok(stream);
    return fail('wrong-state', `"${found.value.name}" is not running.`, 'Run it first.');
  }

  /** VMs that run, are paused or on their way up or down. */
  active(): readonly VmSummary[] {
    return this.#active().map((vm) => vm.summary());
  }

  /** Presses every power button, and forces off what is still active after the grace. */
  async shutDownAll(graceMs: number): Promise<void> {
    for (const vm of this.#active()) vm.shutdown();
    await Promise.all(this.#active().map((vm) => vm.untilOff(graceMs)));
    await this.forceOffAll();
  }

  async forceOffAll(): Promise<void> {
    await Promise.all(
      this.#active().map(async (vm) => {
        const refused = !(await vm.destroy()).ok;
        // One that is just starting can be forced off once it runs.
        if (refused && vm.active) {
          await vm.untilStarted();
          await vm.destroy();
        }
      }),
    );
    await Promise.all([...this.#logs].map((log) => log.flush()));
  }

  #active(): readonly Vm[] {
    return [...this.#vms.values()].filter((vm) => vm.active);
  }

  #take(definition: Definition): Vm {
    const { dir, startMachine, openPty, emit } = this.#ports;
    const id = definition.domain.uuid;
    const log = new VmLog(join(dir.logs, `${basename(definition.path, '.xml')}.log`), (line) =>
      emit({ type: 'vm-log', id, line }),
    );
    const vm = new Vm(definition, {
      startMachine,
      openPty,
      log,
      nvram: this.#nvramOf(id),
      hardwareChanged: () => emit({ type: 'vm-hardware', id }),
      changed: (changed) => emit({ type: 'vm-changed', vm: changed.summary() }),
    });
    this.#logs.add(log);
    this.#vms.set(id, vm);
    return vm;
  }

  #refuseNewVm(request: NewVm): Failed<CreateError> | undefined {
    const { name, memoryMiB, vcpus } = request;
    const badName = problemWithName(name);
    if (badName !== undefined) return fail('invalid-name', badName, 'Choose another name.', 'name');
    const max = this.#ports.maxMemoryMiB;
    if (!Number.isInteger(memoryMiB) || memoryMiB < MIN_MEMORY_MIB || memoryMiB > max) {
      return fail(
        'invalid-memory',
        `A virtual machine cannot have ${memoryMiB} MiB of memory here.`,
        `Choose a whole number from ${MIN_MEMORY_MIB} to ${max} MiB.`,
        'memoryMiB',
      );
    }
    if (!Number.isInteger(vcpus) || vcpus < 1 || vcpus > MAX_VCPUS) {
      const range = MAX_VCPUS === 1 ? 'This version runs virtual machines with 1 CPU.' : `Choose 1 to ${MAX_VCPUS}.`;
      return fail('invalid-vcpus', `A virtual machine cannot have ${vcpus} CPUs here.`, range, 'vcpus');
    }
    return undefined;
  }

  async #refuseFiles({ source, firmware }: NewVm): Promise<Failed<CreateError> | undefined> {
    const image =
      firmware?.kind === 'image' ? await this.#refuseFile('firmware', firmware.path, 'firmware.path') : undefined;
    if (image) return image;
    if (source.kind === 'kernel') {
      const kernel = await this.#refuseFile('kernel', source.kernel, 'source.kernel');
      if (kernel || source.initrd === undefined) return kernel;
      return this.#refuseFile('initrd', source.initrd, 'source.initrd');
    }
    const medium = await this.#refuseFile(source.kind, source.path, 'source.path');
    if (medium || source.kind !== 'iso' || source.disk === undefined) return medium;
    return this.#refuseFile('disk', source.disk, 'source.disk');
  }

  async #refuseFile(role: FileRole, path: string, field: string): Promise<Failed<CreateError> | undefined> {
    const check = await this.#ports.checkFile(path, role);
    return check.ok ? undefined : unusable(role, path, field, check);
  }

  #nvramOf(id: VmId): string {
    return join(this.#ports.dir.nvram, `${id}_VARS.fd`);
  }

  /** Beside the definition that goes there; a VM without UEFI has none, and one that stays behind does no harm. */
  async #trashNvram(id: VmId): Promise<void> {
    const file = this.#nvramOf(id);
    await moveFile(file, join(this.#ports.dir.trash, basename(file))).catch(() => undefined);
  }
}

/** What a file is called in a sentence, and the code of one that cannot be used. */
const ROLES: Readonly<Record<FileRole, readonly [string, CreateError]>> = {
  kernel: ['kernel', 'invalid-kernel'],
  initrd: ['initrd', 'invalid-initrd'],
  iso: ['install medium', 'invalid-file'],
  disk: ['disk image', 'invalid-file'],
  floppy: ['floppy image', 'invalid-file'],
  firmware: ['firmware image', 'invalid-file'],
};

function unusable(role: FileRole, path: string, field: string, check: FileCheck): Failed<CreateError> {
  const [word, code] = ROLES[role];
  return fail(code, `The ${word} ${path} cannot be used. ${check.message ?? ''}`.trim(), undefined, field);
}
