/** What the console shows when there is no screen to show. */

import type { VmSummary } from '../../../core/contracts/calls.ts';
import type { StopReason } from '../../../core/contracts/machine.ts';
import { useVmDetails } from '../../state/context.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { LoaderCircle, Pause, Play, Power, TriangleAlert } from '../../ui/icons.tsx';
import type { MenuAction } from '../../ui/menu.tsx';
import { EmptyState } from '../../ui/page.tsx';

interface GuestPageProps {
  readonly vm: VmSummary;
  readonly run: MenuAction;
}

export function StoppedPage({ vm, run }: GuestPageProps) {
  const details = useVmDetails(vm.id);
  const text = [vm.reason && `${vm.reason}.`, details?.description].filter(Boolean).join(' ');
  return (
    <div className="guest-page">
      <EmptyState icon={<Power size={40} strokeWidth={1.5} />} title="The virtual machine is not running" text={text}>
        <RunButton vm={vm} run={run} label="Run" />
      </EmptyState>
    </div>
  );
}

export function CrashedPage({ vm, run }: GuestPageProps) {
  const details = useVmDetails(vm.id);
  const registers = details?.stop && registersOf(details.stop);
  return (
    <div className="guest-page">
      <EmptyState
        icon={<TriangleAlert size={40} strokeWidth={1.5} className="crashed-icon" />}
        title="The virtual machine has crashed"
        text={vm.reason ? `${vm.reason}.` : 'It stopped without saying why. The log under Details may tell more.'}
      >
        {registers && (
          <section className="registers" aria-label="Registers">
            <header>
              <h3>Registers at the crash</h3>
              <CopyButton text={registers} name="Copy registers" />
            </header>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a block that scrolls must be reachable by keyboard */}
            <pre tabIndex={0}>{registers}</pre>
          </section>
        )}
        <RunButton vm={vm} run={run} label="Run again" />
      </EmptyState>
    </div>
  );
}

export function ConnectingPage(props: { readonly text: string }) {
  return (
    <div className="guest-page" role="status">
      <EmptyState icon={<LoaderCircle size={32} className="spin" />} title={props.text} />
    </div>
  );
}

export function PausedVeil(props: { readonly resume: MenuAction }) {
  return (
    <div className="paused-veil">
      <Pause size={36} strokeWidth={1.5} />
      <h2 className="empty-state-title">Paused</h2>
      <Button
        label="Resume"
        variant="primary"
        icon={<Play size={16} />}
        disabledReason={props.resume.disabledReason}
        onPress={props.resume.onAction}
      />
    </div>
  );
}

function RunButton({ vm, run, label }: GuestPageProps & { readonly label: string }) {
  return (
    <Button
      label={label}
      name={`${label} ${vm.name}`}
      variant="primary"
      icon={<Play size={16} />}
      disabledReason={run.disabledReason}
      onPress={run.onAction}
    />
  );
}

const registersOf = (stop: StopReason): string | undefined => ('registers' in stop ? stop.registers : undefined);
