import { describe, expect, it } from 'vitest';
import { cellOffset, createScanoutState, cursorOffset, SCANOUT_WORDS, Scanout, textRows } from './scanout.ts';

const words = () => new Int32Array(new SharedArrayBuffer(SCANOUT_WORDS * 4));

describe('Scanout', () => {
  it('gives readers on the same memory what the writer published', () => {
    const memory = words();
    const state = createScanoutState();
    Object.assign(state, { mode: 1, columns: 80, width: 720, height: 400, boldFontOffset: 0x2e000 });
    state.palette[15] = 0xffffff;
    new Scanout(memory).publish(state);
    const seen = createScanoutState();
    expect(new Scanout(memory).read(seen)).toBe(true);
    expect(seen).toEqual(state);
  });
  it('moves its sequence on with each change', () => {
    const scanout = new Scanout(words());
    const sequences = new Set([scanout.sequence]);
    const state = createScanoutState();
    for (let i = 1; i <= 5; i++) {
      state.palette[255] = i;
      scanout.publish(state);
      sequences.add(scanout.sequence);
    }
    scanout.publish(state);
    expect(sequences.size).toBe(6);
    expect(sequences).toContain(scanout.sequence);
  });
  it('gives no view while the writer is inside, even one that never comes back, and recovers with the next', () => {
    const memory = words();
    const scanout = new Scanout(memory);
    memory[0] = 7;
    expect(scanout.read(createScanoutState())).toBe(false);
    scanout.publish(createScanoutState());
    expect(scanout.read(createScanoutState())).toBe(true);
  });
  it('refuses too little memory', () => {
    expect(() => new Scanout(new Int32Array(8))).toThrow(RangeError);
  });
});

describe('cell addresses', () => {
  const state = Object.assign(createScanoutState(), {
    ...{ columns: 80, height: 400, cellHeight: 16, lineRepeat: 1, startCell: 100, pitchCells: 80, splitLine: 0x3ff },
    ...{ textOffset: 0x40000, cursorCell: 0x10001, cursorTop: 13, cursorBottom: 14 },
  });
  it('are in text memory while it has them, else in planes 0 and 1; the counter wraps', () => {
    expect(cellOffset(state, 263)).toBe(0x40000 + 263 * 2);
    expect(cellOffset(state, 0x4000)).toBe(0x10000);
    expect(cellOffset(state, 0x10001)).toBe(0x40002);
    expect(cellOffset({ ...state, textOffset: -1 }, 263)).toBe(263 * 4);
  });
  it('go on by the pitch, row by row', () => {
    const rows = textRows(state);
    expect(rows).toHaveLength(25);
    expect(rows[2]).toEqual({ startCell: 260, top: 32, height: 16, firstLine: 0, panDots: 0 });
  });
  it('start over below the split line, wherever in a row it is, without preset and with panning of its own', () => {
    const rows = textRows({ ...state, splitLine: 16 * 2 + 3, presetRow: 5, panDots: 3 });
    expect(rows.slice(0, 5)).toEqual([
      { startCell: 100, top: 0, height: 11, firstLine: 5, panDots: 3 },
      { startCell: 180, top: 11, height: 16, firstLine: 0, panDots: 3 },
      { startCell: 260, top: 27, height: 9, firstLine: 0, panDots: 3 },
      { startCell: 0, top: 36, height: 16, firstLine: 0, panDots: 0 },
      { startCell: 80, top: 52, height: 16, firstLine: 0, panDots: 0 },
    ]);
    expect(rows.at(-1)).toMatchObject({ top: 388, height: 12 });
  });
  it('show each line of a cell twice where lines are doubled', () => {
    const rows = textRows({ ...state, cellHeight: 8, lineRepeat: 2, presetRow: 3 });
    expect(rows.slice(0, 2).map(({ top, height, firstLine }) => [top, height, firstLine])).toEqual([
      [0, 10, 3],
      [10, 16, 0],
    ]);
  });
  it('know a cursor that is off', () => {
    expect(cursorOffset(state)).toBe(0x40002);
    expect(cursorOffset({ ...state, cursorTop: 15 })).toBe(-1);
    expect(cursorOffset({ ...state, cellHeight: 8 })).toBe(-1);
  });
});
