/**
 * Where QEMU comes to another result, and whether docs/qemu-differences.md explains it. A row of the table there is
 * | `NAME` | ours | QEMU | who is right |, where a '*' in NAME stands for anything. Where QEMU has "no end" it shuts down or
 * hangs.
 */
export interface Difference {
  readonly name: string;
  readonly qemu: string;
}
export const NO_END = 'no end';

/** QEMU pushes no RF for faults: one difference, explained once and for all. */
const withoutRf = (outcome: string): string => outcome.replace(', rf=1', '');

const literal = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

const matcher = ({ name }: Difference): RegExp => new RegExp(`^${name.split('*').map(literal).join('.*')}$`);

export function explainedDifferences(markdown: string): Difference[] {
  return [...markdown.matchAll(/^\| `([^`]+)` \|[^|]*\| ([^|]*) \|/gm)].map(([, name = '', qemu = '']) => ({
    name,
    qemu,
  }));
}

/** Whether a case takes QEMU down, and so wants one of its own. */
export const hasNoEnd = (name: string, explained: readonly Difference[]): boolean =>
  explained.some((row) => row.qemu === NO_END && matcher(row).test(name));

/** Differences without an explanation, and explanations without a difference, in words. */
export function unexplained(
  ours: ReadonlyMap<string, string>,
  theirs: ReadonlyMap<string, string>,
  explained: readonly Difference[],
): string[] {
  const patterns = explained.map((row) => [row.name, matcher(row)] as const);
  const used = new Set<string>();
  const found: string[] = [];
  for (const [name, outcome] of ours) {
    const other = theirs.get(name) ?? 'not run';
    if (withoutRf(outcome) === withoutRf(other)) continue;
    const pattern = patterns.find(([, expression]) => expression.test(name));
    if (pattern) used.add(pattern[0]);
    else found.push(`${name}: ours "${outcome}", QEMU's "${other}"`);
  }
  return [
    ...found,
    ...explained.filter(({ name }) => !used.has(name)).map(({ name }) => `${name}: no difference any more`),
  ];
}
