/** The CPU of this machine as an x87: builds and runs x87-native.c. Needs Linux on x86-64 and gcc. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IMAGE_BYTES, type X87Case } from './cases.ts';
import type { X87Outcome } from './outcome.ts';

const RECORD_BYTES = 256;
const SOURCE = fileURLToPath(new URL('./x87-native.c', import.meta.url));
/** Records of one run of the harness. */
const BATCH = 20_000;

export class NativeX87 {
  private constructor(
    private readonly folder: string,
    private readonly program: string,
  ) {}

  /** Builds the harness, or says why this machine has none. */
  static build(): NativeX87 | string {
    if (process.platform !== 'linux' || process.arch !== 'x64')
      return `no x86-64 Linux (${process.platform} ${process.arch})`;
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-x87-'));
    const program = join(folder, 'x87-native');
    const built = spawnSync('gcc', ['-O1', '-o', program, SOURCE], { encoding: 'utf8' });
    if (built.status === 0) return new NativeX87(folder, program);
    rmSync(folder, { recursive: true });
    return built.error === undefined ? `gcc failed: ${built.stderr}` : `no gcc (${built.error.message})`;
  }

  run(cases: readonly X87Case[]): X87Outcome[] {
    const outcomes: X87Outcome[] = [];
    for (let at = 0; at < cases.length; at += BATCH) outcomes.push(...this.#runBatch(cases.slice(at, at + BATCH)));
    return outcomes;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }

  #runBatch(cases: readonly X87Case[]): X87Outcome[] {
    const input = new Uint8Array(cases.length * RECORD_BYTES);
    cases.forEach((c, index) => {
      input.set(encode(c), index * RECORD_BYTES);
    });
    const ran = spawnSync(this.program, { input, maxBuffer: (BATCH + 1) * RECORD_BYTES });
    if (ran.status !== 0 || ran.stdout.length !== input.length) {
      throw new Error(`x87-native ended with ${ran.signal ?? ran.status} after ${ran.stdout.length} bytes`);
    }
    // A plain Uint8Array: Buffer's slice would share memory.
    const output = new Uint8Array(ran.stdout);
    return cases.map((_, index) => decode(output.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES)));
  }
}

function encode(c: X87Case): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const code = c.narrow ? [0x66, c.opcode, c.modrm] : [c.opcode, c.modrm];
  record[0] = code.length;
  record.set(code, 1);
  record.set(c.image, 16);
  new DataView(record.buffer).setUint32(124, c.eflags, true);
  record.set(c.memory, 128);
  return record;
}

function decode(record: Uint8Array): X87Outcome {
  const view = new DataView(record.buffer, record.byteOffset, RECORD_BYTES);
  return {
    signal: view.getUint32(116, true),
    image: record.slice(0, IMAGE_BYTES),
    eflags: view.getUint32(108, true),
    ax: view.getUint32(112, true) & 0xffff,
    memory: record.slice(128),
  };
}
