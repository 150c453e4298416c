/** Ctrl+K: every command by name, with its shortcut. Type to narrow, arrows to choose, Enter to do it. */
import { useState } from 'react';
import {
  Autocomplete,
  Dialog,
  Header,
  Input,
  ListBox,
  ListBoxItem,
  ListBoxSection,
  Modal,
  ModalOverlay,
  TextField,
} from 'react-aria-components';
import { useSession } from '../state/context.tsx';
import { Search } from '../ui/icons.tsx';
import { ActionContent, type MenuAction } from '../ui/menu.tsx';
import type { CommandGroup } from './use-commands.tsx';

export function CommandPalette({ groups }: { readonly groups: readonly CommandGroup[] }) {
  const session = useSession();
  const [search, setSearch] = useState('');
  const close = () => session.closeDialog();
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = groups
    .map((group) => ({
      ...group,
      commands: group.commands.filter((command) => {
        const text = `${group.heading} ${command.label}`.toLowerCase();
        return command.id !== 'commands' && words.every((word) => text.includes(word));
      }),
    }))
    .filter((group) => group.commands.length > 0);
  const run = (action: () => void) => {
    // First: the action may open a dialog of its own.
    close();
    action();
  };
  return (
    <ModalOverlay
      className="dialog-overlay"
      data-placement="top"
      isOpen
      isDismissable
      onOpenChange={(open) => !open && close()}
    >
      <Modal className="dialog-modal" style={{ maxWidth: 560 }}>
        <Dialog className="dialog palette" aria-label="Commands">
          <Autocomplete inputValue={search} onInputChange={setSearch}>
            <TextField className="palette-search" aria-label="Search commands" autoFocus>
              <Search size={16} />
              <Input className="input" role="combobox" aria-expanded="true" placeholder="Type a command" />
            </TextField>
            <ListBox
              className="menu palette-list"
              aria-label="Commands"
              selectionMode="none"
              renderEmptyState={() => <p className="muted palette-empty">No command is called that.</p>}
            >
              {found.map((group) => (
                <ListBoxSection key={group.heading} id={group.heading}>
                  <Header className="menu-heading">{group.heading}</Header>
                  {group.commands.map((command) => (
                    <CommandItem key={command.id} command={command} onRun={() => run(command.onAction)} />
                  ))}
                </ListBoxSection>
              ))}
            </ListBox>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function CommandItem({ command, onRun }: { readonly command: MenuAction; readonly onRun: () => void }) {
  return (
    <ListBoxItem
      id={command.id}
      className="menu-item"
      textValue={command.label}
      isDisabled={command.disabledReason !== undefined}
      onAction={onRun}
    >
      <ActionContent action={command} />
    </ListBoxItem>
  );
}
