/** One of a few, all in sight. */
import { Label, Radio, RadioGroup, Text } from 'react-aria-components';

export interface RadioOption<T extends string> {
  readonly id: T;
  readonly label: string;
  readonly hint?: string;
}

export function Radios<T extends string>(props: {
  readonly label: string;
  readonly options: readonly RadioOption<T>[];
  readonly value: T;
  readonly onChange: (id: T) => void;
}) {
  return (
    <RadioGroup className="field" value={props.value} onChange={(id) => props.onChange(id as T)}>
      <Label className="field-label">{props.label}</Label>
      <div className="radios">
        {props.options.map(({ id, label, hint }) => (
          <Radio key={id} value={id} className="radio">
            <span className="radio-dot" />
            <span className="radio-text">
              {label}
              {hint && (
                <Text slot="description" className="radio-hint">
                  {hint}
                </Text>
              )}
            </span>
          </Radio>
        ))}
      </div>
    </RadioGroup>
  );
}
