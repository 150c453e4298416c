/** Where code comes from: RIP's place in host memory, and the decoded block there. */
import type { CpuState } from '../cpu-state.ts';
import type { Insn } from '../decode/insn.ts';
import { MODE_FLAT_CODE } from '../decode/mode.ts';
import { EmulationFailure, GuestFault } from '../faults.ts';
import type { MemoryAccess } from '../mmu/access.ts';
import type { PhysicalMemory } from '../mmu/physical.ts';
import type { Tlb } from '../mmu/tlb.ts';
import { accessorOf, EXECUTE } from '../mmu/walk.ts';
import * as S from '../state.ts';
import type { Block, BlockCache } from './blocks.ts';
import { SPECIAL_RECORD_SIZE } from './module.ts';
import { RECORD_HEADER } from './record.ts';

const low = (linear: bigint): number => Number(BigInt.asIntN(32, linear));
const high = (linear: bigint): number => Number(BigInt.asIntN(32, linear >> 32n));

/** A place in code. */
export interface CodePlace {
  readonly host: number;
  readonly mode: number;
  readonly linear: bigint;
  /** Host address of other code for the same accessor, as the TLB knows it when it is asked; -1 otherwise. */
  hostOf(linear: bigint): number;
}

export class CodeFetch {
  readonly #records: DataView;

  constructor(
    readonly state: CpuState,
    readonly physical: PhysicalMemory,
    readonly tlb: Tlb,
    readonly memory: MemoryAccess,
    readonly blocks: BlockCache,
  ) {
    this.#records = new DataView(physical.buffer);
  }

  /** Linear address of RIP. */
  get linear(): bigint {
    const s = this.state;
    return (s.rip + s.segBase(S.CS)) & s.get64(S.CODE_MASK);
  }
  /** Linear address of the page behind the one RIP is in. */
  get #nextLinear(): bigint {
    return ((this.linear & ~0xfffn) + 0x1000n) & this.state.get64(S.CODE_MASK);
  }

  #host(linear: bigint): number {
    const accessor = accessorOf(this.state);
    const known = this.tlb.lookup(low(linear), high(linear), accessor, S.TLB_EXEC);
    if (known >= 0) return known;
    const gpa = this.memory.translate(low(linear), high(linear), EXECUTE, accessor);
    const host = this.physical.host(gpa);
    if (host < 0)
      throw new EmulationFailure(
        `code is fetched from guest physical address 0x${gpa.toString(16)}, where no memory is`,
      );
    return host;
  }
  #here(): number {
    const s = this.state;
    if (s.get64(S.CODE_LIMIT) === 0xffff_ffffn) s.rip &= 0xffff_ffffn; // EIP wraps
    this.#requireWithin(s.rip);
    return this.#host(this.linear);
  }
  /** #GP for an offset beyond the code segment; 64-bit code has no limit. */
  #requireWithin(offset: bigint): void {
    const s = this.state;
    if (offset > s.get64(S.CODE_LIMIT) && !s.code64) throw new GuestFault(S.GP, 0);
  }
  readonly #next = (): number => {
    if ((this.state.get32(S.CODE_MODE) & MODE_FLAT_CODE) === 0)
      this.#requireWithin(this.state.rip + 0x1000n - (this.linear & 0xfffn));
    return this.#host(this.#nextLinear);
  };

  /** Where RIP is, when the TLB has it. */
  place(): CodePlace | undefined {
    const { linear, tlb } = this;
    const accessor = accessorOf(this.state);
    const hostOf = (at: bigint): number => tlb.lookup(low(at), high(at), accessor, S.TLB_EXEC);
    const host = hostOf(linear);
    return host < 0 ? undefined : { host, mode: this.state.get32(S.CODE_MODE), linear, hostOf };
  }

  /** The block at RIP, decoded if need be; `alone`: of one instruction, and not kept. */
  block(alone: boolean): Block {
    const host = this.#here();
    const mode = this.state.get32(S.CODE_MODE);
    if (!alone) return this.blocks.get(host, mode, this.#next);
    const block = this.blocks.single(host, mode, this.#next);
    if ((mode & MODE_FLAT_CODE) === 0) this.#requireWithin(this.state.rip + BigInt(block.length - 1));
    return block;
  }

  /** The instruction at RIP. */
  insn(): Insn {
    return this.blocks.insnAt(this.#here(), this.state.get32(S.CODE_MODE), this.#next);
  }

  /**
   * The instruction at RIP in its block, whose second page is not (or no longer known to be) where it was: its record,
   * behind the guard. undefined: the page has moved, and what was decoded is dropped.
   */
  guarded(): number | undefined {
    const host = this.#here();
    const second = this.#next();
    const block = this.blocks.get(host, this.state.get32(S.CODE_MODE), () => second);
    if (this.#records.getUint32(block.record + RECORD_HEADER, true) === second)
      return block.record + SPECIAL_RECORD_SIZE;
    this.blocks.drop(host);
    return undefined;
  }
}
