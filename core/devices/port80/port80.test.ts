import { expect, it } from 'vitest';
import { Port80 } from './port80.ts';

it('Port80 keeps the last POST code', () => {
  const port = new Port80();
  port.write(0, 1, 0x12);
  port.write(0, 1, 0xe4);
  expect(port.code).toBe(0xe4);
  expect(port.read(0, 1)).toBe(0xe4);
  port.reset();
  expect(port.code).toBe(0);
});
