/**
 * One IDE channel: a cable with up to two drives, which share its registers and its interrupt line.
 *
 * [APT] ATA8-APT, ATA parallel transport. Both drives take every write of a register; the selected one answers.
 */

import * as A from '../ata/ata.regs.ts';
import type { AtaDrive, AtaHost, TaskFileRegister } from '../ata/ata-drive.ts';
import { byteRegion } from '../byte-device.ts';
import type { AccessSize, GuestMemory, IoRegion, IrqLine } from '../device.ts';
import { bits, type Field, flag, list, record, type StateOf } from '../state-shape.ts';
import { BUS_MASTER_STATE, BusMaster } from './bus-master.ts';
import * as R from './ide.regs.ts';

/** No drive drives the bus; a resistor pulls bit 7 down, so that nothing seems busy. [APT] */
const FLOATING = 0x7f;
const CONTROL_MASK = A.NIEN | A.SRST | A.HOB;
const TASK_FILE: Readonly<Record<number, TaskFileRegister>> = {
  [R.FEATURES]: 'features',
  [R.COUNT]: 'count',
  [R.LBA0]: 'lba0',
  [R.LBA1]: 'lba1',
  [R.LBA2]: 'lba2',
};

const CHANNEL_FIELDS = {
  control: bits(CONTROL_MASK),
  selected: bits(1),
  /** By drive: it has asserted INTRQ, and its status was not read since. */
  intrq: list(2, flag),
  busMaster: BUS_MASTER_STATE as Field<StateOf<typeof BUS_MASTER_STATE> & object>,
};
const CHANNEL_RECORD = record(CHANNEL_FIELDS);
export type ChannelState = StateOf<typeof CHANNEL_RECORD> & object;
export const CHANNEL_STATE: Field<ChannelState> = (value) => {
  const copy = CHANNEL_RECORD(value);
  return copy?.intrq.length === 2 ? copy : undefined;
};

export interface IdeChannelPorts {
  readonly irq: IrqLine;
  readonly memory: GuestMemory;
  /** Drive 0 and drive 1. */
  readonly drives: readonly [AtaDrive | undefined, AtaDrive | undefined];
  /** The function may master the bus. */
  mayMaster(): boolean;
  unknownRead(size: AccessSize): number;
  unknownWrite(): void;
}

export class IdeChannel {
  readonly busMaster: BusMaster;
  #control = 0;
  #selected: 0 | 1 = 0;
  #intrq: [boolean, boolean] = [false, false];
  #lineWas = false;

  constructor(readonly ports: IdeChannelPorts) {
    this.busMaster = new BusMaster({ memory: ports.memory, started: () => this.go() });
    ports.drives.forEach((drive, i) => {
      if (drive) drive.host = this.#hostOf(i as 0 | 1);
    });
  }

  reset(): void {
    this.#control = 0;
    this.#selected = 0;
    this.busMaster.reset();
    for (const drive of this.ports.drives) drive?.powerOn();
    this.#intrq = [false, false];
    this.#driveIrq();
  }

  save(): ChannelState {
    const [control, selected, intrq] = [this.#control, this.#selected, [...this.#intrq]];
    return { control, selected, intrq, busMaster: { ...this.busMaster.state } };
  }

  /** The drives have been restored. */
  restore(state: ChannelState): void {
    this.#control = state.control;
    this.#selected = state.selected === 1 ? 1 : 0;
    this.#intrq = [state.intrq[0] ?? false, state.intrq[1] ?? false];
    this.busMaster.state = { ...state.busMaster };
    this.#lineWas = this.#line; // its edge is in the bus master's state already
    this.#driveIrq();
  }

  /** Something that the drives may wait for has changed. */
  go(): void {
    for (const drive of this.ports.drives) drive?.go();
  }

  /** Eight ports. */
  readonly command: IoRegion = {
    read: (offset, size) => (offset === R.DATA && size > 1 ? this.#readData(size) : this.#registers.read(offset, size)),
    write: (offset, size, value) => {
      if (offset === R.DATA && size > 1) this.#drive?.writeBlock(size, value);
      else this.#registers.write(offset, size, value);
    },
    readMany: (offset, size, target) => this.#moveMany(offset, size, target, true),
    writeMany: (offset, size, source) => this.#moveMany(offset, size, source, false),
  };

  /** One port. */
  readonly control: IoRegion = byteRegion(
    (offset) => (offset === 0 ? this.#status() : this.ports.unknownRead(1)),
    (offset, value) => {
      if (offset === 0) this.#writeControl(value);
      else this.ports.unknownWrite();
    },
  );

  readonly #registers = byteRegion(
    (offset) => this.#readRegister(offset),
    (offset, value) => this.#writeRegister(offset, value),
  );

  get #drive(): AtaDrive | undefined {
    return this.ports.drives[this.#selected];
  }

  get #line(): boolean {
    return this.#intrq[this.#selected] && !(this.#control & A.NIEN);
  }

  #hostOf(index: 0 | 1): AtaHost {
    const interrupt = (wanted: boolean): void => {
      if (!wanted) return;
      this.#intrq[index] = true;
      this.#driveIrq();
    };
    return {
      blockReady: interrupt,
      ended: (wanted) => {
        if (index === this.#selected) this.busMaster.ended();
        interrupt(wanted);
      },
      dma: () => {
        const ready = index === this.#selected && this.busMaster.active && this.ports.mayMaster();
        return ready ? this.busMaster : undefined;
      },
    };
  }

  #driveIrq(): void {
    const line = this.#line;
    if (line && !this.#lineWas) this.busMaster.interrupted();
    this.#lineWas = line;
    this.ports.irq.set(line);
  }

  #readData(size: AccessSize): number {
    return this.#drive?.readBlock(size) ?? 2 ** (8 * size) - 1;
  }

  /** `rep insw` and `rep outsw` that stay within the DRQ block. */
  #moveMany(offset: number, size: AccessSize, data: Uint8Array, input: boolean): boolean {
    const drive = this.#drive;
    if (!drive || offset !== R.DATA || size === 1 || drive.blockIsInput !== input) return false;
    return data.length <= drive.blockLeft && drive.moveBlock(data) === data.length;
  }

  #readRegister(offset: number): number {
    const drive = this.#drive;
    if (offset === R.STATUS) {
      this.#intrq[this.#selected] = false;
      this.#driveIrq();
      return this.#status();
    }
    if (offset > R.STATUS) return this.ports.unknownRead(1);
    if (!drive) return this.#nobody;
    if (offset === R.DATA) return drive.readBlock(1);
    if (offset === R.ERROR) return drive.error;
    const previous = (this.#control & A.HOB) !== 0;
    const register = TASK_FILE[offset];
    return register ? drive.taskFile.get(register, previous) : drive.device | A.DEVICE_OBSOLETE;
  }

  /** With one drive alone, it holds the bus for the other, whose status it shows as zero. [APT] */
  get #nobody(): number {
    return this.ports.drives.some((drive) => drive) ? 0 : FLOATING;
  }

  #status(): number {
    if (!this.#drive) return this.#nobody;
    return this.#control & A.SRST ? A.BSY : this.#drive.status;
  }

  #writeRegister(offset: number, value: number): void {
    if (offset === R.DATA) {
      this.#drive?.writeBlock(1, value);
    } else if (offset === R.COMMAND) {
      this.#writeCommand(value);
    } else if (offset < R.COMMAND) {
      this.#control &= ~A.HOB;
      const register = TASK_FILE[offset];
      if (register) for (const drive of this.ports.drives) drive?.taskFile.push(register, value);
      else this.#writeDevice(value);
    } else {
      this.ports.unknownWrite();
    }
  }

  #writeDevice(value: number): void {
    for (const drive of this.ports.drives) if (drive) drive.device = value;
    this.#selected = value & A.DEV ? 1 : 0;
    this.#driveIrq();
  }

  #writeCommand(command: number): void {
    this.#control &= ~A.HOB;
    if (this.#control & A.SRST) return;
    if (command === A.EXECUTE_DEVICE_DIAGNOSTIC) {
      this.#diagnose();
      return;
    }
    const drive = this.#drive;
    if (!drive) return;
    this.#intrq[this.#selected] = false;
    this.#driveIrq();
    drive.start(command);
  }

  /** Both drives do it, drive 0 answers. [ACS] 7.9 */
  #diagnose(): void {
    const { drives } = this.ports;
    if (drives.some((drive) => drive?.busy)) return;
    this.#writeDevice(0);
    for (const drive of [drives[1], drives[0]]) drive?.start(A.EXECUTE_DEVICE_DIAGNOSTIC);
    this.#intrq[1] = false;
    this.#driveIrq();
  }

  /** SRST resets while it is set; the drives are ready as soon as it is cleared. [APT] */
  #writeControl(value: number): void {
    const resets = (value & ~this.#control & A.SRST) !== 0;
    this.#control = value & CONTROL_MASK;
    if (resets) {
      for (const drive of this.ports.drives) drive?.reset();
      this.#selected = 0;
      this.#intrq = [false, false];
      this.busMaster.ended();
    }
    this.#driveIrq();
  }
}
