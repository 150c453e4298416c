/** Copies a text and says that it did. */
import { useState } from 'react';
import { Button } from './button.tsx';
import { Check, Copy } from './icons.tsx';

export function CopyButton(props: { readonly text: string; readonly name: string; readonly iconOnly?: boolean }) {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle');
  const copy = () => {
    navigator.clipboard.writeText(props.text).then(
      () => setState('copied'),
      () => setState('refused'),
    );
    setTimeout(() => setState('idle'), 2000);
  };
  return (
    <>
      <Button
        label="Copy"
        name={props.name}
        variant="plain"
        iconOnly={props.iconOnly ?? false}
        icon={state === 'copied' ? <Check size={14} /> : <Copy size={14} />}
        onPress={copy}
      />
      <span role="status" className="visually-hidden">
        {state === 'copied' && 'Copied'}
        {state === 'refused' && 'The clipboard could not be used'}
      </span>
    </>
  );
}
