import { constants, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../testing/seeded-random.ts';
import { nodeDeflate } from './node-deflate.ts';

describe('nodeDeflate', () => {
  it('compresses a whole stream', async () => {
    const bytes = new TextEncoder().encode('text '.repeat(1000));
    expect(inflateSync(await nodeDeflate.compress(bytes))).toEqual(Buffer.from(bytes));
  });
  it('gives with each flush all that the receiver needs to decode what went in so far, of any size', async () => {
    const random = new SeededRandom(1);
    const stream = nodeDeflate.openStream();
    const sent: Uint8Array[] = [];
    const received: Uint8Array[] = [];
    for (const length of [1, 10, 100_000, 0, 7, 1_000_000, 65_536, 16_384]) {
      const bytes = Uint8Array.from({ length }, () => random.below(256));
      sent.push(bytes);
      received.push(await stream.flush(bytes, 1 + (sent.length % 9)));
      const decoded = inflateSync(Buffer.concat(received), { finishFlush: constants.Z_SYNC_FLUSH });
      expect(Buffer.compare(decoded, Buffer.concat(sent))).toBe(0);
    }
    stream.close();
  });
  it('rejects what is under way when it is closed', async () => {
    const stream = nodeDeflate.openStream();
    const flushed = stream.flush(new Uint8Array(1_000_000), 1);
    stream.close();
    await expect(flushed).rejects.toThrow();
  });
});
