import { describe, expect, it } from 'vitest';
import * as R from './port92.regs.ts';
import { Port92 } from './port92.ts';

function makePort() {
  const calls: string[] = [];
  const port = new Port92({ a20: (enabled) => calls.push(`a20 ${enabled}`), resetCpu: () => calls.push('reset') });
  return { port, calls };
}

describe('Port92', () => {
  it('switches A20 and reads back', () => {
    const { port, calls } = makePort();
    port.write(0, 1, 0xfc);
    expect(port.read(0, 1)).toBe(0);
    port.write(0, 1, R.FAST_A20);
    expect(port.read(0, 1)).toBe(R.FAST_A20);
    expect(calls).toEqual(['a20 false', 'a20 true']);
  });

  it('resets the CPU when bit 0 rises, not while it stays', () => {
    const { port, calls } = makePort();
    port.write(0, 1, R.FAST_A20 | R.FAST_INIT);
    port.write(0, 1, R.FAST_A20 | R.FAST_INIT);
    expect(calls.filter((call) => call === 'reset')).toHaveLength(1);
  });

  it('drives A20 again after a restore', () => {
    const { port, calls } = makePort();
    port.write(0, 1, 0);
    const saved = port.save();
    port.reset();
    calls.length = 0;
    port.restore(saved);
    expect(calls).toEqual(['a20 false']);
  });
});
