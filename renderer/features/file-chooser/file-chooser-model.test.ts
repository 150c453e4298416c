import { describe, expect, it } from 'vitest';
import type { DirectoryEntry } from '../../../core/contracts/calls.ts';
import { breadcrumbs, listedEntries, parentOf } from './file-chooser-model.ts';

const entry = (name: string, change: Partial<DirectoryEntry> = {}): DirectoryEntry => ({
  name,
  path: `/${name}`,
  kind: 'file',
  sizeBytes: 0,
  modifiedMs: 0,
  hidden: name.startsWith('.'),
  ...change,
});

describe('the entries of a folder', () => {
  const entries = [
    entry('b10', { sizeBytes: 1, modifiedMs: 3 }),
    entry('B9', { sizeBytes: 9, modifiedMs: 1 }),
    entry('.profile'),
    entry('zoo', { kind: 'directory' }),
  ];
  const names = (showHidden: boolean, column: 'name' | 'size' | 'modified', direction: 'ascending' | 'descending') =>
    listedEntries(entries, { showHidden, sort: { column, direction } }).map((each) => each.name);

  it('come with folders first, in the order people count', () => {
    expect(names(false, 'name', 'ascending')).toEqual(['zoo', 'B9', 'b10']);
    expect(names(false, 'name', 'descending')).toEqual(['zoo', 'b10', 'B9']);
  });

  it('sort by size and date', () => {
    expect(names(false, 'size', 'ascending')).toEqual(['zoo', 'b10', 'B9']);
    expect(names(false, 'modified', 'ascending')).toEqual(['zoo', 'B9', 'b10']);
  });

  it('show hidden ones when asked', () => expect(names(true, 'name', 'ascending')).toContain('.profile'));
});

describe('paths', () => {
  it.each([
    ['/', ['/']],
    ['/boot/grub', ['/', '/boot', '/boot/grub']],
    ['C:\\VMs\\a', ['C:\\', 'C:\\VMs', 'C:\\VMs\\a']],
  ])('%s leads through %j', (path, paths) => expect(breadcrumbs(path).map((crumb) => crumb.path)).toEqual(paths));

  it.each([
    ['/boot/vmlinuz', '/boot'],
    ['/vmlinuz', '/'],
    ['C:\\kernel', 'C:\\'],
    ['/', undefined],
    ['vmlinuz', undefined],
    ['', undefined],
  ])('%s lies in %s', (path, parent) => expect(parentOf(path)).toBe(parent));
});
