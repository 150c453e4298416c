/** The exact float unit of one vCPU: operands and result in its FLOAT_SCRATCH, rounding and flags in its MXCSR. */
import type { CpuState } from '../cpu-state.ts';
import * as S from '../state.ts';
import { Environment, PRE_COMPUTATION } from './environment.ts';
import { floatOperation, type Operands } from './operations.ts';

export class FloatUnit {
  readonly #env = new Environment();
  readonly #operands: Operands;

  constructor(readonly state: CpuState) {
    const { view } = state;
    const source = (n: number): number => S.FLOAT_SCRATCH + (n + 1) * S.VEC_SIZE;
    this.#operands = {
      read: (n, bytes, element) => {
        const at = source(n) + element * bytes;
        if (bytes === 8) return view.getBigUint64(at, true);
        return BigInt(bytes === 4 ? view.getUint32(at, true) : view.getUint16(at, true));
      },
      write: (bytes, element, value) => {
        const at = S.FLOAT_SCRATCH + element * bytes;
        if (bytes === 8) view.setBigUint64(at, value, true);
        else if (bytes === 4) view.setUint32(at, Number(value), true);
        else view.setUint16(at, Number(value), true);
      },
    };
  }

  /**
   * Runs an operation, and sets flags in MXCSR. The vector of the exception that follows, or 0. An unmasked exception of the operands
   * comes before anything is computed, so that no flag of a result is set. [SDM] volume 1, 11.5.3.2
   */
  run(number: number, elements: number, control: number): number {
    const { state } = this;
    const env = this.#env;
    const mxcsr = state.get32(S.MXCSR);
    env.begin(mxcsr, control);
    state.u8.fill(0, S.FLOAT_SCRATCH, S.FLOAT_SCRATCH + S.VEC_SIZE);
    floatOperation(number)(env, this.#operands, elements);
    const unmasked = env.flags & env.unmasked;
    state.set32(
      S.MXCSR,
      mxcsr | env.done | ((unmasked & PRE_COMPUTATION) !== 0 ? env.flags & PRE_COMPUTATION : env.flags),
    );
    if (unmasked === 0) return 0;
    return (state.cr4 & S.CR4_OSXMMEXCPT) !== 0 ? S.XM : S.UD;
  }
}
