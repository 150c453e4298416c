/**
 * What stands still on the screen: bars, logo, frame and labels, drawn when the image is built. The guest copies it to VGA
 * memory and fills in what it finds out.
 */
import { COMMAND_NAMES } from './commands.ts';
import {
  COLOUR,
  COLUMNS,
  cell,
  FAMILY_COLUMN,
  FRAME_END_ROW,
  INPUT_ROW,
  LABEL_COLUMN,
  MEMORY_ROW,
  PROCESSOR_ROW,
  PROMPT_COLUMN,
  ROWS,
  STATUS_ROW,
  TIME_LABEL_COLUMN,
} from './layout.ts';

/** Code page 437, as far as it is used here and is not ASCII. */
const CODE_PAGE_437: Readonly<Record<string, number>> = {
  '─': 0xc4,
  '│': 0xb3,
  '┌': 0xda,
  '┐': 0xbf,
  '└': 0xc0,
  '┘': 0xd9,
  '├': 0xc3,
  '┤': 0xb4,
  '█': 0xdb,
  '▄': 0xdc,
  '▀': 0xdf,
  '·': 0xfa,
};

const RIGHT = COLUMNS - 2;
const LOGO_ROW = 2;
const WORD_COLUMN = 14;

/** "VIVARIUM" in pixels of half a character cell, six to a letter's height. */
const LETTERS: Readonly<Record<string, readonly string[]>> = {
  V: ['#...#', '#...#', '#...#', '.#.#.', '.#.#.', '..#..'],
  I: ['###', '.#.', '.#.', '.#.', '.#.', '###'],
  A: ['..#..', '.#.#.', '.#.#.', '#####', '#...#', '#...#'],
  R: ['####.', '#...#', '#...#', '####.', '#..#.', '#...#'],
  U: ['#...#', '#...#', '#...#', '#...#', '#...#', '.###.'],
  M: ['#...#', '##.##', '#.#.#', '#...#', '#...#', '#...#'],
};

const PLANT = ['##..##', '.####.', '..##..', '..##..'];

/** The character of pixels `row` and `row + 1`. */
function halfBlock(pixels: readonly string[], row: number, x: number): string {
  const upper = pixels[row]?.[x] === '#';
  const lower = pixels[row + 1]?.[x] === '#';
  return upper && lower ? '█' : upper ? '▀' : lower ? '▄' : ' ';
}

class Picture {
  readonly cells = new Uint16Array(COLUMNS * ROWS).fill(0x0720);

  text(row: number, column: number, text: string, attribute: number): void {
    [...text].forEach((c, n) => {
      this.cells[cell(row, column + n)] = (attribute << 8) | (CODE_PAGE_437[c] ?? c.charCodeAt(0));
    });
  }

  bar(row: number, attribute: number): void {
    this.text(row, 0, ' '.repeat(COLUMNS), attribute);
  }
}

function logo(picture: Picture): void {
  // a plant in a glass case: the case and the soil are characters' colours, the plant's ends their backgrounds
  const [tips = '', , , foot = ''] = PLANT;
  picture.text(LOGO_ROW, 3, '▄▀▀▀▀▀▀▄', COLOUR.glass);
  picture.text(LOGO_ROW + 1, 3, '█      █', COLOUR.glass);
  picture.text(LOGO_ROW + 2, 3, '█      █', COLOUR.glass);
  for (let x = 0; x < tips.length; x++) {
    const behind = (pixels: string): number => (pixels[x] === '#' ? COLOUR.leafShade << 4 : 0);
    picture.text(LOGO_ROW, 4 + x, '▀', COLOUR.glass | behind(tips));
    picture.text(LOGO_ROW + 1, 4 + x, halfBlock(PLANT, 1, x), COLOUR.leaf);
    picture.text(LOGO_ROW + 2, 4 + x, '▄', COLOUR.soil | behind(foot));
  }
  // its name
  let column = WORD_COLUMN;
  for (const letter of 'VIVARIUM') {
    const pixels = LETTERS[letter] ?? [];
    const width = pixels[0]?.length ?? 0;
    for (let row = 0; row < 3; row++) {
      for (let x = 0; x < width; x++) {
        picture.text(
          LOGO_ROW + row,
          column + x,
          halfBlock(pixels, row * 2, x),
          row === 2 ? COLOUR.leafShade : COLOUR.leaf,
        );
      }
    }
    column += width + 1;
  }
}

function heading(picture: Picture, row: number, ends: string, title: string): void {
  picture.text(row, 1, `${ends[0]}${'─'.repeat(RIGHT - 2)}${ends[1]}`, COLOUR.frame);
  picture.text(row, 3, ` ${title} `, COLOUR.heading);
}

function frame(picture: Picture): void {
  for (let row = PROCESSOR_ROW; row < FRAME_END_ROW; row++) {
    picture.text(row, 1, '│', COLOUR.frame);
    picture.text(row, RIGHT, '│', COLOUR.frame);
  }
  heading(picture, PROCESSOR_ROW, '┌┐', 'Processor');
  heading(picture, MEMORY_ROW, '├┤', 'Memory');
  picture.text(FRAME_END_ROW, 1, `└${'─'.repeat(RIGHT - 2)}┘`, COLOUR.frame);
  picture.text(PROCESSOR_ROW + 1, LABEL_COLUMN, 'Vendor', COLOUR.label);
  picture.text(PROCESSOR_ROW + 1, FAMILY_COLUMN - 8, 'Family', COLOUR.label);
  picture.text(PROCESSOR_ROW + 2, LABEL_COLUMN, 'Model', COLOUR.label);
  picture.text(PROCESSOR_ROW + 3, LABEL_COLUMN, 'Features', COLOUR.label);
}

function draw(): Uint16Array {
  const picture = new Picture();
  picture.bar(0, COLOUR.titleBar);
  picture.text(0, 1, 'Vivarium', COLOUR.titleBar);
  picture.text(0, 10, '· Welcome guest', COLOUR.titleBarDim);
  picture.text(0, COLUMNS - 31, 'a small computer in a computer', COLOUR.titleBarDim);
  logo(picture);
  ['Time', 'Date', 'Uptime'].forEach((label, n) => {
    picture.text(LOGO_ROW + n, TIME_LABEL_COLUMN, label, COLOUR.label);
  });
  frame(picture);
  picture.text(INPUT_ROW, PROMPT_COLUMN, '>', COLOUR.prompt);
  picture.bar(STATUS_ROW, COLOUR.statusBar);
  picture.text(STATUS_ROW, 1, 'Type', COLOUR.statusBar);
  picture.text(STATUS_ROW, 6, 'help', COLOUR.statusKey);
  picture.text(STATUS_ROW, 11, 'and press Enter', COLOUR.statusBar);
  const names = COMMAND_NAMES.join(' · ');
  picture.text(STATUS_ROW, COLUMNS - 1 - names.length, names, COLOUR.statusBar);
  return picture.cells;
}

export const PICTURE: Uint16Array = draw();
