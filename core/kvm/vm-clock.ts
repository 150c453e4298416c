/** The VM's kvmclock: ns that KVM_SET_CLOCK may move, and its relation to real time. KVM_GET_CLOCK, KVM_SET_CLOCK. */
import type { WallClock } from '../base/clock.ts';
import * as A from './api.ts';

/** KVM_CAP_ADJUST_CLOCK: the flags that KVM_GET_CLOCK may return. */
export const CLOCK_FLAGS = A.KVM_CLOCK_TSC_STABLE | A.KVM_CLOCK_REALTIME | A.KVM_CLOCK_HOST_TSC;

export class VmClock {
  #offsetNs = 0n;

  constructor(
    readonly thread: A.VcpuThread,
    readonly wall: WallClock,
  ) {}

  /** The host's TSC: guest time, in ticks of 1 ns. */
  hostTsc(): bigint {
    return BigInt(Math.floor(this.thread.nowNs()));
  }
  nowNs(): bigint {
    return this.hostTsc() + this.#offsetNs;
  }
  /** ns since 1970. */
  realtimeNs(): bigint {
    return BigInt(Math.floor(this.wall.nowMs() * 1e6));
  }

  get(): A.KvmClockData {
    return { clock: this.nowNs(), flags: CLOCK_FLAGS, realtime: this.realtimeNs(), hostTsc: this.hostTsc() };
  }

  /** With KVM_CLOCK_REALTIME the clock goes on from the real time it was read at. */
  set(data: A.KvmClockData): void {
    if ((data.flags & ~CLOCK_FLAGS) !== 0) throw new A.KvmError('KVM_SET_CLOCK', 'EINVAL', `flags ${data.flags}`);
    const passed = (data.flags & A.KVM_CLOCK_REALTIME) !== 0 ? this.realtimeNs() - data.realtime : 0n;
    this.#offsetNs = data.clock + (passed > 0n ? passed : 0n) - this.hostTsc();
  }
}
