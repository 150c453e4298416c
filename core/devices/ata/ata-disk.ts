/**
 * An ATA hard disk: what each command does.
 *
 * [ACS] ATA8-ACS, chapter 7. [ATAPI] ATA/ATAPI-7 for CHS and the power commands' older forms. Not here: host protected
 * area, security, streaming, tagged queuing of the parallel kind, self-tests, the READ LONG family.
 */
import { BLOCK_SECTOR_SIZE, type BlockBackend, type BlockError } from '../../backends/block/port.ts';
import { flag, record, type StateOf, uint } from '../state-shape.ts';
import * as R from './ata.regs.ts';
import { AtaDrive, type AtaDrivePorts } from './ata-drive.ts';
import { PROTOCOL, type Protocol } from './ata-state.ts';
import { cylinders, type DriveName, identifyDevice } from './identify.ts';
import { smartData, smartLogDirectory, smartThresholds } from './smart.ts';

const DISK_STATE = record({
  heads: uint(16),
  sectorsPerTrack: uint(255),
  multiple: uint(R.MAX_MULTIPLE),
  writeCache: flag,
  lookAhead: flag,
  smart: flag,
  /** Of the last queued command that failed: its tag, and the error it ended with; the drive then takes no other. */
  ncqTag: uint(31),
  ncqError: uint(0xff),
});

const powerOnState = (): StateOf<typeof DISK_STATE> & object => ({
  heads: R.HEADS,
  sectorsPerTrack: R.SECTORS_PER_TRACK,
  multiple: R.MAX_MULTIPLE,
  writeCache: true,
  lookAhead: true,
  smart: true,
  ncqTag: 0,
  ncqError: 0,
});

export interface AtaDiskPorts extends AtaDrivePorts {
  readonly medium: BlockBackend;
  readonly name: DriveName;
  /** Native command queuing: tags, for a disk on a serial link. */
  readonly queueDepth?: number;
}

interface Transfer {
  readonly protocol: Protocol;
  readonly ext: boolean;
  readonly write?: boolean;
  readonly multiple?: boolean;
  readonly fua?: boolean;
}

const { none, pio, dma } = PROTOCOL;
/** Commands that move sectors. */
const TRANSFERS: ReadonlyMap<number, Transfer> = new Map([
  [R.READ_SECTORS, { protocol: pio, ext: false }],
  [R.READ_SECTORS + 1, { protocol: pio, ext: false }],
  [R.READ_SECTORS_EXT, { protocol: pio, ext: true }],
  [R.READ_MULTIPLE, { protocol: pio, ext: false, multiple: true }],
  [R.READ_MULTIPLE_EXT, { protocol: pio, ext: true, multiple: true }],
  [R.READ_DMA, { protocol: dma, ext: false }],
  [R.READ_DMA + 1, { protocol: dma, ext: false }],
  [R.READ_DMA_EXT, { protocol: dma, ext: true }],
  [R.READ_VERIFY, { protocol: none, ext: false }],
  [R.READ_VERIFY + 1, { protocol: none, ext: false }],
  [R.READ_VERIFY_EXT, { protocol: none, ext: true }],
  [R.WRITE_SECTORS, { protocol: pio, ext: false, write: true }],
  [R.WRITE_SECTORS + 1, { protocol: pio, ext: false, write: true }],
  [R.WRITE_SECTORS_EXT, { protocol: pio, ext: true, write: true }],
  [R.WRITE_MULTIPLE, { protocol: pio, ext: false, write: true, multiple: true }],
  [R.WRITE_MULTIPLE_EXT, { protocol: pio, ext: true, write: true, multiple: true }],
  [R.WRITE_MULTIPLE_FUA_EXT, { protocol: pio, ext: true, write: true, multiple: true, fua: true }],
  [R.WRITE_DMA, { protocol: dma, ext: false, write: true }],
  [R.WRITE_DMA + 1, { protocol: dma, ext: false, write: true }],
  [R.WRITE_DMA_EXT, { protocol: dma, ext: true, write: true }],
  [R.WRITE_DMA_FUA_EXT, { protocol: dma, ext: true, write: true, fua: true }],
]);

export class AtaDisk extends AtaDrive {
  protected readonly sectorBytes = BLOCK_SECTOR_SIZE;
  protected readonly signature = R.SIGNATURE_ATA;
  protected readonly unitField = DISK_STATE;
  #u = powerOnState();
  readonly #name: DriveName;
  readonly #medium: BlockBackend;
  readonly #queueDepth: number;

  constructor(ports: AtaDiskPorts) {
    super(ports);
    this.#medium = ports.medium;
    this.#name = ports.name;
    this.#queueDepth = ports.queueDepth ?? 0;
    this.powerOn();
  }

  get #sectors(): number {
    return this.#medium.sizeBytes / BLOCK_SECTOR_SIZE;
  }

  protected override get medium(): BlockBackend {
    return this.#medium;
  }

  protected override saveUnit(): object {
    return { ...this.#u };
  }

  protected override restoreUnit(state: object): void {
    this.#u = { ...this.#u, ...state };
  }

  protected override unitReset(): void {
    this.#u.ncqError = 0;
  }

  protected override unitPowerOn(): void {
    this.#u = powerOnState();
  }

  protected override dataEnded(): void {
    this.end(this.s.protocol !== PROTOCOL.pio); // input by PIO ends silently with its last block, [ACS] 6.3
  }

  protected override executePacket(): void {}

  protected override execute(command: number): void {
    const transfer = TRANSFERS.get(command);
    if (transfer) this.#transfer(transfer);
    else if (command === R.READ_FPDMA_QUEUED || command === R.WRITE_FPDMA_QUEUED) this.#queued(command);
    else this.#control(command);
  }

  /** [ACS] a sector that could not be read is UNC with its address; a failed write or flush is an abort. */
  protected override mediumFailed(writing: boolean, _error: BlockError): void {
    const { s } = this;
    this.#setAddress(s.address);
    const why = writing ? R.ABRT : R.UNC;
    if (s.command === R.READ_FPDMA_QUEUED || s.command === R.WRITE_FPDMA_QUEUED) this.#failQueued(why);
    this.endWithError(why);
  }

  #control(command: number): void {
    if ((command & 0xf0) === R.RECALIBRATE) {
      this.end();
      return;
    }
    switch (command) {
      case R.IDENTIFY_DEVICE:
        this.sendData(this.#identify(), PROTOCOL.pio);
        return;
      case R.FLUSH_CACHE:
      case R.FLUSH_CACHE_EXT:
        this.flushMedium();
        return;
      case R.SET_FEATURES:
        this.#setFeatures();
        return;
      case R.SET_MULTIPLE_MODE:
        this.#setMultiple();
        return;
      case R.DATA_SET_MANAGEMENT:
        this.#dataSetManagement();
        return;
      case R.SMART:
        this.#smart();
        return;
      case R.READ_LOG_EXT:
        this.#readLog();
        return;
      case R.SEEK:
        if (this.#inRange(this.#address(false), 1)) this.end();
        else this.endWithError(R.IDNF);
        return;
      case R.READ_NATIVE_MAX_ADDRESS:
        this.#setAddress(Math.min(this.#sectors, R.LBA28_SECTORS + 1) - 1, false);
        this.end();
        return;
      case R.READ_NATIVE_MAX_ADDRESS_EXT:
        this.#setAddress(this.#sectors - 1, true);
        this.end();
        return;
      case R.INITIALIZE_DEVICE_PARAMETERS:
        this.#setGeometry();
        return;
      case R.EXECUTE_DEVICE_DIAGNOSTIC:
        this.showSignature();
        this.end();
        return;
      case R.CHECK_POWER_MODE:
        this.s.count = R.POWER_ACTIVE;
        this.end();
        return;
      case R.STANDBY_IMMEDIATE:
      case R.STANDBY:
      case R.SLEEP:
        this.flushMedium(); // and then the drive spins down; the next command wakes it
        return;
      case R.IDLE_IMMEDIATE:
      case R.IDLE:
        this.end();
        return;
      default:
        this.endWithError(R.ABRT);
        return;
    }
  }

  #transfer({ protocol, ext, write, multiple, fua }: Transfer): void {
    const { s } = this;
    if (multiple && this.#u.multiple === 0) {
      this.endWithError(R.ABRT);
      return;
    }
    const count = ext ? s.count || R.COUNT_ZERO_48 : s.count & 0xff || R.COUNT_ZERO_28;
    this.#move(this.#address(ext), count, protocol, multiple ? this.#u.multiple : 1, write ?? false, fua ?? false);
  }

  #move(address: number, count: number, protocol: Protocol, block: number, write: boolean, fua: boolean): void {
    if (!this.#inRange(address, count)) {
      this.endWithError(R.IDNF);
      return;
    }
    if (!write) {
      this.readMedium(address, count, protocol, block * BLOCK_SECTOR_SIZE);
      return;
    }
    if (this.#medium.readOnly) {
      this.endWithError(R.ABRT);
      return;
    }
    this.writeMedium(address, count, protocol, block * BLOCK_SECTOR_SIZE, fua || !this.#u.writeCache);
  }

  /** [SATA] 13.6.4: the count is in the features register, the tag in the count register. */
  #queued(command: number): void {
    const { s } = this;
    this.#u.ncqTag = (s.count >> 3) & 31;
    if (this.#queueDepth === 0) {
      this.endWithError(R.ABRT);
      return;
    }
    const fua = (s.device & R.FUA_QUEUED) !== 0;
    this.#move48(s.features || R.COUNT_ZERO_48, command === R.WRITE_FPDMA_QUEUED, fua);
  }

  #move48(count: number, write: boolean, fua: boolean): void {
    const address = this.#address(true);
    if (!this.#inRange(address, count)) this.#failQueued(R.IDNF);
    else if (write && this.#medium.readOnly) this.#failQueued(R.ABRT);
    this.#move(address, count, PROTOCOL.dma, 1, write, fua);
  }

  #failQueued(error: number): void {
    this.#u.ncqError = error;
  }

  #inRange(address: number | undefined, count: number): address is number {
    return address !== undefined && address + count <= this.#sectors;
  }

  /** The sector that the registers name; undefined for what CHS cannot name. */
  #address(ext: boolean): number {
    const { lba0, lba1, lba2, device } = this.s;
    const low = (lba0 & 0xff) | ((lba1 & 0xff) << 8) | ((lba2 & 0xff) << 16);
    if (ext) return low + ((lba0 >> 8) + (lba1 >> 8) * 2 ** 8 + (lba2 >> 8) * 2 ** 16) * 2 ** 24;
    const head = device & R.DEVICE_HEAD;
    if (device & R.LBA) return low + head * 2 ** 24;
    const { heads, sectorsPerTrack } = this.#u;
    const sector = lba0 & 0xff; // counts from one
    if (sector === 0 || sector > sectorsPerTrack || head >= heads) return Number.POSITIVE_INFINITY;
    return ((low >> 8) * heads + head) * sectorsPerTrack + sector - 1;
  }

  /** Into the registers, in the form of the command. */
  #setAddress(address: number, ext = this.#usesExt()): void {
    const { s } = this;
    if (!ext && !(s.device & R.LBA)) {
      this.#setChs(address);
      return;
    }
    const byte = (n: number): number => Math.floor(address / 2 ** (8 * n)) & 0xff;
    s.lba0 = byte(0) | (ext ? byte(3) << 8 : 0);
    s.lba1 = byte(1) | (ext ? byte(4) << 8 : 0);
    s.lba2 = byte(2) | (ext ? byte(5) << 8 : 0);
    if (!ext) s.device = (s.device & ~R.DEVICE_HEAD) | (byte(3) & R.DEVICE_HEAD);
  }

  #setChs(address: number): void {
    const { heads, sectorsPerTrack } = this.#u;
    const track = Math.floor(address / sectorsPerTrack);
    const cylinder = Math.floor(track / heads);
    this.s.lba0 = (address % sectorsPerTrack) + 1;
    this.s.lba1 = cylinder & 0xff;
    this.s.lba2 = (cylinder >> 8) & 0xff;
    this.s.device = (this.s.device & ~R.DEVICE_HEAD) | (track % heads);
  }

  #usesExt(): boolean {
    const { command } = this.s;
    const queued = command === R.READ_FPDMA_QUEUED || command === R.WRITE_FPDMA_QUEUED;
    return queued || (TRANSFERS.get(command)?.ext ?? command === R.FLUSH_CACHE_EXT);
  }

  #identify(): Uint8Array {
    return identifyDevice({
      ...this.#u,
      name: this.#name,
      sectors: this.#sectors,
      mode: this.transferMode,
      trim: !this.#medium.readOnly,
      queueDepth: this.#queueDepth,
    });
  }

  #setFeatures(): void {
    switch (this.s.features & 0xff) {
      case R.ENABLE_WRITE_CACHE:
        this.#u.writeCache = true;
        this.end();
        return;
      case R.DISABLE_WRITE_CACHE:
        this.#u.writeCache = false;
        this.flushMedium();
        return;
      case R.ENABLE_READ_LOOK_AHEAD:
      case R.DISABLE_READ_LOOK_AHEAD:
        this.#u.lookAhead = (this.s.features & 0xff) === R.ENABLE_READ_LOOK_AHEAD;
        this.end();
        return;
      case R.SET_TRANSFER_MODE:
        if (this.setTransferMode()) this.end();
        else this.endWithError(R.ABRT);
        return;
      case R.ENABLE_REVERT_TO_DEFAULTS:
      case R.DISABLE_REVERT_TO_DEFAULTS:
        this.end();
        return;
      default:
        this.endWithError(R.ABRT);
        return;
    }
  }

  #setMultiple(): void {
    const count = this.s.count & 0xff;
    if (count > R.MAX_MULTIPLE || (count & (count - 1)) !== 0) {
      this.endWithError(R.ABRT);
      return;
    }
    this.#u.multiple = count;
    this.end();
  }

  #setGeometry(): void {
    const sectorsPerTrack = this.s.count & 0xff;
    const heads = (this.s.device & R.DEVICE_HEAD) + 1;
    if (sectorsPerTrack === 0 || cylinders(this.#sectors, heads, sectorsPerTrack) === 0) {
      this.endWithError(R.ABRT);
      return;
    }
    Object.assign(this.#u, { heads, sectorsPerTrack });
    this.end();
  }

  #dataSetManagement(): void {
    const { s } = this;
    const blocks = s.count;
    const trim = (s.features & 0xff) === R.DSM_TRIM;
    if (!trim || blocks === 0 || blocks > R.MAX_TRIM_BLOCKS || this.#medium.readOnly) {
      this.endWithError(R.ABRT);
      return;
    }
    this.writeMedium(0, blocks, PROTOCOL.dma, BLOCK_SECTOR_SIZE, false);
  }

  /** A drive that is well, and logs nothing. */
  #smart(): void {
    const { s } = this;
    const keyed = (s.lba1 & 0xff) === R.SMART_LBA1 && (s.lba2 & 0xff) === R.SMART_LBA2;
    const feature = s.features & 0xff;
    if (!keyed || (!this.#u.smart && feature !== R.SMART_ENABLE)) {
      this.endWithError(R.ABRT);
      return;
    }
    switch (feature) {
      case R.SMART_ENABLE:
      case R.SMART_DISABLE:
        this.#u.smart = feature === R.SMART_ENABLE;
        this.end();
        return;
      case R.SMART_READ_DATA:
        this.sendData(smartData(), PROTOCOL.pio);
        return;
      case R.SMART_READ_THRESHOLDS:
        this.sendData(smartThresholds(), PROTOCOL.pio);
        return;
      case R.SMART_READ_LOG:
        if ((s.lba0 & 0xff) !== R.LOG_DIRECTORY) {
          this.endWithError(R.ABRT);
          return;
        }
        this.sendData(smartLogDirectory(), PROTOCOL.pio);
        return;
      case R.SMART_AUTOSAVE:
      case R.SMART_RETURN_STATUS: // the key stays in the registers: no threshold was exceeded
        this.end();
        return;
      default:
        this.endWithError(R.ABRT);
        return;
    }
  }

  /** [ACS] 7.30 and annex A; [SATA] 13.7: why the last queued command failed. */
  #readLog(): void {
    const { s } = this;
    const page = s.lba0 & 0xff;
    if (s.count !== 1 || (s.lba1 & 0xff) !== 0) {
      this.endWithError(R.ABRT);
      return;
    }
    if (page === R.LOG_NCQ_ERROR && this.#queueDepth > 0) {
      this.sendData(this.#ncqErrorLog(), PROTOCOL.pio);
      return;
    }
    if (page !== R.LOG_DIRECTORY) {
      this.endWithError(R.ABRT);
      return;
    }
    const directory = new Uint8Array(BLOCK_SECTOR_SIZE);
    directory[0] = 1; // its version
    if (this.#queueDepth > 0) directory[2 * R.LOG_NCQ_ERROR] = 1;
    this.sendData(directory, PROTOCOL.pio);
  }

  #ncqErrorLog(): Uint8Array {
    const log = new Uint8Array(BLOCK_SECTOR_SIZE);
    const failed = this.#u.ncqError !== 0;
    log[0] = failed ? this.#u.ncqTag : 0x80;
    if (failed) {
      log[2] = R.DRDY | R.DSC | R.ERR;
      log[3] = this.#u.ncqError;
    }
    this.#u.ncqError = 0;
    log[BLOCK_SECTOR_SIZE - 1] = -log.reduce((sum, byte) => (sum + byte) & 0xff, 0) & 0xff;
    return log;
  }
}
