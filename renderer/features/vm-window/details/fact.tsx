/** A term and its value, which can be copied where that is of use. */
import { CopyButton } from '../../../ui/copy-button.tsx';

export function Fact(props: {
  readonly term: string;
  readonly children: string;
  readonly mono?: boolean;
  readonly copy?: boolean;
}) {
  return (
    <div className="fact">
      <dt>{props.term}</dt>
      <dd className={props.mono ? 'mono' : ''}>
        {props.children}
        {props.copy && <CopyButton text={props.children} name={`Copy ${props.term.toLowerCase()}`} iconOnly />}
      </dd>
    </div>
  );
}
