/**
 * The commands of the floppy controller that move sectors: between the diskette and memory by DMA, or the processor.
 *
 * [82077] Intel 82077AA data sheet (May 1994), 5.1. A sector at a time; what a command has come to is in the controller's
 * state, so that one which waits for the medium can be begun anew.
 */
import type { BlockBackend, BlockError, MediumSlot } from '../../backends/block/port.ts';
import type { IrqLine } from '../device.ts';
import type { IsaDmaChannel } from '../isa-dma.ts';
import * as R from './fdc.regs.ts';
import { type FdcState, FORMAT, PHASE, READ, VERIFY, WRITE } from './fdc-state.ts';
import { FLOPPY_SECTOR_BYTES, type FloppyFormat, formatOf, MOST_CYLINDERS } from './floppy-formats.ts';

const FORMAT_ID_BYTES = 4;
const SIZE_CODE_512 = 2;

export interface FdcPorts {
  readonly irq: IrqLine;
  readonly dma: IsaDmaChannel;
  /** Drive 0 and drive 1. */
  readonly drives: readonly (MediumSlot | undefined)[];
}

/** The controller around it. */
export interface TransferHost {
  readonly state: FdcState;
  setInterrupt(interrupt: boolean): void;
  /** The result phase begins. */
  respond(result: number[]): void;
}

export class FdcTransfer {
  #buffer = new Uint8Array(FLOPPY_SECTOR_BYTES);
  #outstanding = false;
  #commandNumber = 0;
  #running = false;

  constructor(
    readonly ports: FdcPorts,
    readonly host: TransferHost,
  ) {}

  /** The sector under way. */
  get data(): Uint8Array {
    return this.#buffer;
  }

  /** Gives up what is under way; with data, for a state that is being restored. */
  abandon(data?: Uint8Array): void {
    this.#commandNumber++;
    if (this.#outstanding) this.#buffer = new Uint8Array(FLOPPY_SECTOR_BYTES); // the old one is the back end's
    this.#s.ending = false;
    if (data) this.#buffer.set(data);
  }

  get #s(): FdcState {
    return this.host.state;
  }

  get #medium(): BlockBackend | undefined {
    return this.ports.drives[this.#s.selection & R.DRIVE]?.medium;
  }

  /** What the heads find: nothing without a medium, or at another rate than it was recorded with. */
  get #format(): FloppyFormat | undefined {
    const medium = this.#medium;
    const format = medium && formatOf(medium.sizeBytes);
    return format?.rate === this.#s.rate ? format : undefined;
  }

  begin(direction: number, bytes: readonly number[]): void {
    const [first = 0, selection = 0, cylinder = 0, head = 0, sector = 0, size = 0, lastSector = 0] = bytes;
    const s = this.#s;
    Object.assign(s, { direction, selection, cylinder, head, sector, size, lastSector });
    s.multiTrack = (first & R.MULTI_TRACK) !== 0 && (first & R.COMMAND_MASK) !== R.READ_TRACK;
    s.pio = ((s.specify[1] ?? 0) & R.SPECIFY_NON_DMA) !== 0;
    const drive = selection & R.DRIVE;
    if (s.configure & R.CONFIGURE_IMPLIED_SEEK && this.ports.drives[drive]) {
      s.cylinders[drive] = Math.min(cylinder, MOST_CYLINDERS - 1);
    }
    if (direction === WRITE && this.#medium?.readOnly) {
      this.#finish(R.ST1_NOT_WRITABLE);
      return;
    }
    this.#beginSector();
  }

  beginFormat(bytes: readonly number[]): void {
    const [, selection = 0, size = 0, sectorCount = 0, , filler = 0] = bytes;
    const s = this.#s;
    Object.assign(s, { direction: FORMAT, selection, size, left: sectorCount, filler, sector: 1 });
    s.cylinder = s.cylinders[selection & R.DRIVE] ?? 0;
    s.head = selection & R.HEAD ? 1 : 0;
    s.multiTrack = false;
    s.pio = ((s.specify[1] ?? 0) & R.SPECIFY_NON_DMA) !== 0;
    if (this.#medium?.readOnly) {
      this.#finish(R.ST1_NOT_WRITABLE);
      return;
    }
    if (!this.#format) {
      this.#finish(R.ST1_MISSING_ADDRESS);
      return;
    }
    if (sectorCount === 0 || size !== SIZE_CODE_512) {
      this.#finish(R.ST1_MISSING_ADDRESS);
      return;
    }
    this.#awaitHost();
  }

  /** Finds the sector under the head, or ends. */
  #beginSector(): void {
    const s = this.#s;
    const format = this.#format;
    if (!format || s.size !== SIZE_CODE_512) {
      this.#finish(R.ST1_MISSING_ADDRESS);
      return;
    }
    if (s.cylinder !== s.cylinders[s.selection & R.DRIVE]) {
      this.#finish(R.ST1_NO_DATA, R.ST2_WRONG_CYLINDER);
      return;
    }
    if (this.#offset(format) === undefined) {
      this.#finish(R.ST1_NO_DATA);
      return;
    }
    if (s.direction === WRITE) this.#awaitHost();
    else s.phase = PHASE.medium;
  }

  #awaitHost(): void {
    const s = this.#s;
    s.phase = PHASE.host;
    s.position = 0;
    if (s.pio) this.host.setInterrupt(true);
  }

  /** In bytes, of the sector that the registers name; undefined when the diskette has no such. */
  #offset({ cylinders, heads, sectors }: FloppyFormat): number | undefined {
    const { cylinder, head, sector } = this.#s;
    if (cylinder >= cylinders || head >= heads || sector < 1 || sector > sectors) return undefined;
    return ((cylinder * heads + head) * sectors + sector - 1) * FLOPPY_SECTOR_BYTES;
  }

  /** Bytes that the host moves before the medium's turn. */
  get #hostBytes(): number {
    return this.#s.direction === FORMAT ? FORMAT_ID_BYTES : FLOPPY_SECTOR_BYTES;
  }

  /** Goes on until it waits: for the processor, DMA or the medium. */
  go(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#step());
    this.#running = false;
  }

  #step(): boolean {
    const s = this.#s;
    if (s.phase === PHASE.medium) return this.#moveMedium();
    return s.phase === PHASE.host && !s.pio && (s.dor & R.DOR_DMAGATE) !== 0 && this.#moveByDma();
  }

  #moveByDma(): boolean {
    const s = this.#s;
    const part = this.#buffer.subarray(s.position, this.#hostBytes);
    const { dma } = this.ports;
    const { moved, terminalCount } = s.direction === READ ? dma.toMemory(part) : dma.fromMemory(part);
    s.position += moved;
    if (terminalCount) s.ending = true;
    if (s.position === this.#hostBytes) this.#hostMoved();
    else if (terminalCount) this.#cutShort();
    else return false;
    return true;
  }

  /** TC within a sector: the rest of one that is being written is zeros. [82077] 5.1.3 */
  #cutShort(): void {
    if (this.#s.direction === FORMAT) {
      this.#finish(0);
      return;
    }
    if (this.#s.direction === WRITE) this.#buffer.fill(0, this.#s.position);
    this.#hostMoved();
  }

  #hostMoved(): void {
    const s = this.#s;
    s.position = 0;
    if (s.direction === READ) {
      this.#sectorDone();
      return;
    }
    if (s.direction === FORMAT) this.#takeId();
    s.phase = PHASE.medium;
  }

  readPio(): number {
    const s = this.#s;
    const value = this.#buffer[s.position++] ?? 0;
    if (s.position === FLOPPY_SECTOR_BYTES) this.#pioMoved();
    return value;
  }

  writePio(value: number): void {
    const s = this.#s;
    this.#buffer[s.position++] = value;
    if (s.position === this.#hostBytes) this.#pioMoved();
  }

  #pioMoved(): void {
    this.host.setInterrupt(false);
    this.#hostMoved();
    this.go();
  }

  #moveMedium(): boolean {
    if (this.#outstanding) return false;
    const s = this.#s;
    const format = this.#format;
    const offset = format && this.#offset(format);
    const medium = this.#medium;
    if (!medium || offset === undefined) {
      this.#finish(R.ST1_NO_DATA);
      return true;
    }
    const writes = s.direction === WRITE || s.direction === FORMAT;
    const number = this.#commandNumber;
    const request = { kind: writes ? 'write' : 'read', offset, data: this.#buffer } as const;
    const done = (error?: BlockError): void => {
      this.#outstanding = false;
      if (number === this.#commandNumber) this.#mediumMoved(error);
      this.go();
    };
    this.#outstanding = true;
    if (offset + FLOPPY_SECTOR_BYTES > medium.sizeBytes) done(this.#beyondImage(writes));
    else medium.submit(request, done);
    return !this.#outstanding;
  }

  /** An image that is shorter than its format has no such sectors. */
  #beyondImage(writes: boolean): BlockError | undefined {
    if (writes) return { errno: 'ENOSPC', message: 'the image is shorter than the diskette' };
    this.#buffer.fill(0);
    return undefined;
  }

  /** A sector of a track that is being formatted says where it is; all of its bytes are the filler. */
  #takeId(): void {
    const [cylinder = 0, head = 0, sector = 0] = this.#buffer;
    Object.assign(this.#s, { cylinder, head, sector });
    this.#buffer.fill(this.#s.filler);
  }

  #mediumMoved(error: BlockError | undefined): void {
    const s = this.#s;
    if (error) {
      this.#finish(R.ST1_DATA_ERROR, R.ST2_DATA_ERROR);
      return;
    }
    if (s.direction === READ) this.#awaitHost();
    else this.#sectorDone();
  }

  #sectorDone(): void {
    const s = this.#s;
    const last = s.sector >= s.lastSector;
    if (s.direction === FORMAT) {
      this.#formatted();
      return;
    }
    s.sector++;
    const otherSide = last && s.multiTrack && s.head === 0;
    if (last) {
      s.sector = 1;
      if (s.multiTrack) s.head ^= 1;
      if (!otherSide) s.cylinder = (s.cylinder + 1) & 0xff;
    }
    if (s.ending) this.#finish(0);
    else if (last && !otherSide) this.#finish(s.direction === VERIFY ? 0 : R.ST1_END_OF_CYLINDER);
    else this.#beginSector();
  }

  #formatted(): void {
    const s = this.#s;
    s.left--;
    if (s.left === 0 || s.ending) this.#finish(0);
    else this.#awaitHost();
  }

  readId(selection: number): void {
    const s = this.#s;
    const drive = selection & R.DRIVE;
    Object.assign(s, { selection, cylinder: s.cylinders[drive] ?? 0, head: selection & R.HEAD ? 1 : 0, sector: 1 });
    s.size = SIZE_CODE_512;
    const format = this.#format;
    this.#finish(format && this.#offset(format) !== undefined ? 0 : R.ST1_MISSING_ADDRESS);
  }

  /** The result phase of a transfer. [82077] 6 */
  #finish(st1: number, st2 = 0): void {
    const s = this.#s;
    const st0 = (st1 ? R.ST0_ABNORMAL : 0) | (s.head ? R.HEAD : 0) | (s.selection & R.DRIVE);
    s.ending = false;
    s.position = 0;
    this.host.respond([st0, st1, st2, s.cylinder, s.head, s.sector, s.size]);
    this.host.setInterrupt(true);
  }
}
