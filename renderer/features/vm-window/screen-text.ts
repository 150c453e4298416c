/** The guest's text screen, for reading aloud and copying. */
import type { TextScreen } from '../../../core/contracts/machine.ts';

/** Without the blanks at line ends and the empty lines at the end. */
export const screenText = (screen: TextScreen): string =>
  screen.lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();

/**
 * The lines that are new since `before`: what a screen reader should say. A screen that only scrolled says the lines
 * that came in at the bottom, not every line that moved.
 */
export function newLines(before: string, after: string): readonly string[] {
  const old = before.split('\n');
  const now = after.split('\n');
  for (let scrolled = 0; scrolled < old.length; scrolled++) {
    const kept = old.slice(scrolled);
    // The last line is often the one being typed on: it may have grown.
    const sameAbove = kept.length <= now.length && kept.slice(0, -1).every((line, index) => line === now[index]);
    if (!sameAbove) continue;
    const last = kept.length - 1;
    return now.slice(now[last] === kept[last] ? last + 1 : last).filter((line) => line !== '');
  }
  return now.filter((line) => line !== '');
}
