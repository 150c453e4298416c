/** Whole-area pages: nothing here, not running, crashed, connecting. */
import type { ReactNode } from 'react';

export function EmptyState(props: {
  readonly icon: ReactNode;
  readonly title: string;
  /** 1 where it is all there is on the page. */
  readonly level?: 1 | 2;
  readonly text?: ReactNode;
  readonly children?: ReactNode;
}) {
  const Heading = props.level === 1 ? 'h1' : 'h2';
  return (
    <div className="empty-state">
      {props.icon}
      <Heading className="empty-state-title">{props.title}</Heading>
      {props.text && <p className="empty-state-text">{props.text}</p>}
      {props.children}
    </div>
  );
}

export const Logo = (props: { readonly size: number }) => (
  <img src="./icon.svg" alt="" width={props.size} height={props.size} draggable={false} />
);
