/** How TypeScript inside the CPU abandons an instruction. */

/** The instruction raises an exception; thrown, with nothing committed. */
export class GuestFault extends Error {
  constructor(
    readonly vector: number,
    /** undefined: the vector has no error code. */
    readonly errorCode?: number,
  ) {
    super(`guest exception ${vector}`);
  }
}

/** The instruction needs an MMIO read that userspace has yet to answer; it will run again. */
export class MmioWait extends Error {
  constructor() {
    super('waiting for an MMIO read');
  }
}

/** What the vCPU cannot go on from: KVM_EXIT_INTERNAL_ERROR. */
export class EmulationFailure extends Error {}
