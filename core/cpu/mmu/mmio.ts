/**
 * MMIO across the KVM boundary. A write is posted: the instruction completes, and the vCPU then leaves once for each
 * fragment. A read stops the instruction; when userspace has answered, the instruction runs again and finds the answer
 * here. So an instruction may touch several fragments, and none is done twice.
 */
export interface Fragment {
  readonly gpa: number;
  /** 1..8 bytes. */
  readonly size: number;
  lo: number;
  hi: number;
}

export class MmioFragments {
  /** Writes of instructions that have completed. */
  readonly writes: Fragment[] = [];
  /** Reads that userspace answered for the instruction at hand. */
  #answers: Fragment[] = [];
  /** The read that waits for an answer. */
  pendingRead: Fragment | undefined;
  #committedWrites = 0;

  /** The answer to a read of the instruction at hand, or undefined: then the read is pending. */
  read(gpa: number, size: number): Fragment | undefined {
    const found = this.#answers.find((a) => a.gpa === gpa && a.size === size);
    if (!found) this.pendingRead = { gpa, size, lo: 0, hi: 0 };
    return found;
  }

  write(gpa: number, size: number, lo: number, hi: number): void {
    this.writes.push({ gpa, size, lo, hi });
  }

  /** Userspace answered the pending read. */
  answer(lo: number, hi: number): void {
    if (!this.pendingRead) return;
    this.#answers.push({ ...this.pendingRead, lo, hi });
    this.pendingRead = undefined;
  }
  get answered(): boolean {
    return this.#answers.length > 0;
  }

  /** The instruction at hand did not complete: its posted writes never happened. */
  abandon(): void {
    this.writes.length = this.#committedWrites;
  }
  /** Instructions up to here have completed. */
  commit(): void {
    this.#committedWrites = this.writes.length;
    if (this.#answers.length > 0) this.#answers = [];
  }
  /** Takes the next write to tell userspace of. */
  takeWrite(): Fragment | undefined {
    const next = this.writes.shift();
    this.#committedWrites = this.writes.length;
    return next;
  }
}
