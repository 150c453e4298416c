/** The Console tab: the guest's screen, or the page that says why there is none. */
import { type Ref, useEffect, useState } from 'react';
import type { VmSummary } from '../../../core/contracts/calls.ts';
import { useAppState } from '../../state/context.tsx';
import type { PendingAction } from '../../state/store.ts';
import { isActive } from '../../state/store.ts';
import { Button } from '../../ui/button.tsx';
import { Keyboard, ScanText } from '../../ui/icons.tsx';
import { useVmActions } from '../use-vm-actions.tsx';
import { Display, type DisplayHandle, type DisplayStatus } from './display.tsx';
import { ConnectingPage, CrashedPage, PausedVeil, StoppedPage } from './guest-pages.tsx';
import { ScreenReader } from './screen-reader.tsx';

export interface ConsoleTabProps {
  readonly vm: VmSummary;
  readonly fit: boolean;
  readonly pixelExact: boolean;
  readonly displayRef: Ref<DisplayHandle>;
  readonly onStatus: (status: DisplayStatus) => void;
}

export function ConsoleTab({ vm, fit, pixelExact, displayRef, onStatus }: ConsoleTabProps) {
  const pending = useAppState((state) => state.pending.get(vm.id));
  const [status, setStatus] = useState<DisplayStatus>('connecting');
  const [grabbed, setGrabbed] = useState(false);
  useTitle(vm.name, grabbed);
  const [reading, setReading] = useState(false);
  const active = isActive(vm.state);
  const isRelative = vm.absolutePointer === false;
  const what = isRelative ? 'keyboard and the mouse belong' : 'keyboard belongs';
  const report = (next: DisplayStatus) => {
    setStatus(next);
    onStatus(next);
  };
  return (
    <div className="console">
      <section className="console-region" aria-label={`Display of ${vm.name}`}>
        {active && (
          <Display ref={displayRef} vm={vm} fit={fit} pixelExact={pixelExact} onStatus={report} onGrab={setGrabbed} />
        )}
        <GuestPage vm={vm} pending={pending} connected={active && status === 'connected'} />
      </section>
      {reading && active && <ScreenReader vm={vm} onClose={() => setReading(false)} />}
      {active && (
        <div className="console-bar">
          <Keyboard size={14} />
          <span id="display-help" className="console-help" role="status">
            {grabbed
              ? `The ${what} to the guest. Press left Ctrl and left Alt together to release ${isRelative ? 'them' : 'it'}.`
              : 'Click the screen, or press Enter on it, to type into the guest.'}
          </span>
          <Button
            label="Read screen"
            variant="plain"
            icon={<ScanText size={14} />}
            toggled={reading}
            onPress={() => setReading(!reading)}
          />
        </div>
      )}
    </div>
  );
}

/** The window's title says how to get the keyboard back, as virt-manager's does. */
function useTitle(name: string, grabbed: boolean): void {
  useEffect(() => {
    const release = grabbed ? 'Press left Ctrl+left Alt to release – ' : '';
    document.title = `${release}${name} – Vivarium`;
    return () => {
      document.title = 'Vivarium';
    };
  }, [name, grabbed]);
}

function GuestPage(props: {
  readonly vm: VmSummary;
  readonly pending: PendingAction | undefined;
  readonly connected: boolean;
}) {
  const { vm, pending, connected } = props;
  const { run } = useVmActions(vm.id);
  if (pending === 'Starting') return <ConnectingPage text="Starting…" />;
  if (vm.state === 'crashed') return <CrashedPage vm={vm} run={run} />;
  if (!isActive(vm.state)) return <StoppedPage vm={vm} run={run} />;
  if (!connected) return <ConnectingPage text="Connecting to the display…" />;
  return vm.state === 'paused' ? <PausedVeil resume={run} /> : null;
}
