/** The open dialog. */
import { VmCreateDialog } from '../features/vm-create/vm-create-dialog.tsx';
import { DeleteDialog } from '../features/vm-list/delete-dialog.tsx';
import { useAppState, useSession } from '../state/context.tsx';
import { formatMiB } from '../state/format.ts';
import { type DialogRequest, type Failure, isActive, listedVms, STATE_WORDS } from '../state/store.ts';
import { VM_ACTIONS } from '../state/vm-actions.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogBody, DialogFooter } from '../ui/dialog.tsx';
import { Logo } from '../ui/page.tsx';
import { StateIcon } from '../ui/state-icon.tsx';
import { CommandPalette } from './command-palette.tsx';
import { APPLICATION, type CommandGroup } from './use-commands.tsx';

export interface DialogsProps {
  readonly dialog: DialogRequest | undefined;
  readonly failure: Failure | undefined;
  readonly commands: readonly CommandGroup[];
}

export function Dialogs({ dialog, failure, commands }: DialogsProps) {
  return (
    <>
      {dialog && <RequestedDialog dialog={dialog} commands={commands} />}
      {failure && <FailureDialog failure={failure} />}
    </>
  );
}

function RequestedDialog({
  dialog,
  commands,
}: {
  readonly dialog: DialogRequest;
  readonly commands: readonly CommandGroup[];
}) {
  switch (dialog.kind) {
    case 'new-vm':
      return <VmCreateDialog start={dialog.start} />;
    case 'delete':
      return <DeleteDialog id={dialog.id} />;
    case 'quit':
      return <QuitDialog />;
    case 'commands':
      return <CommandPalette groups={commands} />;
    case 'shortcuts':
      return <ShortcutsDialog groups={commands} />;
    case 'about':
      return <AboutDialog />;
  }
}

function FailureDialog({ failure }: { readonly failure: Failure }) {
  const session = useSession();
  const close = () => session.dismissFailure();
  return (
    <Dialog
      kind="alertdialog"
      title={failure.title}
      onClose={close}
      footer={
        <DialogFooter>
          <Button label="Close" variant="primary" autoFocus onPress={close} />
        </DialogFooter>
      }
    >
      <DialogBody>
        <p>{failure.message}</p>
        {failure.hint && <p className="muted">{failure.hint}</p>}
      </DialogBody>
    </Dialog>
  );
}

function QuitDialog() {
  const session = useSession();
  const vms = useAppState((state) => state.vms);
  const host = useAppState((state) => state.host);
  const active = listedVms(vms, '').filter((vm) => isActive(vm.state));
  const close = () => session.closeDialog();
  return (
    <Dialog
      kind="alertdialog"
      title="Quit Vivarium?"
      onClose={close}
      footer={
        <DialogFooter>
          <Button label="Cancel" autoFocus onPress={close} />
          <Button
            label={active.length > 0 ? 'Force off and quit' : 'Quit'}
            variant={active.length > 0 ? 'danger' : 'primary'}
            onPress={() => void session.quit(true)}
          />
        </DialogFooter>
      }
    >
      <DialogBody>
        <p>
          {active.length === 0
            ? 'No virtual machine is running.'
            : 'These virtual machines would be switched off at once. What their guests have not saved is lost.'}
        </p>
        <ul className="running-list">
          {active.map((vm) => (
            <li key={vm.id}>
              <StateIcon state={vm.state} />
              <span>{vm.name}</span>
              <span className="muted">{STATE_WORDS[vm.state]}</span>
            </li>
          ))}
        </ul>
        {host?.host === 'browser' && (
          <p className="muted">
            Closing this page is something else: the virtual machines go on running, and the page can be opened again.
          </p>
        )}
      </DialogBody>
    </Dialog>
  );
}

function ShortcutsDialog({ groups }: { readonly groups: readonly CommandGroup[] }) {
  const session = useSession();
  const close = () => session.closeDialog();
  const application = groups.find((group) => group.heading === APPLICATION)?.commands ?? [];
  const shown = [...application, ...Object.values(VM_ACTIONS)].flatMap(({ label, shortcut }) =>
    shortcut ? [[label, shortcut] as const] : [],
  );
  return (
    <Dialog
      title="Keyboard shortcuts"
      onClose={close}
      footer={
        <DialogFooter>
          <Button label="Close" variant="primary" autoFocus onPress={close} />
        </DialogFooter>
      }
    >
      <DialogBody>
        <dl className="shortcuts">
          {[
            ...shown,
            ['Give the keyboard back from a guest', 'left Ctrl+left Alt'],
            ['Fullscreen (console)', 'F11'],
          ].map(([label, shortcut]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>
                <kbd>{shortcut}</kbd>
              </dd>
            </div>
          ))}
        </dl>
      </DialogBody>
    </Dialog>
  );
}

function AboutDialog() {
  const session = useSession();
  const host = useAppState((state) => state.host);
  const close = () => session.closeDialog();
  return (
    <Dialog
      title="About Vivarium"
      onClose={close}
      footer={
        <DialogFooter>
          <Button label="Close" variant="primary" autoFocus onPress={close} />
        </DialogFooter>
      }
    >
      <DialogBody>
        <div className="about">
          <Logo size={56} />
          <p>
            <strong>Vivarium {host?.version}</strong>
            <br />
            <span className="muted">
              Virtual machines on a processor of its own: an emulated KVM in TypeScript, for unmodified x86 systems.
            </span>
          </p>
        </div>
        {host && (
          <dl className="shortcuts">
            <AboutFact term="Hypervisor" value={host.hypervisor} />
            <AboutFact term="Host" value={`${host.hostName}, ${host.platform}`} />
            <AboutFact term="Memory for one machine" value={`up to ${formatMiB(host.maxGuestMemoryMiB)}`} />
            <AboutFact term="Data folder" value={host.dataDir} />
          </dl>
        )}
      </DialogBody>
    </Dialog>
  );
}

const AboutFact = (props: { readonly term: string; readonly value: string }) => (
  <div>
    <dt>{props.term}</dt>
    <dd>{props.value}</dd>
  </div>
);
