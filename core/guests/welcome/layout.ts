/** Where the Welcome guest keeps things: in memory, and on its screen of 80 columns and 25 rows. */

/** The image, and what the loader fills with zeroes behind it. */
export const LOAD_ADDRESS = 0x10_0000;
export const MEMORY_END = 0x12_0000;

export const PML4 = 0x11_0000;
export const PDPT = 0x11_1000;
/** Four page directories: 4 GiB in pages of 2 MiB. */
export const PAGE_DIRECTORIES = 0x11_2000;
export const IDT = 0x11_6000;
export const STACK_TOP = 0x11_b000;
/** The line of text that is being put together; what is before it stays 0. */
export const LINE = 0x11_b010;
/** What is being typed. */
export const INPUT = 0x11_b200;
export const INPUT_LIMIT = 70;
/** 256 entries of 2 bytes: a scan code or a serial byte, and which of them. */
export const INPUT_RING = 0x11_b400;

/** Selectors. */
export const CODE64 = 0x08;
export const DATA = 0x10;

export const COLUMNS = 80;
export const ROWS = 25;
export const TEXT_MEMORY = 0xb_8000;
/** A place on the screen, as its cell's number. */
export const cell = (row: number, column: number): number => row * COLUMNS + column;

export const PROCESSOR_ROW = 6;
export const MEMORY_ROW = 11;
export const MEMORY_ENTRIES = 6;
export const FRAME_END_ROW = MEMORY_ROW + MEMORY_ENTRIES + 1;
export const HISTORY_ROW = FRAME_END_ROW + 1;
export const INPUT_ROW = 23;
export const STATUS_ROW = 24;

export const LABEL_COLUMN = 3;
export const VALUE_COLUMN = 13;
export const FAMILY_COLUMN = 46;
export const TIME_LABEL_COLUMN = 59;
export const TIME_COLUMN = 67;
export const MEMORY_TOTAL_COLUMN = 12;
export const PROMPT_COLUMN = 1;
export const INPUT_COLUMN = 3;

/** Attributes: foreground in the low four bits, background in the next three. */
export const COLOUR = {
  frame: 0x08,
  heading: 0x0b,
  label: 0x07,
  value: 0x0f,
  usable: 0x0a,
  history: 0x07,
  prompt: 0x0a,
  input: 0x0f,
  titleBar: 0x1f,
  titleBarDim: 0x1b,
  statusBar: 0x17,
  statusKey: 0x1f,
  leaf: 0x0a,
  leafShade: 0x02,
  glass: 0x03,
  soil: 0x06,
  fault: 0x4f,
} as const;
