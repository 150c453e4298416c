/**
 * The <cpu> element of domain XML ([1] "CPU model and topology"): mode, check, model with its fallback, feature.
 * Kept without effect: match (a guest has what the model says), vendor, topology, cache, maxphysaddr, numa.
 *
 * [1] libvirt, "Domain XML format", https://libvirt.org/formatdomain.html
 */
import type { Element } from '@xmldom/xmldom';
import type { CpuChoice } from '../../core/contracts/calls.ts';
import {
  CPU_CHECKS,
  CPU_FEATURE_POLICIES,
  CPU_MODES,
  type CpuConfig,
  type CpuFeatureRequest,
  type CpuModelName,
  isCpuModelName,
} from '../../core/contracts/cpu.ts';
import { DomainXmlError } from './domain-error.ts';
import { ensureChild, findChild, findChildren, setChildText, textOf } from './xml-edit.ts';

const FALLBACKS = ['allow', 'forbid'] as const;

/** Throws DomainXmlError. libvirt's defaults: mode custom, check partial, fallback allow, policy require. */
export function readCpu(cpu: Element): CpuConfig {
  const mode = choice(cpu, 'mode', CPU_MODES, 'custom');
  const check = choice(cpu, 'check', CPU_CHECKS, mode === 'custom' ? 'partial' : 'none');
  const element = findChild(cpu, 'model');
  const fallback = element ? choice(element, 'fallback', FALLBACKS, 'allow') : 'allow';
  const features = findChildren(cpu, 'feature').map(readFeature);
  const model = mode === 'custom' ? readModel(element) : undefined;
  // a <cpu> with a topology only leaves the processor to the hypervisor
  if (model === undefined) return { mode: mode === 'custom' ? 'maximum' : mode, fallback, check, features };
  return { mode, model, fallback, check, features };
}

/** Changes the model and leaves the rest, features among it, as it is. */
export function writeCpu(cpu: Element, wanted: CpuChoice): void {
  cpu.setAttribute('mode', wanted.mode);
  if (wanted.mode === 'custom') {
    if (!cpu.hasAttribute('match')) cpu.setAttribute('match', 'exact');
    if (!cpu.hasAttribute('check')) cpu.setAttribute('check', 'partial');
    const model = ensureChild(cpu, 'model');
    model.textContent = wanted.model;
    if (!model.hasAttribute('fallback')) model.setAttribute('fallback', 'allow');
  } else {
    for (const attribute of ['match', 'check']) cpu.removeAttribute(attribute);
    setChildText(cpu, 'model', undefined);
  }
}

function readModel(element: Element | undefined): CpuModelName | undefined {
  const name = textOf(element)?.trim();
  if (name === undefined || isCpuModelName(name)) return name;
  throw new DomainXmlError(
    `"${name}" is not a CPU model that Vivarium knows.`,
    'Write a model that "viv cpu-models" lists in its <cpu>, or <cpu mode="maximum"/>.',
  );
}

function readFeature(element: Element): CpuFeatureRequest {
  const name = element.getAttribute('name') ?? '';
  if (name === '') throw new DomainXmlError('A <feature> of the <cpu> has no name.', 'Add its name, or remove it.');
  return { name, policy: choice(element, 'policy', CPU_FEATURE_POLICIES, 'require') };
}

function choice<T extends string>(element: Element, attribute: string, values: readonly T[], missing: T): T {
  const text = element.getAttribute(attribute);
  if (text === null) return missing;
  const value = values.find((each) => each === text);
  if (value !== undefined) return value;
  throw new DomainXmlError(
    `"${text}" is no ${attribute} of <${element.localName}>.`,
    `Write one of: ${values.join(', ')}.`,
  );
}
