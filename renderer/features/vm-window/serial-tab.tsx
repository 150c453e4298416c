/** The Serial tab: xterm.js on the VM's first serial port. The text stays when the VM stops. */
import { useEffect, useRef, useState } from 'react';
import type { VmSummary } from '../../../core/contracts/calls.ts';
import type { ByteChannel } from '../../api/api.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { isActive } from '../../state/store.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { SquareTerminal } from '../../ui/icons.tsx';
import type { SerialTerminal } from './serial-terminal.ts';

const RETRY_MS = 1000;

export interface SerialTabProps {
  readonly vm: VmSummary;
  readonly visible: boolean;
  /** The person gives the keyboard back. */
  readonly onLeave: () => void;
}

export function SerialTab({ vm, visible, onLeave }: SerialTabProps) {
  const session = useSession();
  const host = useRef<HTMLDivElement>(null);
  const [terminal, setTerminal] = useState<SerialTerminal>();
  const online = useAppState((state) => state.connection === 'online');
  const active = isActive(vm.state) && online;

  useEffect(() => {
    let over = false;
    let made: SerialTerminal | undefined;
    const load = async () => {
      const { SerialTerminal } = await import('./serial-terminal.ts');
      if (over || !host.current) return;
      made = new SerialTerminal(host.current, `Serial port of ${vm.name}`);
      setTerminal(made);
    };
    void load();
    return () => {
      over = true;
      made?.dispose();
    };
  }, [vm.name]);

  useEffect(() => {
    if (!terminal || !active) return;
    let channel: ByteChannel | undefined;
    let over = false;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const connect = async () => {
      const opened = await session.api.openStream({ kind: 'serial', vmId: vm.id });
      if (over) return opened.close();
      channel = opened;
      opened.onmessage = ({ data }) => terminal.write(new Uint8Array(data));
      opened.onclose = () => {
        if (!over) retry = setTimeout(attempt, RETRY_MS);
      };
      terminal.onInput = (bytes) => opened.send(bytes);
    };
    const attempt = () => {
      connect().catch(() => {
        if (!over) retry = setTimeout(attempt, RETRY_MS);
      });
    };
    terminal.clear();
    attempt();
    return () => {
      over = true;
      clearTimeout(retry);
      channel?.close();
    };
  }, [terminal, active, session, vm.id]);

  useEffect(() => {
    if (terminal) terminal.onLeave = onLeave;
  }, [terminal, onLeave]);

  useEffect(() => {
    if (visible) terminal?.focus();
  }, [visible, terminal]);

  return (
    <div className="serial">
      <section className="serial-region" aria-label={`Serial port of ${vm.name}`} data-guest-keys="">
        <div ref={host} className="serial-terminal" />
      </section>
      <div className="console-bar">
        <SquareTerminal size={14} />
        <span className="console-help">
          {active
            ? 'Serial port 1: COM1, ttyS0 in Linux. Press left Ctrl and left Alt together to leave it.'
            : 'The virtual machine is not running.'}
        </span>
        {vm.serialPty && (
          <>
            <span>
              Also at <code>{vm.serialPty}</code>
            </span>
            <CopyButton text={vm.serialPty} name="Copy path of the serial port" iconOnly />
          </>
        )}
      </div>
    </div>
  );
}
