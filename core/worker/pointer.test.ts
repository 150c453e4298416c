import { describe, expect, it } from 'vitest';
import { AbsolutePointer, RelativePointer } from './pointer.ts';

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

describe('AbsolutePointer', () => {
  it('spreads the picture over the range of a tablet, and counts notches once', () => {
    const pointer = new AbsolutePointer();
    const screen = { width: 1024, height: 768 };
    expect(pointer.move(1023, 0, 0b1_0001, screen)).toEqual({ x: 0x7fff, y: 0, wheel: 1, buttons: 1 });
    expect(pointer.move(5000, 767, 0b1_0100, screen)).toEqual({ x: 0x7fff, y: 0x7fff, wheel: 0, buttons: 2 });
    expect(pointer.move(0, 0, 0, { width: 0, height: 0 })).toEqual({ x: 0, y: 0, wheel: 0, buttons: 0 });
  });
});
