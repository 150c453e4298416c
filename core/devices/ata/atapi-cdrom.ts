/**
 * An ATAPI CD-ROM drive: the packet commands' transport. What they mean is in mmc-unit.ts.
 *
 * [ATAPI] ATA/ATAPI-7 volume 1, 6.24 (PACKET), volume 2, 11.8 and 11.9 (its protocols). [ACS] ATA8-ACS.
 */
import type { BlockBackend, BlockError, MediumSlot } from '../../backends/block/port.ts';
import * as R from './ata.regs.ts';
import { AtaDrive, type AtaDrivePorts } from './ata-drive.ts';
import { PROTOCOL } from './ata-state.ts';
import { type DriveName, identifyPacketDevice } from './identify.ts';
import * as M from './mmc.regs.ts';
import { MMC_STATE, MmcUnit } from './mmc-unit.ts';

const PACKET_BYTES = 12;
/** [ATAPI] 6.24.4: a byte count of 0xffff stands for this, and zero is one the host must not give. */
const LARGEST_BLOCK = 0xfffe;

export interface AtapiCdromPorts extends AtaDrivePorts {
  readonly slot: MediumSlot;
  /** The model's first word is the vendor's name. */
  readonly name: DriveName;
  /** On a serial link. */
  readonly serial?: boolean;
}

export class AtapiCdrom extends AtaDrive {
  protected readonly sectorBytes = M.CD_SECTOR_BYTES;
  protected readonly signature = R.SIGNATURE_ATAPI;
  protected readonly unitField = MMC_STATE;
  readonly #slot: MediumSlot;
  readonly #unit: MmcUnit;
  readonly #name: DriveName;
  readonly #serial: boolean;

  constructor(ports: AtapiCdromPorts) {
    super(ports);
    this.#slot = ports.slot;
    this.#name = ports.name;
    this.#serial = ports.serial ?? false;
    this.#unit = new MmcUnit(ports.slot, ports.name);
    this.powerOn();
  }

  protected override get medium(): BlockBackend | undefined {
    return this.#slot.medium;
  }

  protected override saveUnit(): object {
    return this.#unit.save();
  }

  protected override restoreUnit(state: object): void {
    const checked = MMC_STATE(state);
    if (checked) this.#unit.restore(checked);
  }

  /** [ATAPI] 9.12: a packet device shows no DRDY until it has had a command. */
  protected override unitReset(): void {
    this.s.status = 0;
    this.#unit.reset();
  }

  protected override unitPowerOn(): void {
    this.#unit.powerOn();
  }

  protected override execute(command: number): void {
    switch (command) {
      case R.PACKET:
        this.s.count = R.COD;
        this.awaitPacket(PACKET_BYTES);
        return;
      case R.IDENTIFY_PACKET_DEVICE:
        this.sendData(this.#identify(), PROTOCOL.pio);
        return;
      case R.DEVICE_RESET:
        this.showSignature();
        this.s.status = 0;
        this.end(false);
        return;
      case R.EXECUTE_DEVICE_DIAGNOSTIC:
        this.showSignature();
        this.s.status = 0;
        this.end();
        return;
      case R.SET_FEATURES:
        this.#setFeatures();
        return;
      case R.CHECK_POWER_MODE:
        this.s.count = R.POWER_ACTIVE;
        this.end();
        return;
      case R.STANDBY_IMMEDIATE:
      case R.STANDBY:
      case R.IDLE_IMMEDIATE:
      case R.IDLE:
      case R.SLEEP:
        this.end();
        return;
      case R.IDENTIFY_DEVICE:
      case R.READ_SECTORS: // [ATAPI] 6.17.5: both tell by their registers what the device is
        this.showSignature();
        this.endWithError(R.ABRT);
        return;
      default:
        this.endWithError(R.ABRT);
        return;
    }
  }

  protected override executePacket(packet: Uint8Array): void {
    const result = this.#unit.execute(packet);
    const protocol = this.s.features & R.PACKET_DMA ? PROTOCOL.dma : PROTOCOL.pio;
    switch (result.kind) {
      case 'good':
        this.#succeed();
        return;
      case 'check':
        this.#fail(result.key);
        return;
      case 'data':
        this.sendData(result.bytes, protocol, this.#blockLimit());
        return;
      case 'read':
        this.readMedium(result.address, result.sectors, protocol, this.#blockLimit());
        return;
    }
  }

  protected override mediumFailed(_writing: boolean, error: BlockError): void {
    const gone = error.errno === 'ENOMEDIUM';
    if (gone) this.#unit.check(M.NOT_READY, M.MEDIUM_NOT_PRESENT);
    else this.#unit.check(M.MEDIUM_ERROR, M.UNRECOVERED_READ_ERROR);
    this.#fail(gone ? M.NOT_READY : M.MEDIUM_ERROR);
  }

  protected override dataEnded(): void {
    if (this.s.command === R.PACKET) this.#succeed();
    else this.end(false);
  }

  /** The byte count registers tell how large each block is, the interrupt reason which way it goes. */
  protected override blockOffered(bytes: number): void {
    if (this.s.command !== R.PACKET) return;
    this.s.count = R.IO;
    this.s.lba1 = bytes & 0xff;
    this.s.lba2 = bytes >> 8;
  }

  /** As the host set it; blocks but the last are even. */
  #blockLimit(): number {
    const limit = ((this.s.lba2 & 0xff) << 8) | (this.s.lba1 & 0xff);
    return Math.max(Math.min(limit || LARGEST_BLOCK, LARGEST_BLOCK) & ~1, 2);
  }

  #succeed(): void {
    this.s.count = R.IO | R.COD;
    this.end();
  }

  #fail(key: number): void {
    this.s.count = R.IO | R.COD;
    this.endWithError((key << R.SENSE_KEY_SHIFT) | R.ABRT);
  }

  #identify(): Uint8Array {
    return identifyPacketDevice(this.#name, this.transferMode, this.#serial);
  }

  #setFeatures(): void {
    const done = (this.s.features & 0xff) === R.SET_TRANSFER_MODE && this.setTransferMode();
    if (done) this.end();
    else this.endWithError(R.ABRT);
  }
}
