/** New virtual machine, "Step n of 3": what to boot, memory and CPUs, name and summary. */
import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { FileCheck } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { navigate } from '../../state/route.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogFooter } from '../../ui/dialog.tsx';
import { CircleAlert } from '../../ui/icons.tsx';
import { BootStep } from './boot-step.tsx';
import { ReadyStep } from './ready-step.tsx';
import { ResourcesStep } from './resources-step.tsx';
import './vm-create.css';
import {
  checkKey,
  type Draft,
  EMPTY_DRAFT,
  type FieldErrors,
  type FieldName,
  failureField,
  firstBadStep,
  STEPS,
  type Step,
  type Surroundings,
  stepErrors,
  stepOf,
  suggestName,
  toNewVm,
} from './wizard-model.ts';

export interface StepProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly errors: FieldErrors;
  readonly around: Surroundings;
}

const FORM = 'new-vm-form';

export function VmCreateDialog() {
  const session = useSession();
  const vms = useAppState((state) => state.vms);
  const host = useAppState((state) => state.host);
  const [draft, setDraft] = useState<Draft>(EMPTY_DRAFT);
  const [step, setStep] = useState<Step>('boot');
  const [checks, setChecks] = useState<ReadonlyMap<string, FileCheck>>(new Map());
  /** Steps whose errors are shown: those the person has tried to leave. */
  const [tried, setTried] = useState<ReadonlySet<Step>>(new Set());
  const [refused, setRefused] = useState<FieldErrors>({});
  const [refusal, setRefusal] = useState<string>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const around: Surroundings = { checks, host, takenNames: [...vms.values()].map((vm) => vm.name) };
  const change = (part: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...part }));
    setRefusal(undefined);
    setRefused((before) => Object.fromEntries(Object.entries(before).filter(([field]) => !(field in part))));
  };
  const check = async (role: 'kernel' | 'initrd', path: string): Promise<FileCheck | undefined> => {
    const reply = await session.api.call('files.check', { path, role });
    if (!reply.ok) return undefined;
    setChecks((before) => new Map(before).set(checkKey(role, path), reply.value));
    return reply.value;
  };
  useFileCheck('kernel', draft.kernel.trim(), check);
  useFileCheck('initrd', draft.initrd.trim(), check);

  const errors: FieldErrors = { ...(tried.has(step) ? stepErrors(step, draft, around) : {}), ...refused };
  const index = STEPS.indexOf(step);

  /** A step is left forwards only with its files checked: Forward may come before the answer. */
  const checked = async (): Promise<Surroundings> => {
    const fresh = new Map(checks);
    for (const role of ['kernel', 'initrd'] as const) {
      const path = draft[role].trim();
      if (path === '' || fresh.has(checkKey(role, path))) continue;
      const verdict = await check(role, path);
      if (verdict) fresh.set(checkKey(role, path), verdict);
    }
    return { ...around, checks: fresh };
  };

  const forward = async () => {
    setTried(new Set([...tried, step]));
    const known = await checked();
    if (Object.keys(stepErrors(step, draft, known)).length > 0) return focusFirstError(form.current);
    const next = STEPS[index + 1];
    if (!next) return finish(known);
    if (next === 'ready' && draft.name === '') {
      const kernel = known.checks.get(checkKey('kernel', draft.kernel.trim()));
      change({ name: suggestName(kernel?.description, known.takenNames) });
    }
    setStep(next);
  };

  const finish = async (known: Surroundings) => {
    const bad = firstBadStep(draft, known);
    if (bad) return setStep(bad);
    const reply = await session.create(toNewVm(draft), draft.startNow);
    if (reply.ok) {
      session.closeDialog();
      navigate({ screen: 'vm', id: reply.value.id });
      return;
    }
    const { message, hint } = reply.error;
    const text = [message, hint].filter(Boolean).join(' ');
    const field = failureField(reply.error);
    if (!field) return setRefusal(text);
    setRefused({ [field]: text } as Partial<Record<FieldName, string>>);
    setStep(stepOf(field));
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    void forward().finally(() => setBusy(false));
  };

  const stepProps: StepProps = { draft, change, errors, around };
  return (
    <Dialog
      title="New virtual machine"
      aside={
        <span className="muted" aria-live="polite">
          Step {index + 1} of {STEPS.length}
        </span>
      }
      width={600}
      height={470}
      onClose={() => session.closeDialog()}
      footer={
        <DialogFooter>
          <span className="dialog-footer-start">
            <Button label="Cancel" onPress={() => session.closeDialog()} />
          </span>
          <Button
            label="Back"
            disabledReason={index === 0 ? 'This is the first step.' : undefined}
            onPress={() => setStep(STEPS[index - 1] ?? 'boot')}
          />
          <Button
            key={index === STEPS.length - 1 ? 'finish' : 'forward'}
            label={index === STEPS.length - 1 ? 'Finish' : 'Forward'}
            variant="primary"
            type="submit"
            form={FORM}
            disabledReason={busy ? 'Just a moment…' : undefined}
          />
        </DialogFooter>
      }
    >
      <form id={FORM} ref={form} className="dialog-body wizard" onSubmit={submit} noValidate>
        {step === 'boot' && <BootStep {...stepProps} />}
        {step === 'resources' && <ResourcesStep {...stepProps} />}
        {step === 'ready' && <ReadyStep {...stepProps} />}
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

const TYPING_PAUSE_MS = 300;

/** Asks main what a path is once the person stops typing. */
function useFileCheck(
  role: 'kernel' | 'initrd',
  path: string,
  check: (role: 'kernel' | 'initrd', path: string) => Promise<unknown>,
): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new path is the only reason to ask again
  useEffect(() => {
    if (path === '') return;
    const timer = setTimeout(() => void check(role, path), TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [role, path]);
}

function focusFirstError(form: HTMLFormElement | null): void {
  // After React has drawn the errors.
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}
