/** A free-running counter as a function of guest time, for devices whose counters never need a timer to count. */

/** Ticks of a clock of hz since guest time 0. Never runs backwards. */
export const ticksAt = (nowNs: number, hz: number): number => Math.floor(nowNs * (hz / 1e9));

/** A guest time in ns at which ticksAt has reached `tick`: at most 2 ns late, never early, whatever is rounded. */
export const timeOfTick = (tick: number, hz: number): number => Math.ceil(tick * (1e9 / hz)) + 1;
