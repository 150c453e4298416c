/** Definition files that could not be read: what, why, what to do, where. The files stay as they are. */
import type { DefinitionProblem } from '../../../core/contracts/calls.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { TriangleAlert } from '../../ui/icons.tsx';

export function ProblemsBanner(props: { readonly problems: readonly DefinitionProblem[] }) {
  if (props.problems.length === 0) return null;
  const title =
    props.problems.length === 1
      ? 'A definition file could not be read'
      : `${props.problems.length} definition files could not be read`;
  return (
    <section className="banner problems" aria-label={title}>
      <TriangleAlert size={16} />
      <div>
        <h2>{title}</h2>
        <ul>
          {props.problems.map((problem) => (
            <li key={problem.path}>
              <p>
                {problem.message} {problem.hint}
              </p>
              <p className="problem-path">
                <code>{problem.path}</code>
                <CopyButton text={problem.path} name="Copy path" iconOnly />
              </p>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
