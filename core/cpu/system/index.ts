/** System instructions by name: what the table's `system` rows mean. */
import type { SystemName } from '../table/system-names.ts';
import { BASES } from './bases.ts';
import { CONTROL } from './control.ts';
import { CONTROL_REGISTERS } from './control-registers.ts';
import { DEBUG } from './debug.ts';
import { FAST_CALLS } from './fast-calls.ts';
import { FPU } from './fpu.ts';
import { GATHERS } from './gather.ts';
import { IDENTIFICATION } from './identification.ts';
import { INVALIDATION } from './invalidation.ts';
import { IO } from './io.ts';
import { IO_STRINGS } from './io-strings.ts';
import { LEGACY } from './legacy.ts';
import { MSR_INSTRUCTIONS } from './msrs.ts';
import type { SystemOp } from './operands.ts';
import { SEGMENTS } from './segments.ts';
import { SMM } from './smm.ts';
import { SOFTWARE_INTERRUPTS } from './software-interrupts.ts';
import { TRANSFERS } from './transfers.ts';
import { XSAVE } from './xsave.ts';

export const SYSTEM: Readonly<Record<SystemName, SystemOp>> = {
  ...BASES,
  ...CONTROL,
  ...CONTROL_REGISTERS,
  ...DEBUG,
  ...FAST_CALLS,
  ...FPU,
  ...GATHERS,
  ...IDENTIFICATION,
  ...INVALIDATION,
  ...IO,
  ...IO_STRINGS,
  ...LEGACY,
  ...MSR_INSTRUCTIONS,
  ...SEGMENTS,
  ...SMM,
  ...SOFTWARE_INTERRUPTS,
  ...TRANSFERS,
  ...XSAVE,
};
