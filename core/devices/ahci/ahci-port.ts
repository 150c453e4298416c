/**
 * One port of the AHCI controller: its registers, its command list, and the link to its drive.
 *
 * [AHCI] 1.3.1, 3.3 (registers), 5 (operation), 6 (errors), 10 (software's view). [SATA] 3.0, 13.6 (native queuing).
 * Commands are taken from the list one at a time; queued ones complete one by one, in an order that favours no slot.
 */
import * as A from '../ata/ata.regs.ts';
import type { AtaDrive, AtaHost, DmaChannel } from '../ata/ata-drive.ts';
import type { GuestMemory } from '../device.ts';
import { bits, flag, int, record, type StateOf, u8, uint } from '../state-shape.ts';
import * as R from './ahci.regs.ts';
import * as Fis from './fis.ts';
import { address64, CURSOR_STATE, noTable, PrdtCursor } from './prdt-cursor.ts';

const NO_SLOT = -1;
const REGISTER = uint(0xffff_ffff);
const POWER_BITS = R.PXCMD_SUD | R.PXCMD_POD;

export const PORT_STATE = record({
  clb: bits(0xffff_fc00),
  clbu: REGISTER,
  fb: REGISTER,
  fbu: REGISTER,
  is: uint(R.PXIS_LATCHED),
  ie: REGISTER,
  cmd: uint(R.PXCMD_KEPT),
  status: u8,
  error: u8,
  sig: REGISTER,
  sctl: uint(R.PXSCTL_MASK),
  serr: uint(R.PXSERR_MASK),
  sact: REGISTER,
  ci: REGISTER,
  /** The command that the drive works on, and the one before. */
  slot: int(NO_SLOT, R.SLOT_COUNT - 1),
  lastSlot: uint(R.SLOT_COUNT - 1),
  headerLow: REGISTER,
  headerHigh: REGISTER,
  queued: flag,
  tag: uint(R.SLOT_COUNT - 1),
  /** A command ended with an error: nothing is taken from the list until software restarts it. */
  halted: flag,
  /** The drive is being held in software reset. */
  srst: flag,
  /** The drive's first frame after a reset waits for a place to go to. */
  greeting: flag,
  cursor: CURSOR_STATE,
});
export type PortState = StateOf<typeof PORT_STATE> & object;

const powerOn = (): PortState => ({
  clb: 0,
  clbu: 0,
  fb: 0,
  fbu: 0,
  is: 0,
  ie: 0,
  cmd: 0,
  status: R.PXTFD_NO_DEVICE,
  error: 0,
  sig: R.PXSIG_NO_DEVICE,
  sctl: 0,
  serr: 0,
  sact: 0,
  ci: 0,
  slot: NO_SLOT,
  lastSlot: R.SLOT_COUNT - 1,
  headerLow: 0,
  headerHigh: 0,
  queued: false,
  tag: 0,
  halted: false,
  srst: false,
  greeting: false,
  cursor: noTable(),
});

export interface AhciPortPorts {
  readonly memory: GuestMemory;
  /** The function may master the bus. */
  mayMaster(): boolean;
  /** Interrupt status or enable bits may have changed. */
  changed(): void;
}

export class AhciPort implements AtaHost, DmaChannel {
  #s = powerOn();
  #drive: AtaDrive | undefined;
  #running = false;
  readonly #cursor: PrdtCursor;

  constructor(readonly ports: AhciPortPorts) {
    this.#cursor = new PrdtCursor(ports.memory, () => this.#raise(R.PXIS_DPS));
  }

  get drive(): AtaDrive | undefined {
    return this.#drive;
  }

  /** What is plugged in at power-on. */
  connect(drive: AtaDrive | undefined): void {
    this.#drive?.stop();
    if (this.#drive) this.#drive.host = undefined;
    this.#drive = drive;
    if (drive) drive.host = this;
  }

  /** A drive is plugged in, or pulled out (undefined), while the machine runs. */
  plug(drive: AtaDrive | undefined): void {
    this.connect(drive);
    drive?.powerOn();
    this.#linkReset();
    this.#s.serr |= R.PXSERR_N | R.PXSERR_X;
    this.ports.changed();
  }

  get interrupting(): boolean {
    return (this.#interruptStatus & this.#s.ie) !== 0;
  }

  /** Power-on, and a reset of the whole controller, which keeps where the lists are. [AHCI] 10.4.3 */
  reset(keepAddresses = false): void {
    const { clb, clbu, fb, fbu } = this.#s;
    this.#s = keepAddresses ? { ...powerOn(), clb, clbu, fb, fbu } : powerOn();
    if (!keepAddresses) this.#drive?.powerOn();
    this.#linkReset();
  }

  save(): PortState {
    return { ...this.#s, cursor: { ...this.#cursor.state } };
  }

  /** The drive has been restored. */
  restore(state: PortState): void {
    this.#s = { ...state };
    this.#cursor.state = { ...state.cursor };
  }

  /** Something that commands may wait for has changed. */
  go(): void {
    this.#drive?.go();
    this.#run();
  }

  read(offset: number): number | undefined {
    const s = this.#s;
    switch (offset) {
      case R.PXCLB:
        return s.clb;
      case R.PXCLBU:
        return s.clbu;
      case R.PXFB:
        return s.fb;
      case R.PXFBU:
        return s.fbu;
      case R.PXIS:
        return this.#interruptStatus;
      case R.PXIE:
        return s.ie;
      case R.PXCMD:
        return this.#command;
      case R.PXTFD:
        return s.status | (s.error << 8);
      case R.PXSIG:
        return s.sig;
      case R.PXSSTS:
        return this.#linkStatus;
      case R.PXSCTL:
        return s.sctl;
      case R.PXSERR:
        return s.serr;
      case R.PXSACT:
        return s.sact;
      case R.PXCI:
        return s.ci;
      case R.PXSNTF:
      case R.PXFBS:
        return 0;
      default:
        return undefined;
    }
  }

  /** False for what cannot be written. */
  write(offset: number, value: number): boolean {
    const s = this.#s;
    switch (offset) {
      case R.PXCLB:
        s.clb = (value & ~0x3ff) >>> 0;
        break;
      case R.PXCLBU:
        s.clbu = value;
        break;
      case R.PXFB:
        s.fb = (value & ~0xff) >>> 0;
        break;
      case R.PXFBU:
        s.fbu = value;
        break;
      case R.PXIS:
        s.is &= ~value;
        break;
      case R.PXIE:
        s.ie = (value & R.PXIE_MASK) >>> 0;
        break;
      case R.PXCMD:
        this.#writeCommand(value);
        break;
      case R.PXSCTL:
        this.#writeControl(value & R.PXSCTL_MASK);
        break;
      case R.PXSERR:
        s.serr &= ~value;
        break;
      case R.PXSACT:
        if (s.cmd & R.PXCMD_ST) s.sact = (s.sact | value) >>> 0;
        break;
      case R.PXCI:
        if (s.cmd & R.PXCMD_ST) s.ci = (s.ci | value) >>> 0;
        this.#run();
        break;
      default:
        return false;
    }
    this.ports.changed();
    return true;
  }

  // What the drive tells: AtaHost, and DmaChannel

  blockReady(): void {
    const drive = this.#drive;
    if (!drive) return;
    if (drive.awaitsPacket) this.#sendPacket(drive);
    else this.#movePio(drive);
  }

  ended(interrupt: boolean): void {
    const s = this.#s;
    if (s.slot === NO_SLOT || !this.#drive) return;
    s.status = this.#drive.status;
    s.error = this.#drive.error;
    const failed = (s.status & A.ERR) !== 0;
    this.#reportBytes();
    if (s.queued) this.#endQueued(failed);
    else this.#endPlain(failed, interrupt);
    s.halted = failed;
    s.lastSlot = s.slot;
    s.slot = NO_SLOT;
    if (failed) this.#raise(R.PXIS_TFES);
    this.ports.changed();
    this.#run();
  }

  dma(): DmaChannel | undefined {
    return this.#s.slot !== NO_SLOT && this.ports.mayMaster() ? this : undefined;
  }

  /** What does not fit is dropped, with a note. [AHCI] 6.1.2 */
  toMemory(bytes: Uint8Array): number {
    const moved = this.#cursor.move(bytes, (address, part) => this.ports.memory.write(address, part));
    if (moved < bytes.length) this.#raise(R.PXIS_OFS);
    return bytes.length;
  }

  fromMemory(target: Uint8Array): number {
    return this.#cursor.move(target, (address, part) => this.ports.memory.read(address, part));
  }

  /** PCS and PRCS show what PxSERR holds. [AHCI] 3.3.5 */
  get #interruptStatus(): number {
    const { is, serr } = this.#s;
    return is | (serr & R.PXSERR_X ? R.PXIS_PCS : 0) | (serr & R.PXSERR_N ? R.PXIS_PRCS : 0);
  }

  get #command(): number {
    const { cmd, slot, lastSlot } = this.#s;
    const running = (cmd & R.PXCMD_FRE ? R.PXCMD_FR : 0) | (cmd & R.PXCMD_ST ? R.PXCMD_CR : 0);
    const current = cmd & R.PXCMD_ST ? (slot === NO_SLOT ? lastSlot : slot) << R.PXCMD_CCS_SHIFT : 0;
    return cmd | POWER_BITS | R.PXCMD_HPCP | running | current;
  }

  get #linkStatus(): number {
    const det = this.#s.sctl & R.PXSCTL_DET;
    if (det === R.DET_OFFLINE) return R.PXSSTS_OFFLINE;
    return this.#drive && det !== R.DET_RESET ? R.PXSSTS_UP : 0;
  }

  #raise(bit: number): void {
    this.#s.is |= bit;
  }

  #writeCommand(value: number): void {
    const s = this.#s;
    const before = s.cmd;
    s.cmd = value & R.PXCMD_KEPT;
    const stops = before & ~s.cmd & R.PXCMD_ST;
    const starts = s.cmd & ~before & R.PXCMD_ST;
    if (stops) this.#giveUp();
    if (value & R.PXCMD_CLO) s.status &= ~(A.BSY | A.DRQ);
    if (starts) {
      s.halted = false;
      s.lastSlot = R.SLOT_COUNT - 1;
    }
    this.#greet();
    this.#run();
  }

  /** [AHCI] 3.3.7: clearing ST clears the list of what was issued. */
  #giveUp(): void {
    const s = this.#s;
    s.slot = NO_SLOT;
    s.ci = 0;
    s.sact = 0;
    this.#drive?.stop();
  }

  /** COMRESET goes out while DET is 1; the drive answers when it is taken back. [AHCI] 10.4.2 */
  #writeControl(value: number): void {
    const s = this.#s;
    const before = s.sctl & R.PXSCTL_DET;
    const after = value & R.PXSCTL_DET;
    s.sctl = value;
    if (before === after) return;
    if (after === R.DET_RESET || after === R.DET_OFFLINE) {
      s.slot = NO_SLOT;
      this.#drive?.stop();
      s.status = R.PXTFD_NO_DEVICE;
    } else if (before === R.DET_RESET || before === R.DET_OFFLINE) {
      this.#linkReset();
      if (this.#drive) s.serr |= R.PXSERR_N | R.PXSERR_X;
    }
  }

  /** The link comes up and the drive sends its signature; or there is none. */
  #linkReset(): void {
    const s = this.#s;
    const drive = this.#drive;
    s.slot = NO_SLOT;
    s.srst = false;
    s.greeting = drive !== undefined;
    if (drive) {
      drive.reset();
      this.#showSignature(drive);
      this.#greet();
    } else {
      Object.assign(s, { status: R.PXTFD_NO_DEVICE, error: 0, sig: R.PXSIG_NO_DEVICE });
    }
  }

  #showSignature(drive: AtaDrive): void {
    const s = this.#s;
    s.status = drive.status;
    s.error = drive.error;
    const { taskFile } = drive;
    const byte = (register: 'count' | 'lba0' | 'lba1' | 'lba2'): number => taskFile.get(register, false);
    s.sig = (byte('count') | (byte('lba0') << 8) | (byte('lba1') << 16) | (byte('lba2') << 24)) >>> 0;
  }

  /** The frame with the signature, once there is memory for it. */
  #greet(): void {
    const s = this.#s;
    if (!s.greeting || !(s.cmd & R.PXCMD_FRE) || !this.#drive) return;
    s.greeting = false;
    this.#receive(R.RFIS_REGISTER, Fis.register(this.#drive, false));
  }

  /** A frame from the drive goes to memory. */
  #receive(offset: number, frame: Uint8Array): void {
    const { cmd, fb, fbu } = this.#s;
    if (cmd & R.PXCMD_FRE && this.ports.mayMaster()) this.ports.memory.write(address64(fb, fbu) + offset, frame);
  }

  /** Takes commands from the list for as long as the drive takes them. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#mayIssue()) this.#issue(this.#nextSlot());
    this.#running = false;
  }

  #mayIssue(): boolean {
    const s = this.#s;
    const ready = (s.cmd & R.PXCMD_ST) !== 0 && s.slot === NO_SLOT && !s.halted && s.ci !== 0;
    return ready && !(s.status & (A.BSY | A.DRQ)) && this.#linkStatus === R.PXSSTS_UP && this.ports.mayMaster();
  }

  /** The one after the last, so that none waits for ever. */
  #nextSlot(): number {
    const { ci, lastSlot } = this.#s;
    for (let i = 1; i <= R.SLOT_COUNT; i++) {
      const slot = (lastSlot + i) % R.SLOT_COUNT;
      if (ci & (1 << slot)) return slot;
    }
    return 0;
  }

  #issue(slot: number): void {
    const s = this.#s;
    const header = new Uint8Array(R.HEADER_BYTES);
    this.ports.memory.read(address64(s.clb, s.clbu) + slot * R.HEADER_BYTES, header);
    const view = new DataView(header.buffer);
    const [low, high] = [(view.getUint32(8, true) & ~0x7f) >>> 0, view.getUint32(12, true)];
    Object.assign(s, { slot, headerLow: low, headerHigh: high });
    this.#cursor.begin(low, high, view.getUint16(2, true));
    const frame = new Uint8Array(Fis.H2D_BYTES);
    this.ports.memory.read(address64(low, high), frame);
    const drive = this.#drive;
    if (!drive || frame[0] !== R.FIS_REGISTER_H2D) this.#endUnsent();
    else if ((frame[1] ?? 0) & R.FIS_COMMAND) this.#start(drive, frame);
    else this.#control(drive, frame);
  }

  #start(drive: AtaDrive, frame: Uint8Array): void {
    const s = this.#s;
    const command = Fis.load(drive, frame);
    s.queued = command === A.READ_FPDMA_QUEUED || command === A.WRITE_FPDMA_QUEUED;
    if (s.queued) {
      s.tag = (drive.taskFile.get('count', false) >> 3) & 31;
      s.ci = (s.ci & ~(1 << s.slot)) >>> 0; // the drive has taken it in: it is free for another
    } else {
      s.status = A.BSY;
    }
    drive.start(command);
  }

  /** A frame that carries the device control register: software reset. */
  #control(drive: AtaDrive, frame: Uint8Array): void {
    const s = this.#s;
    const reset = (Fis.control(frame) & A.SRST) !== 0;
    const released = s.srst && !reset;
    s.srst = reset;
    if (reset || released) drive.reset();
    this.#endUnsent();
    if (!released) return;
    this.#showSignature(drive);
    this.#receive(R.RFIS_REGISTER, Fis.register(drive, false));
  }

  /** A list entry that starts no command. */
  #endUnsent(): void {
    const s = this.#s;
    s.ci = (s.ci & ~(1 << s.slot)) >>> 0;
    s.lastSlot = s.slot;
    s.slot = NO_SLOT;
  }

  #endPlain(failed: boolean, interrupt: boolean): void {
    const s = this.#s;
    if (!failed) s.ci = (s.ci & ~(1 << s.slot)) >>> 0; // [AHCI] 5.3.14.1: one that failed stays, to be seen
    if (!interrupt || !this.#drive) return; // input by PIO has ended with its last setup frame
    this.#receive(R.RFIS_REGISTER, Fis.register(this.#drive, true));
    this.#raise(R.PXIS_DHRS);
  }

  #endQueued(failed: boolean): void {
    const s = this.#s;
    const finished = failed ? 0 : 1 << s.tag;
    s.sact = (s.sact & ~finished) >>> 0;
    this.#receive(R.RFIS_SET_DEVICE_BITS, Fis.setDeviceBits(s.status, s.error, finished >>> 0));
    this.#raise(R.PXIS_SDBS);
  }

  /** How many bytes were moved, into the command's header. */
  #reportBytes(): void {
    const { clb, clbu, slot } = this.#s;
    if (!this.ports.mayMaster()) return;
    const count = new DataView(new ArrayBuffer(4));
    count.setUint32(0, this.#cursor.state.total, true);
    const at = address64(clb, clbu) + slot * R.HEADER_BYTES + R.HEADER_PRDBC;
    this.ports.memory.write(at, new Uint8Array(count.buffer));
  }

  /** The packet is in the command table. */
  #sendPacket(drive: AtaDrive): void {
    const { headerLow, headerHigh } = this.#s;
    const packet = new Uint8Array(drive.blockLeft);
    this.ports.memory.read(address64(headerLow, headerHigh) + R.TABLE_ACMD, packet);
    drive.moveBlock(packet);
  }

  /** A DRQ block goes straight between drive and memory. The interrupt comes before the last block's status. */
  #movePio(drive: AtaDrive): void {
    const toHost = drive.blockIsInput;
    const bytes = drive.blockLeft;
    const frame = Fis.pioSetup(drive, toHost, bytes);
    this.#receive(R.RFIS_PIO_SETUP, frame);
    if (toHost) this.#raise(R.PXIS_PSS);
    drive.moveBlockBy(this);
  }
}
