/** The path of a file of the host, typed or browsed for, with what main says the file is. */
import { useEffect, useState } from 'react';
import type { FileCheck, FileRole } from '../../../core/contracts/calls.ts';
import { useSession } from '../../state/context.tsx';
import { Button } from '../../ui/button.tsx';
import { type FieldNote, TextField } from '../../ui/field.tsx';
import { FileChooser } from './file-chooser.tsx';

const TITLES: Readonly<Record<FileRole, string>> = {
  kernel: 'Choose a kernel',
  initrd: 'Choose an initrd',
  iso: 'Choose an install medium',
  disk: 'Choose a disk image',
  floppy: 'Choose a floppy image',
  firmware: 'Choose a firmware image',
};

export interface FileFieldProps {
  readonly label: string;
  readonly fileRole: FileRole;
  readonly value: string;
  readonly onChange: (path: string) => void;
  readonly verdict: FileCheck | undefined;
  readonly error?: string | undefined;
  readonly hint?: string;
  readonly autoFocus?: boolean;
  /** Where to look first when the field is empty. */
  readonly startAt?: string;
  /** Begins with the chooser open. */
  readonly choose?: boolean;
}

export function FileField(props: FileFieldProps) {
  const { label, fileRole, value, onChange, startAt = '' } = props;
  const [choosing, setChoosing] = useState(false);
  const [choose] = useState(props.choose ?? false);
  // Not at once: a dialog that opens with the one it is in would come below it.
  useEffect(() => setChoosing(choose), [choose]);
  return (
    <>
      <TextField
        label={label}
        value={value}
        onChange={onChange}
        note={noteOf(props)}
        mono
        autoFocus={props.autoFocus ?? false}
        after={<Button label="Browse…" name={`Browse… ${label.toLowerCase()}`} onPress={() => setChoosing(true)} />}
      />
      {choosing && (
        <FileChooser
          title={TITLES[fileRole]}
          startAt={value.trim() || startAt}
          onCancel={() => setChoosing(false)}
          onChoose={(path) => {
            onChange(path);
            setChoosing(false);
          }}
        />
      )}
    </>
  );
}

function noteOf({ verdict, error, hint, value }: FileFieldProps): FieldNote | undefined {
  const shown = value.trim() === '' ? undefined : verdict;
  const bad = error ?? (shown && !shown.ok ? (shown.message ?? shown.description) : undefined);
  if (bad) return { tone: 'bad', text: bad };
  if (shown?.warning) return { tone: 'plain', text: `${shown.description}. ${shown.warning}` };
  if (shown) return { tone: 'good', text: shown.description };
  return hint ? { tone: 'plain', text: hint } : undefined;
}

const TYPING_PAUSE_MS = 300;

/** Asks main what a path is once the person stops typing; undefined until it has answered. */
export function useFileVerdict(role: FileRole, path: string): FileCheck | undefined {
  const session = useSession();
  const [answer, setAnswer] = useState<{ readonly key: string; readonly verdict: FileCheck }>();
  const key = `${role}:${path}`;
  useEffect(() => {
    if (path === '') return;
    let over = false;
    const ask = async () => {
      const reply = await session.api.call('files.check', { path, role });
      if (!over && reply.ok) setAnswer({ key: `${role}:${path}`, verdict: reply.value });
    };
    const timer = setTimeout(() => void ask(), TYPING_PAUSE_MS);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [session, role, path]);
  return answer?.key === key ? answer.verdict : undefined;
}
