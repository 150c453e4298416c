/** The CPUs page of the details: which processor the guest sees. As virt-manager's: changes wait for Apply. */
import { useState } from 'react';
import type { CallFailure, VmDetails, VmSummary } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { isActive } from '../../state/store.ts';
import { Button } from '../../ui/button.tsx';
import { Checkbox } from '../../ui/field.tsx';
import { CircleAlert } from '../../ui/icons.tsx';
import { Select } from '../../ui/select.tsx';
import { type CpuDraft, choiceOf, draftOf, modelNote, modelOptions } from './cpu-choice.ts';

export function CpuPage({ vm, details }: { readonly vm: VmSummary; readonly details: VmDetails }) {
  const session = useSession();
  const models = useAppState((state) => state.host?.cpuModels) ?? [];
  const [edited, setEdited] = useState<CpuDraft>();
  const [failure, setFailure] = useState<CallFailure>();
  const draft = edited ?? draftOf(details.cpu);
  const choice = choiceOf(draft, details.cpu);
  const change = (part: Partial<CpuDraft>): void => {
    setFailure(undefined);
    setEdited({ ...draft, ...part });
  };
  const apply = async (): Promise<void> => {
    if (choice === undefined) return;
    const reply = await session.setCpu(vm.id, choice);
    setFailure(reply.ok ? undefined : reply.error);
    if (reply.ok) setEdited(undefined);
  };
  const unchanged = choice === undefined ? 'Nothing has been changed' : undefined;
  return (
    <section className="cpu-page" aria-label="CPU configuration">
      <h2>Configuration</h2>
      <Checkbox
        label="Copy host CPU configuration (host-passthrough)"
        checked={draft.copyHost}
        onChange={(copyHost) => change({ copyHost })}
      />
      <Select
        label="Model"
        options={modelOptions(models)}
        value={draft.model}
        onChange={(model) => change({ model })}
        disabled={draft.copyHost}
        note={modelNote(draft, models)}
      />
      {isActive(vm.state) && (
        <p className="muted">A change takes effect after the next start of the virtual machine.</p>
      )}
      {failure && (
        <p className="field-note" data-tone="bad" role="alert">
          <CircleAlert size={14} />
          <span>{[failure.message, failure.hint].filter(Boolean).join(' ')}</span>
        </p>
      )}
      <div className="cpu-actions">
        <Button label="Cancel" onPress={() => setEdited(undefined)} disabledReason={unchanged} />
        <Button label="Apply" variant="primary" onPress={() => void apply()} disabledReason={unchanged} />
      </div>
    </section>
  );
}
