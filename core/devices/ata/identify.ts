/**
 * The 512 bytes that IDENTIFY DEVICE and IDENTIFY PACKET DEVICE return.
 *
 * [ACS] ATA8-ACS 7.16 and 7.17; the word numbers are those of tables 29 and 30.
 */
import * as R from './ata.regs.ts';

export interface DriveName {
  /** 40 characters at most, printable ASCII. */
  readonly model: string;
  /** 20 at most. */
  readonly serial: string;
  /** 8 at most. */
  readonly firmware: string;
}

/** Of the transfer modes of each kind, the one that is selected; of multiword and Ultra DMA, only one is. */
export interface TransferMode {
  readonly multiword: number | undefined;
  readonly ultra: number | undefined;
}

interface DiskIdentity {
  readonly name: DriveName;
  readonly sectors: number;
  /** As INITIALIZE DEVICE PARAMETERS set it. */
  readonly heads: number;
  readonly sectorsPerTrack: number;
  readonly multiple: number;
  readonly mode: TransferMode;
  readonly writeCache: boolean;
  readonly lookAhead: boolean;
  readonly smart: boolean;
  readonly trim: boolean;
  /** Native command queuing: there are this many tags; none on a parallel cable. */
  readonly queueDepth: number;
}

const IDENTIFY_BYTES = 512;
const BEST_MULTIWORD = 2;
const BEST_ULTRA = 5;
const CYCLE_TIME_NS = 120;
const ATA_4_TO_8 = 0x1f0;

class Words {
  readonly bytes = new Uint8Array(IDENTIFY_BYTES);
  readonly #view = new DataView(this.bytes.buffer);

  set(word: number, value: number): void {
    this.#view.setUint16(2 * word, value & 0xffff, true);
  }

  set32(word: number, value: number): void {
    this.#view.setUint32(2 * word, value, true);
  }

  set48(word: number, value: number): void {
    this.set32(word, value % 2 ** 32);
    this.set(word + 2, Math.floor(value / 2 ** 32));
  }

  /** Two characters a word, the first in the high byte, padded with spaces. [ACS] 3.4.9 */
  text(word: number, words: number, value: string): void {
    const padded = value.padEnd(2 * words).slice(0, 2 * words);
    for (let i = 0; i < words; i++) {
      this.set(word + i, (padded.charCodeAt(2 * i) << 8) | padded.charCodeAt(2 * i + 1));
    }
  }

  name(name: DriveName): void {
    this.text(10, 10, name.serial);
    this.text(23, 4, name.firmware);
    this.text(27, 20, name.model);
  }

  /** Words 62 to 68 and 88: all modes up to the best, and the one that is selected. */
  modes(mode: TransferMode): void {
    const selected = (number: number | undefined): number => (number === undefined ? 0 : 1 << (8 + number));
    this.set(53, 0x0006); // words 64..70 and 88 hold something
    this.set(63, ((1 << (BEST_MULTIWORD + 1)) - 1) | selected(mode.multiword));
    this.set(64, 0x0003); // PIO modes 3 and 4
    for (let word = 65; word <= 68; word++) this.set(word, CYCLE_TIME_NS);
    this.set(88, ((1 << (BEST_ULTRA + 1)) - 1) | selected(mode.ultra));
  }

  /** Word 255: all bytes add up to zero. [ACS] 7.16.7.91 */
  seal(): Uint8Array {
    this.set(255, 0x00a5);
    const sum = this.bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
    this.bytes[IDENTIFY_BYTES - 1] = -sum & 0xff;
    return this.bytes;
  }
}

/** Cylinders of the logical geometry. */
export function cylinders(sectors: number, heads: number, sectorsPerTrack: number): number {
  return Math.min(Math.floor(sectors / (heads * sectorsPerTrack)), R.MAX_CYLINDERS);
}

export function identifyDevice(disk: DiskIdentity): Uint8Array {
  const words = new Words();
  words.set(0, 0x0040); // a fixed device
  words.set(1, cylinders(disk.sectors, R.HEADS, R.SECTORS_PER_TRACK));
  words.set(3, R.HEADS);
  words.set(6, R.SECTORS_PER_TRACK);
  words.name(disk.name);
  words.set(47, 0x8000 | R.MAX_MULTIPLE);
  words.set(49, 0x0f00); // DMA, LBA, IORDY
  words.set(50, 0x4000);
  const currentCylinders = cylinders(disk.sectors, disk.heads, disk.sectorsPerTrack);
  words.modes(disk.mode);
  words.set(53, 0x0007);
  words.set(54, currentCylinders);
  words.set(55, disk.heads);
  words.set(56, disk.sectorsPerTrack);
  words.set32(57, currentCylinders * disk.heads * disk.sectorsPerTrack);
  words.set(59, disk.multiple === 0 ? 0 : 0x0100 | disk.multiple);
  words.set32(60, Math.min(disk.sectors, R.LBA28_SECTORS));
  if (disk.trim) words.set(69, 0x4000); // reads after TRIM are steady, if not always zeros
  if (disk.queueDepth > 0) {
    words.set(75, disk.queueDepth - 1);
    words.set(76, 0x0106); // generations 1 and 2, native command queuing
  }
  words.set(80, ATA_4_TO_8);
  features(words, disk);
  words.set(93, disk.queueDepth > 0 ? 0 : 0x6001); // a parallel device with 80-conductor cable, or serial
  words.set48(100, disk.sectors);
  words.set(106, 0x4000); // one logical sector a physical one, of 512 bytes
  if (disk.trim) words.set(105, R.MAX_TRIM_BLOCKS);
  if (disk.trim) words.set(169, 0x0001);
  words.set(217, 0x0001); // not a rotating medium
  return words.seal();
}

/** Words 82 to 87: which feature sets there are, and which are on. */
function features(words: Words, disk: DiskIdentity): void {
  const always = (1 << 3) | (1 << 14); // power management; NOP
  words.set(82, always | (1 << 0) | (1 << 5) | (1 << 6)); // SMART, write cache, look-ahead
  const flushAnd48Bit = (1 << 13) | (1 << 12) | (1 << 10);
  words.set(83, 0x4000 | flushAnd48Bit);
  words.set(84, 0x4000 | (1 << 6) | (1 << 5)); // WRITE DMA FUA EXT, general purpose logs
  const on = (bit: number, enabled: boolean): number => (enabled ? 1 << bit : 0);
  words.set(85, always | on(0, disk.smart) | on(5, disk.writeCache) | on(6, disk.lookAhead));
  words.set(86, flushAnd48Bit);
  words.set(87, 0x4000 | (1 << 6) | (1 << 5));
}

export function identifyPacketDevice(name: DriveName, mode: TransferMode, serial: boolean): Uint8Array {
  const words = new Words();
  words.set(0, 0x85c0); // ATAPI, CD-ROM (device type 5), removable, DRQ within 50 us, packets of 12 bytes
  words.name(name);
  words.set(49, 0x0f00);
  words.set(50, 0x4000);
  words.modes(mode);
  if (serial) words.set(76, 0x0006);
  words.set(80, ATA_4_TO_8);
  words.set(82, 0x4210); // NOP, DEVICE RESET, PACKET
  words.set(83, 0x4000);
  words.set(84, 0x4000);
  words.set(85, 0x4210);
  words.set(87, 0x4000);
  words.set(93, serial ? 0 : 0x6001);
  return words.seal();
}
