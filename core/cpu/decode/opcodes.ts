/**
 * Which row of the table an encoding is, by opcode and by what else tells rows of an opcode apart. What was found is kept:
 * a program uses few of all encodings, again and again.
 */
import type { Feature } from '../features.ts';
import { type Row, rowsOf, vexRowsOf } from '../table/index.ts';
import type { VectorLength } from '../table/row.ts';

/** What a row may ask of an encoding besides its opcode. */
export interface Encoding {
  readonly long: boolean;
  readonly modrm: number;
  readonly isMemory: boolean;
  readonly vectorIndex: boolean;
  readonly wide: boolean;
  readonly vectorLength: VectorLength;
  /** The mandatory prefix. */
  readonly prefix: number;
}

/** The rows of an opcode. */
export class OpcodeRows {
  readonly hasModrm: boolean;
  readonly vsib: boolean;
  /** Rows that differ by ModRM's reg or rm. */
  readonly #byModrm: boolean;
  readonly #found = new Map<number, Row | undefined>();

  constructor(
    readonly rows: readonly Row[],
    readonly features: ReadonlySet<Feature>,
  ) {
    this.hasModrm = rows.some((r) => r.hasModrm);
    this.vsib = rows.some((r) => r.vsib);
    this.#byModrm = rows.some((r) => r.ext !== undefined || r.rm !== undefined);
  }

  /** @hot */
  select(e: Encoding): Row | undefined {
    const key = this.#key(e);
    const known = this.#found.get(key);
    if (known !== undefined || this.#found.has(key)) return known;
    const row = this.rows.find((r) => this.#matches(r, e));
    this.#found.set(key, row);
    return row;
  }

  #key(e: Encoding): number {
    let key = this.#byModrm ? e.modrm & 63 : 0;
    if (e.isMemory) key |= 1 << 6;
    if (e.long) key |= 1 << 7;
    if (e.wide) key |= 1 << 8;
    if (e.vectorIndex) key |= 1 << 9;
    return key | (e.vectorLength << 6) | (e.prefix << 12); // 16 and 32 become bits 10 and 11
  }

  #matches(r: Row, e: Encoding): boolean {
    if (r.ext !== undefined && r.ext !== ((e.modrm >> 3) & 7)) return false;
    if (r.rm !== undefined && r.rm !== (e.modrm & 7)) return false;
    if (r.mod !== undefined && (r.mod === 'mem') !== e.isMemory) return false;
    if (r.only !== undefined && (r.only === '64') !== e.long) return false;
    if (r.cpuid !== undefined && !this.features.has(r.cpuid)) return false;
    if (r.pp !== undefined ? r.pp !== e.prefix : e.vectorLength !== 0) return false;
    if (e.vectorLength !== 0) {
      if (r.w !== undefined && r.w !== (e.wide ? 1 : 0)) return false;
      if ((r.vex === 'L0' && e.vectorLength !== 16) || (r.vex === 'L1' && e.vectorLength !== 32)) return false;
    }
    for (const o of r.operands) {
      if ((o.place === 'M' && !e.isMemory) || ((o.place === 'U' || o.place === 'N') && e.isMemory)) return false;
      if (o.place === 'R' && e.isMemory) return false;
    }
    return !(r.vsib && !e.vectorIndex);
  }
}

/** The opcodes of a processor with these features. */
export class Opcodes {
  readonly #legacy = new Map<number, OpcodeRows>();
  readonly #vex = new Map<number, OpcodeRows>();

  constructor(readonly features: ReadonlySet<Feature>) {}

  legacy(opcode: number): OpcodeRows {
    return this.#legacy.get(opcode) ?? this.#add(this.#legacy, opcode, rowsOf(opcode));
  }
  vex(opcode: number): OpcodeRows {
    return this.#vex.get(opcode) ?? this.#add(this.#vex, opcode, vexRowsOf(opcode));
  }
  #add(map: Map<number, OpcodeRows>, opcode: number, rows: readonly Row[]): OpcodeRows {
    const made = new OpcodeRows(rows, this.features);
    map.set(opcode, made);
    return made;
  }
}
