/** The menu at the window's end: what is not about one virtual machine. */
import { usePreferences, useSession } from '../state/context.tsx';
import { Command, Info, Keyboard, LogOut, Menu, Plus, SunMoon } from '../ui/icons.tsx';
import { MenuButton } from '../ui/menu.tsx';
import { THEMES } from './use-commands.tsx';

export function MainMenu() {
  const session = useSession();
  const { theme } = usePreferences();
  return (
    <MenuButton
      label="Main menu"
      variant="plain"
      iconOnly
      icon={<Menu size={16} />}
      parts={[
        {
          items: [
            {
              id: 'new',
              label: 'New virtual machine…',
              icon: <Plus size={16} />,
              shortcut: 'Alt+N',
              onAction: () => session.openDialog({ kind: 'new-vm' }),
            },
            {
              id: 'commands',
              label: 'Commands…',
              icon: <Command size={16} />,
              shortcut: 'Ctrl+K',
              onAction: () => session.openDialog({ kind: 'commands' }),
            },
          ],
        },
        {
          submenu: 'Theme',
          icon: <SunMoon size={16} />,
          groups: [
            {
              heading: 'Colours',
              kind: 'one',
              choices: THEMES.map(([id, label]) => ({
                id,
                label,
                chosen: theme === id,
                onAction: () => session.setPreferences({ theme: id }),
              })),
            },
          ],
        },
        {
          items: [
            {
              id: 'shortcuts',
              label: 'Keyboard shortcuts',
              icon: <Keyboard size={16} />,
              onAction: () => session.openDialog({ kind: 'shortcuts' }),
            },
            {
              id: 'about',
              label: 'About Vivarium',
              icon: <Info size={16} />,
              onAction: () => session.openDialog({ kind: 'about' }),
            },
          ],
        },
        {
          items: [{ id: 'quit', label: 'Quit', icon: <LogOut size={16} />, onAction: () => void session.quit(false) }],
        },
      ]}
    />
  );
}
