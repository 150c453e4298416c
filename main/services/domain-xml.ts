/**
 * libvirt domain XML [1] to and from what Vivarium knows of a VM. Read and edited as a document: elements, attributes
 * and comments that mean nothing to us stay where they are, so a definition can travel to libvirt and back.
 *
 * Understood: domain/@type 'kvm'; name, uuid, title, description, memory with every unit, vcpu, os/type/@arch, os/kernel,
 * os/initrd, os/cmdline, cpu (domain-cpu.ts). Written into new definitions besides: currentMemory, features (acpi, apic), clock, on_*, and
 * the devices every Vivarium machine has. Not understood (kept, without effect): disks, interfaces and other devices,
 * numatune, resource control.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import { createHash } from 'node:crypto';
import { DOMParser, type Document, type Element, XMLSerializer } from '@xmldom/xmldom';
import type { CpuChoice, DirectBoot, NewVm, VmId } from '../../core/contracts/calls.ts';
import type { CpuConfig } from '../../core/contracts/cpu.ts';
import type { MachineConfig } from '../../core/contracts/machine.ts';
import { machineConfigSchema, validate } from '../../core/contracts/validators.ts';
import { readCpu, writeCpu } from './domain-cpu.ts';
import { DomainXmlError } from './domain-error.ts';
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
  readonly boot?: DirectBoot;
  readonly cpu?: CpuChoice;
}

/** What every new VM has; the values are filled in by edit(). */
const TEMPLATE = `<domain type='kvm'>
  <name/>
  <uuid/>
  <memory unit='KiB'/>
  <currentMemory unit='KiB'/>
  <vcpu placement='static'/>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel/>
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
    <serial type='pty'>
      <target port='0'/>
    </serial>
    <console type='pty'>
      <target type='serial' port='0'/>
    </console>
    <input type='keyboard' bus='ps2'/>
    <input type='mouse' bus='ps2'/>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <video>
      <model type='vga' vram='16384' heads='1' primary='yes'/>
    </video>
  </devices>
</domain>
`;

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

  static create(vm: NewVm, uuid: VmId, texts: { readonly title?: string; readonly description?: string } = {}): Domain {
    const document = parseXml(TEMPLATE);
    const root = document.documentElement;
    if (root === null) throw new Error('the template has no root');
    const domain = new Domain(document, root);
    domain.edit({ ...vm, ...texts, uuid });
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

  get boot(): DirectBoot {
    const initrd = this.#osText('initrd');
    return {
      kernel: this.#osText('kernel') ?? '',
      ...(initrd === undefined ? {} : { initrd }),
      cmdline: this.#osText('cmdline') ?? '',
    };
  }

  /** undefined: the hypervisor's default. */
  get cpu(): CpuConfig | undefined {
    const cpu = findChild(this.#root, 'cpu');
    return cpu && readCpu(cpu);
  }

  machineConfig(): MachineConfig {
    const { uuid: id, name, memoryMiB, vcpus, boot, cpu } = this;
    return { id, name, memoryMiB, vcpus, boot, ...(cpu && { cpu }) };
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
    if (change.boot !== undefined) this.#editBoot(change.boot);
    if (change.cpu !== undefined) writeCpu(ensureChild(root, 'cpu', 'features', 'os'), change.cpu);
  }

  toXml(): string {
    return `${new XMLSerializer().serializeToString(this.#document)}\n`;
  }

  #editBoot(boot: DirectBoot): void {
    const os = ensureChild(this.#root, 'os', 'vcpu');
    setChildText(os, 'kernel', boot.kernel, 'type');
    setChildText(os, 'initrd', boot.initrd, 'kernel');
    setChildText(os, 'cmdline', boot.cmdline === '' ? undefined : boot.cmdline, 'initrd', 'kernel');
  }

  #text(name: string): string | undefined {
    return textOf(findChild(this.#root, name));
  }

  #osText(name: string): string | undefined {
    const os = findChild(this.#root, 'os');
    return os === undefined ? undefined : textOf(findChild(os, name));
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
    if (this.#osText('kernel') === undefined) {
      throw new DomainXmlError(
        'The domain has no kernel to boot. This version starts VMs by direct kernel boot only.',
        'Add <kernel>/path/to/kernel</kernel> to its <os> element.',
      );
    }
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
