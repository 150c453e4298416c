/** The text screen as text, for tests, screen readers and scripts. */
import { CP437 } from '../../base/text/cp437.ts';
import {
  cellOffset,
  createScanoutState,
  cursorOffset,
  rowStartCell,
  SCANOUT_TEXT,
  SCANOUT_UNSUPPORTED,
  type Scanout,
} from './scanout.ts';

/** The shape of TextScreen in core/contracts/machine.ts, which back ends do not import. */
export interface TextScreenContent {
  readonly columns: number;
  readonly rows: number;
  /** One string a row, decoded from code page 437, not trimmed. */
  readonly lines: readonly string[];
  /** Missing where the cursor is off or outside the picture. */
  readonly cursor?: { readonly column: number; readonly row: number };
}

const NO_SCREEN: TextScreenContent = { columns: 0, rows: 0, lines: [] };

/**
 * What the screen shows now. A screen that is off reads as blanks, a graphics mode as no rows at all.
 * @param vram video memory, text in its first TEXT_MEMORY_BYTES.
 */
export function readTextScreen(vram: Uint8Array, scanout: Scanout): TextScreenContent {
  const state = createScanoutState();
  if (!scanout.read(state) || state.mode === SCANOUT_UNSUPPORTED || state.rows === 0) return NO_SCREEN;
  const { columns, rows } = state;
  const shown = state.mode === SCANOUT_TEXT;
  const cursorAt = shown ? cursorOffset(state) : -1;
  const lines: string[] = [];
  let cursor: TextScreenContent['cursor'];
  for (let row = 0; row < rows; row++) {
    const start = rowStartCell(state, row);
    let line = '';
    for (let column = 0; column < columns; column++) {
      const offset = cellOffset(start + column);
      line += shown ? (CP437[vram[offset] ?? 0] ?? ' ') : ' ';
      if (offset === cursorAt && !cursor) cursor = { column, row };
    }
    lines.push(line);
  }
  return cursor ? { columns, rows, lines, cursor } : { columns, rows, lines };
}
