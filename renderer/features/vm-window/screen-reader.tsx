/** The text on the guest's screen as text: to read aloud, to select, to copy. New lines are announced politely. */
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { VmSummary } from '../../../core/contracts/calls.ts';
import { useSession } from '../../state/context.tsx';
import { Button } from '../../ui/button.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { X } from '../../ui/icons.tsx';
import { newLines, screenText } from './screen-text.ts';

const POLL_MS = 1000;

export function ScreenReader(props: { readonly vm: VmSummary; readonly onClose: () => void }) {
  const { id } = props.vm;
  const session = useSession();
  const [text, setText] = useState<string>();
  const [announced, setAnnounced] = useState('');
  const [problem, setProblem] = useState<string>();
  const last = useRef<string>(undefined);

  useEffect(() => {
    let over = false;
    const read = async () => {
      const reply = await session.api.call('vms.textScreen', { id });
      if (over) return;
      if (!reply.ok) return setProblem(reply.error.message);
      const now = screenText(reply.value);
      if (last.current !== undefined && now !== last.current) setAnnounced(newLines(last.current, now).join('\n'));
      last.current = now;
      setProblem(undefined);
      setText(now);
    };
    void read();
    const timer = setInterval(() => void read(), POLL_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [session, id]);

  // The newest lines are at the end: they stay in view, unless the person has scrolled up to read.
  const block = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new text is the reason to scroll
  useLayoutEffect(() => {
    if (atEnd.current) block.current?.scrollTo({ top: block.current.scrollHeight });
  }, [text]);

  return (
    <section className="screen-reader" aria-label="Text on the screen">
      <header>
        <h2>Text on the screen</h2>
        <CopyButton text={text ?? ''} name="Copy text" />
        <Button label="Close the text" variant="plain" iconOnly icon={<X size={14} />} onPress={props.onClose} />
      </header>
      <pre
        ref={block}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a block that scrolls must be reachable by keyboard
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
          atEnd.current = scrollTop + clientHeight > scrollHeight - 4;
        }}
      >
        {problem ?? (text === '' ? 'The screen shows no text.' : text)}
      </pre>
      <p className="visually-hidden" aria-live="polite">
        {announced}
      </p>
    </section>
  );
}
