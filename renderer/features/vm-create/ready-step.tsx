/** Step 3: a name, and what will be made. */
import { formatMiB } from '../../state/format.ts';
import { Checkbox, TextField } from '../../ui/field.tsx';
import type { StepProps } from './use-wizard.ts';
import { checkKey } from './wizard-model.ts';

export function ReadyStep({ draft, change, errors, around }: StepProps) {
  const kernel = around.checks.get(checkKey('kernel', draft.kernel.trim()));
  const rows: readonly (readonly [string, string, 'mono' | 'plain'])[] = [
    ['System', kernel?.description ?? 'Unknown', 'plain'],
    ['Kernel', draft.kernel.trim(), 'mono'],
    ['Initrd', draft.initrd.trim() || 'None', draft.initrd.trim() ? 'mono' : 'plain'],
    ['Command line', draft.cmdline.trim() || 'None', draft.cmdline.trim() ? 'mono' : 'plain'],
    ['Memory', formatMiB(Number(draft.memoryMiB)), 'plain'],
    ['CPUs', draft.vcpus, 'plain'],
  ];
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
        {rows.map(([term, value, kind]) => (
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
