/** Buttons that always say what they are and, when they cannot be used, why. */
import { type ReactNode, useId } from 'react';
import {
  Button as AriaButton,
  type ButtonProps as AriaButtonProps,
  Tooltip,
  TooltipTrigger,
} from 'react-aria-components';

export interface ButtonProps extends Pick<AriaButtonProps, 'onPress' | 'autoFocus' | 'type' | 'slot' | 'form'> {
  /** The visible text, and the accessible name unless `name` says more. */
  readonly label: string;
  /** Must begin with the label's text. */
  readonly name?: string;
  readonly icon?: ReactNode;
  readonly variant?: 'default' | 'primary' | 'danger' | 'plain';
  /** Show only the icon: always, or where the window is narrow or of medium width. */
  readonly iconOnly?: boolean | 'narrow' | 'medium';
  /** Set when it cannot be used now: it stays focusable and says this. */
  readonly disabledReason?: string | undefined;
  readonly shortcut?: string | undefined;
  /** For a toggle: on or off. */
  readonly toggled?: boolean;
}

export function Button(props: ButtonProps) {
  const {
    label,
    name,
    icon,
    variant = 'default',
    iconOnly = false,
    disabledReason,
    shortcut,
    toggled,
    onPress,
    ...rest
  } = props;
  const reasonId = useId();
  const button = (
    <AriaButton
      {...rest}
      className="button"
      data-variant={variant}
      data-icon-only={iconOnly || undefined}
      aria-label={name ?? label}
      {...(toggled === undefined ? {} : { 'aria-pressed': toggled })}
      {...(disabledReason ? { 'aria-disabled': true, 'aria-describedby': reasonId } : onPress ? { onPress } : {})}
    >
      {icon}
      {iconOnly !== true && <span className="button-label">{label}</span>}
      {disabledReason && (
        <span id={reasonId} className="visually-hidden">
          {disabledReason}
        </span>
      )}
    </AriaButton>
  );
  if (!disabledReason && !shortcut && !iconOnly) return button;
  return (
    <TooltipTrigger delay={500}>
      {button}
      <Tooltip className="tooltip" offset={6}>
        {name ?? label}
        {shortcut && <kbd>{shortcut}</kbd>}
        {disabledReason && <span className="tooltip-reason">{disabledReason}</span>}
      </Tooltip>
    </TooltipTrigger>
  );
}
