import { describe, expect, it } from 'vitest';
import type { NewVm, VmId } from '../../core/contracts/calls.ts';
import { libvirtJudge } from '../testing/libvirt-schemas.ts';
import { Domain, DomainXmlError } from './domain-xml.ts';

const ID = '0f9a3f0e-6f0b-4c57-9f2b-6a5d2f6c1b11' as VmId;
const NEW_VM: NewVm = {
  name: 'Debian <12> & "friends" ünïcode 🐧',
  memoryMiB: 512,
  vcpus: 1,
  source: {
    kind: 'kernel',
    kernel: '/boot/vm & linuz',
    initrd: '/boot/initrd.img',
    cmdline: 'console=ttyS0 x="a b" <quiet>',
  },
};

/** As libvirt would write one, with much that Vivarium knows nothing of. */
const FOREIGN = `<?xml version="1.0" encoding="UTF-8"?>
<!-- written by hand -->
<domain type="kvm" id="7" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <description>two
lines</description>
  <name>foreign</name>
  <metadata><app:x xmlns:app="urn:app" app:name="not the name">kept</app:x></metadata>
  <uuid>0F9A3F0E-6F0B-4C57-9F2B-6A5D2F6C1B11</uuid>
  <vcpu placement="static" current="1">2</vcpu>
  <os>
    <loader type="rom">/usr/share/seabios/bios.bin</loader> <!-- odd place -->
    <type arch="i686" machine="pc-i440fx-7.2">hvm</type>
    <kernel>/k</kernel>
  </os>
  <memory unit="GiB">1</memory>
  <devices>
    <disk type="file" device="disk"><source file="/var/lib/x.qcow2"/><target dev="vda" bus="virtio"/></disk>
  </devices>
  <qemu:commandline><qemu:arg value="-S"/></qemu:commandline>
</domain>
`;

const minimal = (inside: string, type = 'kvm'): string =>
  `<domain type='${type}'><name>a</name><memory>1024</memory><os><kernel>/k</kernel></os>${inside}</domain>`;

describe('a new domain', () => {
  it('reads back as what it was made of', () => {
    const domain = Domain.parse(Domain.create(NEW_VM, ID, { title: 'A title', description: 'A text' }).toXml());
    expect(domain.uuid).toBe(ID);
    expect(domain.title).toBe('A title');
    expect(domain.description).toBe('A text');
    expect(domain.kernel).toEqual({
      kernel: '/boot/vm & linuz',
      initrd: '/boot/initrd.img',
      cmdline: 'console=ttyS0 x="a b" <quiet>',
    });
    expect(domain.machineConfig()).toEqual({
      id: ID,
      name: NEW_VM.name,
      memoryMiB: 512,
      vcpus: 1,
      machine: 'pc',
      boot: domain.kernel,
      inputs: [
        { type: 'keyboard', bus: 'ps2' },
        { type: 'mouse', bus: 'ps2' },
        { type: 'tablet', bus: 'usb' },
      ],
      usb: 'piix3-uhci',
      videoMemoryMiB: 16,
    });
  });

  it('puts each element on a line of its own', () => {
    const xml = Domain.create(NEW_VM, ID, { title: 'T' }).toXml();
    expect(xml).toContain(`</uuid>\n  <title>T</title>\n  <memory unit="KiB">524288</memory>\n  <currentMemory`);
    expect(xml).toContain('</kernel>\n    <initrd>/boot/initrd.img</initrd>\n    <cmdline>');
  });

  it('is valid by libvirt’s RelaxNG schema', { timeout: 120_000 }, async (context) => {
    const judge = await libvirtJudge();
    if ('missing' in judge) return context.skip(`skipped: ${judge.missing}`);
    const name = 'Debian 12'; // the schema's names have no newline or slash; others are free
    const full = Domain.create({ ...NEW_VM, name }, ID, { title: 'T', description: 'D' }).toXml();
    const least = Domain.create({ ...NEW_VM, source: { kind: 'kernel', kernel: '/k', cmdline: '' } }, ID).toXml();
    expect(judge.verdict(full)).toBe('valid');
    const chosen = Domain.create({ ...NEW_VM, name }, ID);
    for (const cpu of [
      { mode: 'custom', model: 'Haswell' },
      { mode: 'host-passthrough' },
      { mode: 'maximum' },
    ] as const) {
      chosen.edit({ cpu });
      expect(judge.verdict(chosen.toXml())).toBe('valid');
    }
    expect(judge.verdict(least)).toBe('valid');
    expect(judge.verdict(full.replace('<features>', '<wrong/><features>'))).not.toBe('valid');
  });
});

describe('a domain of libvirt', () => {
  it('tells what Vivarium needs', () => {
    const domain = Domain.parse(FOREIGN);
    expect(domain.machineConfig()).toEqual({
      id: ID,
      name: 'foreign',
      memoryMiB: 1024,
      vcpus: 2,
      machine: 'pc',
      boot: { kernel: '/k', cmdline: '' },
    });
    expect(domain.startProblem?.message).toBe('The disk vda is on the bus virtio, which Vivarium does not have yet.');
    expect(domain.description).toBe('two\nlines');
  });

  it('is written as it was read: unknown elements, attributes, comments, order and white space', () => {
    expect(Domain.parse(FOREIGN).toXml()).toBe(FOREIGN);
  });

  it('changes in what is edited and nowhere else', () => {
    const domain = Domain.parse(FOREIGN);
    domain.edit({ memoryMiB: 2048, vcpus: 1, kernel: { kernel: '/k2', initrd: '/i', cmdline: 'a' } });
    const expected = FOREIGN.replace('<memory unit="GiB">1</memory>', '<memory unit="KiB">2097152</memory>')
      .replace('</memory>\n', '</memory>\n  <currentMemory unit="KiB">2097152</currentMemory>\n')
      .replace(' current="1">2<', '>1<')
      .replace('<kernel>/k</kernel>', '<kernel>/k2</kernel>\n    <initrd>/i</initrd>\n    <cmdline>a</cmdline>');
    expect(domain.toXml()).toBe(expected);
    domain.edit({ kernel: { kernel: '/k', cmdline: '' } });
    expect(domain.toXml()).not.toMatch(/initrd|cmdline/);
  });

  it.each([
    ['', 1024, 1],
    [" unit='KiB'", 1025, 2],
    [" unit='b'", 5_000_000, 5],
    [" unit='MB'", 100, 96],
    [" unit='MiB'", 77, 77],
    [" unit='G'", 2, 2048],
    [" unit='TiB'", 1, 1 << 20],
  ])('has its memory with unit%s %d in MiB, rounded up: %d', (unit, size, memoryMiB) => {
    const xml = `<domain type='kvm'><name>a</name><memory${unit}>${size}</memory><os><kernel>/k</kernel></os></domain>`;
    expect(Domain.parse(xml).memoryMiB).toBe(memoryMiB);
  });

  it('keeps one uuid of its own where the file has none', () => {
    const [first, second] = [Domain.parse(minimal('')), Domain.parse(minimal('<title>t</title>'))];
    expect(first.uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(first.uuid).toBe(second.uuid);
  });
});

describe('a definition that cannot be used', () => {
  it.each([
    ['', /not well-formed XML/],
    ['hello', /not well-formed XML/],
    ['<domain type="kvm"><name>x</domain>', /not well-formed XML/],
    ['<domain type="kvm"><name>&nosuch;</name></domain>', /not well-formed XML/],
    ['<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><domain>&a;</domain>', /document type declaration/],
    ['<network/>', /<network>, not <domain>/],
    [minimal('', 'xen'), /of type "xen"/],
    ["<domain type='kvm'/>", /no <name>/],
    [minimal('').replace('>a<', '>a/b<'), /contains "\/"/],
    [minimal('<uuid>12</uuid>'), /<uuid> is not a UUID/],
    [minimal('').replace('<memory>1024</memory>', ''), /no <memory>/],
    [minimal('').replace('1024', '-5'), /<memory> is not a size/],
    [minimal('').replace('<memory>', "<memory unit='furlong'>"), /"furlong" is not a unit/],
    [minimal('<vcpu>many</vcpu>'), /<vcpu> is not a number/],
    [minimal('').replace('<kernel>', '<type arch="aarch64">hvm</type><kernel>'), /for aarch64/],
    [minimal('').replace('>/k<', '>k<'), /kernel path must be an absolute path/],
  ])('says why: %s', (xml, message) => {
    try {
      Domain.parse(xml);
      expect.unreachable('it was accepted');
    } catch (error) {
      if (!(error instanceof DomainXmlError)) throw error;
      expect(error.message).toMatch(message);
      expect(error.hint).not.toBe('');
    }
  });
});
