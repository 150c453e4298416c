// What a process has cost the host so far; undefined where the host has no /proc.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Processor time of a thread, in nanoseconds: Linux, Documentation/scheduler/sched-stats.rst. Exact while it sleeps, up to
 * a tick behind while it runs.
 */
export function threadNanoseconds(pid, thread) {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    return undefined;
  }
}

/** Thread to processor time, of all threads that the process has now. */
function threadTimes(pid) {
  try {
    const times = readdirSync(`/proc/${pid}/task`).map((thread) => [thread, threadNanoseconds(pid, thread)]);
    return times.filter(([, time]) => time !== undefined);
  } catch {
    return [];
  }
}

/** Processor time of all threads that it has. What threads that have ended used is not in it. */
export function cpuNanoseconds(pid) {
  const times = threadTimes(pid);
  return times.length ? times.reduce((sum, [, time]) => sum + time, 0) : undefined;
}

/** The thread that has worked most so far. */
export function busiestThread(pid) {
  return threadTimes(pid).sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** The most memory that was resident at once. */
export function peakResidentMiB(pid) {
  try {
    const peakKiB = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return peakKiB && Number(peakKiB) / 1024;
  } catch {
    return undefined;
  }
}
