/** Step 1, direct kernel boot: kernel, initrd and command line. */
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import type { FieldNote } from '../../ui/field.tsx';
import { TextField } from '../../ui/field.tsx';
import { FileChooser } from './file-chooser.tsx';
import type { StepProps } from './use-wizard.ts';
import { checkKey } from './wizard-model.ts';

type Role = 'kernel' | 'initrd';
const HINTS: Readonly<Record<Role, string>> = {
  kernel: 'A Linux bzImage, such as /boot/vmlinuz-…, or a multiboot ELF file.',
  initrd: 'Optional: the first file system of a Linux kernel, or a multiboot module.',
};

export function BootStep({ draft, change, errors, around }: StepProps) {
  const [choosing, setChoosing] = useState<Role>();
  const note = (role: Role): FieldNote => {
    const path = draft[role].trim();
    const verdict = around.checks.get(checkKey(role, path));
    const error = errors[role] ?? (verdict && !verdict.ok ? (verdict.message ?? verdict.description) : undefined);
    if (error) return { tone: 'bad', text: error };
    return path !== '' && verdict ? { tone: 'good', text: verdict.description } : { tone: 'plain', text: HINTS[role] };
  };
  const fileField = (role: Role, label: string) => (
    <TextField
      label={label}
      value={draft[role]}
      onChange={(value) => change({ [role]: value })}
      note={note(role)}
      mono
      autoFocus={role === 'kernel'}
      after={<Button label="Browse…" name={`Browse… ${role}`} onPress={() => setChoosing(role)} />}
    />
  );
  return (
    <>
      <h3>Direct kernel boot</h3>
      {fileField('kernel', 'Kernel')}
      {fileField('initrd', 'Initrd')}
      <TextField
        label="Command line"
        value={draft.cmdline}
        onChange={(cmdline) => change({ cmdline })}
        note={
          errors.cmdline
            ? { tone: 'bad', text: errors.cmdline }
            : {
                tone: 'plain',
                text: 'Linux writes to each console= named here and reads from the last one: tty0 is the screen, ttyS0 the serial port.',
              }
        }
        mono
      />
      {choosing && (
        <FileChooser
          title={choosing === 'kernel' ? 'Choose a kernel' : 'Choose an initrd'}
          startAt={draft[choosing].trim() || draft.kernel.trim()}
          onCancel={() => setChoosing(undefined)}
          onChoose={(path) => {
            change({ [choosing]: path });
            setChoosing(undefined);
          }}
        />
      )}
    </>
  );
}
