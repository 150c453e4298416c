/**
 * Tells the display which pages of video memory the guest wrote: takes KVM's dirty log when the display asks for it. The
 * display asks only while the guest may have written since, so a guest that sleeps is left asleep.
 */
import type { DirtyMap } from '../backends/display/dirty-map.ts';
import type { VcpuThread } from '../kvm/api.ts';
import type { MemoryMap } from './memory-map.ts';

const PAGE_SIZE = 4096;

export class DisplayLog {
  readonly #dirty: DirtyMap;
  /** The guest executes when KVM_RUN is entered, rather than to go on sleeping in it. */
  #awake = true;
  #stale = false;

  constructor(dirty: DirtyMap) {
    this.#dirty = dirty;
  }

  /** The thread as KVM is to see it: by its sleep is known that the guest waits. */
  watch(thread: VcpuThread): VcpuThread {
    return {
      nowNs: () => thread.nowNs(),
      signalPending: (nowNs) => thread.signalPending(nowNs),
      get alarmNs() {
        return thread.alarmNs;
      },
      sleepUntil: (deadlineNs) => {
        this.#awake = false;
        thread.sleepUntil(deadlineNs);
        if (!thread.signalPending()) this.#wake();
      },
      ...(thread.runDelayNs && { runDelayNs: () => thread.runDelayNs?.() ?? 0 }),
    };
  }

  /** KVM_RUN is entered. @hot */
  entering(): void {
    if (this.#awake && !this.#stale) this.#wake();
  }

  /** KVM_RUN came back with an exit, so the guest executes. @hot */
  exited(): void {
    this.#awake = true;
  }

  /** Answers the display if it has asked. */
  answer(map: MemoryMap, vram: { readonly offset: number; readonly sizeBytes: number }): void {
    if (!this.#dirty.takeRequest()) return;
    this.#stale = false;
    this.#dirty.stale = false;
    map.takeDirtyPages(vram.offset, vram.sizeBytes, (page) => this.#dirty.mark(page * PAGE_SIZE, PAGE_SIZE));
  }

  #wake(): void {
    this.#awake = true;
    this.#stale = true;
    this.#dirty.stale = true;
  }
}
