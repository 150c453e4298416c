/** The New VM wizard at work: its draft, what main says about the files, and the way forwards and back. */
import { useEffect, useRef, useState } from 'react';
import type { FileCheck, FileRole } from '../../../core/contracts/calls.ts';
import { useAppState, useSession } from '../../state/context.tsx';
import { navigate } from '../../state/route.ts';
import type { NewVmStart } from '../../state/store.ts';
import {
  checkKey,
  type Draft,
  draftFor,
  FILES,
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

/** What a step's fields need. */
export interface StepProps {
  readonly draft: Draft;
  readonly change: (change: Partial<Draft>) => void;
  readonly errors: FieldErrors;
  readonly around: Surroundings;
  /** The name of a file that was dropped, where its path is not known. */
  readonly dropped?: string | undefined;
}

export function useWizard(start: NewVmStart | undefined) {
  const session = useSession();
  const vms = useAppState((state) => state.vms);
  const host = useAppState((state) => state.host);
  const [draft, setDraft] = useState<Draft>(() => draftFor(start));
  const [step, setStep] = useState<Step>('source');
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
  const check = async (role: FileRole, path: string): Promise<FileCheck | undefined> => {
    const reply = await session.api.call('files.check', { path, role });
    if (!reply.ok) return undefined;
    setChecks((before) => new Map(before).set(checkKey(role, path), reply.value));
    return reply.value;
  };
  const rules = FILES[draft.source];
  const [mainFile, otherFile] = rules;
  useFileCheck(mainFile.role, draft[mainFile.field].trim(), check);
  useFileCheck(otherFile?.role ?? mainFile.role, otherFile ? draft[otherFile.field].trim() : '', check);

  const errors: FieldErrors = { ...(tried.has(step) ? stepErrors(step, draft, around) : {}), ...refused };
  const index = STEPS.indexOf(step);

  /** A step is left forwards only with its files checked: Forward may come before the answer. */
  const checked = async (): Promise<Surroundings> => {
    const fresh = new Map(checks);
    for (const { role, field } of rules) {
      const path = draft[field].trim();
      // A bad file may have been put right since.
      if (path === '' || fresh.get(checkKey(role, path))?.ok) continue;
      const verdict = await check(role, path);
      if (verdict) fresh.set(checkKey(role, path), verdict);
    }
    return { ...around, checks: fresh };
  };

  const goForward = async () => {
    setTried(new Set([...tried, step]));
    const known = await checked();
    if (Object.keys(stepErrors(step, draft, known)).length > 0) return focusFirstError(form.current);
    const next = STEPS[index + 1];
    if (!next) return finish(known);
    if (next === 'ready' && draft.name === '') change({ name: suggestName(draft, known) });
    setStep(next);
  };

  const finish = async (known: Surroundings) => {
    const bad = firstBadStep(draft, known);
    if (bad) return setStep(bad);
    const reply = await session.create(toNewVm(draft, host?.firmwareImages), draft.startNow);
    if (reply.ok) {
      session.closeDialog();
      navigate({ screen: 'vm', id: reply.value.id });
      return;
    }
    const { message, hint } = reply.error;
    const text = [message, hint].filter(Boolean).join(' ');
    const field = failureField(reply.error, draft.source);
    if (!field) return setRefusal(text);
    setRefused({ [field]: text } as Partial<Record<FieldName, string>>);
    setStep(stepOf(field));
  };

  return {
    form,
    dropped: start && 'fileName' in start ? start.fileName : undefined,
    draft,
    step,
    errors,
    around,
    refusal,
    busy,
    change,
    back: () => setStep(STEPS[index - 1] ?? 'source'),
    forward: () => {
      if (busy) return;
      setBusy(true);
      void goForward().finally(() => setBusy(false));
    },
  };
}

const TYPING_PAUSE_MS = 300;

/** Asks main what a path is once the person stops typing. */
function useFileCheck(role: FileRole, path: string, check: (role: FileRole, path: string) => Promise<unknown>): void {
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
