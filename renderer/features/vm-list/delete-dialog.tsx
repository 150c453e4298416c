/** Asks before deleting: names the VM, says what goes and what stays. */
import type { VmId } from '../../../core/contracts/calls.ts';
import type { Hardware } from '../../../core/contracts/hardware.ts';
import { useAppState, useSession, useVmDetails } from '../../state/context.tsx';
import { navigate } from '../../state/route.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogBody, DialogFooter } from '../../ui/dialog.tsx';

export function DeleteDialog(props: { readonly id: VmId }) {
  const session = useSession();
  const vm = useAppState((state) => state.vms.get(props.id));
  const details = useVmDetails(props.id);
  const close = () => session.closeDialog();
  if (!vm) return null;
  const confirm = () => {
    close();
    navigate({ screen: 'list' });
    void session.delete(props.id);
  };
  const kept = details ? filesOf(details.hardware) : [];
  return (
    <Dialog
      kind="alertdialog"
      title={`Delete “${vm.name}”?`}
      width={500}
      onClose={close}
      footer={
        <DialogFooter>
          <Button label="Cancel" onPress={close} autoFocus />
          <Button label="Delete" variant="danger" onPress={confirm} />
        </DialogFooter>
      }
    >
      <DialogBody>
        <dl className="what-goes">
          <dt>Goes to the trash folder</dt>
          <dd>
            <code>{details?.definitionPath ?? 'Its definition'}</code>
          </dd>
          {kept.length > 0 && (
            <>
              <dt>Stays as it is</dt>
              {kept.map((path) => (
                <dd key={path}>
                  <code>{path}</code>
                </dd>
              ))}
            </>
          )}
        </dl>
      </DialogBody>
    </Dialog>
  );
}

/** The files it is made of, which are not its own. */
function filesOf({ boot, devices }: Hardware): readonly string[] {
  const media = devices.map(({ settings }) => (settings?.kind === 'disk' ? settings.source : undefined));
  return [boot.kernel?.kernel, boot.kernel?.initrd, ...media].filter((path) => path !== undefined);
}
