/** "There are unapplied changes": asks before anything leads away from them. */
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import { guardLeaving } from '../../../state/route.ts';
import { Button } from '../../../ui/button.tsx';
import { Dialog, DialogBody, DialogFooter } from '../../../ui/dialog.tsx';
import { type UnappliedChanges, UnappliedContext } from './use-draft.ts';

/** `leave` goes on at once when nothing waits, else asks. `provide` goes around the pages; `question` is the dialog. */
export function useUnapplied(): {
  readonly leave: (go: () => void) => void;
  readonly provide: (children: ReactNode) => ReactNode;
  readonly question: ReactNode;
} {
  const changes = useRef<UnappliedChanges | undefined>(undefined);
  const [pending, setPending] = useState<{ readonly go: () => void }>();
  const report = useCallback((now: UnappliedChanges | undefined) => {
    changes.current = now;
  }, []);
  const mayLeave = useCallback((go: () => void): boolean => {
    if (!changes.current) return true;
    setPending({ go });
    return false;
  }, []);
  useEffect(() => guardLeaving(mayLeave), [mayLeave]);

  const close = () => setPending(undefined);
  const goOn = () => {
    close();
    pending?.go();
  };
  const question = pending && (
    <Dialog
      kind="alertdialog"
      title="There are unapplied changes"
      onClose={close}
      footer={
        <DialogFooter>
          <span className="dialog-footer-start">
            <Button label="Cancel" onPress={close} />
          </span>
          <Button
            label="Discard"
            onPress={() => {
              changes.current?.discard();
              changes.current = undefined;
              goOn();
            }}
          />
          <Button
            label="Apply"
            variant="primary"
            autoFocus
            onPress={() => void changes.current?.apply().then((applied) => (applied ? goOn() : close()))}
          />
        </DialogFooter>
      }
    >
      <DialogBody>
        <p>Would you like to apply them before you go on?</p>
      </DialogBody>
    </Dialog>
  );
  return {
    leave: (go) => {
      if (mayLeave(go)) go();
    },
    provide: (children) => <UnappliedContext value={report}>{children}</UnappliedContext>,
    question,
  };
}
