/** MMX, SSE to SSE4.2 and the cryptographic instructions, but for what moves state (FXSAVE, LDMXCSR: system.ts) and MOVNTI (integer.ts). */
import { CRYPTO_ROWS } from './crypto.ts';
import { FMA_ROWS } from './fma.ts';
import type { RowSpec } from './row.ts';
import { SSE_FLOATS } from './sse-float.ts';
import { SSE_INTEGERS } from './sse-integer.ts';
import { SSE_MOVES } from './sse-move.ts';
import { SSE4_ROWS } from './sse4.ts';
import { SSSE3_ROWS } from './ssse3.ts';

export const SSE_ROWS: readonly RowSpec[] = [
  ...SSE_MOVES,
  ...SSE_INTEGERS,
  ...SSE_FLOATS,
  ...SSSE3_ROWS,
  ...SSE4_ROWS,
  ...CRYPTO_ROWS,
  ...FMA_ROWS,
];
