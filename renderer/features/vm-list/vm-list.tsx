/** The manager window: toolbar, problems, the tree of virtual machines, and what this computer has. */
import { type RefObject, useDeferredValue, useState } from 'react';
import { Separator, Toolbar } from 'react-aria-components';
import type { VmState } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { formatMiB } from '../../state/format.ts';
import { listedVms } from '../../state/store.ts';
import { Button } from '../../ui/button.tsx';
import { SearchField } from '../../ui/field.tsx';
import { ChevronDown, Plus } from '../../ui/icons.tsx';
import { MenuButton, type MenuPart } from '../../ui/menu.tsx';
import { EmptyState, Logo } from '../../ui/page.tsx';
import { useVmActions } from '../use-vm-actions.tsx';
import { DropZone } from './drop-zone.tsx';
import { ProblemsBanner } from './problems-banner.tsx';
import './vm-list.css';
import { VmTable } from './vm-table.tsx';

export function VmList(props: {
  readonly mainMenu: React.ReactNode;
  readonly filterRef: RefObject<HTMLInputElement | null>;
}) {
  const session = useSession();
  const vms = useAppState((state) => state.vms);
  const loaded = useAppState((state) => state.loaded);
  const problems = useAppState((state) => state.problems);
  const [filter, setFilter] = useState('');
  const listed = listedVms(vms, useDeferredValue(filter));

  return (
    <DropZone>
      <header className="window-bar">
        <Logo size={22} />
        <h1 className="visually-hidden">Vivarium</h1>
        <ManagerToolbar />
        <SearchField label="Filter" value={filter} onChange={setFilter} inputRef={props.filterRef} />
        {props.mainMenu}
      </header>
      <ProblemsBanner problems={problems} />
      <main className="vm-list">
        <VmTable vms={listed} />
        {loaded && vms.size === 0 && (
          <EmptyState
            icon={<Logo size={72} />}
            title="Nothing lives here yet"
            text="Create a virtual machine from an install medium, a disk image or a kernel, or drop an ISO here. It runs on Vivarium’s own processor: no root, no kernel module."
          >
            <Button
              label="Create a virtual machine"
              variant="primary"
              icon={<Plus size={16} />}
              onPress={() => session.openDialog({ kind: 'new-vm' })}
            />
          </EmptyState>
        )}
        {vms.size > 0 && listed.length === 0 && (
          <EmptyState icon={null} title={`Nothing matches “${filter}”`} text="The filter looks at names and states.">
            <Button label="Clear the filter" onPress={() => setFilter('')} />
          </EmptyState>
        )}
      </main>
      <StatusBar />
    </DropZone>
  );
}

function ManagerToolbar() {
  const session = useSession();
  const selected = useAppState((state) => state.selected);
  const paused = useAppState((state) => selected !== undefined && state.vms.get(selected)?.state === 'paused');
  const actions = useVmActions(selected);
  const { open, run, pause, shutdown, reset, destroy } = actions;
  const power: readonly MenuPart[] = [{ items: [shutdown] }, { items: [reset, destroy] }];
  return (
    <Toolbar className="toolbar" aria-label="Manager">
      <Button
        label="New"
        variant="plain"
        iconOnly="narrow"
        icon={<Plus size={16} />}
        shortcut="Alt+N"
        onPress={() => session.openDialog({ kind: 'new-vm' })}
      />
      <Separator orientation="vertical" className="toolbar-separator" />
      <Button {...open} variant="plain" iconOnly="narrow" onPress={open.onAction} />
      <Button {...run} variant="plain" iconOnly="narrow" onPress={run.onAction} />
      <Button {...pause} variant="plain" iconOnly="narrow" toggled={paused} onPress={pause.onAction} />
      <span className="button-pair">
        <Button {...shutdown} variant="plain" iconOnly="narrow" onPress={shutdown.onAction} />
        <MenuButton
          label="More power actions"
          variant="plain"
          iconOnly
          icon={<ChevronDown size={14} />}
          parts={power}
        />
      </span>
    </Toolbar>
  );
}

function StatusBar() {
  const vms = useAppState((state) => state.vms);
  const host = useAppState((state) => state.host);
  const count = (...states: readonly VmState[]) => [...vms.values()].filter((vm) => states.includes(vm.state)).length;
  const counts = [
    vms.size === 1 ? '1 virtual machine' : `${vms.size} virtual machines`,
    `${count('running', 'shutting-down')} running`,
    ...(count('paused') > 0 ? [`${count('paused')} paused`] : []),
  ];
  return (
    <footer className="status-bar">
      <span>{counts.join(', ')}</span>
      {host && (
        <span className="status-bar-host">
          {host.hypervisor} on {host.hostName}: {host.hostCpus} CPUs, {formatMiB(host.hostMemoryMiB)}
        </span>
      )}
    </footer>
  );
}
