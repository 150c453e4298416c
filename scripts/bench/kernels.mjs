// What is measured: the kernels of program/, each with the size that makes a round of some 50 to 500 ms on an engine of
// 150 million instructions a second. --scale multiplies the sizes, --quick takes a quarter.

/** Name to size, in the unit of the kernel (see program/). */
const SIZES = {
  int32: 2000,
  int64: 2000,
  branches: 1000,
  fibonacci: 24,
  'indirect-calls': 800,
  bytecode: 16000,
  sieve: 1024,
  'copy-words': 24,
  'copy-bytes': 4,
  'copy-sse': 32,
  'rep-words': 64,
  'rep-bytes': 8,
  'short-strings': 60,
  'pointer-chase': 2000,
  'hash-table': 100,
  'matrix-scalar': 96,
  'matrix-x87': 64,
  'matrix-packed': 128,
  'float-mixed': 200,
  sha256: 256,
  quicksort: 100,
  compress: 128,
  'system-calls': 20,
  'page-faults': 30,
  'fork-exit-wait': 20,
  'pipe-ping-pong': 400,
  'context-switch': 400,
  'self-modifying': 10,
};
/** Does nothing: what the measuring itself costs. */
export const EMPTY = { name: 'empty', size: 1 };

/** How the work of a kernel grows with its size, where it does not grow in proportion: the size for `scale` times the work. */
const GROWTH = {
  fibonacci: (size, scale) => size + Math.log(scale) / Math.log((1 + Math.sqrt(5)) / 2),
  bytecode: (size, scale) => size * scale ** (2 / 3),
  'matrix-scalar': cubic,
  'matrix-x87': cubic,
  'matrix-packed': cubic,
};
const LARGEST = { sieve: 4096, 'hash-table': 190, sha256: 1024, quicksort: 1000, compress: 1024 };
const LARGEST_MATRIX = 256;

function cubic(size, scale) {
  return Math.min(LARGEST_MATRIX, 2 * Math.round((size * Math.cbrt(scale)) / 2));
}

/** The kernels whose names match, with `scale` times their usual work (as far as the program has room). */
export function kernels({ only, scale }) {
  return Object.entries(SIZES)
    .filter(([name]) => !only || only.test(name))
    .map(([name, size]) => {
      const grown = Math.round((GROWTH[name] ?? ((usual) => usual * scale))(size, scale));
      return { name, size: Math.max(1, Math.min(grown, LARGEST[name] ?? grown)) };
    });
}
