import { describe, expect, it } from 'vitest';
import { libvirtJudge } from '../testing/libvirt-schemas.ts';
import { Domain } from './domain-xml.ts';

const domain = (graphics: string): Domain =>
  Domain.parse(`<domain type='kvm'><name>a</name><memory>65536</memory><os><type machine='pc'>hvm</type></os>
  <devices>${graphics}</devices></domain>`);

const AUTO = "port='-1' autoport='yes'";

describe('<graphics type="vnc">', () => {
  it.each([
    [`<graphics type='vnc' ${AUTO}/>`],
    ["<graphics type='vnc'/>"],
    [`<graphics type='vnc' port='5903' autoport='yes'/>`],
    [`<graphics type='vnc' ${AUTO}><listen type='address'/></graphics>`],
    ["<graphics type='vnc' port='5901'><listen type='none'/></graphics>"],
    ["<graphics type='vnc' port='5901' passwd=''/>"],
    ["<graphics type='spice' port='5901' listen='0.0.0.0'/>"],
  ])('opens no port that nobody asked for: %s', (xml) => {
    expect(domain(xml).machineConfig()).not.toHaveProperty('vnc');
    expect(domain(xml).startProblem).toBeUndefined();
  });

  it.each([
    ["<graphics type='vnc' port='5901'/>", { address: '127.0.0.1', port: 5901 }],
    ["<graphics type='vnc' port='5901' autoport='no' listen='::1'/>", { address: '::1', port: 5901 }],
    [`<graphics type='vnc' ${AUTO} listen='127.0.0.1'/>`, { address: '127.0.0.1' }],
    [
      `<graphics type='spice' port='1'/><graphics type='vnc' ${AUTO}><listen type='address' address='0.0.0.0'/></graphics>`,
      { address: '0.0.0.0' },
    ],
    [
      "<graphics type='vnc' port='5900' passwd='secret' passwdValidTo='2030-01-02T03:04:05'/>",
      { address: '127.0.0.1', port: 5900, password: 'secret', passwordValidToMs: Date.UTC(2030, 0, 2, 3, 4, 5) },
    ],
  ])('lets viewers connect where it says: %s', (xml, vnc) => {
    expect(domain(xml).machineConfig().vnc).toEqual(vnc);
    expect(domain(xml).hardware.devices.find(({ model }) => model === 'vnc')?.listens).toBe(true);
  });

  it.each([
    ["<graphics type='vnc' port='65536'/>", /"65536" is not a port/],
    ["<graphics type='vnc' port='5901' passwd='x' passwdValidTo='tomorrow'/>", /"tomorrow" is not a time/],
  ])('keeps what it cannot mean, and says so: %s', (xml, message) => {
    expect(domain(xml).startProblem?.message).toMatch(message);
    expect(domain(xml).machineConfig()).not.toHaveProperty('vnc');
  });

  it('says what is not done of it', () => {
    const socket = domain("<graphics type='vnc' port='5901'><listen type='socket' socket='/s'/></graphics>");
    expect(socket.machineConfig()).not.toHaveProperty('vnc');
    expect(socket.hardware.devices[0]?.limit).toContain('not to a socket');
  });

  it('stays as it was, and valid, when something else is edited', { timeout: 120_000 }, async (context) => {
    const judge = await libvirtJudge();
    if ('missing' in judge) return context.skip(`skipped: ${judge.missing}`);
    const graphics =
      '<graphics type="vnc" port="5901" autoport="no" listen="127.0.0.1" passwd="secret" passwdValidTo="2030-01-02T03:04:05">' +
      '<listen type="address" address="127.0.0.1"/></graphics>';
    const edited = domain(graphics);
    edited.edit({ memoryMiB: 128, uuid: edited.uuid });
    expect(edited.toXml()).toContain(graphics);
    expect(judge.verdict(edited.toXml())).toBe('valid');
  });
});
