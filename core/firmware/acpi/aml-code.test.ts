import { describe, expect, it } from 'vitest';
import { integer } from './aml.ts';
import { and, arg, call, method, registers, returns, when } from './aml-code.ts';

const ascii = (text: string): number[] => [...Buffer.from(text)];

describe('AML methods', () => {
  it('are their flags and terms behind a length', () => {
    const bytes = [...method('ABCD', 2, when(and(arg(0), integer(1)), returns(arg(1))))];
    expect(bytes).toEqual([0x14, 14, ...ascii('ABCD'), 2, 0xa0, 7, 0x7b, 0x68, 0x01, 0x00, 0xa4, 0x69]);
  });

  it('call others by name', () => {
    expect([...call('\\_SB.X', arg(3))]).toEqual([0x5c, 0x2e, ...ascii('_SB_X___'), 0x6b]);
    expect([...call('^X')]).toEqual([0x5e, ...ascii('X___')]);
  });

  it('reach registers as fields of a region, with gaps', () => {
    const bytes = [...registers('REGS', 'pci-config', 0x60, 8, ['AAAA', undefined, 'BBBB'])];
    const region = [0x5b, 0x80, ...ascii('REGS'), 2, 0x0a, 0x60, 0x0a, 3];
    const units = [...ascii('AAAA'), 8, 0, 8, ...ascii('BBBB'), 8];
    expect(bytes).toEqual([...region, 0x5b, 0x81, 18, ...ascii('REGS'), 1, ...units]);
    expect([...registers('REGS', 'io', 0, 32, [undefined, undefined])].slice(-4)).toEqual([0, 32, 0, 32]);
  });
});
