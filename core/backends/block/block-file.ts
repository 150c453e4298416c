/**
 * The host's file or block device under a disk image: what core/worker gives to this folder, which does no I/O itself.
 * Every call throws what the host says, an Error with the errno's name as `code`.
 */
export interface BlockFile {
  /** When it was opened. */
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  /** How many bytes were read: fewer than asked for at the end of the file only. */
  read(offset: number, target: Uint8Array): number;
  /** All of them. */
  write(offset: number, bytes: Uint8Array): void;
  /** What was written is on stable storage (fdatasync). */
  flush(): void;
  /** Gives the space back where the host can. */
  discard(offset: number, length: number): void;
  close(): void;
}
