/** A page of the details: a heading, its fields, and the bar with Remove, Cancel and Apply. */
import type { FormEvent, ReactNode } from 'react';
import { Button } from '../../../ui/button.tsx';
import { CircleAlert, Info, Trash2 } from '../../../ui/icons.tsx';
import { type Draft, textOf } from './use-draft.ts';

export function DetailsPage(props: {
  readonly title: string;
  readonly children: ReactNode;
  /** Absent where there is nothing to edit. */
  readonly draft?: Draft<object>;
  readonly onRemove?: (() => void) | undefined;
  /** Something that keeps Apply from being pressed. */
  readonly problem?: string | undefined;
  /** Fields whose own note shows what main refused. */
  readonly fields?: readonly string[];
}) {
  const { title, children, draft, onRemove, problem, fields = [] } = props;
  const failure = draft?.failure;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (draft?.changed && !problem) void draft.apply();
  };
  return (
    <section className="hardware-page" aria-label={title}>
      <form className="hardware-form" onSubmit={submit} noValidate>
        <h2>{title}</h2>
        {children}
        {failure && !fields.includes(failure.field ?? '') && (
          <p className="field-note" data-tone="bad" role="alert">
            <CircleAlert size={14} />
            <span>{textOf(failure)}</span>
          </p>
        )}
        {(draft || onRemove) && <PageBar draft={draft} onRemove={onRemove} problem={problem} />}
      </form>
    </section>
  );
}

function PageBar(props: {
  readonly draft: Draft<object> | undefined;
  readonly onRemove: (() => void) | undefined;
  readonly problem: string | undefined;
}) {
  const { draft, onRemove, problem } = props;
  const unchanged = draft?.changed ? undefined : 'Nothing has been changed';
  return (
    <div className="page-bar">
      {onRemove && <Button label="Remove" icon={<Trash2 size={14} />} onPress={onRemove} />}
      {draft && (
        <span className="page-bar-end">
          <Button label="Cancel" onPress={draft.reset} disabledReason={unchanged} />
          <Button label="Apply" variant="primary" type="submit" disabledReason={unchanged ?? problem} />
        </span>
      )}
    </div>
  );
}

/** Marks a field whose value the running machine does not have yet. */
export function AfterShutdown(props: { readonly saved: string; readonly active: string | undefined }) {
  if (props.active === undefined || props.active === props.saved) return null;
  return (
    <p className="after-shutdown">
      <Info size={14} />
      <span>Takes effect after the next shutdown. Now: {props.active || 'none'}.</span>
    </p>
  );
}

export function PageNote(props: { readonly children: ReactNode }) {
  return (
    <p className="after-shutdown">
      <Info size={14} />
      <span>{props.children}</span>
    </p>
  );
}

export const Facts = (props: { readonly heading?: string; readonly children: ReactNode }) => (
  <section className="facts">
    {props.heading && <h3>{props.heading}</h3>}
    <dl>{props.children}</dl>
  </section>
);
