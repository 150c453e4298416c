/** Step 1: what to start from, and its files. */
import { useState } from 'react';
import { TextField } from '../../ui/field.tsx';
import { Info } from '../../ui/icons.tsx';
import { Radios } from '../../ui/radio.tsx';
import { FileField } from '../file-chooser/file-field.tsx';
import type { StepProps } from './use-wizard.ts';
import { FILES, type FileFieldName, type SourceKind, verdictOf } from './wizard-model.ts';

const SOURCES: readonly { readonly id: SourceKind; readonly label: string }[] = [
  { id: 'iso', label: 'Local install media (ISO image)' },
  { id: 'disk', label: 'Import existing disk image' },
  { id: 'floppy', label: 'Floppy image' },
  { id: 'kernel', label: 'Direct kernel boot' },
];

const LABELS: Readonly<Record<FileFieldName, readonly [label: string, hint: string]>> = {
  iso: ['ISO image', 'A CD or DVD to start from, such as an installer or a live system.'],
  target: ['Disk to install to', 'Optional: a raw image to install to. More drives can be added later.'],
  disk: ['Disk image', 'A raw image of a disk with a system on it.'],
  floppy: ['Floppy image', 'An image of a diskette of up to 2,880 KiB.'],
  kernel: ['Kernel', 'A Linux bzImage, such as /boot/vmlinuz-…, or a multiboot ELF file.'],
  initrd: ['Initrd', 'Optional: the first file system of a Linux kernel, or a multiboot module.'],
};
const CMDLINE_HINT =
  'Linux writes to each console= named here and reads from the last one: tty0 is the screen, ttyS0 the serial port.';

export function SourceStep({ draft, change, errors, around, dropped }: StepProps) {
  // Another source is chosen with the arrow keys: the focus stays there then.
  const [first] = useState(draft.source);
  const rules = FILES[draft.source];
  return (
    <>
      {dropped && (
        <p className="wizard-dropped">
          <Info size={14} />
          <span>
            A browser does not tell where a dropped file lies. Please choose <strong>{dropped}</strong> here.
          </span>
        </p>
      )}
      <Radios
        label="What to start from"
        options={SOURCES}
        value={draft.source}
        onChange={(source) => change({ source })}
      />
      {rules.map((rule, index) => (
        <FileField
          key={rule.field}
          label={LABELS[rule.field][0]}
          fileRole={rule.role}
          value={draft[rule.field]}
          onChange={(path) => change({ [rule.field]: path })}
          verdict={verdictOf(rule, draft, around.checks)}
          error={errors[rule.field]}
          hint={LABELS[rule.field][1]}
          autoFocus={index === 0 && draft.source === first}
          startAt={draft[rules[0].field].trim()}
          choose={index === 0 && dropped !== undefined && draft.source === first && draft[rule.field] === ''}
        />
      ))}
      {draft.source === 'kernel' && (
        <TextField
          label="Command line"
          value={draft.cmdline}
          onChange={(cmdline) => change({ cmdline })}
          note={errors.cmdline ? { tone: 'bad', text: errors.cmdline } : { tone: 'plain', text: CMDLINE_HINT }}
          mono
        />
      )}
    </>
  );
}
