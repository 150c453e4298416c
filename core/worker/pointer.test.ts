import { describe, expect, it } from 'vitest';
import { RelativePointer } from './pointer.ts';

describe('RelativePointer', () => {
  it('turns positions into movement, beginning where the pointer first is', () => {
    const pointer = new RelativePointer();
    expect(pointer.move(100, 50, 0)).toEqual({ dx: 0, dy: 0, wheel: 0, buttons: 0 });
    expect(pointer.move(110, 45, 0)).toEqual({ dx: 10, dy: -5, wheel: 0, buttons: 0 });
  });

  it('puts the buttons into the order of a mouse', () => {
    const pointer = new RelativePointer();
    expect([1, 2, 4, 7].map((mask) => pointer.move(0, 0, mask).buttons)).toEqual([1, 4, 2, 7]);
  });

  it('makes one notch of each press of a wheel button', () => {
    const pointer = new RelativePointer();
    expect([0x08, 0x08, 0, 0x10, 0].map((mask) => pointer.move(0, 0, mask).wheel)).toEqual([-1, 0, 0, 1, 0]);
  });
});
