/** How TypeScript inside the CPU abandons an instruction. */

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
  ) {}
}

/** The instruction needs an MMIO read that userspace has yet to answer; it will run again. */
export class MmioWait {}

/** What the vCPU cannot go on from: KVM_EXIT_INTERNAL_ERROR. */
export class EmulationFailure extends Error {}
