/** The actions of one VM, ready for a toolbar, a menu or the palette: label, icon, shortcut, reason, operation. */
import type { ReactNode } from 'react';
import type { VmId } from '../../core/contracts/calls.ts';
import { useAppState, useSession } from '../state/context.tsx';
import { navigate } from '../state/route.ts';
import { unavailable, VM_ACTIONS, type VmActionId } from '../state/vm-actions.ts';
import { Monitor, Pause, Play, Power, PowerOff, RotateCcw, Trash2 } from '../ui/icons.tsx';
import type { MenuAction } from '../ui/menu.tsx';

const ICONS: Readonly<Record<VmActionId, ReactNode>> = {
  open: <Monitor size={16} />,
  run: <Play size={16} />,
  pause: <Pause size={16} />,
  shutdown: <Power size={16} />,
  reset: <RotateCcw size={16} />,
  destroy: <PowerOff size={16} />,
  delete: <Trash2 size={16} />,
};

export function useVmActions(id: VmId | undefined): Readonly<Record<VmActionId, MenuAction>> {
  const session = useSession();
  const vm = useAppState((state) => (id === undefined ? undefined : state.vms.get(id)));
  const pending = useAppState((state) => (id === undefined ? undefined : state.pending.get(id)));
  const offline = useAppState((state) => state.connection === 'offline');
  const make = (action: VmActionId): MenuAction => {
    const { label, shortcut } = VM_ACTIONS[action];
    return {
      id: action,
      label,
      shortcut,
      icon: ICONS[action],
      disabledReason:
        unavailable(action, vm, pending) ?? (offline && action !== 'open' ? 'Vivarium does not answer.' : undefined),
      onAction: () => {
        if (!vm) return;
        if (action === 'open') navigate({ screen: 'vm', id: vm.id });
        else if (action === 'delete') session.openDialog({ kind: 'delete', id: vm.id });
        else void session.perform(action, vm.id);
      },
    };
  };
  return {
    open: make('open'),
    run: make('run'),
    pause: make('pause'),
    shutdown: make('shutdown'),
    reset: make('reset'),
    destroy: make('destroy'),
    delete: make('delete'),
  };
}
