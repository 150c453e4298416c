/**
 * Chooses a file of the computer that Vivarium runs on: in the browser host the browser's own dialog could not tell
 * its path. Type-ahead and arrows in the grid, Enter opens, Backspace goes up, a path can be typed or pasted.
 */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import {
  Breadcrumb,
  Breadcrumbs,
  Cell,
  Column,
  ListBox,
  ListBoxItem,
  Row,
  Table,
  TableBody,
  TableHeader,
  TableLayout,
  Virtualizer,
} from 'react-aria-components';
import type { DirectoryEntry, DirectoryListing } from '../../../core/contracts/calls.ts';
import { useSession } from '../../state/context.tsx';
import { formatBytes, formatDateTime } from '../../state/format.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog, DialogFooter } from '../../ui/dialog.tsx';
import { Checkbox, TextField } from '../../ui/field.tsx';
import { ArrowUp, ChevronDown, CircleAlert, File, Folder } from '../../ui/icons.tsx';
import './file-chooser.css';
import { breadcrumbs, listedEntries, parentOf, type Sort } from './file-chooser-model.ts';

export interface FileChooserProps {
  readonly title: string;
  /** A file or folder to begin at; home when there is none. */
  readonly startAt: string;
  readonly onChoose: (path: string) => void;
  readonly onCancel: () => void;
}

export function FileChooser(props: FileChooserProps) {
  const { listing, problem, fromGrid, open } = useFolder(props.startAt);
  const [path, setPath] = useState('');
  const [showHidden, setShowHidden] = useState(false);
  const [sort, setSort] = useState<Sort>({ column: 'name', direction: 'ascending' });

  const enter = async (folder: string, from: Origin) => {
    if ((await open(folder, from)) === 'opened') setPath('');
  };
  /** A folder is entered; any other file is the choice, and the field's verdict will say what it is. */
  const confirm = async () => {
    const typed = path.trim();
    if (typed === '') return;
    const outcome = await open(typed, 'elsewhere');
    if (outcome === 'opened') setPath('');
    else if (outcome === 'not-a-directory') props.onChoose(typed);
  };
  const act = (entry: DirectoryEntry) =>
    entry.kind === 'directory' ? void enter(entry.path, 'grid') : props.onChoose(entry.path);
  const entries = listing ? listedEntries(listing.entries, { showHidden, sort }) : [];

  return (
    <Dialog
      title={props.title}
      width={800}
      height={560}
      className="file-chooser"
      onClose={props.onCancel}
      footer={
        <DialogFooter>
          <span className="dialog-footer-start">
            <Checkbox label="Show hidden files" checked={showHidden} onChange={setShowHidden} />
          </span>
          <Button label="Cancel" onPress={props.onCancel} />
          <Button
            label="Choose"
            variant="primary"
            disabledReason={path.trim() === '' ? 'Select a file, or type its path.' : undefined}
            onPress={() => void confirm()}
          />
        </DialogFooter>
      }
    >
      <div className="file-chooser-body">
        <Places listing={listing} onOpen={(folder) => void enter(folder, 'elsewhere')} />
        <div className="file-chooser-main">
          <PathBar listing={listing} onOpen={(folder) => void enter(folder, 'elsewhere')} />
          {problem && (
            <p className="field-note file-chooser-problem" data-tone="bad" role="alert">
              <CircleAlert size={14} />
              <span>{problem}</span>
            </p>
          )}
          <FileGrid
            key={listing?.path}
            entries={entries}
            sort={sort}
            onSort={setSort}
            onSelect={(entry) => setPath(entry?.path ?? '')}
            onAct={act}
            onUp={() => listing?.parent !== undefined && void enter(listing.parent, 'grid')}
            takeFocus={fromGrid && listing !== undefined}
          />
          <form
            className="file-chooser-path"
            onSubmit={(event) => {
              event.preventDefault();
              // React's events bubble through the portal to the form this dialog was opened from.
              event.stopPropagation();
              void confirm();
            }}
          >
            <TextField
              label="Path"
              value={path}
              onChange={setPath}
              mono
              placeholder="Select a file above, or type its path"
            />
          </form>
        </div>
      </div>
    </Dialog>
  );
}

/** Where the wish to open a folder came from: the focus follows it into the grid only from there and at the start. */
type Origin = 'start' | 'grid' | 'elsewhere';

/** The folder that is shown. An answer that a later question has overtaken is dropped. */
function useFolder(startAt: string) {
  const session = useSession();
  const [listing, setListing] = useState<DirectoryListing>();
  const [problem, setProblem] = useState<string>();
  const [fromGrid, setFromGrid] = useState(true);
  const asked = useRef(0);

  const open = async (folder: string | undefined, from: Origin) => {
    const number = ++asked.current;
    const reply = await session.api.call('files.list', folder === undefined ? {} : { path: folder });
    if (number !== asked.current) return 'overtaken';
    if (reply.ok) {
      setListing(reply.value);
      setFromGrid(from === 'grid' || (from === 'start' && !(document.activeElement instanceof HTMLInputElement)));
      setProblem(undefined);
      return 'opened';
    }
    if (reply.error.code === 'not-a-directory') return 'not-a-directory';
    setProblem([reply.error.message, reply.error.hint].filter(Boolean).join(' '));
    return 'failed';
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: where to begin matters once
  useEffect(() => {
    const begin = async () => {
      const folder = parentOf(startAt);
      const outcome = folder === undefined ? 'failed' : await open(folder, 'start');
      if (outcome !== 'opened' && outcome !== 'overtaken') await open(undefined, 'start');
    };
    void begin();
  }, []);
  return { listing, problem, fromGrid, open };
}

interface FolderProps {
  readonly listing: DirectoryListing | undefined;
  readonly onOpen: (path: string) => void;
}

function Places({ listing, onOpen }: FolderProps) {
  return (
    <ListBox
      className="places"
      aria-label="Places"
      selectionMode="single"
      selectedKeys={listing ? [listing.path] : []}
      onAction={(key) => onOpen(String(key))}
      onSelectionChange={(keys) => {
        const [key] = keys === 'all' ? [] : [...keys];
        if (key !== undefined) onOpen(String(key));
      }}
    >
      {(listing?.places ?? []).map((place) => (
        <ListBoxItem key={place.path} id={place.path} textValue={place.label} className="place">
          <Folder size={14} />
          {place.label}
        </ListBoxItem>
      ))}
    </ListBox>
  );
}

function PathBar({ listing, onOpen }: FolderProps) {
  return (
    <div className="path-bar">
      <Button
        label="Parent folder"
        variant="plain"
        iconOnly
        icon={<ArrowUp size={16} />}
        disabledReason={listing?.parent === undefined ? 'This is the topmost folder.' : undefined}
        onPress={() => listing?.parent !== undefined && onOpen(listing.parent)}
      />
      <Breadcrumbs className="breadcrumbs" aria-label="Folder">
        {(listing ? breadcrumbs(listing.path) : []).map((crumb) => (
          <Breadcrumb key={crumb.path} id={crumb.path} className="breadcrumb">
            <Button label={crumb.label} variant="plain" onPress={() => onOpen(crumb.path)} />
          </Breadcrumb>
        ))}
      </Breadcrumbs>
    </div>
  );
}

interface FileGridProps {
  readonly entries: readonly DirectoryEntry[];
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly onSelect: (entry: DirectoryEntry | undefined) => void;
  readonly onAct: (entry: DirectoryEntry) => void;
  readonly onUp: () => void;
  readonly takeFocus: boolean;
}

const COLUMNS = [
  { id: 'name', label: 'Name' },
  { id: 'size', label: 'Size' },
  { id: 'modified', label: 'Modified' },
] as const;

function FileGrid({ entries, sort, onSort, onSelect, onAct, onUp, takeFocus }: FileGridProps) {
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!takeFocus) return;
    let request = 0;
    // The rows are drawn once the grid knows its size: a frame or two later. An empty folder has none.
    const focusFirstRow = (framesLeft: number) => {
      const row = frame.current?.querySelector<HTMLElement>('[role="row"][data-key]');
      if (row) row.focus();
      else if (framesLeft > 0) request = requestAnimationFrame(() => focusFirstRow(framesLeft - 1));
      else frame.current?.querySelector<HTMLElement>('[role="grid"]')?.focus();
    };
    focusFirstRow(10);
    return () => cancelAnimationFrame(request);
  }, [takeFocus]);
  const find = (key: unknown) => entries.find((entry) => entry.path === key);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Backspace' && !(event.key === 'ArrowUp' && event.altKey)) return;
    event.preventDefault();
    onUp();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys belong to the grid inside
    <div ref={frame} className="file-grid-frame" onKeyDown={onKeyDown}>
      <Virtualizer layout={TableLayout} layoutOptions={{ rowHeight: 24, headingHeight: 24 }}>
        <Table
          className="table file-grid"
          aria-label="Files"
          selectionMode="single"
          selectionBehavior="replace"
          sortDescriptor={sort}
          onSortChange={({ column, direction }) => onSort({ column: column as Sort['column'], direction })}
          onSelectionChange={(keys) => onSelect(find(keys === 'all' ? undefined : [...keys][0]))}
          onRowAction={(key) => {
            const entry = find(key);
            if (entry) onAct(entry);
          }}
        >
          <TableHeader>
            {COLUMNS.map(({ id, label }) => (
              <Column
                key={id}
                id={id}
                isRowHeader={id === 'name'}
                allowsSorting
                className={`column file-${id}`}
                width={id === 'name' ? '1fr' : id === 'size' ? 90 : 160}
              >
                {label}
                {sort.column === id && <ChevronDown size={12} className={`sort-${sort.direction}`} />}
              </Column>
            ))}
          </TableHeader>
          <TableBody items={entries} renderEmptyState={() => <p className="file-grid-empty">This folder is empty.</p>}>
            {(entry) => (
              <Row id={entry.path} className="row" textValue={entry.name}>
                <Cell className="cell file-name">
                  {entry.kind === 'directory' ? <Folder size={14} /> : <File size={14} />}
                  <span>{entry.name}</span>
                </Cell>
                <Cell className="cell file-size">{entry.kind === 'file' ? formatBytes(entry.sizeBytes) : ''}</Cell>
                <Cell className="cell file-modified">{formatDateTime(entry.modifiedMs)}</Cell>
              </Row>
            )}
          </TableBody>
        </Table>
      </Virtualizer>
    </div>
  );
}
