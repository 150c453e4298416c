/** Step 2: memory and CPUs. */
import { MAX_VCPUS } from '../../../core/contracts/machine.ts';
import { formatCount, formatMiB } from '../../state/format.ts';
import { type FieldNote, TextField } from '../../ui/field.tsx';
import type { StepProps } from './use-wizard.ts';
import { maxMemoryMiB } from './wizard-model.ts';

export function ResourcesStep({ draft, change, errors, around }: StepProps) {
  const memory = maxMemoryMiB(around.host);
  const note = (error: string | undefined, hint: string): FieldNote =>
    error ? { tone: 'bad', text: error } : { tone: 'plain', text: hint };
  return (
    <>
      <h3>Memory and CPUs</h3>
      <div className="wizard-figures">
        <TextField
          label="Memory (MiB)"
          value={draft.memoryMiB}
          onChange={(memoryMiB) => change({ memoryMiB })}
          inputMode="numeric"
          autoFocus
          note={note(errors.memoryMiB, `Up to ${formatCount(memory)} MiB (${formatMiB(memory)}) available`)}
        />
        <TextField
          label="CPUs"
          value={draft.vcpus}
          onChange={(vcpus) => change({ vcpus })}
          inputMode="numeric"
          note={note(errors.vcpus, `Up to ${MAX_VCPUS} available`)}
        />
      </div>
    </>
  );
}
