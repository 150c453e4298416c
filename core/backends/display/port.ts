/** What a display adapter may know of this folder: where it tells what is to be shown. */
export {
  createScanoutState,
  MAX_CELL_HEIGHT,
  MAX_LINES,
  SCANOUT_OFF,
  SCANOUT_TEXT,
  SCANOUT_UNSUPPORTED,
  type Scanout,
  type ScanoutState,
  TEXT_MEMORY_BYTES,
} from './scanout.ts';
