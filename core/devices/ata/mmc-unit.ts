/**
 * The CD-ROM behind the packet commands: what each returns, sense data, media changes. It knows no transport.
 *
 * [SPC] SPC-3. [MMC] MMC-5. The medium is one session with one data track of 2048-byte sectors. Not here: audio, raw
 * sectors (READ CD gives user data only), recording, regions and copy protection.
 */
import type { BlockBackend, MediumSlot } from '../../backends/block/port.ts';
import { flag, list, record, type StateOf, uint } from '../state-shape.ts';
import type { DriveName } from './identify.ts';
import * as M from './mmc.regs.ts';
import {
  configuration,
  discInformation,
  inquiry,
  mechanismStatus,
  modePages,
  subchannel,
  toc,
  trackInformation,
} from './mmc-data.ts';

/** How a packet command goes on. */
export type PacketResult =
  | { readonly kind: 'good' }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'read'; readonly address: number; readonly sectors: number }
  | { readonly kind: 'check'; readonly key: number };

const MAX_ATTENTIONS = 4;
const UNIT_STATE = record({
  key: uint(0xf),
  asc: uint(0xffff),
  /** Unit attentions that no command has been refused for yet, oldest first. */
  attentions: list(MAX_ATTENTIONS, uint(0xffff)),
  mediaEvent: uint(M.EVENT_MEDIA_REMOVAL),
  locked: flag,
  trayOpen: flag,
});
export const MMC_STATE = UNIT_STATE;

const GOOD: PacketResult = { kind: 'good' };
/** [SPC] 4.5.6, [MMC] 4.1.6.1: these are not refused for a unit attention. */
const UNHINDERED: ReadonlySet<number> = new Set([
  M.INQUIRY,
  M.REQUEST_SENSE,
  M.GET_CONFIGURATION,
  M.GET_EVENT_STATUS_NOTIFICATION,
]);

type Handler = (packet: DataView) => PacketResult;

export class MmcUnit {
  #key = M.NO_SENSE;
  #asc = 0;
  #attentions: number[] = [];
  #mediaEvent = 0;
  readonly #handlers: ReadonlyMap<number, Handler>;

  constructor(
    readonly slot: MediumSlot,
    readonly name: DriveName,
  ) {
    this.#handlers = this.#table();
    slot.listen({
      mediaChanged: (medium) => this.#mediaChanged(medium),
      ejectRequested: () => {
        this.#mediaEvent = M.EVENT_EJECT_REQUEST;
      },
    });
  }

  /** A reset of the drive: it says so to the next command. */
  reset(): void {
    this.#clear();
    this.slot.locked = false;
    this.#attend(M.RESET_OCCURRED);
  }

  powerOn(): void {
    this.#attentions = [];
    this.#mediaEvent = 0;
    this.reset();
    if (this.slot.trayOpen) this.slot.moveTray(false);
    this.#attentions = [M.RESET_OCCURRED];
    this.#mediaEvent = 0;
  }

  save(): StateOf<typeof UNIT_STATE> & object {
    const { locked, trayOpen } = this.slot;
    const [key, asc, mediaEvent] = [this.#key, this.#asc, this.#mediaEvent];
    return { key, asc, attentions: [...this.#attentions], mediaEvent, locked, trayOpen };
  }

  restore(state: StateOf<typeof UNIT_STATE> & object): void {
    this.slot.locked = state.locked;
    if (this.slot.trayOpen !== state.trayOpen) this.slot.moveTray(state.trayOpen);
    this.#key = state.key;
    this.#asc = state.asc;
    this.#attentions = [...state.attentions];
    this.#mediaEvent = state.mediaEvent;
  }

  /** Executes a packet of at least 12 bytes. */
  execute(packet: Uint8Array): PacketResult {
    const operation = packet[0] ?? 0;
    const handler = this.#handlers.get(operation);
    const attention = this.#attentions[0];
    if (attention !== undefined && !UNHINDERED.has(operation)) {
      this.#attentions.shift();
      return this.check(M.UNIT_ATTENTION, attention);
    }
    if (!handler) return this.check(M.ILLEGAL_REQUEST, M.INVALID_COMMAND);
    if (operation !== M.REQUEST_SENSE) this.#clear();
    return handler(new DataView(packet.buffer, packet.byteOffset, packet.length));
  }

  /** The sense data that REQUEST SENSE returns next. */
  check(key: number, asc: number): PacketResult {
    this.#key = key;
    this.#asc = asc;
    return { kind: 'check', key };
  }

  #table(): ReadonlyMap<number, Handler> {
    return new Map<number, Handler>([
      [M.TEST_UNIT_READY, () => this.#ifReady(() => GOOD)],
      [M.REQUEST_SENSE, (p) => this.#requestSense(p.getUint8(4))],
      [M.INQUIRY, (p) => this.#inquiry(p)],
      [M.MODE_SENSE_6, (p) => this.#modeSense(p, p.getUint8(4), true)],
      [M.MODE_SENSE_10, (p) => this.#modeSense(p, p.getUint16(7), false)],
      [M.START_STOP_UNIT, (p) => this.#startStop(p.getUint8(4))],
      [M.PREVENT_ALLOW_MEDIUM_REMOVAL, (p) => this.#preventAllow(p.getUint8(4))],
      [M.READ_CAPACITY, () => this.#ifReady((medium) => data(capacity(medium)))],
      [M.READ_10, (p) => this.#read(p.getUint32(2), p.getUint16(7))],
      [M.READ_12, (p) => this.#read(p.getUint32(2), p.getUint32(6))],
      [M.READ_CD, (p) => this.#readCd(p)],
      [M.SEEK_10, (p) => this.#read(p.getUint32(2), 0)],
      [M.READ_TOC, (p) => this.#readToc(p)],
      [M.READ_SUBCHANNEL, (p) => this.#ifReady(() => this.#given(subchannel(p), p.getUint16(7)))],
      [M.GET_CONFIGURATION, (p) => this.#getConfiguration(p)],
      [M.GET_EVENT_STATUS_NOTIFICATION, (p) => this.#eventStatus(p)],
      [M.READ_DISC_INFORMATION, (p) => this.#ifReady(() => this.#given(discInformation(), p.getUint16(7)))],
      [M.READ_TRACK_INFORMATION, (p) => this.#readTrack(p)],
      [M.MECHANISM_STATUS, (p) => limited(mechanismStatus(this.slot.trayOpen), p.getUint16(8))],
      [M.SET_CD_SPEED, () => GOOD],
    ]);
  }

  #clear(): void {
    this.#key = M.NO_SENSE;
    this.#asc = 0;
  }

  #attend(asc: number): void {
    if (this.#attentions.at(-1) !== asc && this.#attentions.length < MAX_ATTENTIONS) this.#attentions.push(asc);
  }

  #mediaChanged(medium: BlockBackend | undefined): void {
    this.#mediaEvent = medium ? M.EVENT_NEW_MEDIA : M.EVENT_MEDIA_REMOVAL;
    if (medium) this.#attend(M.MEDIUM_MAY_HAVE_CHANGED);
  }

  #invalidField(): PacketResult {
    return this.check(M.ILLEGAL_REQUEST, M.INVALID_FIELD_IN_CDB);
  }

  #given(bytes: Uint8Array | undefined, allocated: number): PacketResult {
    return bytes ? limited(bytes, allocated) : this.#invalidField();
  }

  #ifReady(then: (medium: BlockBackend) => PacketResult): PacketResult {
    const { medium, trayOpen } = this.slot;
    if (medium) return then(medium);
    return this.check(M.NOT_READY, trayOpen ? M.MEDIUM_NOT_PRESENT_TRAY_OPEN : M.MEDIUM_NOT_PRESENT_TRAY_CLOSED);
  }

  #requestSense(allocated: number): PacketResult {
    let key = this.#key;
    let asc = this.#asc;
    const attention = this.#attentions[0];
    if (key === M.NO_SENSE && attention !== undefined) {
      this.#attentions.shift();
      [key, asc] = [M.UNIT_ATTENTION, attention];
    }
    const bytes = new Uint8Array(M.SENSE_BYTES);
    bytes[0] = M.SENSE_CURRENT;
    bytes[2] = key;
    bytes[7] = M.SENSE_BYTES - 8;
    bytes[12] = asc >> 8;
    bytes[13] = asc & 0xff;
    this.#clear();
    return limited(bytes, allocated);
  }

  #inquiry(packet: DataView): PacketResult {
    return this.#given(inquiry(this.name, packet), packet.getUint16(3));
  }

  #modeSense(packet: DataView, allocated: number, short: boolean): PacketResult {
    const control = packet.getUint8(2) >> 6;
    if (control === M.SAVED_VALUES) return this.check(M.ILLEGAL_REQUEST, M.SAVING_NOT_SUPPORTED);
    return this.#given(modePages(packet.getUint8(2) & 0x3f, this.slot.locked, control === 1, short), allocated);
  }

  #startStop(operation: number): PacketResult {
    if (operation >> 4 !== 0 || !(operation & M.LOEJ)) return GOOD; // power conditions; a motor that always runs
    const open = !(operation & M.START);
    if (open && this.slot.locked && !this.slot.trayOpen) return this.check(M.ILLEGAL_REQUEST, M.REMOVAL_PREVENTED);
    this.slot.moveTray(open);
    return GOOD;
  }

  #preventAllow(operation: number): PacketResult {
    this.slot.locked = (operation & 1) !== 0;
    return GOOD;
  }

  #read(address: number, sectors: number): PacketResult {
    return this.#ifReady((medium) => {
      if (address + sectors > sectorsOf(medium) || address >= sectorsOf(medium)) {
        return this.check(M.ILLEGAL_REQUEST, M.LBA_OUT_OF_RANGE);
      }
      return sectors === 0 ? GOOD : { kind: 'read', address, sectors };
    });
  }

  /** [MMC] 6.20: user data of a mode 1 sector, or nothing. */
  #readCd(packet: DataView): PacketResult {
    const sectors = packet.getUint32(5) & 0xff_ffff;
    const expected = (packet.getUint8(1) >> 2) & 7;
    if (expected > 2) return this.#ifReady(() => this.check(M.ILLEGAL_REQUEST, M.ILLEGAL_MODE_FOR_TRACK));
    if (packet.getUint8(10) & 7) return this.#invalidField(); // sub-channels
    const wanted = packet.getUint8(9) & 0xf8;
    if (wanted !== 0x10 && wanted !== 0) return this.#invalidField();
    return this.#read(packet.getUint32(2), wanted === 0 ? 0 : sectors);
  }

  #readToc(packet: DataView): PacketResult {
    return this.#ifReady((medium) => this.#given(toc(packet, sectorsOf(medium)), packet.getUint16(7)));
  }

  #readTrack(packet: DataView): PacketResult {
    return this.#ifReady((medium) => this.#given(trackInformation(packet, sectorsOf(medium)), packet.getUint16(7)));
  }

  #getConfiguration(packet: DataView): PacketResult {
    const { medium } = this.slot;
    return this.#given(configuration(packet, medium && sectorsOf(medium)), packet.getUint16(7));
  }

  /** [MMC] 6.7. Only polled; only the media class has events. */
  #eventStatus(packet: DataView): PacketResult {
    if (!(packet.getUint8(1) & 1)) return this.#invalidField();
    const supported = 1 << M.EVENT_CLASS_MEDIA;
    if (!(packet.getUint8(4) & supported)) return limited(Uint8Array.of(0, 2, M.NO_EVENT_AVAILABLE, supported), 4);
    const { medium, trayOpen } = this.slot;
    const status = (medium ? 2 : 0) | (trayOpen ? 1 : 0);
    const bytes = Uint8Array.of(0, 6, M.EVENT_CLASS_MEDIA, supported, this.#mediaEvent, status, 0, 0);
    this.#mediaEvent = 0;
    return limited(bytes, packet.getUint16(7));
  }
}

const sectorsOf = (medium: BlockBackend): number => Math.floor(medium.sizeBytes / M.CD_SECTOR_BYTES);
const data = (bytes: Uint8Array): PacketResult => ({ kind: 'data', bytes });

/** No more than the initiator has room for; nothing at all is no error. */
function limited(bytes: Uint8Array, allocated: number): PacketResult {
  const length = Math.min(bytes.length, allocated);
  return length === 0 ? GOOD : data(bytes.subarray(0, length));
}

/** Of the last sector, and the size of one. */
function capacity(medium: BlockBackend): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.max(sectorsOf(medium) - 1, 0));
  view.setUint32(4, M.CD_SECTOR_BYTES);
  return bytes;
}
