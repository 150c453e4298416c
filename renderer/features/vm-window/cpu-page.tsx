/** The CPUs page of the details: which processor the guest sees. As virt-manager's: changes wait for Apply. */
import type { VmDetails, VmSummary } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { isActive } from '../../state/store.ts';
import { Checkbox } from '../../ui/field.tsx';
import { Select } from '../../ui/select.tsx';
import { choiceOf, draftOf, modelNote, modelOptions } from './cpu-choice.ts';
import { DetailsPage } from './details/details-page.tsx';
import { useDraft } from './details/use-draft.ts';

export function CpuPage({ vm, details }: { readonly vm: VmSummary; readonly details: VmDetails }) {
  const session = useSession();
  const models = useAppState((state) => state.host?.cpuModels) ?? [];
  const draft = useDraft(draftOf(details.cpu), async (value) => {
    const cpu = choiceOf(value, details.cpu);
    return cpu ? session.edit('vms.setCpu', { id: vm.id, cpu }) : { ok: true };
  });
  const { value, change } = draft;
  return (
    <DetailsPage title="CPU configuration" draft={draft}>
      <Checkbox
        label="Copy host CPU configuration (host-passthrough)"
        checked={value.copyHost}
        onChange={(copyHost) => change({ copyHost })}
      />
      <Select
        label="Model"
        options={modelOptions(models)}
        value={value.model}
        onChange={(model) => change({ model })}
        disabled={value.copyHost}
        note={modelNote(value, models)}
      />
      {isActive(vm.state) && (
        <p className="muted">A change takes effect after the next start of the virtual machine.</p>
      )}
    </DetailsPage>
  );
}
