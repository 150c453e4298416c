/** Step 2: memory and CPUs, board and firmware. */
import { MAX_VCPUS, type MachineType } from '../../../core/contracts/machine.ts';
import { formatCount, formatMiB } from '../../state/format.ts';
import { MACHINE_TYPES } from '../../state/hardware-words.ts';
import { type FieldNote, TextField } from '../../ui/field.tsx';
import { Select } from '../../ui/select.tsx';
import type { StepProps } from './use-wizard.ts';
import { BIOS, maxMemoryMiB } from './wizard-model.ts';

export function ResourcesStep({ draft, change, errors, around }: StepProps) {
  const memory = maxMemoryMiB(around.host);
  const images = around.host?.firmwareImages ?? [];
  const isKernel = draft.source === 'kernel';
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
      <h3>Machine</h3>
      <div className="wizard-figures">
        <Select
          label="Machine type"
          options={MACHINE_TYPES}
          value={draft.machine}
          onChange={(machine) => change({ machine: machine as MachineType })}
        />
        <Select
          label="Firmware"
          options={[
            { id: BIOS, label: 'BIOS (Vivarium’s own)' },
            ...images.map(({ path, label }) => ({ id: path, label })),
          ]}
          value={draft.firmware}
          onChange={(firmware) => change({ firmware })}
          disabled={isKernel}
          note={isKernel ? 'A kernel that is booted directly needs none.' : undefined}
        />
      </div>
    </>
  );
}
