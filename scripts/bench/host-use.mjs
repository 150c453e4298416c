// What a process has cost the host so far; undefined where the host has no /proc.
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Processor time of all threads that it has, in nanoseconds: Linux, Documentation/scheduler/sched-stats.rst. Exact for a
 * thread that sleeps, up to a tick behind for one that runs. What threads that have ended used is not in it.
 */
export function cpuNanoseconds(pid) {
  try {
    const tasks = `/proc/${pid}/task`;
    return readdirSync(tasks).reduce((sum, task) => sum + onCpu(`${tasks}/${task}/schedstat`), 0);
  } catch {
    return undefined;
  }
}

function onCpu(file) {
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[0]);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return 0; // has just ended
    throw error;
  }
}

/** The most memory that was resident at once. */
export function peakResidentMiB(pid) {
  try {
    const peakKiB = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return peakKiB && Math.round(Number(peakKiB) / 1024);
  } catch {
    return undefined;
  }
}
