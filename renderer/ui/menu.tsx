/** Menus from a button, and context menus at a point. */
import type { ReactNode } from 'react';
import { useRef } from 'react';
import {
  Menu as AriaMenu,
  Header,
  MenuItem,
  MenuSection,
  MenuTrigger,
  Popover,
  Separator,
  SubmenuTrigger,
  Text,
} from 'react-aria-components';
import { Button, type ButtonProps } from './button.tsx';
import { Check, ChevronRight } from './icons.tsx';

export interface MenuAction {
  readonly id: string;
  readonly label: string;
  readonly icon?: ReactNode;
  readonly shortcut?: string | undefined;
  readonly disabledReason?: string | undefined;
  readonly onAction: () => void;
}
/** One of several, or on and off: shows a tick. */
export interface MenuChoice extends Pick<MenuAction, 'id' | 'label' | 'onAction'> {
  readonly chosen: boolean;
}
export interface MenuGroup {
  readonly heading?: string;
  readonly items: readonly MenuAction[];
}
export interface MenuChoices {
  readonly heading: string;
  readonly choices: readonly MenuChoice[];
  readonly kind: 'one' | 'any';
}
export interface Submenu {
  readonly submenu: string;
  readonly icon?: ReactNode;
  readonly groups: readonly (MenuGroup | MenuChoices)[];
}
export type MenuPart = MenuGroup | MenuChoices | Submenu;

/**
 * What an item of a menu or of the palette shows. Its name is the label alone; shortcut and reason are its description,
 * drawn by CSS from an attribute so that they are not taken for a part of the visible label (WCAG 2.5.3).
 */
export function ActionContent({ action }: { readonly action: Omit<MenuAction, 'id' | 'onAction'> }) {
  const { icon, label, shortcut, disabledReason } = action;
  return (
    <>
      <span>{icon}</span>
      <Text slot="label" className="menu-label">
        {label}
      </Text>
      {shortcut && <span className="menu-shortcut" data-text={shortcut} />}
      {disabledReason && <span className="menu-reason" data-text={disabledReason} />}
      {(shortcut || disabledReason) && (
        <Text slot="description" className="visually-hidden">
          {[shortcut, disabledReason].filter(Boolean).join('. ')}
        </Text>
      )}
    </>
  );
}

function partNodes(parts: readonly MenuPart[]): ReactNode[] {
  return parts.flatMap((part, index) => {
    const key = `part-${index}`;
    const separator = index > 0 ? [<Separator key={`${key}-separator`} className="menu-separator" />] : [];
    if ('submenu' in part) return [...separator, <SubmenuNode key={key} part={part} />];
    if ('choices' in part) return [...separator, <ChoicesNode key={key} part={part} />];
    return [...separator, <GroupNode key={key} part={part} />];
  });
}

function GroupNode({ part }: { readonly part: MenuGroup }) {
  return (
    <MenuSection {...(part.heading ? {} : { 'aria-label': part.items[0]?.label ?? '' })}>
      {part.heading && <Header className="menu-heading">{part.heading}</Header>}
      {part.items.map((item) => (
        <MenuItem
          key={item.id}
          id={item.id}
          className="menu-item"
          textValue={item.label}
          isDisabled={item.disabledReason !== undefined}
          onAction={item.onAction}
        >
          <ActionContent action={item} />
        </MenuItem>
      ))}
    </MenuSection>
  );
}

function ChoicesNode({ part }: { readonly part: MenuChoices }) {
  return (
    <MenuSection
      selectionMode={part.kind === 'one' ? 'single' : 'multiple'}
      selectedKeys={part.choices.filter((choice) => choice.chosen).map((choice) => choice.id)}
      disallowEmptySelection={part.kind === 'one'}
    >
      <Header className="menu-heading">{part.heading}</Header>
      {part.choices.map((choice) => (
        <MenuItem
          key={choice.id}
          id={choice.id}
          className="menu-item"
          textValue={choice.label}
          onAction={choice.onAction}
        >
          <span>{choice.chosen && <Check size={14} />}</span>
          <Text slot="label">{choice.label}</Text>
        </MenuItem>
      ))}
    </MenuSection>
  );
}

function SubmenuNode({ part }: { readonly part: Submenu }) {
  return (
    <SubmenuTrigger>
      <MenuItem className="menu-item" textValue={part.submenu}>
        <span>{part.icon}</span>
        <Text slot="label">{part.submenu}</Text>
        <ChevronRight size={14} />
      </MenuItem>
      <Popover className="popover" offset={-2}>
        <AriaMenu className="menu">{partNodes(part.groups)}</AriaMenu>
      </Popover>
    </SubmenuTrigger>
  );
}

export function MenuButton(props: Omit<ButtonProps, 'onPress'> & { readonly parts: readonly MenuPart[] }) {
  const { parts, ...button } = props;
  return (
    <MenuTrigger>
      <Button {...button} />
      <Popover className="popover" placement="bottom start" offset={4}>
        <AriaMenu className="menu">{partNodes(parts)}</AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}

export interface MenuPoint {
  readonly x: number;
  readonly y: number;
}

/** Opens where the pointer, or the focused row, is. */
export function ContextMenu(props: {
  readonly label: string;
  readonly at: MenuPoint;
  readonly parts: readonly MenuPart[];
  readonly onClose: () => void;
}) {
  const anchor = useRef<HTMLSpanElement>(null);
  return (
    <>
      <span ref={anchor} style={{ position: 'fixed', left: props.at.x, top: props.at.y }} />
      <Popover
        className="popover"
        isOpen
        aria-label={props.label}
        onOpenChange={(open) => !open && props.onClose()}
        triggerRef={anchor}
        placement="bottom start"
        offset={0}
      >
        <AriaMenu className="menu" aria-label={props.label} onClose={props.onClose} autoFocus="first">
          {partNodes(props.parts)}
        </AriaMenu>
      </Popover>
    </>
  );
}
