/** One of a list, by a button that opens it; typing finds an entry. */
import {
  Select as AriaSelect,
  Button,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  SelectValue,
  Text,
} from 'react-aria-components';
import { Check, ChevronDown } from './icons.tsx';

export interface SelectOption {
  readonly id: string;
  readonly label: string;
}

export function Select(props: {
  readonly label: string;
  readonly options: readonly SelectOption[];
  readonly value: string;
  readonly onChange: (id: string) => void;
  readonly note?: string | undefined;
  readonly disabled?: boolean;
}) {
  const { label, options, value, onChange, note, disabled = false } = props;
  return (
    <AriaSelect
      className="field"
      value={value}
      onChange={(id) => {
        if (id !== null) onChange(String(id));
      }}
      isDisabled={disabled}
    >
      <Label className="field-label">{label}</Label>
      <Button className="button select">
        <SelectValue />
        <ChevronDown size={14} />
      </Button>
      {note !== undefined && (
        <Text slot="description" className="field-note" data-tone="plain">
          {note}
        </Text>
      )}
      <Popover className="popover select-popover">
        <ListBox className="menu" items={options}>
          {({ id, label: text }) => (
            <ListBoxItem id={id} className="menu-item" textValue={text}>
              {({ isSelected }) => (
                <>
                  <span>{isSelected && <Check size={14} />}</span>
                  <Text slot="label">{text}</Text>
                </>
              )}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}
