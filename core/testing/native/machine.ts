/** The CPU of this machine as one that runs single instructions: builds and runs native-cpu.c. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Feature } from '../../cpu/features.ts';
import type { InstructionCase, Outcome } from './case.ts';

const IN_BYTES = 936;
const OUT_BYTES = 960;
/** Cases of one run of the harness. */
const BATCH = 50_000;
const SOURCE = fileURLToPath(new URL('./native-cpu.c', import.meta.url));

/** Features by their names in /proc/cpuinfo. */
const FEATURE_NAMES: Readonly<Record<string, Feature>> = {
  sse: 'sse',
  sse2: 'sse2',
  pni: 'pni',
  ssse3: 'ssse3',
  sse4_1: 'sse4.1',
  sse4_2: 'sse4.2',
  mmx: 'mmx',
  fpu: 'fpu',
  cx16: 'cx16',
  cx8: 'cx8',
  popcnt: 'popcnt',
  abm: 'abm',
  bmi1: 'bmi1',
  bmi2: 'bmi2',
  adx: 'adx',
  aes: 'aes',
  pclmulqdq: 'pclmuldq',
  sha_ni: 'sha-ni',
  avx: 'avx',
  avx2: 'avx2',
  f16c: 'f16c',
  fma: 'fma',
  clflushopt: 'clflushopt',
  clwb: 'clwb',
  movbe: 'movbe',
  rdrand: 'rdrand',
  rdseed: 'rdseed',
  fxsr: 'fxsr',
  clflush: 'clflush',
};

export class NativeMachine {
  private constructor(
    private readonly folder: string,
    private readonly program: string,
    readonly features: ReadonlySet<Feature>,
  ) {}

  /** Builds the harness, or says why this machine has none. */
  static build(): NativeMachine | string {
    if (process.platform !== 'linux' || process.arch !== 'x64')
      return `no x86-64 Linux (${process.platform} ${process.arch})`;
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-native-'));
    const program = join(folder, 'native-cpu');
    const built = spawnSync('gcc', ['-O1', '-o', program, SOURCE], { encoding: 'utf8' });
    if (built.status === 0) return new NativeMachine(folder, program, hostFeatures());
    rmSync(folder, { recursive: true });
    return built.error === undefined ? `gcc failed: ${built.stderr}` : `no gcc (${built.error.message})`;
  }

  run(cases: readonly InstructionCase[]): Outcome[] {
    const outcomes: Outcome[] = [];
    for (let at = 0; at < cases.length; at += BATCH) outcomes.push(...this.#runBatch(cases.slice(at, at + BATCH)));
    return outcomes;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }

  #runBatch(cases: readonly InstructionCase[]): Outcome[] {
    const input = new Uint8Array(cases.length * IN_BYTES);
    cases.forEach((c, n) => {
      encode(c, input.subarray(n * IN_BYTES, (n + 1) * IN_BYTES));
    });
    const ran = spawnSync(this.program, { input, maxBuffer: (BATCH + 1) * OUT_BYTES });
    if (ran.status !== 0 || ran.stdout.length !== cases.length * OUT_BYTES)
      throw new Error(
        `native-cpu ended with ${ran.signal ?? ran.status} after ${ran.stdout.length} bytes: ${ran.stderr}`,
      );
    return cases.map((_, n) => decode(new Uint8Array(ran.stdout.subarray(n * OUT_BYTES, (n + 1) * OUT_BYTES))));
  }
}

function hostFeatures(): ReadonlySet<Feature> {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  return new Set(flags.split(' ').flatMap((name) => FEATURE_NAMES[name] ?? []));
}

/** struct in */
function encode(c: InstructionCase, record: Uint8Array): void {
  const view = new DataView(record.buffer, record.byteOffset, IN_BYTES);
  record[0] = c.code.length;
  record.set(c.code, 1);
  c.gprs.forEach((value, n) => {
    view.setBigUint64(16 + n * 8, value, true);
  });
  view.setUint32(144, c.eflags, true);
  view.setUint32(148, c.mxcsr, true);
  view.setUint32(152, c.long ? 0 : 1, true);
  view.setUint16(156, c.fcw, true);
  view.setUint16(158, c.fsw, true);
  view.setUint16(160, c.ftw, true);
  record.set(c.ymm, 168);
  c.mm.forEach((value, n) => {
    view.setBigUint64(680 + n * 8, value, true);
  });
  record.set(c.memory, 744);
}

/** struct out */
function decode(record: Uint8Array): Outcome {
  const view = new DataView(record.buffer, record.byteOffset, OUT_BYTES);
  return {
    gprs: new BigUint64Array(record.buffer, record.byteOffset, 16),
    rip: view.getBigUint64(128, true),
    cr2: view.getBigUint64(136, true),
    eflags: view.getUint32(144, true),
    mxcsr: view.getUint32(148, true),
    vector: view.getUint32(152, true),
    error: view.getUint32(156, true),
    fsw: view.getUint16(160, true),
    ftw: view.getUint16(162, true),
    exponents: new Uint16Array(record.buffer, record.byteOffset + 164, 8),
    ymm: record.subarray(192, 704),
    mm: new BigUint64Array(record.buffer, record.byteOffset + 704, 8),
    memory: record.subarray(768, 960),
  };
}
