/**
 * What a SCSI direct-access device makes of a command: a reply, blocks to move, or sense data. It keeps nothing itself; the
 * transport moves the data and remembers the sense. [SPC4], [SBC3]: scsi.regs.ts.
 *
 * Not here: MODE SELECT, UNMAP, FUA (the mode page says so), protection information, more than one logical unit.
 */
import { BLOCK_SECTOR_SIZE, type BlockBackend } from '../../backends/block/port.ts';
import * as S from './scsi.regs.ts';

export interface Sense {
  readonly key: number;
  /** Additional sense code * 256 + its qualifier. */
  readonly asc: number;
}

export const NO_SENSE: Sense = { key: S.NO_SENSE, asc: S.ASC_NONE };

export type ScsiAction =
  | { readonly kind: 'reply'; readonly data: Uint8Array }
  | { readonly kind: 'read' | 'write'; readonly offset: number; readonly length: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'refuse'; readonly sense: Sense };

const VENDOR = 'Vivarium';
const PRODUCT = 'USB disk        ';
const REVISION = '1.0 ';
const MAX_BLOCKS_6 = 256;

const DONE: ScsiAction = { kind: 'reply', data: new Uint8Array(0) };
const refuse = (asc: number, key = S.ILLEGAL_REQUEST): ScsiAction => ({ kind: 'refuse', sense: { key, asc } });
const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

/** Big-endian, as everything in SCSI. Up to 8 bytes; beyond 2^53 only its magnitude is right. */
function field(cdb: Uint8Array, offset: number, bytes: number): number {
  let value = 0;
  for (let i = 0; i < bytes; i++) value = value * 256 + (cdb[offset + i] ?? 0);
  return value;
}

function bigEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
}

/** At most as long as the command allows. */
function reply(bytes: readonly number[], allocation: number): ScsiAction {
  return { kind: 'reply', data: Uint8Array.from(bytes.slice(0, allocation)) };
}

/** Fixed format. [SPC4] 4.5.3 */
function senseData({ key, asc }: Sense): number[] {
  return [0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc >>> 8, asc & 0xff, 0, 0, 0, 0];
}

export class ScsiDisk {
  constructor(
    readonly medium: BlockBackend,
    readonly serial: string,
  ) {}

  get #blocks(): number {
    return this.medium.sizeBytes / BLOCK_SECTOR_SIZE;
  }

  /** cdb: CDB_BYTES. sense: of the command before. */
  command(cdb: Uint8Array, sense: Sense): ScsiAction {
    switch (cdb[0]) {
      case S.TEST_UNIT_READY:
      case S.START_STOP_UNIT:
      case S.PREVENT_ALLOW_MEDIUM_REMOVAL:
        return DONE;
      case S.REQUEST_SENSE:
        return reply(senseData(sense), field(cdb, 4, 1));
      case S.INQUIRY:
        return this.#inquiry(cdb);
      case S.REPORT_LUNS:
        return reply([0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], field(cdb, 6, 4));
      case S.MODE_SENSE_6:
        return this.#modeSense(cdb, false);
      case S.MODE_SENSE_10:
        return this.#modeSense(cdb, true);
      case S.READ_CAPACITY_10:
        return reply([...bigEndian(Math.min(this.#blocks - 1, 0xffff_ffff), 4), ...bigEndian(BLOCK_SECTOR_SIZE, 4)], 8);
      case S.SERVICE_ACTION_IN_16:
        return this.#readCapacity16(cdb);
      default:
        return this.#blockCommand(cdb);
    }
  }

  #blockCommand(cdb: Uint8Array): ScsiAction {
    switch (cdb[0]) {
      case S.READ_6:
        return this.#move('read', field(cdb, 1, 3) & 0x1f_ffff, field(cdb, 4, 1) || MAX_BLOCKS_6, 0);
      case S.WRITE_6:
        return this.#move('write', field(cdb, 1, 3) & 0x1f_ffff, field(cdb, 4, 1) || MAX_BLOCKS_6, 0);
      case S.READ_10:
        return this.#move('read', field(cdb, 2, 4), field(cdb, 7, 2), field(cdb, 1, 1));
      case S.WRITE_10:
        return this.#move('write', field(cdb, 2, 4), field(cdb, 7, 2), field(cdb, 1, 1));
      case S.READ_12:
        return this.#move('read', field(cdb, 2, 4), field(cdb, 6, 4), field(cdb, 1, 1));
      case S.WRITE_12:
        return this.#move('write', field(cdb, 2, 4), field(cdb, 6, 4), field(cdb, 1, 1));
      case S.READ_16:
        return this.#move('read', field(cdb, 2, 8), field(cdb, 10, 4), field(cdb, 1, 1));
      case S.WRITE_16:
        return this.#move('write', field(cdb, 2, 8), field(cdb, 10, 4), field(cdb, 1, 1));
      case S.VERIFY_10: {
        if (field(cdb, 1, 1) & S.CDB_BYTCHK) return refuse(S.ASC_INVALID_FIELD);
        return this.#outside(field(cdb, 2, 4), field(cdb, 7, 2)) ? refuse(S.ASC_LBA_OUT_OF_RANGE) : DONE;
      }
      case S.SYNCHRONIZE_CACHE_10:
      case S.SYNCHRONIZE_CACHE_16:
        return { kind: 'flush' };
      default:
        return refuse(S.ASC_INVALID_COMMAND);
    }
  }

  #outside(block: number, count: number): boolean {
    return block + count > this.#blocks;
  }

  #move(kind: 'read' | 'write', block: number, count: number, flags: number): ScsiAction {
    if (flags & S.CDB_FUA) return refuse(S.ASC_INVALID_FIELD);
    if (this.#outside(block, count)) return refuse(S.ASC_LBA_OUT_OF_RANGE);
    if (kind === 'write' && this.medium.readOnly) return refuse(S.ASC_WRITE_PROTECTED, S.DATA_PROTECT);
    return count === 0 ? DONE : { kind, offset: block * BLOCK_SECTOR_SIZE, length: count * BLOCK_SECTOR_SIZE };
  }

  /** [SPC4] 6.6 */
  #inquiry(cdb: Uint8Array): ScsiAction {
    const allocation = field(cdb, 3, 2);
    const page = field(cdb, 2, 1);
    if (field(cdb, 1, 1) & S.CDB_EVPD) return this.#vitalProductData(page, allocation);
    if (page !== 0) return refuse(S.ASC_INVALID_FIELD);
    const header = [0x00, 0x00, 0x06, 0x02, 31, 0, 0, 0]; // direct access, SPC-4
    return reply([...header, ...ascii(VENDOR), ...ascii(PRODUCT), ...ascii(REVISION)], allocation);
  }

  /** [SPC4] 7.8 */
  #vitalProductData(page: number, allocation: number): ScsiAction {
    const answer = (bytes: readonly number[]): ScsiAction => reply([0, page, 0, bytes.length, ...bytes], allocation);
    const serial = ascii(this.serial);
    switch (page) {
      case S.VPD_SUPPORTED:
        return answer([S.VPD_SUPPORTED, S.VPD_SERIAL, S.VPD_IDENTIFICATION]);
      case S.VPD_SERIAL:
        return answer(serial);
      case S.VPD_IDENTIFICATION: {
        const name = [...ascii(VENDOR), ...serial]; // a T10 vendor identification, in ASCII
        return answer([2, 1, 0, name.length, ...name]);
      }
      default:
        return refuse(S.ASC_INVALID_FIELD);
    }
  }

  /** [SPC4] 6.11, 7.5; [SBC3] 6.4 */
  #modeSense(cdb: Uint8Array, long: boolean): ScsiAction {
    const allocation = long ? field(cdb, 7, 2) : field(cdb, 4, 1);
    const control = field(cdb, 2, 1) >>> 6;
    const page = field(cdb, 2, 1) & 0x3f;
    if (page !== S.MODE_PAGE_CACHING && page !== S.MODE_PAGE_ALL) return refuse(S.ASC_INVALID_FIELD);
    const changeable = control === 1;
    const caching = [S.MODE_PAGE_CACHING, 18, changeable ? 0 : S.CACHING_WCE, ...new Uint8Array(17)];
    const protect = this.medium.readOnly ? S.MODE_WP : 0;
    const blocks = [...bigEndian(Math.min(this.#blocks, 0xffff_ffff), 4), ...bigEndian(BLOCK_SECTOR_SIZE, 4)];
    const descriptor = field(cdb, 1, 1) & S.CDB_DBD ? [] : blocks;
    const rest = [...descriptor, ...caching];
    const head = long
      ? [...bigEndian(rest.length + 6, 2), 0, protect, 0, 0, ...bigEndian(descriptor.length, 2)]
      : [rest.length + 3, 0, protect, descriptor.length];
    return reply([...head, ...rest], allocation);
  }

  /** [SBC3] 5.16 */
  #readCapacity16(cdb: Uint8Array): ScsiAction {
    if ((field(cdb, 1, 1) & 0x1f) !== S.READ_CAPACITY_16) return refuse(S.ASC_INVALID_FIELD);
    const capacity = [...bigEndian(this.#blocks - 1, 8), ...bigEndian(BLOCK_SECTOR_SIZE, 4)];
    return reply([...capacity, ...new Uint8Array(20)], field(cdb, 10, 4));
  }
}
