/** The processor of a VM as its page shows it, and what the page asks for. */
import type { CpuChoice } from '../../../core/contracts/calls.ts';
import type { CpuConfig, CpuModelInfo } from '../../../core/contracts/cpu.ts';

export const MAXIMUM = 'maximum';

/** What the person sees: copy the host's, or a model of the list. */
export interface CpuDraft {
  readonly copyHost: boolean;
  /** MAXIMUM or the name of a model. */
  readonly model: string;
}

export function draftOf(cpu: CpuConfig): CpuDraft {
  const copyHost = cpu.mode === 'host-passthrough' || cpu.mode === 'host-model';
  return { copyHost, model: cpu.model ?? MAXIMUM };
}

/** undefined when nothing would change. */
export function choiceOf(draft: CpuDraft, cpu: CpuConfig): CpuChoice | undefined {
  const now = draftOf(cpu);
  if (draft.copyHost) return now.copyHost ? undefined : { mode: 'host-passthrough' };
  if (!now.copyHost && draft.model === now.model) return undefined;
  return draft.model === MAXIMUM ? { mode: MAXIMUM } : { mode: 'custom', model: draft.model };
}

export function modelOptions(models: readonly CpuModelInfo[]): { id: string; label: string }[] {
  return [{ id: MAXIMUM, label: 'Maximum (default)' }, ...models.map(({ name }) => ({ id: name, label: name }))];
}

/** What a person should know about the model. */
export function modelNote({ copyHost, model }: CpuDraft, models: readonly CpuModelInfo[]): string {
  if (copyHost || model === MAXIMUM) return 'Everything that this hypervisor can do.';
  const missing = models.find((each) => each.name === model)?.missingFeatures ?? [];
  if (missing.length === 0) return 'This hypervisor has all of its features.';
  return `This hypervisor gives it without ${missing.join(', ')}.`;
}
