/** Labelled fields with a note below: a hint, a verdict, or what is wrong. */
import type { ReactNode, Ref } from 'react';
import {
  Checkbox as AriaCheckbox,
  SearchField as AriaSearchField,
  TextField as AriaTextField,
  Button,
  FieldError,
  Input,
  Label,
  Text,
  TextArea,
} from 'react-aria-components';
import { Check, CircleAlert, CircleCheck, Search, X } from './icons.tsx';

export interface FieldNote {
  readonly tone: 'plain' | 'good' | 'bad';
  readonly text: string;
}

export interface TextFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly onBlur?: () => void;
  readonly note?: FieldNote | undefined;
  readonly placeholder?: string;
  /** For paths and command lines. */
  readonly mono?: boolean;
  readonly rows?: number;
  readonly inputMode?: 'numeric';
  readonly autoFocus?: boolean;
  /** Beside the input: a Browse… button, a unit. */
  readonly after?: ReactNode;
  readonly inputRef?: Ref<HTMLInputElement>;
}

export function TextField(props: TextFieldProps) {
  const { label, value, onChange, onBlur, note, placeholder, mono, rows, inputMode, autoFocus, after, inputRef } =
    props;
  const inputProps = {
    className: mono ? 'input mono' : 'input',
    ...(placeholder ? { placeholder } : {}),
    ...(inputMode ? { inputMode } : {}),
  };
  return (
    <AriaTextField
      className="field"
      value={value}
      onChange={onChange}
      isInvalid={note?.tone === 'bad'}
      autoComplete="off"
      spellCheck="false"
      {...(onBlur ? { onBlur } : {})}
      {...(autoFocus ? { autoFocus } : {})}
    >
      <Label className="field-label">{label}</Label>
      <div className="field-row">
        {rows ? (
          <TextArea {...inputProps} rows={rows} />
        ) : (
          <Input {...inputProps} {...(inputRef ? { ref: inputRef } : {})} />
        )}
        {after}
      </div>
      {note && note.tone !== 'bad' && (
        <Text slot="description" className="field-note" data-tone={note.tone}>
          {note.tone === 'good' && <CircleCheck size={14} />}
          <span>{note.text}</span>
        </Text>
      )}
      <FieldError className="field-note" data-tone="bad">
        <CircleAlert size={14} />
        <span>{note?.text}</span>
      </FieldError>
    </AriaTextField>
  );
}

export function Checkbox(props: {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) {
  return (
    <AriaCheckbox className="checkbox" isSelected={props.checked} onChange={props.onChange}>
      <span className="checkbox-box">
        <Check size={14} strokeWidth={3} />
      </span>
      {props.label}
    </AriaCheckbox>
  );
}

export function SearchField(props: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly placeholder?: string;
  readonly inputRef?: Ref<HTMLInputElement>;
  readonly autoFocus?: boolean;
}) {
  return (
    <AriaSearchField
      className="search-field"
      aria-label={props.label}
      value={props.value}
      onChange={props.onChange}
      autoFocus={props.autoFocus ?? false}
    >
      <Search size={14} />
      <Input
        className="input"
        placeholder={props.placeholder ?? props.label}
        {...(props.inputRef ? { ref: props.inputRef } : {})}
      />
      <Button className="button" data-variant="plain">
        <X size={14} />
      </Button>
    </AriaSearchField>
  );
}
