/** A case: a mode (modes.ts), code for it (source.ts), and what is done before, in 32-bit code at level 0 without paging. */
export type Case = readonly [mode: string, code: string, setup?: string];

/** By which results and explanations name it. */
export const caseName = ([mode, code, setup]: Case): string =>
  `${mode}: ${code}${setup === undefined ? '' : `  (after ${setup})`}`;

/** Every code in every mode. */
export const cross = (modes: readonly string[], codes: readonly string[], setup?: string): Case[] =>
  modes.flatMap((mode) => codes.map((code): Case => (setup === undefined ? [mode, code] : [mode, code, setup])));
