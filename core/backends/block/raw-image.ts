/**
 * A disk image without a format: sector n of the disk is sector n of the file.
 *
 * A file that ends within a sector reads zeros up to the sector's end; writing there makes it longer. Every request ends
 * before submit() returns, on the caller's thread: see README.md for what that costs.
 */
import type { BlockFile } from './block-file.ts';
import { BLOCK_SECTOR_SIZE, type BlockBackend, type BlockError, type BlockRequest } from './port.ts';

export class RawImage implements BlockBackend {
  readonly sizeBytes: number;
  readonly readOnly: boolean;

  constructor(readonly file: BlockFile) {
    this.sizeBytes = Math.ceil(file.sizeBytes / BLOCK_SECTOR_SIZE) * BLOCK_SECTOR_SIZE;
    this.readOnly = file.readOnly;
  }

  submit(request: BlockRequest, done: (error?: BlockError) => void): void {
    done(this.#refusal(request) ?? this.#attempt(request));
  }

  #refusal(request: BlockRequest): BlockError | undefined {
    if (request.kind === 'flush') return undefined;
    const { kind, offset } = request;
    const length = kind === 'discard' ? request.length : request.data.length;
    const whole = offset % BLOCK_SECTOR_SIZE === 0 && length % BLOCK_SECTOR_SIZE === 0;
    if (!whole || offset < 0 || length < 0 || offset + length > this.sizeBytes) {
      return { errno: 'EINVAL', message: `a ${kind} of ${length} bytes at ${offset} is outside of the image` };
    }
    if (kind !== 'read' && this.readOnly) return { errno: 'EROFS', message: 'the image is read-only' };
    return undefined;
  }

  #attempt(request: BlockRequest): BlockError | undefined {
    try {
      this.#perform(request);
      return undefined;
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
      return { errno, message: error instanceof Error ? error.message : String(error) };
    }
  }

  #perform(request: BlockRequest): void {
    switch (request.kind) {
      case 'read': {
        const got = this.file.read(request.offset, request.data);
        if (got < request.data.length) request.data.fill(0, got); // the end of the file, or it was cut short meanwhile
        return;
      }
      case 'write':
        this.file.write(request.offset, request.data);
        return;
      case 'flush':
        this.file.flush();
        return;
      case 'discard':
        this.file.discard(request.offset, request.length);
        return;
    }
  }
}
