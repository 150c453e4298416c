/** All cases. One more is a line in the file of its topic. */
import { type Case, caseName } from '../case.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { GATES } from './gates.ts';
import { LONG } from './long.ts';
import { PAGING } from './paging.ts';
import { PRIVILEGE } from './privilege.ts';
import { REAL_MODE } from './real.ts';
import { SEGMENTS } from './segments.ts';
import { TASKS } from './tasks.ts';

const all: readonly Case[] = [
  ...PRIVILEGE,
  ...SEGMENTS,
  ...REAL_MODE,
  ...GATES,
  ...TASKS,
  ...EXCEPTIONS,
  ...PAGING,
  ...LONG,
];
/** What two of them ask runs once. */
export const CASES: readonly Case[] = [...new Map(all.map((one) => [caseName(one), one])).values()];
