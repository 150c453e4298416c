/**
 * libvirt domain XML [1] to and from what Vivarium knows of a VM. Read and edited as a document: elements, attributes
 * and comments that mean nothing to us stay where they are, so a definition can travel to libvirt and back.
 *
 * Understood: domain/@type 'kvm'; name, uuid, title, description, memory with every unit, vcpu, os/type/@arch, the rest of
 * os (domain-os.ts), cpu (domain-cpu.ts), devices (domain-devices.ts, domain-disk.ts; edited by domain-edit.ts). Written
 * into new definitions (domain-template.ts) besides: currentMemory, features (acpi, apic), clock, on_*. Not understood
 * (kept, without effect): numatune, resource control.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import { createHash } from 'node:crypto';
import { DOMParser, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';
import type { CpuChoice, NewVm, VmId } from '../../core/contracts/calls.ts';
import type { CpuConfig } from '../../core/contracts/cpu.ts';
import type {
  BootOptions,
  DeviceId,
  DeviceSettings,
  DiskSettings,
  FirmwareChoice,
  Hardware,
} from '../../core/contracts/hardware.ts';
import type { DirectBoot, MachineConfig, MachineType } from '../../core/contracts/machine.ts';
import { machineConfigSchema, validate } from '../../core/contracts/validators.ts';
import { readCpu, writeCpu } from './domain-cpu.ts';
import { bootOrderOf, deviceConfig, readDevices } from './domain-devices.ts';
import {
  addDevice,
  changeSource,
  type DeviceEditError,
  editDevice,
  misplaced,
  removeDevice,
  setBootOrder,
} from './domain-edit.ts';
import { DomainXmlError } from './domain-error.ts';
import {
  firmwareConfig,
  machineName,
  machineType,
  osProblem,
  readBootMenuMs,
  readFirmware,
  readKernel,
  type StartProblem,
  writeBootMenu,
  writeFirmware,
  writeKernel,
  writeMachine,
} from './domain-os.ts';
import { newDomainXml, newDrives } from './domain-template.ts';
import type { Outcome } from './outcome.ts';
import { problemWithName } from './vm-name.ts';
import { ensureChild, findChild, setChildText, textOf } from './xml-edit.ts';

export { DomainXmlError };

export interface DomainEdit {
  readonly name?: string;
  readonly uuid?: VmId;
  readonly title?: string;
  readonly description?: string;
  readonly memoryMiB?: number;
  readonly vcpus?: number;
  readonly kernel?: DirectBoot;
  readonly cpu?: CpuChoice;
}

/** Bytes of libvirt's units of memory ([1], "Memory Allocation"); without a unit it is KiB. */
const UNIT_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 2 ** 10,
  KiB: 2 ** 10,
  MB: 1e6,
  M: 2 ** 20,
  MiB: 2 ** 20,
  GB: 1e9,
  G: 2 ** 30,
  GiB: 2 ** 30,
  TB: 1e12,
  T: 2 ** 40,
  TiB: 2 ** 40,
};

const ARCHITECTURES: readonly string[] = ['x86_64', 'i686'];
const UUID = /^[0-9a-f]{32}$/;

export class Domain {
  readonly #document: Document;
  readonly #root: Element;

  private constructor(document: Document, root: Element) {
    this.#document = document;
    this.#root = root;
  }

  /** Throws DomainXmlError for text that is not XML or does not describe a VM that Vivarium can run. */
  static parse(xml: string): Domain {
    const document = parseXml(xml);
    const root = document.documentElement;
    if (root === null || root.nodeName !== 'domain')
      throw new DomainXmlError(`The root element is <${root?.nodeName}>, not <domain>.`, 'Give it a libvirt domain.');
    const domain = new Domain(document, root);
    domain.#check();
    return domain;
  }

  /** nvram: the file for UEFI's variables, should the firmware need one. */
  static create(
    vm: NewVm,
    uuid: VmId,
    texts: { readonly title?: string; readonly description?: string } = {},
    nvram = '',
  ): Domain {
    const { source, machine = 'pc', firmware = { kind: 'bios' } } = vm;
    const document = parseXml(newDomainXml(machine));
    const root = document.documentElement;
    if (root === null) throw new Error('the template has no root');
    const domain = new Domain(document, root);
    domain.edit({ ...vm, ...texts, uuid });
    writeFirmware(root, firmware, nvram);
    const added = newDrives(source, machine).map((drive) => addDevice(root, drive, machine));
    setBootOrder(
      root,
      added.flatMap((outcome) => (outcome.ok ? [outcome.value.device] : [])),
    );
    if (source.kind === 'kernel') {
      const { kind: _, ...kernel } = source;
      domain.edit({ kernel });
    }
    domain.#check();
    return domain;
  }

  get name(): string {
    return this.#text('name') ?? '';
  }

  /** libvirt gives a domain without a uuid a new one; ours is derived from the name, so that it stays the same. */
  get uuid(): VmId {
    const written = this.#text('uuid')?.trim();
    const digits = written === undefined ? digestOf(this.name) : written.replaceAll('-', '').toLowerCase();
    const groups = [
      digits.slice(0, 8),
      digits.slice(8, 12),
      digits.slice(12, 16),
      digits.slice(16, 20),
      digits.slice(20),
    ];
    return groups.join('-') as VmId;
  }

  get title(): string | undefined {
    return this.#text('title');
  }

  get description(): string | undefined {
    return this.#text('description');
  }

  /** Rounded up to whole MiB, as libvirt rounds up to what a hypervisor can give. */
  get memoryMiB(): number {
    const memory = findChild(this.#root, 'memory');
    const unit = memory?.getAttribute('unit') ?? 'KiB';
    return Math.ceil((wholeNumber(memory) * (UNIT_BYTES[unit] ?? Number.NaN)) / 2 ** 20);
  }

  get vcpus(): number {
    const vcpu = findChild(this.#root, 'vcpu');
    return vcpu === undefined ? 1 : wholeNumber(vcpu);
  }

  get machine(): MachineType {
    return machineType(machineName(this.#root)) ?? 'pc';
  }

  get kernel(): DirectBoot | undefined {
    return readKernel(this.#root);
  }

  /** What the details show of it. */
  get hardware(): Hardware {
    const root = this.#root;
    const devices = readDevices(root);
    const menuTimeoutMs = readBootMenuMs(root);
    const kernel = readKernel(root);
    return {
      machine: this.machine,
      machineName: machineName(root),
      firmware: readFirmware(root),
      boot: {
        order: bootOrderOf(root, devices).map(({ view }) => view.id),
        ...(menuTimeoutMs !== undefined && { menuTimeoutMs }),
        ...(kernel && { kernel }),
      },
      devices: devices.map(({ view }) => view),
    };
  }

  /** Why it cannot be started; undefined when nothing is known to be in the way. */
  get startProblem(): StartProblem | undefined {
    return osProblem(this.#root) ?? readDevices(this.#root).find(({ problem }) => problem !== undefined)?.problem;
  }

  /** undefined: the hypervisor's default. */
  get cpu(): CpuConfig | undefined {
    const cpu = findChild(this.#root, 'cpu');
    return cpu && readCpu(cpu);
  }

  /** nvram: the file for UEFI's variables where the definition names none. */
  machineConfig(nvram = ''): MachineConfig {
    const { uuid: id, name, memoryMiB, vcpus, machine, kernel: boot, cpu } = this;
    const firmware = boot ? undefined : firmwareConfig(this.#root, nvram);
    const bootMenuMs = readBootMenuMs(this.#root);
    return {
      id,
      name,
      memoryMiB,
      vcpus,
      machine,
      ...(boot && { boot }),
      ...(firmware && { firmware }),
      ...(bootMenuMs !== undefined && { bootMenuMs }),
      ...(cpu && { cpu }),
      ...deviceConfig(this.#root),
    };
  }

  // Each of these changes the whole of what it is about, or nothing.

  /** taken: targets that a drive must not get besides those in use. */
  addDevice(settings: DeviceSettings, taken: readonly string[] = []): Outcome<{ device: DeviceId }, DeviceEditError> {
    return addDevice(this.#root, settings, this.machine, taken);
  }

  editDevice(id: DeviceId, settings: DeviceSettings): Outcome<{ device: DeviceId }, DeviceEditError> {
    return editDevice(this.#root, id, settings, this.machine);
  }

  removeDevice(id: DeviceId): Outcome<undefined, 'wrong-device'> {
    return removeDevice(this.#root, id);
  }

  /** The drive it was. */
  changeMedia(target: string, path: string | undefined): Outcome<DiskSettings, 'wrong-device'> {
    return changeSource(this.#root, target, path);
  }

  setBoot(boot: BootOptions): Outcome<undefined, 'wrong-device'> {
    const ordered = setBootOrder(this.#root, boot.order);
    if (!ordered.ok) return ordered;
    writeBootMenu(this.#root, boot.menuTimeoutMs);
    writeKernel(this.#root, boot.kernel);
    return ordered;
  }

  /** Drives on buses that a board lacks: with any, it cannot be this one's. */
  misplacedOn(machine: MachineType): readonly string[] {
    return misplaced(this.#root, machine);
  }

  setMachine(machine: MachineType, firmware: FirmwareChoice, nvram: string): void {
    writeMachine(this.#root, machine);
    writeFirmware(this.#root, firmware, nvram);
  }

  /** Changes what is given and nothing else. */
  edit(change: DomainEdit): void {
    const root = this.#root;
    if (change.name !== undefined) setChildText(root, 'name', change.name);
    if (change.uuid !== undefined) setChildText(root, 'uuid', change.uuid, 'name');
    if (change.title !== undefined) setChildText(root, 'title', change.title, 'uuid');
    if (change.description !== undefined) setChildText(root, 'description', change.description, 'title', 'uuid');
    if (change.memoryMiB !== undefined) {
      for (const element of ['memory', 'currentMemory']) {
        setChildText(root, element, String(change.memoryMiB * 1024), 'memory').setAttribute('unit', 'KiB');
      }
    }
    if (change.vcpus !== undefined) {
      const vcpu = setChildText(root, 'vcpu', String(change.vcpus), 'currentMemory');
      vcpu.removeAttribute('current');
    }
    if (change.kernel !== undefined) writeKernel(root, change.kernel);
    if (change.cpu !== undefined) writeCpu(ensureChild(root, 'cpu', 'features', 'os'), change.cpu);
  }

  toXml(): string {
    return `${new XMLSerializer().serializeToString(this.#document)}\n`;
  }

  #text(name: string): string | undefined {
    return textOf(findChild(this.#root, name));
  }

  #check(): void {
    const type = this.#root.getAttribute('type');
    if (type !== 'kvm') {
      throw new DomainXmlError(
        `The domain is of type "${type ?? ''}"; Vivarium runs type "kvm".`,
        "Write <domain type='kvm'>.",
      );
    }
    const badName = this.name === '' ? 'The domain has no <name>.' : problemWithName(this.name);
    if (badName !== undefined) throw new DomainXmlError(badName, 'Correct the <name> element.');
    if (!UUID.test(this.uuid.replaceAll('-', '')))
      throw new DomainXmlError('The <uuid> is not a UUID.', 'Correct the <uuid> element, or remove it.');
    this.#checkHardware();
    const config = validate(machineConfigSchema, this.machineConfig());
    if (!config.ok) throw new DomainXmlError(config.error.message, 'Correct it in the file.');
  }

  #checkHardware(): void {
    const memory = findChild(this.#root, 'memory');
    if (memory === undefined) throw new DomainXmlError('The domain has no <memory>.', "Add <memory unit='MiB'>.");
    const unit = memory.getAttribute('unit');
    if (unit !== null && !Object.hasOwn(UNIT_BYTES, unit))
      throw new DomainXmlError(`"${unit}" is not a unit of memory.`, "Write <memory unit='MiB'>.");
    if (!(this.memoryMiB > 0)) throw new DomainXmlError('The <memory> is not a size.', 'Write a whole number.');
    if (!(this.vcpus > 0)) throw new DomainXmlError('The <vcpu> is not a number of CPUs.', 'Write a whole number.');
    const os = findChild(this.#root, 'os');
    const type = os && findChild(os, 'type');
    const arch = type?.getAttribute('arch') ?? 'x86_64';
    if (!ARCHITECTURES.includes(arch))
      throw new DomainXmlError(`The domain is for ${arch}; Vivarium runs x86_64 and i686.`, 'Correct os/type/@arch.');
  }
}

function parseXml(xml: string): Document {
  if (/<!DOCTYPE/i.test(xml))
    throw new DomainXmlError('The file has a document type declaration.', 'Remove the <!DOCTYPE ...> part.');
  let complaint: string | undefined;
  try {
    const parser = new DOMParser({
      onError: (_level, message) => {
        complaint ??= message;
      },
    });
    const document = parser.parseFromString(xml, 'text/xml');
    if (complaint === undefined) return document;
  } catch (error) {
    complaint ??= error instanceof Error ? error.message : String(error);
  }
  throw new DomainXmlError(`The file is not well-formed XML: ${complaint}.`, 'Correct the XML, or restore a copy.');
}

function wholeNumber(element: Element | undefined): number {
  const text = element?.textContent?.trim() ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

function digestOf(name: string): string {
  return createHash('sha256').update(`vivarium domain ${name}`).digest('hex').slice(0, 32);
}
