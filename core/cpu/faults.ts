/** How TypeScript inside the CPU abandons an instruction. */
import { DB } from './state.ts';

/**
 * The instruction raises an exception; thrown, with nothing committed. Not an Error: page faults are everyday events, and
 * a stack trace would cost more than their delivery.
 */
export class GuestFault {
  constructor(
    readonly vector: number,
    /** undefined: the vector has no error code. */
    readonly errorCode?: number,
    /** #GP for a non-canonical address: #SS when the access was through the stack segment. */
    readonly nonCanonical = false,
    /** Raised in the new task of a task switch: RIP is that task's, not the instruction's that switched. */
    readonly afterTaskSwitch = false,
  ) {}
}

/** #DB raised before an instruction, with its bits of DR6. */
export class DebugFault extends GuestFault {
  constructor(readonly dr6: number) {
    super(DB);
  }
}

/** The instruction needs an MMIO read that userspace has yet to answer; it will run again. */
export class MmioWait {}

/** The instruction hit a data breakpoint: it runs again, alone, for a trap follows it. */
export class Rerun extends MmioWait {}

/** What the vCPU cannot go on from: KVM_EXIT_INTERNAL_ERROR. */
export class EmulationFailure extends Error {}
