/** System instructions by name: what the table's `system` rows mean. */
import type { SystemName } from '../table/system-names.ts';
import { CONTROL } from './control.ts';
import { FPU } from './fpu.ts';
import { IO } from './io.ts';
import { LEGACY } from './legacy.ts';
import type { SystemOp } from './operands.ts';
import { SEGMENTS } from './segments.ts';
import { TRANSFERS } from './transfers.ts';

export const SYSTEM: Readonly<Record<SystemName, SystemOp>> = {
  ...CONTROL,
  ...FPU,
  ...IO,
  ...LEGACY,
  ...SEGMENTS,
  ...TRANSFERS,
};
