/** Builds and runs xsave-native.c. Needs x86-64 Linux, gcc, and a CPU with AVX and XSAVEC. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const XSAVE_AREA = 832;
const HEADER = 8;
const RECORD = HEADER + 2 * XSAVE_AREA;
const SOURCE = fileURLToPath(new URL('./xsave-native.c', import.meta.url));
const NEEDED = ['avx', 'xsaveopt', 'xsavec'];

export interface XsaveCase {
  /** 0 XSAVE, 1 XSAVEOPT, 2 XSAVEC */
  readonly instruction: number;
  readonly mask: number;
  /** What XRSTOR loads. */
  readonly before: Uint8Array;
  /** What is saved over. */
  readonly after: Uint8Array;
}

/** The areas as the CPU of this machine saves them, or why there is none to ask. */
export function runNativeXsave(cases: readonly XsaveCase[]): Uint8Array[] | string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `no x86-64 Linux (${process.platform} ${process.arch})`;
  const flags = new Set(/^flags.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0].split(/\s+/));
  const missing = NEEDED.filter((flag) => !flags.has(flag));
  if (missing.length > 0) return `this CPU has no ${missing.join(', ')}`;
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-xsave-'));
  try {
    const program = join(folder, 'xsave-native');
    const built = spawnSync('gcc', ['-O1', '-mavx', '-o', program, SOURCE], { encoding: 'utf8' });
    if (built.status !== 0) return built.error ? `no gcc (${built.error.message})` : `gcc failed: ${built.stderr}`;
    const input = new Uint8Array(cases.length * RECORD);
    cases.forEach((c, i) => {
      new Uint32Array(input.buffer, i * RECORD, 2).set([c.instruction, c.mask]);
      input.set(c.before, i * RECORD + HEADER);
      input.set(c.after, i * RECORD + HEADER + XSAVE_AREA);
    });
    const ran = spawnSync(program, { input, maxBuffer: input.length + RECORD });
    if (ran.status !== 0 || ran.stdout.length !== input.length)
      throw new Error(`xsave-native ended with ${ran.signal ?? ran.status} after ${ran.stdout.length} bytes`);
    return cases.map((_, i) => new Uint8Array(ran.stdout.subarray(i * RECORD + HEADER + XSAVE_AREA, (i + 1) * RECORD)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
