/**
 * VNC authentication ([RFC6143] 7.2.2) over Node's crypto: DES, whose 56 bits keep out the curious and nobody else. For
 * viewers on the same host, or behind a tunnel.
 */
import { createCipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ViewerPassword } from '../backends/display/rfb-session.ts';

const BLOCK_BYTES = 8;
const KEY_BYTES = 8;
const CHALLENGE_BYTES = 16;

export class VncPassword implements ViewerPassword {
  readonly #key: Buffer;
  readonly #validUntilMs: number;

  /** Eight characters count. validUntilMs: since 1970; it is good for ever when absent. */
  constructor(password: string, validUntilMs = Number.POSITIVE_INFINITY) {
    const key = Buffer.alloc(KEY_BYTES);
    key.write(password, 'latin1');
    this.#key = key.map(mirrored) as Buffer;
    this.#validUntilMs = validUntilMs;
  }

  createChallenge(): Uint8Array {
    return randomBytes(CHALLENGE_BYTES);
  }

  accepts(challenge: Uint8Array, response: Uint8Array): boolean {
    const right = this.encrypt(challenge);
    return Date.now() < this.#validUntilMs && right.length === response.length && timingSafeEqual(right, response);
  }

  /** What a viewer that knows the password answers. */
  encrypt(challenge: Uint8Array): Uint8Array {
    const blocks: Buffer[] = [];
    for (let at = 0; at < challenge.length; at += BLOCK_BYTES) {
      blocks.push(encryptBlock(this.#key, challenge.subarray(at, at + BLOCK_BYTES)));
    }
    return Buffer.concat(blocks);
  }
}

/**
 * One block of DES. Today's crypto libraries have it only as triple DES, which with the same key three times is the same;
 * and with a chain, which for a first block from zero is none.
 */
function encryptBlock(key: Buffer, block: Uint8Array): Buffer {
  const cipher = createCipheriv('des-ede3-cbc', Buffer.concat([key, key, key]), Buffer.alloc(BLOCK_BYTES));
  return cipher.setAutoPadding(false).update(block);
}

/** VNC takes the bits of each byte of the key from the other end. */
function mirrored(byte: number): number {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) out |= 0x80 >> bit;
  return out;
}
