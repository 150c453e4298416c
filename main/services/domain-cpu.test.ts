import { describe, expect, it } from 'vitest';
import type { CpuConfig } from '../../core/contracts/cpu.ts';
import { Domain, DomainXmlError } from './domain-xml.ts';

const domain = (cpu: string): Domain =>
  Domain.parse(`<domain type='kvm'>
  <name>a</name>
  <memory>1024</memory>
  <os>
    <kernel>/k</kernel>
  </os>${cpu}
</domain>
`);
const HASWELL = `
  <cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>Haswell</model>
    <vendor>Intel</vendor>
    <topology sockets='1' cores='1' threads='1'/>
    <feature policy='disable' name='smap'/>
    <feature name='rdpid'/>
  </cpu>`;

describe('the <cpu> of a domain', () => {
  it.each<[string, CpuConfig | undefined]>([
    ['', undefined],
    ["<cpu mode='maximum'/>", { mode: 'maximum', fallback: 'allow', check: 'none', features: [] }],
    ["<cpu mode='host-model'/>", { mode: 'host-model', fallback: 'allow', check: 'none', features: [] }],
    [
      "<cpu mode='host-passthrough' check='none'/>",
      { mode: 'host-passthrough', fallback: 'allow', check: 'none', features: [] },
    ],
    [
      "<cpu><topology sockets='1' cores='1' threads='1'/></cpu>",
      { mode: 'maximum', fallback: 'allow', check: 'partial', features: [] },
    ],
    [
      '<cpu><model> EPYC </model></cpu>',
      { mode: 'custom', model: 'EPYC', fallback: 'allow', check: 'partial', features: [] },
    ],
    [
      HASWELL,
      {
        mode: 'custom',
        model: 'Haswell',
        fallback: 'forbid',
        check: 'full',
        features: [
          { name: 'smap', policy: 'disable' },
          { name: 'rdpid', policy: 'require' },
        ],
      },
    ],
  ])('says how the processor is chosen: %s', (xml, cpu) => {
    expect(domain(xml).cpu).toEqual(cpu);
    expect(domain(xml).machineConfig().cpu).toEqual(cpu);
  });

  it.each([
    ["<cpu mode='best'/>", /"best" is no mode of <cpu>/],
    ["<cpu check='some'><model>EPYC</model></cpu>", /"some" is no check/],
    ["<cpu><model fallback='perhaps'>EPYC</model></cpu>", /"perhaps" is no fallback of <model>/],
    ['<cpu><model>Z80</model></cpu>', /"Z80" is not a CPU model/],
    ['<cpu><feature/></cpu>', /no name/],
    ["<cpu><feature name='x' policy='maybe'/></cpu>", /"maybe" is no policy of <feature>/],
  ])('is refused with what is wrong: %s', (xml, message) => {
    expect(() => domain(xml)).toThrow(DomainXmlError);
    expect(() => domain(xml)).toThrow(message);
  });

  it('takes another model and keeps topology and features', () => {
    const edited = domain(HASWELL);
    edited.edit({ cpu: { mode: 'custom', model: 'kvm64' } });
    expect(edited.toXml()).toBe(domain(HASWELL.replace('>Haswell<', '>kvm64<')).toXml());
  });

  it('loses its model, and what is said about it, for a mode without', () => {
    const edited = domain(HASWELL);
    edited.edit({ cpu: { mode: 'maximum' } });
    expect(edited.toXml()).toContain('<cpu mode="maximum">\n    <vendor>');
    expect(edited.cpu).toMatchObject({ mode: 'maximum', features: [{ name: 'smap' }, { name: 'rdpid' }] });
  });

  it('comes into a domain that has none', () => {
    const edited = domain('');
    edited.edit({ cpu: { mode: 'custom', model: 'Nehalem' } });
    expect(edited.toXml()).toContain(
      '</os>\n  <cpu mode="custom" match="exact" check="partial">\n    <model fallback="allow">Nehalem</model>\n  </cpu>\n',
    );
    expect(edited.cpu?.model).toBe('Nehalem');
  });
});
