/**
 * File names for VM names, which may hold any character. What one of our platforms forbids in a file name is
 * percent-encoded in UTF-8 (so the name stays readable and the mapping is one to one), device names of Windows are
 * escaped, and what is too long is cut and told apart by a digest.
 */
import { createHash } from 'node:crypto';

/** [Microsoft, Naming Files, Paths, and Namespaces]: reserved characters, and '%' because it is our escape. */
const RESERVED_CHARACTERS = /[\p{Cc}<>:"/\\|?*%]|^\.|[. ]$/gu;
const RESERVED_NAMES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;
/** 255 bytes less a suffix, a number and an extension. */
const MAX_BYTES = 200;

/** A file name without an extension. */
export function fileNameOf(name: string): string {
  const safe = name
    .normalize('NFC')
    .replace(RESERVED_CHARACTERS, escapeCharacter)
    .replace(RESERVED_NAMES, (device) => `%${device.charCodeAt(0).toString(16)}${device.slice(1)}`);
  if (Buffer.byteLength(safe) <= MAX_BYTES) return safe;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12);
  let cut = '';
  for (const character of safe) {
    if (Buffer.byteLength(cut + character) > MAX_BYTES) break;
    cut += character;
  }
  return `${cut}~${digest}`;
}

function escapeCharacter(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
