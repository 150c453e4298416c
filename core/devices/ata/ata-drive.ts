/**
 * What ATA disks and ATAPI drives have in common: the task file, and a command's way through its phases. A controller
 * (IDE, AHCI) gives it registers and a command, and moves the data.
 *
 * [ACS] ATA8-ACS. [APT] ATA8-APT, the state machines of the parallel transport.
 *
 * A command is a loop over the medium: fetch sectors into the buffer and hand them to the controller, or the other way
 * round. The whole of it is in the saved state, and a phase that waits for the back end can be begun anew: a restored
 * drive does that. After SLICE_BYTES the drive lets the processor run before it goes on, so no command holds it up.
 */
import type { BlockBackend, BlockError, BlockRequest } from '../../backends/block/port.ts';
import type { Timer, TimerHost } from '../../base/clock.ts';
import { type Field, record } from '../state-shape.ts';
import * as R from './ata.regs.ts';
import {
  ATA_STATE,
  type AtaState,
  CHUNK_BYTES,
  NO_DATA,
  noCommand,
  PHASE,
  PROTOCOL,
  type Protocol,
} from './ata-state.ts';
import type { TransferMode } from './identify.ts';

/** How much a command moves before the processor has its turn. */
const SLICE_BYTES = 1024 * 1024;
/** What one request costs of a slice, however short it is. */
const REQUEST_COST = 4096;

/** The best mode of each kind that SET FEATURES can select. */
const BEST_MODES: Readonly<Record<number, number>> = {
  0: 1, // PIO, by default
  [R.MODE_PIO_FLOW_CONTROL]: 4,
  [R.MODE_MULTIWORD_DMA]: 2,
  [R.MODE_ULTRA_DMA]: 5,
};

/** Moves bytes between a drive and the VM's memory, along a list that the guest made. */
export interface DmaChannel {
  /** How many bytes were moved; fewer than all where the list ends. */
  toMemory(bytes: Uint8Array): number;
  fromMemory(target: Uint8Array): number;
}

/** The controller, as its drive sees it. Each may call the drive back at once. */
export interface AtaHost {
  /** A DRQ block is there to be read, or there is room for one. */
  blockReady(interrupt: boolean): void;
  /** The command is over: `status` and `error` say how. */
  ended(interrupt: boolean): void;
  /** Undefined until the controller's engine runs; the controller calls `go()` then. */
  dma(): DmaChannel | undefined;
}

export interface AtaDrivePorts {
  readonly timers: TimerHost;
}

interface Signature {
  readonly count: number;
  readonly lba0: number;
  readonly lba1: number;
  readonly lba2: number;
}

export interface DriveState {
  readonly ata: AtaState;
  readonly unit: object;
}

export abstract class AtaDrive {
  host: AtaHost | undefined;
  protected s: AtaState;
  /** Bytes of a sector of the medium. */
  protected abstract readonly sectorBytes: number;
  protected abstract readonly signature: Signature;
  /** State of this kind of drive beyond the task file. */
  protected abstract readonly unitField: Field<object>;
  #buffer = new Uint8Array(CHUNK_BYTES);
  #running = false;
  #slice = 0;
  /** The back end has a request of ours; also one whose command was given up since. */
  #outstanding = false;
  #commandNumber = 0;
  /** A read failed: what comes before the bad sector is read block by block. */
  #singly = false;
  readonly #turn: Timer;

  constructor(readonly ports: AtaDrivePorts) {
    this.s = noCommand();
    this.#turn = ports.timers.createTimer('ATA drive', () => this.go());
  }

  get status(): number {
    const { phase, status } = this.s;
    switch (phase) {
      case PHASE.idle:
        return status;
      case PHASE.pioIn:
      case PHASE.pioOut:
      case PHASE.packet:
      case PHASE.dmaIn:
      case PHASE.dmaOut:
        return R.DRDY | R.DSC | R.DRQ;
      default:
        return R.BSY | R.DRDY | R.DSC;
    }
  }

  get error(): number {
    return this.s.error;
  }

  get busy(): boolean {
    return this.s.phase !== PHASE.idle;
  }

  /** The command that is being, or was last executed. */
  get command(): number {
    return this.s.command;
  }

  /** Of the DRQ block that waits: bytes left of it, and its direction. */
  get blockLeft(): number {
    const { phase, position, blockEnd } = this.s;
    return phase === PHASE.pioIn || phase === PHASE.pioOut || phase === PHASE.packet ? blockEnd - position : 0;
  }

  get blockIsInput(): boolean {
    return this.s.phase === PHASE.pioIn;
  }

  get awaitsPacket(): boolean {
    return this.s.phase === PHASE.packet;
  }

  /** The task file. Each register keeps what was written before in its high byte. */
  readonly taskFile = {
    get: (register: TaskFileRegister, previous: boolean): number => (this.s[register] >> (previous ? 8 : 0)) & 0xff,
    push: (register: TaskFileRegister, value: number): void => {
      this.s[register] = ((this.s[register] << 8) | (value & 0xff)) & 0xffff;
    },
    set: (register: TaskFileRegister, value: number): void => {
      this.s[register] = value & 0xffff;
    },
  };

  get device(): number {
    return this.s.device;
  }

  set device(value: number) {
    this.s.device = value & 0xff;
  }

  /** A write to the command register. A drive that is busy takes only DEVICE RESET. */
  start(command: number): void {
    if (this.busy && command !== R.DEVICE_RESET) return;
    this.#abandon();
    Object.assign(this.s, { command, error: 0, status: R.DRDY | R.DSC });
    this.execute(command);
    this.go();
  }

  /** The processor reads up to 4 bytes of the DRQ block. */
  readBlock(size: number): number {
    const { s } = this;
    if (s.phase !== PHASE.pioIn) return 0;
    const bytes = Math.min(size, s.blockEnd - s.position);
    let value = 0;
    for (let i = 0; i < bytes; i++) value |= (this.#buffer[s.position + i] ?? 0) << (8 * i);
    this.#blockMoved(bytes);
    return value >>> 0;
  }

  /** The processor writes up to 4 bytes of it. */
  writeBlock(size: number, value: number): void {
    const { s } = this;
    if (s.phase !== PHASE.pioOut && s.phase !== PHASE.packet) return;
    const bytes = Math.min(size, s.blockEnd - s.position);
    for (let i = 0; i < bytes; i++) this.#buffer[s.position + i] = (value >>> (8 * i)) & 0xff;
    this.#blockMoved(bytes);
  }

  /** Moves as much of the DRQ block as `data` has room for or holds, at once; returns how many bytes that were. */
  moveBlock(data: Uint8Array): number {
    const { s } = this;
    const bytes = Math.min(data.length, this.blockLeft);
    if (bytes === 0) return 0;
    if (s.phase === PHASE.pioIn) data.set(this.#buffer.subarray(s.position, s.position + bytes));
    else this.#buffer.set(data.subarray(0, bytes), s.position);
    this.#blockMoved(bytes);
    return bytes;
  }

  /** The rest of the DRQ block, through a DMA list: how AHCI does PIO. A list that is too short loses what it lacks. */
  moveBlockBy(channel: DmaChannel): void {
    const { s } = this;
    if (this.blockLeft === 0) return;
    const block = this.#buffer.subarray(s.position, s.blockEnd);
    if (s.phase === PHASE.pioIn) channel.toMemory(block);
    else block.fill(0, channel.fromMemory(block));
    this.#blockMoved(block.length);
  }

  /** Goes on until the drive waits for something; harmless at any time. */
  go(): void {
    if (this.#running) return;
    this.#running = true;
    this.#slice = SLICE_BYTES;
    while (this.#step());
    this.#running = false;
  }

  /** SRST, COMRESET and power-on: gives up what it does and shows its signature. */
  reset(): void {
    this.#abandon();
    const { modeKind, modeNumber } = this.s;
    this.s = { ...noCommand(), modeKind, modeNumber };
    this.showSignature();
    this.unitReset();
  }

  powerOn(): void {
    this.reset();
    Object.assign(this.s, { modeKind: 0, modeNumber: 0 });
    this.unitPowerOn();
  }

  /** Gives up the command; a drive in AHCI that no longer has a command list. */
  stop(): void {
    this.#abandon();
  }

  save(): DriveState {
    return { ata: { ...this.s, data: this.s.data.slice() }, unit: this.saveUnit() };
  }

  /** A checked copy of a saved state, for restore(). */
  readonly stateField: Field<DriveState> = (value) => {
    const copy = record({ ata: ATA_STATE, unit: this.unitField })(value);
    if (!copy) return undefined;
    const { phase, position, blockEnd, data } = copy.ata;
    const inBuffer = position <= data.length && blockEnd <= data.length && data.length <= CHUNK_BYTES;
    const pio = phase === PHASE.pioIn || phase === PHASE.pioOut || phase === PHASE.packet;
    const whole = phase !== PHASE.store || data.length % this.sectorBytes === 0;
    return inBuffer && whole && (!pio || position < blockEnd) ? copy : undefined;
  };

  restore(state: DriveState): void {
    this.#abandon();
    this.s = { ...state.ata };
    this.s.data = this.#buffer.subarray(0, state.ata.data.length);
    this.s.data.set(state.ata.data);
    this.restoreUnit(state.unit);
    if (this.busy) this.#yield();
  }

  /** Begins a command; ends it, or names the phase that it is in. */
  protected abstract execute(command: number): void;
  protected abstract get medium(): BlockBackend | undefined;
  /** The back end could not do it; the command ends. */
  protected abstract mediumFailed(writing: boolean, error: BlockError): void;
  protected abstract executePacket(packet: Uint8Array): void;
  protected abstract saveUnit(): object;
  protected abstract restoreUnit(state: object): void;
  protected abstract unitReset(): void;
  protected abstract unitPowerOn(): void;
  /** All data of the command has been moved. */
  protected abstract dataEnded(): void;
  /** A block of the DRQ protocol is about to be offered. */
  protected blockOffered(_bytes: number): void {}

  protected showSignature(): void {
    Object.assign(this.s, this.signature, { error: R.DIAGNOSTIC_PASSED });
  }

  protected end(interrupt = true): void {
    this.#idle();
    this.host?.ended(interrupt);
  }

  protected endWithError(error: number): void {
    this.s.status = R.DRDY | R.DSC | R.ERR;
    this.s.error = error;
    this.end();
  }

  protected get transferMode(): TransferMode {
    const { modeKind, modeNumber } = this.s;
    return {
      multiword: modeKind === R.MODE_MULTIWORD_DMA ? modeNumber : undefined,
      ultra: modeKind === R.MODE_ULTRA_DMA ? modeNumber : undefined,
    };
  }

  /** SET FEATURES 03h: false for a mode that there is not. [ACS] table 53 */
  protected setTransferMode(): boolean {
    const { count } = this.s;
    const kind = (count & 0xff) >> 3;
    const number = count & 7;
    const best = BEST_MODES[kind];
    if (best === undefined || number > best) return false;
    const dma = kind === R.MODE_MULTIWORD_DMA || kind === R.MODE_ULTRA_DMA;
    if (dma) Object.assign(this.s, { modeKind: kind, modeNumber: number });
    return true;
  }

  /** The command returns these bytes. */
  protected sendData(bytes: Uint8Array, protocol: Protocol, blockBytes = bytes.length): void {
    Object.assign(this.s, { left: 0, protocol, blockBytes, flushAtEnd: false });
    this.#fill(bytes.length).set(bytes);
    this.#offerInput();
  }

  protected readMedium(address: number, sectors: number, protocol: Protocol, blockBytes: number): void {
    Object.assign(this.s, { address, left: sectors, protocol, blockBytes, phase: PHASE.fetch, flushAtEnd: false });
  }

  protected writeMedium(address: number, sectors: number, protocol: Protocol, blockBytes: number, fua: boolean): void {
    Object.assign(this.s, { address, left: sectors, protocol, blockBytes, flushAtEnd: fua });
    this.#awaitOutput(false);
  }

  protected flushMedium(): void {
    this.s.phase = PHASE.flush;
  }

  protected awaitPacket(bytes: number): void {
    this.#fill(bytes);
    Object.assign(this.s, { phase: PHASE.packet, position: 0, blockEnd: bytes });
    this.host?.blockReady(false);
  }

  #abandon(): void {
    this.#commandNumber++;
    this.#singly = false;
    this.#turn.cancel();
    if (this.#outstanding) this.#buffer = new Uint8Array(CHUNK_BYTES); // the old one is the back end's until it ends
    this.#idle();
  }

  #idle(): void {
    this.s.phase = PHASE.idle;
    this.s.position = 0;
    this.s.blockEnd = 0;
    this.s.data = NO_DATA;
  }

  #yield(): void {
    this.#turn.arm(this.ports.timers.nowNs());
  }

  /** The buffer holds this many bytes from now on. */
  #fill(length: number): Uint8Array {
    this.s.position = 0;
    this.s.data = this.#buffer.subarray(0, length);
    return this.s.data;
  }

  /** One step of the command. False when the drive waits: for the controller, the back end or its turn. */
  #step(): boolean {
    switch (this.s.phase) {
      case PHASE.fetch:
        return this.#fetch();
      case PHASE.store:
        return this.#store();
      case PHASE.flush:
        return this.#request({ kind: 'flush' }, () => this.end());
      case PHASE.trim:
        return this.#trim();
      case PHASE.dmaIn:
      case PHASE.dmaOut:
        return this.#moveByDma();
      case PHASE.nextBlock:
        this.#offerBlock();
        return true;
      default:
        return false;
    }
  }

  #request(
    request: BlockRequest,
    then: () => void,
    failed = (error: BlockError) => this.mediumFailed(request.kind !== 'read', error),
  ): boolean {
    if (this.#outstanding) return false;
    if (this.#slice <= 0) {
      this.#yield();
      return false;
    }
    const { medium } = this;
    if (!medium) {
      failed({ errno: 'ENOMEDIUM', message: 'there is no medium' });
      return true;
    }
    this.#slice -= REQUEST_COST + ('data' in request ? request.data.length : 0);
    this.#outstanding = true;
    const number = this.#commandNumber;
    medium.submit(request, (error) => {
      this.#outstanding = false;
      if (number === this.#commandNumber) {
        if (error) failed(error);
        else then();
      }
      this.go();
    });
    return !this.#outstanding;
  }

  /** Of a DRQ block; without one, one. */
  #sectorsPerBlock(): number {
    const bytes = this.s.protocol === PROTOCOL.pio ? this.s.blockBytes : this.sectorBytes;
    return Math.max(Math.floor(bytes / this.sectorBytes), 1);
  }

  /** As many DRQ blocks as there is room for; one that ends within a sector is read alone. */
  #sectorsToFetch(): number {
    const block = this.#sectorsPerBlock();
    const alone = this.#singly || (this.s.protocol === PROTOCOL.pio && this.s.blockBytes % this.sectorBytes !== 0);
    const room = Math.floor(CHUNK_BYTES / this.sectorBytes);
    return Math.min(alone ? block : room - (room % block), this.s.left);
  }

  #fetch(): boolean {
    const { s } = this;
    const sectors = this.#sectorsToFetch();
    const data = this.#fill(sectors * this.sectorBytes);
    const fetched = (): void => {
      s.address += sectors;
      s.left -= sectors;
      if (s.protocol !== PROTOCOL.none) this.#offerInput();
      else if (s.left === 0) this.end();
    };
    return this.#request({ kind: 'read', offset: s.address * this.sectorBytes, data }, fetched, (error) => {
      if (sectors > this.#sectorsPerBlock()) this.#singly = true;
      else this.mediumFailed(false, error);
    });
  }

  #store(): boolean {
    const { s } = this;
    if (s.command === R.DATA_SET_MANAGEMENT) {
      s.phase = PHASE.trim;
      s.position = 0;
      return true;
    }
    const sectors = s.data.length / this.sectorBytes;
    return this.#request({ kind: 'write', offset: s.address * this.sectorBytes, data: s.data }, () => {
      s.address += sectors;
      this.#stored(sectors);
    });
  }

  #stored(sectors: number): void {
    const { s } = this;
    s.left -= sectors;
    if (s.left > 0) this.#awaitOutput(true);
    else if (s.flushAtEnd) s.phase = PHASE.flush;
    else this.end();
  }

  /** Each range is six bytes of address and two of count; a count of zero is none. [ACS] 7.5 */
  #trim(): boolean {
    const { s } = this;
    if (s.position + R.TRIM_RANGE_BYTES > s.data.length) {
      this.#stored(s.data.length / this.sectorBytes);
      return true;
    }
    const range = new DataView(this.#buffer.buffer, s.position, R.TRIM_RANGE_BYTES);
    const address = range.getUint32(0, true) + range.getUint16(4, true) * 2 ** 32;
    const length = range.getUint16(6, true) * this.sectorBytes;
    const next = (): void => {
      s.position += R.TRIM_RANGE_BYTES;
    };
    if (length > 0) return this.#request({ kind: 'discard', offset: address * this.sectorBytes, length }, next);
    next();
    return true;
  }

  /** What the buffer holds goes to the guest. */
  #offerInput(): void {
    const { s } = this;
    if (s.protocol === PROTOCOL.dma) s.phase = PHASE.dmaIn;
    else this.#offerBlock();
  }

  #offerBlock(): void {
    const { s } = this;
    s.blockEnd = Math.min(s.position + Math.max(s.blockBytes, 1), s.data.length);
    s.phase = PHASE.pioIn;
    this.blockOffered(s.blockEnd - s.position);
    this.host?.blockReady(true);
  }

  /** Room for what comes from the guest. Only of blocks after the first the drive tells by an interrupt. [APT] */
  #awaitOutput(interrupt: boolean): void {
    const { s } = this;
    const room = s.protocol === PROTOCOL.pio ? this.#sectorsPerBlock() : Math.floor(CHUNK_BYTES / this.sectorBytes);
    const { length } = this.#fill(Math.min(room, s.left) * this.sectorBytes);
    s.phase = s.protocol === PROTOCOL.dma ? PHASE.dmaOut : PHASE.pioOut;
    s.blockEnd = length;
    if (s.phase === PHASE.pioOut) this.host?.blockReady(interrupt);
  }

  #moveByDma(): boolean {
    const { s } = this;
    const channel = this.host?.dma();
    if (!channel) return false;
    const part = s.data.subarray(s.position);
    const moved = s.phase === PHASE.dmaIn ? channel.toMemory(part) : channel.fromMemory(part);
    s.position += moved;
    if (s.position < s.data.length) return false; // the list is too short: until the guest gives another
    if (s.phase === PHASE.dmaOut) s.phase = PHASE.store;
    else this.#inputTaken();
    return true;
  }

  #inputTaken(): void {
    if (this.s.left > 0) this.s.phase = PHASE.fetch;
    else this.dataEnded();
  }

  #blockMoved(bytes: number): void {
    const { s } = this;
    s.position += bytes;
    if (s.position < s.blockEnd) return;
    switch (s.phase) {
      case PHASE.pioIn:
        if (s.position < s.data.length) s.phase = PHASE.nextBlock;
        else this.#inputTaken();
        break;
      case PHASE.pioOut:
        s.phase = PHASE.store;
        break;
      case PHASE.packet:
        this.executePacket(this.#buffer.slice(0, s.blockEnd));
        break;
    }
    this.go();
  }
}

export type TaskFileRegister = 'features' | 'count' | 'lba0' | 'lba1' | 'lba2';

/** The saved states of all drives of a controller, in their order. */
export const drivesField =
  (drives: readonly AtaDrive[]): Field<DriveState[]> =>
  (value) => {
    if (!Array.isArray(value) || value.length !== drives.length) return undefined;
    const copies = drives.map((drive, i) => drive.stateField(value[i]));
    return copies.every((copy) => copy !== undefined) ? copies : undefined;
  };
