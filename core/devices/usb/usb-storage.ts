/**
 * A disk on USB: bulk-only transport of SCSI commands. [BOT] 5 (wrappers), 6.7 (the thirteen cases of what host and device
 * expect of the data).
 *
 * While the back end works, the bulk endpoints answer NAK. What it was asked for is part of the saved state and is asked for
 * again by a restored device, which does the same once more.
 */
import type { BlockBackend, BlockError, BlockRequest } from '../../backends/block/port.ts';
import { byteArrayUpTo, type Fields, timeNs, uint } from '../state-shape.ts';
import type { UsbSpeed } from './descriptors.ts';
import * as S from './scsi.regs.ts';
import { NO_SENSE, type ScsiAction, ScsiDisk, type Sense } from './scsi-disk.ts';
import * as U from './usb.regs.ts';
import type { Handshake, PacketIn } from './usb-device.ts';
import { type SetupPacket, UsbFunction } from './usb-function.ts';

const BULK_IN = U.ENDPOINT_IN | 1;
const BULK_OUT = 2;
const BULK_PACKET: Readonly<Record<UsbSpeed, number>> = { low: 8, full: 64, high: 512, super: 1024 };
/** The back end is asked for this much at a time. */
const CHUNK_BYTES = 64 * 1024;
const NO_BYTES = new Uint8Array(0);
const U32_MAX = 0xffff_ffff;

// Phases
const COMMAND = 0;
const DATA_IN = 1;
/** All is sent and it was less than the host expects: a halt ends its transfer. */
const DATA_IN_END = 2;
const DATA_OUT = 3;
const STATUS = 4;
/** Something that was no command came: only a reset helps. [BOT] 6.6.1 */
const INVALID = 5;

// What the back end is doing
const NOTHING = 0;
const READING = 1;
const WRITING = 2;
const FLUSHING = 3;

interface StorageState {
  phase: number;
  tag: number;
  /** Of the data that the host expects to move, what has not been moved. */
  residue: number;
  status: number;
  pending: number;
  /** Where on the medium the next chunk is, and how much of the command is left from there on. */
  offset: number;
  left: number;
  /** The chunk under way, and how much of it was moved over USB. */
  chunk: Uint8Array;
  moved: number;
  senseKey: number;
  senseAsc: number;
}

const FIELDS: Fields<StorageState> = {
  phase: uint(INVALID),
  tag: uint(U32_MAX),
  residue: uint(U32_MAX),
  status: uint(U.CSW_PHASE_ERROR),
  pending: uint(FLUSHING),
  offset: timeNs,
  left: timeNs,
  chunk: byteArrayUpTo(CHUNK_BYTES),
  moved: uint(CHUNK_BYTES),
  senseKey: uint(0xf),
  senseAsc: uint(0xffff),
};

const powerOn = (): StorageState => ({
  phase: COMMAND,
  tag: 0,
  residue: 0,
  status: U.CSW_PASSED,
  pending: NOTHING,
  offset: 0,
  left: 0,
  chunk: NO_BYTES,
  moved: 0,
  senseKey: NO_SENSE.key,
  senseAsc: NO_SENSE.asc,
});

export interface UsbStoragePorts {
  readonly medium: BlockBackend;
  /** Twelve or more hexadecimal digits, [BOT] 4.1.1; what tells several disks apart. */
  readonly serial: string;
}

export class UsbStorage extends UsbFunction<StorageState> {
  readonly #medium: BlockBackend;
  readonly #disk: ScsiDisk;
  /** Answers to what a former state asked for are of no interest. */
  #generation = 0;

  constructor({ medium, serial }: UsbStoragePorts) {
    super({
      name: 'usb-storage',
      speeds: ['full', 'high', 'super'],
      table: (speed) => ({
        vendorId: 0x1209,
        productId: 0x0005,
        strings: ['Vivarium', 'USB Disk', serial],
        attributes: U.ATTRIBUTES_SELF_POWERED,
        interfaceClass: [U.CLASS_STORAGE, U.SUBCLASS_SCSI, U.PROTOCOL_BULK_ONLY],
        endpoints: [
          { address: BULK_IN, type: U.TRANSFER_BULK, maxPacketBytes: BULK_PACKET[speed] },
          { address: BULK_OUT, type: U.TRANSFER_BULK, maxPacketBytes: BULK_PACKET[speed] },
        ],
      }),
      fields: FIELDS,
      check: (s) => (s.moved > s.chunk.length ? 'more moved than there is' : undefined),
      powerOn,
    });
    this.#medium = medium;
    this.#disk = new ScsiDisk(medium, serial);
  }

  protected override controlIn({ request }: SetupPacket): Uint8Array | undefined {
    return request === U.BOT_GET_MAX_LUN ? Uint8Array.of(0) : undefined;
  }

  /** Halts stay; the host clears them next. [BOT] 3.1 */
  protected override controlOut({ request }: SetupPacket): boolean {
    if (request !== U.BOT_RESET) return false;
    const { senseKey, senseAsc } = this.own;
    this.own = { ...powerOn(), senseKey, senseAsc };
    this.stateChanged();
    return true;
  }

  protected override stateChanged(): void {
    this.#generation++;
    if (this.own.pending !== NOTHING) this.#submit(this.own.pending);
  }

  // -- Bulk endpoints

  protected override dataOut(_endpoint: number, data: Uint8Array): Handshake {
    const own = this.own;
    if (own.pending !== NOTHING) return 'nak';
    if (own.phase === COMMAND) return this.#commandWrapper(data);
    if (own.phase !== DATA_OUT) return 'stall';
    if (data.length > own.chunk.length - own.moved) return this.#outOfStep();
    own.chunk.set(data, own.moved);
    own.moved += data.length;
    own.residue -= data.length;
    if (own.moved === own.chunk.length) this.#submit(WRITING);
    return 'ack';
  }

  protected override dataIn(): PacketIn {
    const own = this.own;
    if (own.pending !== NOTHING) return 'nak';
    switch (own.phase) {
      case DATA_IN:
        return this.#dataPacket();
      case DATA_IN_END:
        own.phase = STATUS;
        this.halt(BULK_IN);
        return 'stall';
      case STATUS:
        own.phase = COMMAND;
        return this.#statusWrapper();
      default:
        return own.phase === INVALID ? 'stall' : 'nak';
    }
  }

  #dataPacket(): Uint8Array {
    const own = this.own;
    const maxPacket = this.maxPacketBytes(BULK_IN);
    const packet = own.chunk.subarray(own.moved, own.moved + maxPacket);
    own.moved += packet.length;
    own.residue -= packet.length;
    if (own.moved === own.chunk.length) {
      if (own.left > 0) this.#submit(READING);
      else own.phase = own.residue > 0 && packet.length === maxPacket ? DATA_IN_END : STATUS;
    }
    return packet;
  }

  /** [BOT] 5.1, 6.2 */
  #commandWrapper(data: Uint8Array): Handshake {
    const own = this.own;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const lun = data[13];
    const commandBytes = data[14] ?? 0;
    const valid = data.length === U.CBW_BYTES && view.getUint32(0, true) === U.CBW_SIGNATURE;
    if (!valid || lun !== 0 || commandBytes < 1 || commandBytes > S.CDB_BYTES) {
      own.phase = INVALID;
      return 'stall';
    }
    own.tag = view.getUint32(4, true);
    own.residue = view.getUint32(8, true);
    const hostReads = ((data[12] ?? 0) & U.ENDPOINT_IN) !== 0;
    const sense: Sense = { key: own.senseKey, asc: own.senseAsc };
    const action = this.#disk.command(data.subarray(15, 15 + S.CDB_BYTES), sense);
    this.#begin(action, hostReads);
    this.ready(BULK_IN);
    return 'ack';
  }

  #begin(action: ScsiAction, hostReads: boolean): void {
    const own = this.own;
    own.status = U.CSW_PASSED;
    own.chunk = NO_BYTES;
    own.moved = 0;
    own.left = 0;
    this.#setSense(action.kind === 'refuse' ? action.sense : NO_SENSE);
    const early = this.#statusWithoutData(action, hostReads);
    if (early !== undefined) {
      this.#endEarly(early, hostReads);
      if (action.kind === 'flush') this.#submit(FLUSHING);
    } else if (action.kind === 'reply') {
      own.phase = DATA_IN;
      own.chunk = action.data;
    } else if (action.kind === 'read' || action.kind === 'write') {
      own.phase = hostReads ? DATA_IN : DATA_OUT;
      own.offset = action.offset;
      own.left = action.length;
      if (hostReads) this.#submit(READING);
      else own.chunk = new Uint8Array(Math.min(CHUNK_BYTES, own.left));
    }
  }

  /** The status of a command that moves no data; undefined for one that does. */
  #statusWithoutData(action: ScsiAction, hostReads: boolean): number | undefined {
    if (action.kind === 'refuse') return U.CSW_FAILED;
    if (action.kind === 'flush') return U.CSW_PASSED;
    const bytes = action.kind === 'reply' ? action.data.length : action.length;
    if (bytes === 0) return U.CSW_PASSED;
    // Cases 2, 3, 7, 8, 10 and 13: the host expects less, or the other direction.
    const agreed = bytes <= this.own.residue && hostReads === (action.kind !== 'write');
    return agreed ? undefined : U.CSW_PHASE_ERROR;
  }

  /** No (more) data will move; if the host expects some, a halt tells it. */
  #endEarly(status: number, hostReads: boolean): void {
    const own = this.own;
    own.status = status;
    own.left = 0;
    own.phase = hostReads && own.residue > 0 ? DATA_IN_END : STATUS;
    if (!hostReads && own.residue > 0) this.halt(BULK_OUT);
  }

  #outOfStep(): Handshake {
    this.#endEarly(U.CSW_PHASE_ERROR, false);
    this.halt(BULK_OUT);
    return 'stall';
  }

  /** [BOT] 5.2 */
  #statusWrapper(): Uint8Array {
    const { tag, residue, status } = this.own;
    const view = new DataView(new ArrayBuffer(U.CSW_BYTES));
    view.setUint32(0, U.CSW_SIGNATURE, true);
    view.setUint32(4, tag, true);
    view.setUint32(8, residue, true);
    view.setUint8(12, status);
    return new Uint8Array(view.buffer);
  }

  #setSense({ key, asc }: Sense): void {
    this.own.senseKey = key;
    this.own.senseAsc = asc;
  }

  // -- The back end

  #submit(what: number): void {
    const own = this.own;
    const generation = this.#generation;
    own.pending = what;
    if (what === READING) {
      own.chunk = new Uint8Array(Math.min(CHUNK_BYTES, own.left));
      own.moved = 0;
    }
    this.#medium.submit(this.#request(what), (error) => {
      if (generation === this.#generation) this.#ended(what, error);
    });
  }

  #request(what: number): BlockRequest {
    const { offset, chunk: data } = this.own;
    if (what === FLUSHING) return { kind: 'flush' };
    return { kind: what === READING ? 'read' : 'write', offset, data };
  }

  #ended(what: number, error?: BlockError): void {
    const own = this.own;
    own.pending = NOTHING;
    if (error) {
      this.#setSense({ key: S.MEDIUM_ERROR, asc: what === READING ? S.ASC_READ_ERROR : S.ASC_WRITE_ERROR });
      if (what === FLUSHING) own.status = U.CSW_FAILED;
      else this.#endEarly(U.CSW_FAILED, what === READING);
    } else if (what !== FLUSHING) {
      own.offset += own.chunk.length;
      own.left -= own.chunk.length;
      own.moved = 0;
      if (what === WRITING) this.#chunkWritten();
    }
    this.ready(BULK_IN);
    this.ready(BULK_OUT);
  }

  #chunkWritten(): void {
    const own = this.own;
    own.chunk = new Uint8Array(Math.min(CHUNK_BYTES, own.left));
    if (own.left > 0) return;
    own.phase = STATUS;
    // Case 11: the host would send more than the command takes.
    if (own.residue > 0) this.halt(BULK_OUT);
  }
}
