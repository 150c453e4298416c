/**
 * Where QEMU comes to another result, and whether docs/qemu-differences.md explains it. A row of the table there is
 * | `NAME` | ours | QEMU | who is right |, where a '*' in NAME stands for anything.
 */

/** QEMU pushes no RF for faults: one difference, explained once and for all. */
const withoutRf = (outcome: string): string => outcome.replace(', rf=1', '');

const literal = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

/** The names in the first column. */
export function explainedDifferences(markdown: string): string[] {
  return [...markdown.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');
}

/** Differences without an explanation, and explanations without a difference, in words. */
export function unexplained(
  ours: ReadonlyMap<string, string>,
  theirs: ReadonlyMap<string, string>,
  explained: readonly string[],
): string[] {
  const patterns = explained.map((name) => [name, new RegExp(`^${name.split('*').map(literal).join('.*')}$`)] as const);
  const used = new Set<string>();
  const found: string[] = [];
  for (const [name, outcome] of ours) {
    const other = theirs.get(name) ?? 'not run';
    if (withoutRf(outcome) === withoutRf(other)) continue;
    const pattern = patterns.find(([, expression]) => expression.test(name));
    if (pattern) used.add(pattern[0]);
    else found.push(`${name}: ours "${outcome}", QEMU's "${other}"`);
  }
  return [...found, ...explained.filter((name) => !used.has(name)).map((name) => `${name}: no difference any more`)];
}
