/** The file chooser without its looks: order, hidden files, the parts of a path. Paths of any platform. */
import type { DirectoryEntry } from '../../../core/contracts/calls.ts';

export type SortColumn = 'name' | 'size' | 'modified';
export interface Sort {
  readonly column: SortColumn;
  readonly direction: 'ascending' | 'descending';
}

const BY_NAME = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Directories first in every order; equal sizes and dates by name. */
export function listedEntries(
  entries: readonly DirectoryEntry[],
  options: { readonly showHidden: boolean; readonly sort: Sort },
): readonly DirectoryEntry[] {
  const { column, direction } = options.sort;
  const sign = direction === 'ascending' ? 1 : -1;
  const difference = (a: DirectoryEntry, b: DirectoryEntry): number => {
    if (column === 'size') return a.sizeBytes - b.sizeBytes;
    return column === 'modified' ? a.modifiedMs - b.modifiedMs : 0;
  };
  return entries
    .filter((entry) => options.showHidden || !entry.hidden)
    .sort((a, b) => {
      if (a.kind !== b.kind) return a.kind === 'directory' ? -1 : 1;
      return sign * (difference(a, b) || BY_NAME.compare(a.name, b.name));
    });
}

export interface Crumb {
  readonly label: string;
  readonly path: string;
}

/** "/boot/grub" -> "/", "boot", "grub"; "C:\VMs" -> "C:\", "VMs". Each with the path it leads to. */
export function breadcrumbs(path: string): readonly Crumb[] {
  const windows = /^([A-Za-z]:)[\\/]?/.exec(path);
  const separator = windows ? '\\' : '/';
  const root = windows ? `${windows[1]}\\` : '/';
  const crumbs: Crumb[] = [{ label: root, path: root }];
  for (const part of path.slice(windows ? windows[0].length : 0).split(/[\\/]/)) {
    // A backslash is an ordinary character of a name outside Windows, but never one that a kernel's path needs.
    if (part === '') continue;
    const before = crumbs.at(-1)?.path ?? root;
    crumbs.push({ label: part, path: before.endsWith(separator) ? before + part : before + separator + part });
  }
  return crumbs;
}

/** The folder a path lies in; undefined for a bare name or a root. */
export function parentOf(path: string): string | undefined {
  const crumbs = breadcrumbs(path);
  const isAbsolute = /^([A-Za-z]:)?[\\/]/.test(path);
  return isAbsolute ? crumbs.at(-2)?.path : undefined;
}
