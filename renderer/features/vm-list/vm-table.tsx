/** The tree: the connection, and under it the virtual machines. */
import { type KeyboardEvent, type MouseEvent, useState } from 'react';
import { Button, Cell, Column, Row, Table, TableBody, TableHeader } from 'react-aria-components';
import type { VmId, VmSummary } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { formatMiB, formatPercent, formatUptime } from '../../state/format.ts';
import { navigate } from '../../state/route.ts';
import { CPU_SAMPLES, isActive, STATE_WORDS } from '../../state/store.ts';
import { ChevronRight } from '../../ui/icons.tsx';
import { ContextMenu, type MenuPoint } from '../../ui/menu.tsx';
import { Sparkline } from '../../ui/sparkline.tsx';
import { StateIcon } from '../../ui/state-icon.tsx';
import { useVmActions } from '../use-vm-actions.tsx';

const CONNECTION = 'connection';
const NO_SAMPLES: readonly number[] = [];

export function VmTable(props: { readonly vms: readonly VmSummary[] }) {
  const session = useSession();
  const selected = useAppState((state) => state.selected);
  const history = useAppState((state) => state.cpuHistory);
  const pending = useAppState((state) => state.pending);
  const { delete: deleteAction } = useVmActions(selected);
  const [menu, setMenu] = useState<{ readonly id: VmId; readonly at: MenuPoint }>();

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Delete' || deleteAction.disabledReason) return;
    event.preventDefault();
    deleteAction.onAction();
  };
  const openMenu = (event: MouseEvent<HTMLElement>, id: VmId) => {
    event.preventDefault();
    session.select(id);
    setMenu({ id, at: menuPoint(event) });
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the treegrid inside
    <div className="vm-table-scroll" onKeyDown={onKeyDown}>
      <Table
        className="table vm-table"
        aria-label="Virtual machines"
        treeColumn="name"
        defaultExpandedKeys={[CONNECTION]}
        selectionMode="single"
        selectionBehavior="replace"
        selectedKeys={selected === undefined ? [] : [selected]}
        onSelectionChange={(keys) => {
          const [key] = keys === 'all' ? [] : [...keys];
          session.select(key === undefined || key === CONNECTION ? undefined : (key as VmId));
        }}
        onRowAction={(key) => key !== CONNECTION && navigate({ screen: 'vm', id: key as VmId })}
      >
        <TableHeader>
          <Column id="name" isRowHeader className="column">
            Name
          </Column>
          <Column id="cpu" className="column column-cpu">
            CPU usage
          </Column>
          <Column id="memory" className="column column-figure">
            Memory
          </Column>
          <Column id="uptime" className="column column-figure">
            Uptime
          </Column>
        </TableHeader>
        <TableBody>
          <Row id={CONNECTION} className="row row-connection" textValue="Vivarium (emulated KVM)">
            <Cell className="cell">
              {({ isExpanded }) => (
                <div className="tree-cell">
                  <Button
                    slot="chevron"
                    className="chevron"
                    data-expanded={isExpanded || undefined}
                    data-leaf={props.vms.length === 0 || undefined}
                  >
                    <ChevronRight size={14} />
                  </Button>
                  Vivarium (emulated KVM)
                </div>
              )}
            </Cell>
            <Cell className="cell" />
            <Cell className="cell" />
            <Cell className="cell" />
            {props.vms.map((vm) => (
              <Row
                key={vm.id}
                id={vm.id}
                className="row row-vm"
                textValue={vm.name}
                onContextMenu={(event) => openMenu(event, vm.id)}
              >
                <Cell className="cell">
                  <div className="tree-cell tree-cell-vm">
                    <StateIcon state={vm.state} />
                    <div className="vm-name-and-state">
                      <span className="vm-name">{vm.name}</span>
                      <span className="vm-state">{stateText(vm, pending.get(vm.id))}</span>
                    </div>
                  </div>
                </Cell>
                <Cell className="cell">
                  <CpuUsage vm={vm} samples={history.get(vm.id) ?? NO_SAMPLES} />
                </Cell>
                <Cell className="cell column-figure">{formatMiB(vm.memoryMiB)}</Cell>
                <Cell className="cell column-figure">{isActive(vm.state) ? formatUptime(vm.uptimeSeconds) : '–'}</Cell>
              </Row>
            ))}
          </Row>
        </TableBody>
      </Table>
      {menu && <VmContextMenu id={menu.id} at={menu.at} onClose={() => setMenu(undefined)} />}
    </div>
  );
}

function VmContextMenu(props: { readonly id: VmId; readonly at: MenuPoint; readonly onClose: () => void }) {
  const vm = useAppState((state) => state.vms.get(props.id));
  const actions = useVmActions(props.id);
  const pause = { ...actions.pause, label: vm?.state === 'paused' ? 'Resume' : 'Pause' };
  if (!vm) return null;
  return (
    <ContextMenu
      label={vm.name}
      at={props.at}
      onClose={props.onClose}
      parts={[
        { items: [actions.open] },
        { items: [actions.run, pause] },
        { items: [actions.shutdown, actions.reset, actions.destroy] },
        { items: [actions.delete] },
      ]}
    />
  );
}

function CpuUsage(props: { readonly vm: VmSummary; readonly samples: readonly number[] }) {
  const active = isActive(props.vm.state);
  return (
    <div className="cpu-usage" data-active={active || undefined}>
      <Sparkline samples={props.samples} capacity={CPU_SAMPLES} />
      <span>{active ? formatPercent(props.vm.cpuPercent) : '–'}</span>
    </div>
  );
}

function stateText(vm: VmSummary, pending: string | undefined): string {
  if (pending) return `${pending}…`;
  return vm.reason ? `${STATE_WORDS[vm.state]}: ${vm.reason}` : STATE_WORDS[vm.state];
}

/** A context-menu key has no pointer position: the menu opens below the row then. */
function menuPoint(event: MouseEvent<HTMLElement>): MenuPoint {
  if (event.clientX !== 0 || event.clientY !== 0) return { x: event.clientX, y: event.clientY };
  const box = event.currentTarget.getBoundingClientRect();
  return { x: box.left + 48, y: box.bottom - 4 };
}
