/** What tests of disk controllers are built on: guest memory, and media that look the same however they were used. */
import type { BlockBackend, BlockError, BlockRequest } from '../backends/block/port.ts';
import type { GuestMemory } from '../devices/device.ts';

/** A little RAM at address 0. */
export class TestMemory implements GuestMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  read(gpa: number, target: Uint8Array): void {
    target.fill(0);
    if (gpa < this.bytes.length) target.set(this.bytes.subarray(gpa, gpa + target.length));
  }

  write(gpa: number, source: Uint8Array): void {
    if (gpa < this.bytes.length) this.bytes.set(source.subarray(0, this.bytes.length - gpa), gpa);
  }
}

/** Memory that repeats `pattern` for ever and drops what is written: a restored device sees what the original saw. */
export class PatternMemory implements GuestMemory {
  constructor(readonly pattern: Uint8Array) {}

  read(gpa: number, target: Uint8Array): void {
    const start = gpa % this.pattern.length;
    for (let i = 0; i < target.length; i++) target[i] = this.pattern[(start + i) % this.pattern.length] ?? 0;
  }

  write(): void {}
}

/** A disk that drops what is written, and fails where a sector's number ends in 0x77. */
export class PatternDisk implements BlockBackend {
  readonly sizeBytes: number;

  constructor(
    sectors: number,
    readonly readOnly = false,
  ) {
    this.sizeBytes = sectors * 512;
  }

  submit(request: BlockRequest, done: (error?: BlockError) => void): void {
    if (request.kind === 'flush') {
      done();
      return;
    }
    const first = request.offset / 512;
    const count = (request.kind === 'discard' ? request.length : request.data.length) / 512;
    for (let sector = first; sector < first + count; sector++) {
      if ((sector & 0xff) === 0x77) {
        done({ errno: 'EIO', message: 'a bad sector' });
        return;
      }
    }
    if (request.kind === 'read')
      request.data.forEach((_, i, data) => {
        data[i] = (first + (i >> 9) + i) & 0xff;
      });
    done();
  }
}

/** Holds requests until it is told to let them go. */
export class SlowDisk implements BlockBackend {
  readonly waiting: (() => void)[] = [];

  constructor(readonly fast: BlockBackend) {}

  get sizeBytes(): number {
    return this.fast.sizeBytes;
  }

  get readOnly(): boolean {
    return this.fast.readOnly;
  }

  submit(request: BlockRequest, done: (error?: BlockError) => void): void {
    this.waiting.push(() => this.fast.submit(request, done));
  }

  /** Lets the oldest go; false when there is none. */
  release(): boolean {
    const next = this.waiting.shift();
    next?.();
    return next !== undefined;
  }

  releaseAll(): void {
    while (this.release());
  }
}
