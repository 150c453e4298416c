/** Step 3: a name, and what will be made. */
import { formatMiB } from '../../state/format.ts';
import { Checkbox, TextField } from '../../ui/field.tsx';
import type { StepProps } from './use-wizard.ts';
import { BIOS, type Draft, FILES, type Surroundings, verdictOf } from './wizard-model.ts';

export function ReadyStep({ draft, change, errors, around }: StepProps) {
  return (
    <>
      <h3>Ready to begin</h3>
      <TextField
        label="Name"
        value={draft.name}
        onChange={(name) => change({ name })}
        autoFocus
        note={errors.name ? { tone: 'bad', text: errors.name } : undefined}
      />
      <dl className="summary">
        {summaryOf(draft, around).map(([term, value, kind]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd className={kind === 'mono' ? 'mono' : ''}>{value}</dd>
          </div>
        ))}
      </dl>
      <Checkbox
        label="Start the virtual machine now"
        checked={draft.startNow}
        onChange={(startNow) => change({ startNow })}
      />
    </>
  );
}

type Row = readonly [term: string, value: string, kind: 'mono' | 'plain'];

function summaryOf(draft: Draft, around: Surroundings): readonly Row[] {
  const [main] = FILES[draft.source];
  const file = (term: string, value: string): Row => [term, value.trim() || 'None', value.trim() ? 'mono' : 'plain'];
  const image = around.host?.firmwareImages.find(({ path }) => path === draft.firmware);
  const files: Readonly<Record<Draft['source'], readonly Row[]>> = {
    iso: [file('ISO image', draft.iso), file('Disk', draft.target)],
    disk: [file('Disk', draft.disk)],
    floppy: [file('Floppy', draft.floppy)],
    kernel: [file('Kernel', draft.kernel), file('Initrd', draft.initrd), file('Command line', draft.cmdline)],
  };
  const firmware = draft.firmware === BIOS ? 'BIOS' : (image?.label ?? draft.firmware);
  return [
    ['System', verdictOf(main, draft, around.checks)?.description ?? 'Unknown', 'plain'],
    ...files[draft.source],
    ['Memory', formatMiB(Number(draft.memoryMiB)), 'plain'],
    ['CPUs', draft.vcpus, 'plain'],
    ['Machine', draft.source === 'kernel' ? draft.machine : `${draft.machine}, ${firmware}`, 'plain'],
  ];
}
