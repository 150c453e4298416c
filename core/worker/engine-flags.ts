/**
 * What V8 is told before a machine's thread compiles its first module. Measured for Node 20's V8 (docs/adr/0006): translated
 * code is hot already, so it is optimized soon; and the hints that tell rare branches, which later versions read unasked, are
 * read.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** About bytes of code that run before a function is optimized; 1800000 by default. */
const TIERING_BUDGET = 100_000;
/** The last version that must be asked to read branch hints. */
const LAST_WITHOUT_HINTS = 11;

export function setEngineFlags(v8Version = process.versions.v8): void {
  setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`);
  if (Number.parseInt(v8Version, 10) <= LAST_WITHOUT_HINTS) setFlagsFromString('--experimental-wasm-branch-hinting');
}

/** V8's collection of all garbage, which is what frees compiled modules that nobody uses. */
export function openCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  return typeof collect === 'function' ? () => collect() : () => {};
}
