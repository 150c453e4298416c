import { describe, expect, it } from 'vitest';
import { cellOffset, createScanoutState, cursorOffset, rowStartCell, SCANOUT_WORDS, Scanout } from './scanout.ts';

const words = () => new Int32Array(new SharedArrayBuffer(SCANOUT_WORDS * 4));

describe('Scanout', () => {
  it('gives readers on the same memory what the writer published', () => {
    const memory = words();
    const state = createScanoutState();
    Object.assign(state, { mode: 1, columns: 80, rows: 25, width: 720, height: 400, boldFontOffset: 0x2e000 });
    state.palette[15] = 0xffffff;
    new Scanout(memory).publish(state);
    const seen = createScanoutState();
    expect(new Scanout(memory).read(seen)).toBe(true);
    expect(seen).toEqual(state);
  });
  it('moves its sequence on with each change', () => {
    const scanout = new Scanout(words());
    const sequences = new Set([scanout.sequence]);
    for (let i = 0; i < 5; i++) {
      scanout.publish(createScanoutState());
      sequences.add(scanout.sequence);
    }
    expect(sequences.size).toBe(6);
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
    ...{ columns: 80, rows: 25, cellHeight: 16, startCell: 100, pitchCells: 80, splitLine: 0x3ff },
    ...{ cursorCell: 0x4001, cursorTop: 13, cursorBottom: 14 },
  });
  it('follow start and pitch and wrap at 32 KiB', () => {
    expect(cellOffset(rowStartCell(state, 2) + 3)).toBe((100 + 160 + 3) * 2);
    expect(cellOffset(0x4001)).toBe(2);
  });
  it('start over below the split line', () => {
    const split = { ...state, splitLine: 16 * 20 - 1 };
    expect(rowStartCell(split, 19)).toBe(100 + 19 * 80);
    expect(rowStartCell(split, 20)).toBe(0);
    expect(rowStartCell(split, 21)).toBe(80);
  });
  it('know a cursor that is off', () => {
    expect(cursorOffset(state)).toBe(2);
    expect(cursorOffset({ ...state, cursorTop: 15 })).toBe(-1);
    expect(cursorOffset({ ...state, cellHeight: 8 })).toBe(-1);
  });
});
