// What is measured: the kernels of program/, each with a size that makes a round of some 20 to 200 ms in TCG. --scale
// multiplies the work.

/** Name to size, in the unit of the kernel (see program/). */
const SIZES = {
  int32: 16000,
  int64: 16000,
  branches: 4000,
  fibonacci: 29,
  'indirect-calls': 4000,
  bytecode: 32000,
  sieve: 8,
  'copy-words': 32,
  'copy-bytes': 4,
  'copy-sse': 96,
  'rep-words': 64,
  'rep-bytes': 32,
  'short-strings': 60,
  'pointer-chase': 1000,
  'hash-table': 190,
  'matrix-scalar': 128,
  'matrix-x87': 64,
  'matrix-packed': 128,
  'float-mixed': 1000,
  sha256: 4096,
  quicksort: 300,
  compress: 256,
  'system-calls': 60,
  'page-faults': 30,
  'fork-exit-wait': 20,
  'pipe-ping-pong': 400,
  'context-switch': 800,
  'self-modifying': 10,
};
/** Does nothing: what the measuring itself costs. */
export const EMPTY = { name: 'empty', size: 1 };

/** Disks and the display: what a unit of the size is; a disk's are measured at every controller. */
const IO = {
  'disk-sequential-read': { size: 256, unit: 'MB', perUnit: 1.048576, disk: true },
  'disk-sequential-write': { size: 256, unit: 'MB', perUnit: 1.048576, disk: true },
  'disk-random-read': { size: 3000, unit: '4 KiB', perUnit: 1, disk: true },
  'disk-random-write': { size: 3000, unit: '4 KiB', perUnit: 1, disk: true },
  'disk-cached-write': { size: 64, unit: 'MB', perUnit: 1.048576, disk: true },
  frames: { size: 100, unit: 'frames', perUnit: 1 },
  'key-echo': { size: 30, unit: 'keys', perUnit: 1 },
};

/** How the work of a kernel grows with its size, where it does not grow in proportion: the size for `scale` times the work. */
const GROWTH = {
  fibonacci: (size, scale) => size + Math.log(scale) / Math.log((1 + Math.sqrt(5)) / 2),
  bytecode: (size, scale) => size * scale ** (2 / 3),
  'matrix-scalar': cubic,
  'matrix-x87': cubic,
  'matrix-packed': cubic,
};
const LARGEST = { 'hash-table': 190, quicksort: 1000, compress: 1024 };
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

/** The kernels of disks and the display whose names match. */
export function ioKernels({ only, scale }) {
  return Object.entries(IO)
    .filter(([name]) => !only || only.test(name))
    .map(([name, kernel]) => ({ ...kernel, name, size: Math.max(1, Math.round(kernel.size * scale)) }));
}
