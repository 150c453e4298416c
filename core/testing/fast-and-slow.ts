/**
 * The fast paths of privileged code (cpu/interp) against TypeScript's: the same state runs twice, once with S.WATCHED set, which
 * makes every fast path give up.
 */
import { CpuOffsets as S } from '../cpu/index.ts';
import { deliver, TripleFault } from '../cpu/system/interrupts.ts';
import type { TestCpu } from './test-cpu.ts';

/** What may differ. */
const UNLIKE = [
  [S.WATCHED, 4],
  [S.TLB_FILLS, 8],
  [S.WALK_FAULT, 4],
  [S.SCRATCH, 32],
  [S.CODE_GENERATION, 4],
] as const;

function hash(bytes: Uint8Array): number {
  let h = 0;
  for (const b of bytes) h = (Math.imul(h, 31) + b) | 0;
  return h;
}

export class FastAndSlow {
  #state = new Uint8Array();
  #image = new Uint8Array();

  /** `memory`: what the runs may change. */
  constructor(
    readonly cpu: TestCpu,
    readonly memory: Uint8Array,
  ) {}

  /** Runs begin with the state as it is now. */
  begin(): void {
    this.#state = this.cpu.state.u8.slice();
    this.#image = this.memory.slice();
  }

  /** What a run leaves; `slow` keeps the fast paths out of it. */
  run(slow: boolean, act: (cpu: TestCpu) => unknown): Readonly<Record<string, unknown>> {
    const { cpu } = this;
    cpu.state.u8.set(this.#state);
    this.memory.set(this.#image);
    cpu.tlb.flush();
    cpu.raised = undefined;
    cpu.state.set32(S.WATCHED, slow ? 1 : 0);
    const answer = act(cpu);
    const state = cpu.state.u8.slice();
    for (const [at, size] of UNLIKE) state.fill(0, at, at + size);
    return { answer, raised: cpu.raised, state: Buffer.from(state).toString('hex'), memory: hash(this.memory) };
  }
}

/** Delivers an event; tells how that went. */
export function tryToDeliver(cpu: TestCpu, ...event: DeliverArguments): 'delivered' | 'triple fault' {
  try {
    deliver(cpu, ...event);
    return 'delivered';
  } catch (e) {
    if (e instanceof TripleFault) return 'triple fault';
    throw e;
  }
}
type DeliverArguments = Parameters<typeof deliver> extends [unknown, ...infer R] ? R : never;

/** Runs code that may cause a page fault, which is delivered; gives how many generated code delivered by itself. */
export function runFaulting(cpu: TestCpu, budget: number): { answer: string; fast: number } {
  cpu.state.set32(S.LEAVES_FAULTS, 0);
  cpu.run(budget);
  const fast = Number(cpu.state.get64(S.FAULTS_DELIVERED));
  const { raised } = cpu;
  const answer = raised ? tryToDeliver(cpu, raised.vector, raised.errorCode, 'exception') : 'delivered';
  cpu.raised = undefined;
  cpu.state.set64(S.FAULTS_DELIVERED, 0n);
  cpu.state.set32(S.BUDGET, 0);
  return { answer, fast };
}
