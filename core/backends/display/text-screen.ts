/** The text screen as text, for tests, screen readers and scripts. */
import { CP437 } from '../../base/text/cp437.ts';
import {
  cellOffset,
  createScanoutState,
  cursorOffset,
  SCANOUT_GRAPHICS,
  SCANOUT_TEXT,
  type Scanout,
  textRows,
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
 * What the screen shows now. A screen that is off reads as blanks; a graphics mode as one line that says so.
 * @param vram video memory.
 */
export function readTextScreen(vram: Uint8Array, scanout: Scanout): TextScreenContent {
  const state = createScanoutState();
  if (!scanout.read(state) || state.cellHeight === 0) return NO_SCREEN;
  if (state.mode === SCANOUT_GRAPHICS) {
    const line = `(graphics, ${state.width}x${state.height})`;
    return { columns: line.length, rows: 1, lines: [line] };
  }
  const { columns } = state;
  const shown = state.mode === SCANOUT_TEXT;
  const cursorAt = shown ? cursorOffset(state) : -1;
  let cursor: TextScreenContent['cursor'];
  const lines = textRows(state).map(({ startCell }, row) => {
    let line = '';
    for (let column = 0; column < columns; column++) {
      const offset = cellOffset(state, startCell + column);
      line += shown ? (CP437[vram[offset] ?? 0] ?? ' ') : ' ';
      if (offset === cursorAt && !cursor) cursor = { column, row };
    }
    return line;
  });
  return cursor ? { columns, rows: lines.length, lines, cursor } : { columns, rows: lines.length, lines };
}
