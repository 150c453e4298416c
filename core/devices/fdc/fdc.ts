/**
 * 82077AA floppy disk controller with up to two drives.
 *
 * [82077] Intel 82077AA data sheet (May 1994). Seeks and transfers take no time. Not here: SCAN commands, tape drives, the
 * PS/2 registers SRA and SRB, deleted data marks, missing clock and CRC errors, sectors of other sizes than 512 bytes.
 */
import { byteRegion } from '../byte-device.ts';
import type { AccessCounters, Device, DeviceState, IoRegion } from '../device.ts';
import * as R from './fdc.regs.ts';
import { type FdcState, fdcPowerOn, PHASE, READ, STATE, VERIFY, WRITE } from './fdc-state.ts';
import { type FdcPorts, FdcTransfer } from './fdc-transfer.ts';
import { MOST_CYLINDERS } from './floppy-formats.ts';

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

export class Fdc implements Device {
  readonly counters: AccessCounters = { unknownReads: 0, unknownWrites: 0 };
  /** Six ports at FDC_PORTS, one at DIR_PORT. */
  readonly registers: IoRegion;
  readonly directory: IoRegion;
  #s: FdcState = fdcPowerOn();
  readonly #transfer: FdcTransfer;

  constructor(readonly ports: FdcPorts) {
    const stateNow = (): FdcState => this.#s;
    this.#transfer = new FdcTransfer(ports, {
      get state() {
        return stateNow();
      },
      setInterrupt: (interrupt) => this.#setInterrupt(interrupt),
      respond: (result) => this.#respond(result),
    });
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
    ports.dma.onOpen = () => this.#transfer.go();
    ports.drives.forEach((slot, drive) => {
      slot?.listen({
        mediaChanged: () => {
          this.#s.changed[drive] = true;
        },
      });
    });
  }

  reset(): void {
    this.#transfer.abandon();
    this.#s = fdcPowerOn();
    this.#driveIrq();
  }

  save(): DeviceState {
    return STATE.save({ ...this.#s, data: this.#transfer.data });
  }

  restore(state: DeviceState): void {
    const restored = STATE.restore(state);
    this.#transfer.abandon(restored.data);
    this.#s = restored;
    this.#driveIrq();
    if (this.#s.phase === PHASE.medium) this.#transfer.go();
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
        this.#writeDor(value);
        return;
      case R.TDR:
        s.tdr = value & R.TDR_MASK;
        return;
      case R.DSR:
        s.rate = value & R.DRATESEL;
        if (value & R.DSR_SWRESET && s.dor & R.DOR_NRESET) this.#controllerReset();
        return;
      case R.FIFO:
        this.#writeFifo(value);
        return;
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
    this.#transfer.go();
  }

  #stop(): void {
    this.#transfer.abandon();
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
    if (s.phase === PHASE.host && s.pio && s.direction === READ) return this.#transfer.readPio();
    if (s.phase !== PHASE.result) return this.#unknownRead();
    const value = s.result.shift() ?? 0;
    if (s.result.length === 0) s.phase = PHASE.command;
    this.#setInterrupt(false);
    return value;
  }

  #writeFifo(value: number): void {
    const s = this.#s;
    if (!(s.dor & R.DOR_NRESET)) return;
    if (s.phase === PHASE.host && s.pio && s.direction !== READ) {
      this.#transfer.writePio(value);
      return;
    }
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
    this.#transfer.go();
  }

  #execute(code: number, bytes: readonly number[]): void {
    const s = this.#s;
    const [first = 0, second = 0, third = 0, fourth = 0] = bytes;
    switch (code) {
      case R.READ_DATA:
      case R.READ_DELETED_DATA:
      case R.READ_TRACK:
        this.#transfer.begin(READ, bytes);
        return;
      case R.WRITE_DATA:
      case R.WRITE_DELETED_DATA:
        this.#transfer.begin(WRITE, bytes);
        return;
      case R.VERIFY:
        this.#transfer.begin(VERIFY, bytes);
        return;
      case R.FORMAT_TRACK:
        this.#transfer.beginFormat(bytes);
        return;
      case R.READ_ID:
        this.#transfer.readId(second);
        return;
      case R.SPECIFY:
        s.specify = [second, third];
        return;
      case R.SENSE_DRIVE_STATUS:
        this.#respond([this.#driveStatus(second)]);
        return;
      case R.RECALIBRATE:
        this.#seekTo(second & R.DRIVE, 0);
        return;
      case R.SEEK:
        this.#seek(first, second & R.DRIVE, third);
        return;
      case R.SENSE_INTERRUPT:
        this.#senseInterrupt();
        return;
      case R.DUMPREG:
        this.#dumpRegisters();
        return;
      case R.VERSION:
        this.#respond([R.VERSION_82077]);
        return;
      case R.PERPENDICULAR:
        s.perpendicular = second & R.LOCK_SET ? second & 0x3f : (s.perpendicular & 0x3c) | (second & 3);
        return;
      case R.CONFIGURE:
        s.configure = third;
        s.precompensation = fourth;
        return;
      case R.LOCK:
        s.locked = (first & R.LOCK_SET) !== 0;
        this.#respond([s.locked ? 0x10 : 0]);
        return;
      default:
        this.#respond([R.ST0_INVALID]);
        return;
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
}
