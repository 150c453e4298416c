/** Every command of the app for where the person is now: the palette lists them, the keyboard starts them. */
import { type RefObject, useEffect, useRef } from 'react';
import { useVmActions } from '../features/use-vm-actions.tsx';
import { useAppState, usePreferences, useSession } from '../state/context.tsx';
import type { Theme } from '../state/preferences.ts';
import { navigate, type Route } from '../state/route.ts';
import { listedVms } from '../state/store.ts';
import {
  ArrowLeft,
  Check,
  Command,
  Info,
  Keyboard,
  LogOut,
  Monitor,
  Moon,
  Plus,
  Search,
  SunMoon,
} from '../ui/icons.tsx';
import type { MenuAction } from '../ui/menu.tsx';
import { findByShortcut } from './shortcuts.ts';

export interface CommandGroup {
  readonly heading: string;
  readonly commands: readonly MenuAction[];
}

/** The group of what is not about a virtual machine. */
export const APPLICATION = 'Vivarium';

export const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

export function useCommands(route: Route, filter: RefObject<HTMLInputElement | null>): readonly CommandGroup[] {
  const session = useSession();
  const { theme } = usePreferences();
  const vms = useAppState((state) => state.vms);
  const selected = useAppState((state) => state.selected);
  const current = route.screen === 'vm' ? route.id : selected;
  const name = current === undefined ? undefined : vms.get(current)?.name;
  const actions = useVmActions(current);
  const { open, run, pause, shutdown, reset, destroy, delete: remove } = actions;
  const inList = route.screen === 'list';

  const application: MenuAction[] = [
    {
      id: 'new',
      label: 'New virtual machine…',
      icon: <Plus size={16} />,
      shortcut: 'Alt+N',
      onAction: () => session.openDialog({ kind: 'new-vm' }),
    },
    inList
      ? {
          id: 'filter',
          label: 'Filter the list',
          icon: <Search size={16} />,
          shortcut: 'Ctrl+F',
          onAction: () => filter.current?.focus(),
        }
      : {
          id: 'back',
          label: 'Back to list',
          icon: <ArrowLeft size={16} />,
          shortcut: 'Alt+L',
          onAction: () => navigate({ screen: 'list' }),
        },
    {
      id: 'commands',
      label: 'Commands…',
      icon: <Command size={16} />,
      shortcut: 'Ctrl+K',
      onAction: () => session.openDialog({ kind: 'commands' }),
    },
    ...THEMES.map(([id, label]) => ({
      id: `theme-${id}`,
      label: `Theme: ${label}`,
      icon: theme === id ? <Check size={16} /> : id === 'dark' ? <Moon size={16} /> : <SunMoon size={16} />,
      onAction: () => session.setPreferences({ theme: id }),
    })),
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
    { id: 'quit', label: 'Quit', icon: <LogOut size={16} />, onAction: () => void session.quit(false) },
  ];
  const ofCurrent = {
    heading: name ?? '',
    commands: [...(inList ? [open] : []), run, pause, shutdown, reset, destroy, remove],
  };
  return [
    ...(name === undefined ? [] : [ofCurrent]),
    {
      heading: 'Open',
      commands: listedVms(vms, '')
        .filter((vm) => inList || vm.id !== current)
        .map((vm) => ({
          id: `open-${vm.id}`,
          label: `Open ${vm.name}`,
          icon: <Monitor size={16} />,
          onAction: () => navigate({ screen: 'vm', id: vm.id }),
        })),
    },
    { heading: APPLICATION, commands: application },
  ];
}

/** Keys that belong to the list's rows, which know whether they have the focus. */
const ROW_KEYS = ['Enter', 'Delete'];

/** Starts the command whose shortcut is pressed, except while a dialog is open or the guest has the keyboard. */
export function useShortcuts(groups: readonly CommandGroup[]): void {
  const session = useSession();
  const latest = useRef(groups);
  useEffect(() => {
    latest.current = groups;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const { dialog, failure } = session.store.get();
      const inGuest = event.target instanceof Element && event.target.closest('[data-guest-keys]') !== null;
      if (event.defaultPrevented || inGuest || dialog || failure) return;
      const command = findByShortcut(
        latest.current.flatMap((group) => group.commands),
        event,
      );
      if (!command || ROW_KEYS.includes(command.shortcut ?? '')) return;
      event.preventDefault();
      if (command.disabledReason)
        session.notify({ kind: 'problem', title: command.label, text: command.disabledReason });
      else command.onAction();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [session]);
}
