import { describe, expect, it } from 'vitest';
import { aPackage, device, eisaId, integer, irqNoFlags, name, resourceTemplate, scope } from './aml.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('AML', () => {
  it('encodes integers in their shortest form', () => {
    expect(integer(0)).toEqual(bytes(0x00));
    expect(integer(1)).toEqual(bytes(0x01));
    expect(integer(0x7f)).toEqual(bytes(0x0a, 0x7f));
    expect(integer(0x1234)).toEqual(bytes(0x0b, 0x34, 0x12));
    expect(integer(0xfffe_ffff)).toEqual(bytes(0x0c, 0xff, 0xff, 0xfe, 0xff));
  });

  it('packs an EISA ID as ASL compilers do', () => {
    expect(eisaId('PNP0501')).toEqual(bytes(0x0c, 0x41, 0xd0, 0x05, 0x01));
    expect(() => eisaId('pnp0501')).toThrow(RangeError);
  });

  it('writes names with root and path prefixes, padded to four characters', () => {
    expect(name('_UID', integer(0))).toEqual(bytes(0x08, 0x5f, 0x55, 0x49, 0x44, 0x00));
    expect([...scope('\\_SB.PCI0')].slice(2)).toEqual([0x5c, 0x2e, ...Buffer.from('_SB_PCI0')]);
    expect([...scope('A.B.C')].slice(2)).toEqual([0x2f, 3, ...Buffer.from('A___B___C___')]);
    expect(() => name('9A', integer(0))).toThrow(RangeError);
  });

  it('grows the package length with the content, its own bytes counted', () => {
    const short = aPackage(...Array.from({ length: 61 }, () => integer(0)));
    expect(short.subarray(0, 3)).toEqual(bytes(0x12, 63, 61));
    const long = aPackage(...Array.from({ length: 62 }, () => integer(0)));
    expect(long.subarray(0, 4)).toEqual(bytes(0x12, 0x41, 0x04, 62)); // 65 = 0x41: low nibble 1, then 4
    const longer = device('X', aPackage(...Array.from({ length: 200 }, () => aPackage(...Array(40).fill(integer(0))))));
    expect((longer[2] ?? 0) >> 6).toBe(2);
    expect(longer.length).toBe(2 + ((longer[2] ?? 0) & 0xf) + ((longer[3] ?? 0) << 4) + ((longer[4] ?? 0) << 12));
  });

  it('ends a resource template with an end tag', () => {
    expect(resourceTemplate(irqNoFlags(4))).toEqual(bytes(0x11, 0x08, 0x0a, 0x05, 0x22, 0x10, 0x00, 0x79, 0x00));
  });
});
