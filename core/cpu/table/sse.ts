/** MMX, SSE, SSE2 and SSE3 but for what moves state (FXSAVE, LDMXCSR: system.ts) and MOVNTI (integer.ts). */
import type { RowSpec } from './row.ts';
import { SSE_FLOATS } from './sse-float.ts';
import { SSE_INTEGERS } from './sse-integer.ts';
import { SSE_MOVES } from './sse-move.ts';

export const SSE_ROWS: readonly RowSpec[] = [...SSE_MOVES, ...SSE_INTEGERS, ...SSE_FLOATS];
