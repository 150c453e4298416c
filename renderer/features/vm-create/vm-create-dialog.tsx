/** New virtual machine, "Step n of 3": what to boot, memory and CPUs, name and summary. */
import type { FormEvent } from 'react';
import { useSession } from '../../state/context.tsx';
import type { NewVmStart } from '../../state/store.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogFooter } from '../../ui/dialog.tsx';
import { CircleAlert } from '../../ui/icons.tsx';
import { ReadyStep } from './ready-step.tsx';
import { ResourcesStep } from './resources-step.tsx';
import { SourceStep } from './source-step.tsx';
import { useWizard } from './use-wizard.ts';
import './vm-create.css';
import { STEPS } from './wizard-model.ts';

const FORM = 'new-vm-form';

export function VmCreateDialog(props: { readonly start?: NewVmStart | undefined }) {
  const session = useSession();
  const wizard = useWizard(props.start);
  const { step, refusal } = wizard;
  const index = STEPS.indexOf(step);
  const last = index === STEPS.length - 1;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    wizard.forward();
  };
  return (
    <Dialog
      title="New virtual machine"
      aside={
        <span className="muted" aria-live="polite">
          Step {index + 1} of {STEPS.length}
        </span>
      }
      width={600}
      height={500}
      onClose={() => session.closeDialog()}
      footer={
        <DialogFooter>
          <span className="dialog-footer-start">
            <Button label="Cancel" onPress={() => session.closeDialog()} />
          </span>
          <Button
            label="Back"
            disabledReason={index === 0 ? 'This is the first step.' : undefined}
            onPress={wizard.back}
          />
          <Button
            key={last ? 'finish' : 'forward'}
            label={last ? 'Finish' : 'Forward'}
            variant="primary"
            type="submit"
            form={FORM}
            disabledReason={wizard.busy ? 'Just a moment…' : undefined}
          />
        </DialogFooter>
      }
    >
      <form id={FORM} ref={wizard.form} className="dialog-body wizard" onSubmit={submit} noValidate>
        {step === 'source' && <SourceStep {...wizard} />}
        {step === 'resources' && <ResourcesStep {...wizard} />}
        {step === 'ready' && <ReadyStep {...wizard} />}
        {refusal && (
          <p className="field-note" data-tone="bad" role="alert">
            <CircleAlert size={14} />
            <span>{refusal}</span>
          </p>
        )}
      </form>
    </Dialog>
  );
}
