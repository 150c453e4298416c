/**
 * Decoded records, the interpreter's program. A block is a run of records in the arena; each begins with
 *
 *   +0  u32  table slot of its handler
 *   +4  u16  start: offset of the instruction from the block's first byte
 *   +6  u8   length of the instruction
 *   +7  u8   of a block's first: number of the entry, where a translated region begins here
 *
 * A record of a system instruction, or of one whose emitter may fall back to it, goes on with
 *
 *   +8   u32  number of the instruction (BlockCache.insns)
 *   +12  u16  size of the record
 *   +14  u8   ModRM
 *   +15  u8   segment register of its memory operand
 *
 * Then come the fields of the emitter's operands, in order, each at a multiple of 4:
 *
 *   register, vector   u32  address of the register
 *   immediate          i32 (sign-extended), or i64 when its size is 8; the number of a segment or control register
 *   relative           i32 taken, i32 not taken: from the block's first byte; then a link for each: u32 record,
 *                      u32 instructions, u32 generation
 *   memory, near       u32  address of the base register, i32 displacement: base + displacement, no segment; of 64-bit
 *                      code, or of flat 32-bit code
 *   memory, general    u32 base, u32 index, i64 displacement, u32 segment, u8 scale, u8 flags, u16 unused, i64 mask
 */
import type { Size } from '../decode/insn.ts';

export const RECORD_HANDLER = 0;
export const RECORD_START = 4;
export const RECORD_LENGTH = 6;
export const RECORD_ENTRY = 7;
export const RECORD_HEADER = 8;
export const RECORD_INSN = 8;
export const RECORD_SIZE = 12;
export const RECORD_MODRM = 14;
export const RECORD_SEGMENT = 15;
/** Where the fields begin of a record that has those. */
export const SYSTEM_HEADER = 16;

/** Kinds: register, vector register (XMM; MMX when its size is 8), immediate, relative, memory near (64-bit, 32-bit), memory general. */
export type FieldKind = 'r' | 'v' | 'i' | 'j' | 'm' | 'n' | 'g';

// memory general, offsets within the field
export const GENERAL_BASE = 0;
export const GENERAL_INDEX = 4;
export const GENERAL_DISPLACEMENT = 8;
/** Address of the segment's state (state.ts SEG). */
export const GENERAL_SEGMENT = 16;
export const GENERAL_SCALE = 20;
export const GENERAL_FLAGS = 21;
/** Address-size mask of the offset. */
export const GENERAL_MASK = 24;
export const GENERAL_SIZE = 32;
/** Linear addresses wrap at 32 bits. */
export const GENERAL_WRAP32 = 1;
/** Limit and rights of the segment must be checked. */
export const GENERAL_CHECKED = 2;

/** Where the links of a relative field begin, and their layout. */
export const RELATIVE_LINKS = 8;
export const LINK_SIZE = 12;
export const LINK_RECORD = 0;
export const LINK_COUNT = 4;
export const LINK_GENERATION = 8;
/** Generation of a link that has not been made. */
export const UNLINKED = 0;
/** Generation of a link that leads out of the block's page and is looked up each time. */
export const NEVER_LINKED = -1;

export interface Field {
  readonly kind: FieldKind;
  readonly size: Size;
}

function fieldSize(field: Field): number {
  switch (field.kind) {
    case 'r':
    case 'v':
      return 4;
    case 'i':
      return field.size === 8 ? 8 : 4;
    case 'j':
      return RELATIVE_LINKS + 2 * LINK_SIZE;
    case 'm':
    case 'n':
      return 8;
    case 'g':
      return GENERAL_SIZE;
  }
}

/** Offsets of the fields within the record, and the record's size (a multiple of 8); `system`: it has a SYSTEM_HEADER. */
export function layout(fields: readonly Field[], system: boolean): { offsets: number[]; size: number } {
  const offsets: number[] = [];
  let at = system ? SYSTEM_HEADER : RECORD_HEADER;
  for (const field of fields) {
    offsets.push(at);
    at += fieldSize(field);
  }
  return { offsets, size: (at + 7) & ~7 };
}
