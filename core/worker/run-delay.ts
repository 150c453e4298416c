/** How long this thread has been ready to run without a processor: what a guest sees as steal time. */
import { openSync, readSync } from 'node:fs';

/** Linux: time on a processor, time waiting for one (both in ns), slices. */
const SCHEDSTAT = '/proc/thread-self/schedstat';

/** A reader for the calling thread, in ns; where the host does not tell, always 0. */
export function openRunDelay(path = SCHEDSTAT): () => number {
  const buffer = Buffer.alloc(128);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return () => 0;
  }
  return () => {
    const text = buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
    const delayNs = Number(text.split(' ')[1]);
    return Number.isFinite(delayNs) ? delayNs : 0;
  };
}
