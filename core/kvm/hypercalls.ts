/**
 * What VMCALL and VMMCALL ask of KVM: Documentation/virt/kvm/x86/hypercalls.rst. The processor has seen to it that the
 * caller's CPL is 0. Not here: KVM_HC_SEND_IPI (kvm-pv-ipi is not offered), KVM_HC_MAP_GPA_RANGE.
 */

const KVM_HC_VAPIC_POLL_IRQ = 1n;
const KVM_HC_KICK_CPU = 5n;
const KVM_HC_CLOCK_PAIRING = 9n;
const KVM_HC_SCHED_YIELD = 11n;

const KVM_EFAULT = 14n;
const KVM_EOPNOTSUPP = 95n;
const KVM_ENOSYS = 1000n;

const KVM_CLOCK_PAIRING_WALLCLOCK = 0n;
/** sizeof(struct kvm_clock_pairing) */
const CLOCK_PAIRING_SIZE = 64;

export interface HypercallPorts {
  /** Lets the vCPU of this APIC id out of HLT, now or when it next gets there. */
  kick(apicId: number): void;
  tsc(): bigint;
  /** ms since 1970. */
  wallNowMs(): number;
  /** False when no memory is there. */
  writeGuest(gpa: number, bytes: Uint8Array): boolean;
}

/** The value for RAX: negative for an error. */
export function hypercall(ports: HypercallPorts, number: bigint, args: readonly bigint[]): bigint {
  const [a0 = 0n, a1 = 0n] = args;
  switch (number) {
    case KVM_HC_VAPIC_POLL_IRQ: // the exit itself makes KVM look for interrupts
    case KVM_HC_SCHED_YIELD: // every vCPU has a thread of its own, and the host's scheduler knows best
      return 0n;
    case KVM_HC_KICK_CPU:
      ports.kick(Number(a1 & 0xffff_ffffn));
      return 0n;
    case KVM_HC_CLOCK_PAIRING:
      return clockPairing(ports, a0, a1);
    default:
      return -KVM_ENOSYS;
  }
}

/** struct kvm_clock_pairing: the host's wall clock and the guest's TSC at one moment. */
function clockPairing(ports: HypercallPorts, gpa: bigint, clock: bigint): bigint {
  if (clock !== KVM_CLOCK_PAIRING_WALLCLOCK) return -KVM_EOPNOTSUPP;
  const bytes = new Uint8Array(CLOCK_PAIRING_SIZE);
  const view = new DataView(bytes.buffer);
  const nowMs = ports.wallNowMs();
  view.setBigInt64(0, BigInt(Math.floor(nowMs / 1000)), true);
  view.setBigInt64(8, BigInt(Math.floor((nowMs % 1000) * 1e6)), true);
  view.setBigUint64(16, ports.tsc(), true);
  return ports.writeGuest(Number(gpa), bytes) ? 0n : -KVM_EFAULT;
}
