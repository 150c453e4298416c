/**
 * Time of x87 instructions, memory operands out of a plain array: npx vitest bench core/testing/x87
 * The FPU is bundled first, as the app's is: under Vitest's module loader every imported constant is a getter, which makes
 * it twenty times slower than it is.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { bench, describe } from 'vitest';
import type * as Run from './run.ts';

/** Instructions of one round. */
const COUNT = 1000;

async function bundled(): Promise<typeof Run> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(new URL('./run.ts', import.meta.url)), formats: ['es'] },
    },
  });
  const output = Array.isArray(result) ? result[0]?.output[0] : 'output' in result ? result.output[0] : undefined;
  if (output === undefined) throw new Error('the bundler gave no output');
  return import(`data:text/javascript;base64,${Buffer.from(output.code).toString('base64')}`);
}

const { FlatMemory, newX87 } = await bundled();
const fpu = newX87();
const memory = new FlatMemory(fpu.operandBytes, new Uint8Array(16));
new DataView(memory.bytes.buffer).setFloat64(0, 0.9375, true);

/** Runs COUNT instructions, beginning with 0.9375 in ST(0) and its square in ST(1). */
function repeat(...codes: (readonly [number, number])[]): () => void {
  return () => {
    fpu.init();
    fpu.execute(0xdd, 0x06, memory);
    fpu.execute(0xd8, 0xc8, memory);
    fpu.execute(0xdd, 0x06, memory);
    for (let left = COUNT; left > 0; left -= codes.length) {
      for (const [opcode, modrm] of codes) fpu.execute(opcode, modrm, memory);
    }
  };
}

describe('1000 x87 instructions', () => {
  bench('FADD ST,ST(1)', repeat([0xd8, 0xc1]));
  bench('FSUB ST,ST(1)', repeat([0xd8, 0xe1]));
  bench('FMUL ST,ST(1)', repeat([0xd8, 0xc9]));
  bench('FDIV ST,ST(1)', repeat([0xd8, 0xf1]));
  bench('FCOM ST(1)', repeat([0xd8, 0xd1]));
  bench('FLD m64, FSTP m64', repeat([0xdd, 0x06], [0xdd, 0x1e]));
  bench('FLD m64, FMULP', repeat([0xdd, 0x06], [0xde, 0xc9]));
  bench('FILD m32, FISTP m32', repeat([0xdb, 0x06], [0xdb, 0x1e]));
  bench('FLD m64, FSQRT, FSTP ST(0)', repeat([0xdd, 0x06], [0xd9, 0xfa], [0xdd, 0xd8]));
  bench('FLD m64, FSIN, FSTP ST(0)', repeat([0xdd, 0x06], [0xd9, 0xfe], [0xdd, 0xd8]));
  bench('FLD m64, FPTAN, FPATAN, FSTP ST(0)', repeat([0xdd, 0x06], [0xd9, 0xf2], [0xd9, 0xf3], [0xdd, 0xd8]));
  bench('FLD m64, F2XM1, FSTP ST(0)', repeat([0xdd, 0x06], [0xd9, 0xf0], [0xdd, 0xd8]));
  bench('FLD m64, FLD m64, FYL2X, FSTP ST(0)', repeat([0xdd, 0x06], [0xdd, 0x06], [0xd9, 0xf1], [0xdd, 0xd8]));
});
