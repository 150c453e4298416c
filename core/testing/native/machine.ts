/** The CPU of this machine as one that runs single instructions: builds and runs native-cpu.c. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Feature } from '../../cpu/features.ts';
import { CS } from '../../cpu/state.ts';
import type { InstructionCase, Outcome } from './case.ts';
import { baseOf, LDT, userDescriptor } from './segments.ts';

const IN_BYTES = 984;
const OUT_BYTES = 976;
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
  fsgsbase: 'fsgsbase',
  msr: 'msr',
  smap: 'smap',
  invpcid: 'invpcid',
  xsave: 'xsave',
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
    const built = spawnSync('gcc', ['-O1', '-mfsgsbase', '-fno-stack-protector', '-o', program, SOURCE], {
      encoding: 'utf8',
    });
    const tried = built.status === 0 ? spawnSync(program, { input: tableHead(), encoding: 'utf8' }) : undefined;
    if (tried?.status === 0) return new NativeMachine(folder, program, hostFeatures());
    rmSync(folder, { recursive: true });
    if (tried) return `the kernel refuses: ${tried.stderr}`;
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
    const head = tableHead();
    const input = new Uint8Array(head.length + cases.length * IN_BYTES);
    input.set(head);
    cases.forEach((c, n) => {
      encode(c, input.subarray(head.length + n * IN_BYTES, head.length + (n + 1) * IN_BYTES));
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

/** The number of descriptors, and each. */
function tableHead(): Uint8Array {
  const words = LDT.flatMap((segment, n) => [...userDescriptor(segment, n)]);
  return new Uint8Array(Uint32Array.of(LDT.length, ...words).buffer);
}

/** Instructions that trap as the INT3 behind them does. */
const TRAPS = new Set(['int3', 'int', 'into']);

/** struct in */
function encode(c: InstructionCase, record: Uint8Array): void {
  const view = new DataView(record.buffer, record.byteOffset, IN_BYTES);
  record[0] = c.code.length;
  record.set(c.code, 1);
  record[17] = TRAPS.has(c.row.system ?? '') ? 1 : 0;
  c.gprs.forEach((value, n) => {
    view.setBigUint64(24 + n * 8, value, true);
  });
  const rip = c.start - baseOf(c.selectors[CS] ?? 0);
  view.setBigUint64(152, BigInt(rip), true);
  view.setBigUint64(160, c.fsBase, true);
  view.setBigUint64(168, c.gsBase, true);
  view.setUint32(176, c.eflags, true);
  view.setUint32(180, c.mxcsr, true);
  view.setUint32(184, c.long ? 1 : 0, true);
  view.setUint32(188, c.start, true);
  view.setUint16(192, c.fcw, true);
  view.setUint16(194, c.fsw, true);
  view.setUint16(196, c.ftw, true);
  c.selectors.forEach((selector, n) => {
    view.setUint16(198 + n * 2, selector, true);
  });
  record.set(c.ymm, 216);
  c.mm.forEach((value, n) => {
    view.setBigUint64(728 + n * 8, value, true);
  });
  record.set(c.memory, 792);
}

/** struct out */
function decode(record: Uint8Array): Outcome {
  const view = new DataView(record.buffer, record.byteOffset, OUT_BYTES);
  return {
    gprs: new BigUint64Array(record.buffer, record.byteOffset, 16),
    rip: view.getBigUint64(128, true),
    cr2: view.getBigUint64(136, true),
    fsBase: view.getBigUint64(144, true),
    gsBase: view.getBigUint64(152, true),
    eflags: view.getUint32(160, true),
    mxcsr: view.getUint32(164, true),
    vector: view.getUint32(168, true),
    error: view.getUint32(172, true),
    fsw: view.getUint16(176, true),
    ftw: view.getUint16(178, true),
    exponents: new Uint16Array(record.buffer, record.byteOffset + 180, 8),
    selectors: Array.from({ length: 6 }, (_, n) => view.getUint16(196 + n * 2, true)),
    ymm: record.subarray(208, 720),
    mm: new BigUint64Array(record.buffer, record.byteOffset + 720, 8),
    memory: record.subarray(784, 976),
  };
}
