/** The part of node-pty that its own types leave out: a pair of terminals without a process. */
declare module 'node-pty' {
  import type { ReadStream } from 'node:tty';

  export interface PtyPair {
    readonly master: ReadStream;
    readonly slave: ReadStream;
    /** The master side's descriptor. It does not block. */
    readonly fd: number;
    /** Path of the slave, e.g. /dev/pts/4. */
    readonly ptsName: string;
  }
  export function open(options: { readonly encoding: null; readonly cols?: number; readonly rows?: number }): PtyPair;
}
