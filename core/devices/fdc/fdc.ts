/**
 * 82077AA floppy disk controller with up to two drives.
 *
 * [82077] Intel 82077AA data sheet (May 1994). Seeks and transfers take no time. Not here: SCAN commands, tape drives, the
 * PS/2 registers SRA and SRB, deleted data marks, missing clock and CRC errors, sectors of other sizes than 512 bytes.
 */
import type { BlockBackend, BlockError, MediumSlot } from '../../backends/block/port.ts';
import { byteRegion } from '../byte-device.ts';
import type { AccessCounters, Device, DeviceState, IoRegion, IrqLine } from '../device.ts';
import type { IsaDmaChannel } from '../isa-dma.ts';
import * as R from './fdc.regs.ts';
import { type FdcState, fdcPowerOn, FORMAT, PHASE, READ, STATE, VERIFY, WRITE } from './fdc-state.ts';
import { FLOPPY_SECTOR_BYTES, type FloppyFormat, formatOf, MOST_CYLINDERS } from './floppy-formats.ts';

export interface FdcPorts {
  readonly irq: IrqLine;
  readonly dma: IsaDmaChannel;
  /** Drive 0 and drive 1. */
  readonly drives: readonly (MediumSlot | undefined)[];
}

/** Bytes of each command, the first included. [82077] table 5-1 */
const COMMAND_BYTES: Readonly<Record<number, number>> = {
  [R.READ_TRACK]: 9,
  [R.SPECIFY]: 3,
  [R.SENSE_DRIVE_STATUS]: 2,
  [R.WRITE_DATA]: 9,
  [R.READ_DATA]: 9,
  [R.RECALIBRATE]: 2,
  [R.SENSE_INTERRUPT]: 1,
  [R.WRITE_DELETED_DATA]: 9,
  [R.READ_ID]: 2,
  [R.READ_DELETED_DATA]: 9,
  [R.FORMAT_TRACK]: 6,
  [R.DUMPREG]: 1,
  [R.SEEK]: 3,
  [R.VERSION]: 1,
  [R.PERPENDICULAR]: 2,
  [R.CONFIGURE]: 4,
  [R.LOCK]: 1,
  [R.VERIFY]: 9,
};
const FORMAT_ID_BYTES = 4;
const SIZE_CODE_512 = 2;

export class Fdc implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  /** Six ports at FDC_PORTS, one at DIR_PORT. */
  readonly registers: IoRegion;
  readonly directory: IoRegion;
  #s: FdcState = fdcPowerOn();
  #buffer = new Uint8Array(FLOPPY_SECTOR_BYTES);
  #outstanding = false;
  #commandNumber = 0;
  #running = false;

  constructor(readonly ports: FdcPorts) {
    this.registers = byteRegion(
      (offset) => this.#read(offset),
      (offset, value) => this.#write(offset, value),
    );
    this.directory = byteRegion(
      (offset) => (offset === 0 ? this.#diskChange() : this.#unknownRead()),
      (offset, value) => {
        if (offset === 0) this.#s.rate = value & R.CCR_MASK;
        else this.counters.unknownWrites++;
      },
    );
    ports.dma.onOpen = () => this.#go();
    ports.drives.forEach((slot, drive) => {
      slot?.listen({
        mediaChanged: () => {
          this.#s.changed[drive] = true;
        },
      });
    });
  }

  reset(): void {
    this.#abandon();
    this.#s = fdcPowerOn();
    this.#driveIrq();
  }

  save(): DeviceState {
    return STATE.save({ ...this.#s, data: this.#buffer });
  }

  restore(state: DeviceState): void {
    const restored = STATE.restore(state);
    this.#abandon();
    this.#s = restored;
    this.#buffer.set(restored.data);
    this.#driveIrq();
    if (this.#s.phase === PHASE.medium) this.#go();
  }

  #unknownRead(): number {
    this.counters.unknownReads++;
    return 0xff;
  }

  #read(offset: number): number {
    const s = this.#s;
    switch (offset) {
      case R.DOR:
        return s.dor;
      case R.TDR:
        return s.tdr | 0xfc;
      case R.MSR:
        return this.#mainStatus();
      case R.FIFO:
        return this.#readFifo();
      default:
        return this.#unknownRead();
    }
  }

  #write(offset: number, value: number): void {
    const s = this.#s;
    switch (offset) {
      case R.DOR:
        return this.#writeDor(value);
      case R.TDR:
        s.tdr = value & R.TDR_MASK;
        return;
      case R.DSR:
        s.rate = value & R.DRATESEL;
        if (value & R.DSR_SWRESET && s.dor & R.DOR_NRESET) this.#controllerReset();
        return;
      case R.FIFO:
        return this.#writeFifo(value);
      default:
        this.counters.unknownWrites++;
    }
  }

  /** The line of a drive that is selected and whose motor runs; an empty or absent drive holds it. [82077] 2.1.7 */
  #diskChange(): number {
    const { dor, changed } = this.#s;
    const drive = dor & R.DOR_SELECT;
    if (!(dor & (R.DOR_MOTOR << drive))) return 0;
    const slot = this.ports.drives[drive];
    return !slot?.medium || changed[drive] ? R.DIR_DSKCHG : 0;
  }

  #mainStatus(): number {
    const { phase, dor, command, pio, direction } = this.#s;
    if (!(dor & R.DOR_NRESET)) return 0;
    const busy = command.length > 0 || phase !== PHASE.command ? R.MSR_CMDBSY : 0;
    switch (phase) {
      case PHASE.command:
        return R.MSR_RQM | busy;
      case PHASE.result:
        return R.MSR_RQM | R.MSR_DIO | busy;
      case PHASE.host:
        return pio ? R.MSR_RQM | R.MSR_NONDMA | busy | (direction === READ ? R.MSR_DIO : 0) : busy;
      default:
        return busy;
    }
  }

  /** [82077] 2.1.2: coming out of reset, it has polled its drives. */
  #writeDor(value: number): void {
    const s = this.#s;
    const before = s.dor;
    s.dor = value & 0xff;
    if (!(value & R.DOR_NRESET)) this.#stop();
    else if (!(before & R.DOR_NRESET)) this.#controllerReset();
    this.#driveIrq();
    this.#go();
  }

  #stop(): void {
    this.#abandon();
    Object.assign(this.#s, { phase: PHASE.command, command: [], result: [], interrupt: false, polled: 0, sought: [] });
  }

  #controllerReset(): void {
    const s = this.#s;
    this.#stop();
    s.polled = 4;
    s.interrupt = true;
    s.perpendicular = 0;
    if (!s.locked) Object.assign(s, { configure: R.CONFIGURE_POWER_ON, precompensation: 0 });
    this.#driveIrq();
  }

  #driveIrq(): void {
    const { interrupt, dor } = this.#s;
    this.ports.irq.set(interrupt && (dor & R.DOR_DMAGATE) !== 0);
  }

  #setInterrupt(interrupt: boolean): void {
    this.#s.interrupt = interrupt;
    this.#driveIrq();
  }

  #readFifo(): number {
    const s = this.#s;
    if (!(s.dor & R.DOR_NRESET)) return this.#unknownRead();
    if (s.phase === PHASE.host && s.pio && s.direction === READ) return this.#readPio();
    if (s.phase !== PHASE.result) return this.#unknownRead();
    const value = s.result.shift() ?? 0;
    if (s.result.length === 0) s.phase = PHASE.command;
    this.#setInterrupt(false);
    return value;
  }

  #writeFifo(value: number): void {
    const s = this.#s;
    if (!(s.dor & R.DOR_NRESET)) return;
    if (s.phase === PHASE.host && s.pio && s.direction !== READ) return this.#writePio(value);
    if (s.phase !== PHASE.command) {
      this.counters.unknownWrites++;
      return;
    }
    s.command.push(value);
    const code = (s.command[0] ?? 0) & R.COMMAND_MASK;
    if (s.command.length < (COMMAND_BYTES[code] ?? 1)) return;
    const bytes = s.command;
    s.command = [];
    this.#execute(code, bytes);
    this.#go();
  }

  #execute(code: number, bytes: readonly number[]): void {
    const s = this.#s;
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
    switch (code) {
      case R.READ_DATA:
      case R.READ_DELETED_DATA:
      case R.READ_TRACK:
        return this.#beginTransfer(READ, bytes);
      case R.WRITE_DATA:
      case R.WRITE_DELETED_DATA:
        return this.#beginTransfer(WRITE, bytes);
      case R.VERIFY:
        return this.#beginTransfer(VERIFY, bytes);
      case R.FORMAT_TRACK:
        return this.#beginFormat(bytes);
      case R.READ_ID:
        return this.#readId(second);
      case R.SPECIFY:
        s.specify = [second, third];
        return;
      case R.SENSE_DRIVE_STATUS:
        return this.#respond([this.#driveStatus(second)]);
      case R.RECALIBRATE:
        return this.#seekTo(second & R.DRIVE, 0);
      case R.SEEK:
        return this.#seek(first, second & R.DRIVE, third);
      case R.SENSE_INTERRUPT:
        return this.#senseInterrupt();
      case R.DUMPREG:
        return this.#dumpRegisters();
      case R.VERSION:
        return this.#respond([R.VERSION_82077]);
      case R.PERPENDICULAR:
        s.perpendicular = second & R.LOCK_SET ? second & 0x3f : (s.perpendicular & 0x3c) | (second & 3);
        return;
      case R.CONFIGURE:
        s.configure = third;
        s.precompensation = fourth;
        return;
      case R.LOCK:
        s.locked = (first & R.LOCK_SET) !== 0;
        return this.#respond([s.locked ? 0x10 : 0]);
      default:
        return this.#respond([R.ST0_INVALID]);
    }
  }

  #respond(result: number[]): void {
    this.#s.result = result;
    this.#s.phase = PHASE.result;
  }

  #driveStatus(selection: number): number {
    const drive = selection & R.DRIVE;
    const medium = this.ports.drives[drive]?.medium;
    const track0 = this.#s.cylinders[drive] === 0 ? R.ST3_TRACK_0 : 0;
    const guarded = medium?.readOnly ? R.ST3_WRITE_PROTECTED : 0;
    return R.ST3_ALWAYS | (selection & (R.HEAD | R.DRIVE)) | track0 | guarded;
  }

  /** [82077] 5.2.4: RELATIVE SEEK is SEEK with bit 7 set. */
  #seek(first: number, drive: number, operand: number): void {
    const at = this.#s.cylinders[drive] ?? 0;
    const relative = (first & R.MULTI_TRACK) !== 0;
    const to = relative ? at + (first & R.RELATIVE_UP ? operand : -operand) : operand;
    this.#seekTo(drive, to);
  }

  /** The change line falls when the head has stepped and there is a medium. */
  #seekTo(drive: number, cylinder: number): void {
    const s = this.#s;
    const slot = this.ports.drives[drive];
    const reached = Math.min(Math.max(cylinder, 0), MOST_CYLINDERS - 1);
    if (slot) s.cylinders[drive] = reached;
    if (slot?.medium) s.changed[drive] = false;
    const lost = !slot && cylinder === 0 ? R.ST0_ABNORMAL | R.ST0_EQUIPMENT_CHECK : 0; // track 0 never came
    s.sought = [...s.sought.filter((status) => (status & R.DRIVE) !== drive), R.ST0_SEEK_END | lost | drive];
    this.#setInterrupt(true);
  }

  /** [82077] 5.2.2: after a reset four times, once a drive; else once a seek. */
  #senseInterrupt(): void {
    const s = this.#s;
    if (s.polled > 0) {
      const drive = 4 - s.polled--;
      this.#respond([R.ST0_POLLING | drive, s.cylinders[drive] ?? 0]);
    } else {
      const status = s.sought.shift();
      if (status === undefined) this.#respond([R.ST0_INVALID]);
      else this.#respond([status, s.cylinders[status & R.DRIVE] ?? 0]);
    }
    this.#setInterrupt(false);
  }

  #dumpRegisters(): void {
    const { cylinders, specify, lastSector, locked, perpendicular, configure, precompensation } = this.#s;
    const lock = (locked ? R.LOCK_SET : 0) | perpendicular;
    this.#respond([...cylinders, ...specify, lastSector, lock, configure, precompensation]);
  }

  // Transfers

  get #medium(): BlockBackend | undefined {
    return this.ports.drives[this.#s.selection & R.DRIVE]?.medium;
  }

  /** What the heads find: nothing without a medium, or at another rate than it was recorded with. */
  get #format(): FloppyFormat | undefined {
    const medium = this.#medium;
    const format = medium && formatOf(medium.sizeBytes);
    return format?.rate === this.#s.rate ? format : undefined;
  }

  #beginTransfer(direction: number, bytes: readonly number[]): void {
    const [first = 0, selection = 0, cylinder = 0, head = 0, sector = 0, size = 0, lastSector = 0] = bytes;
    const s = this.#s;
    Object.assign(s, { direction, selection, cylinder, head, sector, size, lastSector });
    s.multiTrack = (first & R.MULTI_TRACK) !== 0 && (first & R.COMMAND_MASK) !== R.READ_TRACK;
    s.pio = ((s.specify[1] ?? 0) & R.SPECIFY_NON_DMA) !== 0;
    const drive = selection & R.DRIVE;
    if (s.configure & R.CONFIGURE_IMPLIED_SEEK && this.ports.drives[drive]) {
      s.cylinders[drive] = Math.min(cylinder, MOST_CYLINDERS - 1);
    }
    if (direction === WRITE && this.#medium?.readOnly) return this.#finish(R.ST1_NOT_WRITABLE);
    this.#beginSector();
  }

  #beginFormat(bytes: readonly number[]): void {
    const [, selection = 0, size = 0, sectorCount = 0, , filler = 0] = bytes;
    const s = this.#s;
    Object.assign(s, { direction: FORMAT, selection, size, left: sectorCount, filler, sector: 1 });
    s.cylinder = s.cylinders[selection & R.DRIVE] ?? 0;
    s.head = selection & R.HEAD ? 1 : 0;
    s.multiTrack = false;
    s.pio = ((s.specify[1] ?? 0) & R.SPECIFY_NON_DMA) !== 0;
    if (this.#medium?.readOnly) return this.#finish(R.ST1_NOT_WRITABLE);
    if (!this.#format) return this.#finish(R.ST1_MISSING_ADDRESS);
    if (sectorCount === 0 || size !== SIZE_CODE_512) return this.#finish(R.ST1_MISSING_ADDRESS);
    this.#awaitHost();
  }

  /** Finds the sector under the head, or ends. */
  #beginSector(): void {
    const s = this.#s;
    const format = this.#format;
    if (!format || s.size !== SIZE_CODE_512) return this.#finish(R.ST1_MISSING_ADDRESS);
    if (s.cylinder !== s.cylinders[s.selection & R.DRIVE]) return this.#finish(R.ST1_NO_DATA, R.ST2_WRONG_CYLINDER);
    if (this.#offset(format) === undefined) return this.#finish(R.ST1_NO_DATA);
    if (s.direction === WRITE) this.#awaitHost();
    else s.phase = PHASE.medium;
  }

  #awaitHost(): void {
    const s = this.#s;
    s.phase = PHASE.host;
    s.position = 0;
    if (s.pio) this.#setInterrupt(true);
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
  #go(): void {
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
    if (this.#s.direction === FORMAT) return this.#finish(0);
    if (this.#s.direction === WRITE) this.#buffer.fill(0, this.#s.position);
    this.#hostMoved();
  }

  #hostMoved(): void {
    const s = this.#s;
    s.position = 0;
    if (s.direction === READ) return this.#sectorDone();
    if (s.direction === FORMAT) this.#takeId();
    s.phase = PHASE.medium;
  }

  #readPio(): number {
    const s = this.#s;
    const value = this.#buffer[s.position++] ?? 0;
    if (s.position === FLOPPY_SECTOR_BYTES) this.#pioMoved();
    return value;
  }

  #writePio(value: number): void {
    const s = this.#s;
    this.#buffer[s.position++] = value;
    if (s.position === this.#hostBytes) this.#pioMoved();
  }

  #pioMoved(): void {
    this.#setInterrupt(false);
    this.#hostMoved();
    this.#go();
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
      this.#go();
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
    if (error) return this.#finish(R.ST1_DATA_ERROR, R.ST2_DATA_ERROR);
    if (s.direction === READ) this.#awaitHost();
    else this.#sectorDone();
  }

  #sectorDone(): void {
    const s = this.#s;
    const last = s.sector >= s.lastSector;
    if (s.direction === FORMAT) return this.#formatted();
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

  #readId(selection: number): void {
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
    this.#respond([st0, st1, st2, s.cylinder, s.head, s.sector, s.size]);
    this.#setInterrupt(true);
  }

  #abandon(): void {
    this.#commandNumber++;
    if (this.#outstanding) this.#buffer = new Uint8Array(FLOPPY_SECTOR_BYTES); // the old one is the back end's
    this.#s.ending = false;
  }
}
