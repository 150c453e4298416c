/** What has happened to the VM, newest first. */
import type { LogLine } from '../../../../core/contracts/calls.ts';
import { formatTime } from '../../../state/format.ts';
import { CopyButton } from '../../../ui/copy-button.tsx';

const LEVEL_WORDS = { info: 'Information', warning: 'Warning', error: 'Error' } as const;

export function LogPage({ lines }: { readonly lines: readonly LogLine[] }) {
  const text = lines.map((line) => `${new Date(line.timeMs).toISOString()} ${line.level} ${line.message}`).join('\n');
  return (
    <>
      <header className="details-header">
        <h2>Log</h2>
        <CopyButton text={text} name="Copy log" />
      </header>
      {lines.length === 0 ? (
        <p className="muted">Nothing has happened yet.</p>
      ) : (
        <div className="log-frame">
          <table className="table log">
            <thead>
              <tr>
                <th className="column">Time</th>
                <th className="column">Level</th>
                <th className="column">Message</th>
              </tr>
            </thead>
            <tbody>
              {lines.toReversed().map((line, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the log only grows, so a line's place from its start stays
                <tr key={lines.length - index} data-level={line.level}>
                  <td className="cell">{formatTime(line.timeMs)}</td>
                  <td className="cell log-level">{LEVEL_WORDS[line.level]}</td>
                  <td className="cell">{line.message}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
