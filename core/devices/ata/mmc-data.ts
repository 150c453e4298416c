/**
 * The structures that a CD-ROM drive's commands return; big endian. Undefined stands for a field of the packet that
 * asks for what there is not. [SPC] SPC-3, [MMC] MMC-5; byte numbers are those of their tables.
 */
import type { DriveName } from './identify.ts';
import * as M from './mmc.regs.ts';

type Structure = Uint8Array | undefined;

const ascii = (text: string, length: number): number[] =>
  [...text.padEnd(length).slice(0, length)].map((character) => character.charCodeAt(0));
const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** [SPC] 6.4: standard data only. */
export function inquiry(name: DriveName, packet: DataView): Structure {
  if (packet.getUint8(1) & 1 || packet.getUint8(2) !== 0) return undefined; // vital product data
  const [vendor = '', ...product] = name.model.split(' ');
  const CD_DRIVE = 5;
  const REMOVABLE = 0x80;
  const ATAPI_FORMAT = 0x21; // response data format 1, ATAPI version 2
  const texts = [...ascii(vendor, 8), ...ascii(product.join(' '), 16), ...ascii(name.firmware, 4)];
  return Uint8Array.from([CD_DRIVE, REMOVABLE, 0, ATAPI_FORMAT, 31, 0, 0, 0, ...texts]);
}

/** [MMC] 7 and [SPC] 7.4. changeable: which bits a guest can change, none. */
export function modePages(page: number, locked: boolean, changeable: boolean, short: boolean): Structure {
  const pages: readonly (readonly [number, number[]])[] = [
    [M.PAGE_ERROR_RECOVERY, [0, 5, 0, 0, 0, 0]], // retries, then an error
    [M.PAGE_CAPABILITIES, capabilities(locked)],
  ];
  const chosen = pages.filter(([code]) => page === M.PAGE_ALL || page === code);
  if (chosen.length === 0) return undefined;
  const body = chosen.flatMap(([code, values]) => [
    code,
    values.length,
    ...(changeable ? values.map(() => 0) : values),
  ]);
  const header = short ? [3 + body.length, 0, 0, 0] : [...u16(6 + body.length), 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...header, ...body]);
}

/** [MMC] annex E.3, page 2Ah. */
function capabilities(locked: boolean): number[] {
  const READS = 0x3b; // CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM
  const MULTISESSION = 0x60; // and mode 2 form 1
  const TRAY = 0x29 | (locked ? 0x02 : 0); // loads by tray, ejects, locks
  const SPEED = 5540; // kB/s, 32 times
  const BUFFER_KB = 512;
  return [READS, 0, MULTISESSION, 0, TRAY, 0, ...u16(SPEED), 0, 2, ...u16(BUFFER_KB), ...u16(SPEED), 0, 0, 0, 0];
}

/** [MMC] 6.26: formats 0 (tracks), 1 (sessions) and 2 (as recorded). */
export function toc(packet: DataView, sectors: number): Structure {
  const msf = (packet.getUint8(1) & 2) !== 0;
  // Drives before MMC had the format in the top of the control byte; guests still use it.
  const format = packet.getUint8(2) & 0xf || packet.getUint8(9) >> 6;
  const first = packet.getUint8(6);
  const address = (sector: number): number[] => (msf ? [0, ...msfOf(sector)] : u32(sector));
  const track = (number: number, sector: number): number[] => [0, M.DATA_TRACK, number, 0, ...address(sector)];
  const leadOut = track(M.LEAD_OUT, sectors);
  switch (format) {
    case 0:
      if (first > 1 && first !== M.LEAD_OUT) return undefined;
      return tocOf(first <= 1 ? [...track(1, 0), ...leadOut] : leadOut);
    case 1:
      return tocOf(track(1, 0));
    case 2:
      return tocOf(rawToc(sectors));
    default:
      return undefined;
  }
}

const tocOf = (body: number[]): Uint8Array => Uint8Array.from([...u16(2 + body.length), 1, 1, ...body]);

/** Session 1: points A0 (first track), A1 (last track), A2 (lead-out) and the track. */
function rawToc(sectors: number): number[] {
  const point = (code: number, time: number[]): number[] => [1, M.DATA_TRACK, 0, code, 0, 0, 0, 0, ...time];
  return [...point(0xa0, [1, 0, 0]), ...point(0xa1, [1, 0, 0]), ...point(0xa2, msfOf(sectors)), ...point(1, msfOf(0))];
}

function msfOf(sector: number): number[] {
  const frames = sector + M.MSF_LEAD_IN;
  const seconds = Math.floor(frames / M.FRAMES_PER_SECOND);
  return [Math.min(Math.floor(seconds / 60), 255), seconds % 60, frames % M.FRAMES_PER_SECOND];
}

/** [MMC] 6.6. sectors: of the medium, if there is one. */
export function configuration(packet: DataView, sectors: number | undefined): Structure {
  const requested = packet.getUint8(1) & 3;
  const start = packet.getUint16(2);
  if (requested === 3) return undefined;
  const profile = sectors === undefined ? 0 : sectors > M.LARGEST_CD_SECTORS ? M.PROFILE_DVD_ROM : M.PROFILE_CD_ROM;
  const features = featuresOf(profile).filter(({ code, current }) => {
    if (requested === 2) return code === start;
    return code >= start && (requested === 0 || current);
  });
  const body = features.flatMap(({ code, current, persistent, version, bytes }) => [
    ...u16(code),
    (version << 2) | (persistent ? 2 : 0) | (current ? 1 : 0),
    bytes.length,
    ...bytes,
  ]);
  return Uint8Array.from([...u32(4 + body.length), 0, 0, ...u16(profile), ...body]);
}

interface Feature {
  readonly code: number;
  readonly version: number;
  readonly persistent: boolean;
  readonly current: boolean;
  readonly bytes: readonly number[];
}

function featuresOf(profile: number): readonly Feature[] {
  const entry = (code: number): number[] => [...u16(code), profile === code ? 1 : 0, 0];
  const profiles = [...entry(M.PROFILE_DVD_ROM), ...entry(M.PROFILE_CD_ROM)];
  const ATAPI = 2;
  const TRAY_THAT_EJECTS_AND_LOCKS = 0x29;
  const loaded = profile !== 0;
  const readable = [...u32(M.CD_SECTOR_BYTES), ...u16(16), 0, 0];
  return [
    { code: M.FEATURE_PROFILE_LIST, version: 0, persistent: true, current: true, bytes: profiles },
    { code: M.FEATURE_CORE, version: 2, persistent: true, current: true, bytes: [...u32(ATAPI), 1, 0, 0, 0] },
    {
      code: M.FEATURE_REMOVABLE_MEDIUM,
      version: 0,
      persistent: true,
      current: true,
      bytes: [TRAY_THAT_EJECTS_AND_LOCKS, 0, 0, 0],
    },
    { code: M.FEATURE_RANDOM_READABLE, version: 0, persistent: false, current: loaded, bytes: readable },
    {
      code: M.FEATURE_CD_READ,
      version: 2,
      persistent: false,
      current: profile === M.PROFILE_CD_ROM,
      bytes: [0, 0, 0, 0],
    },
    {
      code: M.FEATURE_DVD_READ,
      version: 0,
      persistent: false,
      current: profile === M.PROFILE_DVD_ROM,
      bytes: [],
    },
  ];
}

/** [MMC] 6.22: one complete session, finalized. */
export function discInformation(): Uint8Array {
  const bytes = new Uint8Array(34);
  bytes.set([0, 32, 0x0e, 1, 1, 1, 1]); // complete, last session complete; first track, sessions, first and last track of it
  bytes[7] = 0x20; // unrestricted use
  bytes.fill(0xff, 16, 24); // no address of a next session
  return bytes;
}

/** [MMC] 6.27, of track 1. */
export function trackInformation(packet: DataView, sectors: number): Structure {
  const kind = packet.getUint8(1) & 3;
  const number = packet.getUint32(2);
  const exists = kind === 0 ? number < sectors : number === 1;
  if (!exists || kind === 3) return undefined;
  const DATA_MODE_1 = 1;
  const NEVER_WRITABLE = 0;
  return Uint8Array.from([
    ...[0, 34, 1, 1, 0, 4, DATA_MODE_1, NEVER_WRITABLE],
    ...u32(0), // starts
    ...u32(0), // next writable
    ...u32(0), // free
    ...u32(0), // fixed packet size
    ...u32(sectors),
    ...u32(0),
    ...[0, 0, 0, 0],
  ]);
}

/** [INF8090] 10.8.9: no changer. */
export function mechanismStatus(trayOpen: boolean): Uint8Array {
  return Uint8Array.of(0, trayOpen ? 0x10 : 0, 0, 0, 0, 0, 0, 0);
}

/** [MMC] 6.25: no audio is being played; only the current position is known. */
export function subchannel(packet: DataView): Structure {
  const NO_AUDIO_STATUS = 0x15;
  const wantsData = (packet.getUint8(2) & 0x40) !== 0;
  if (!wantsData) return Uint8Array.of(0, NO_AUDIO_STATUS, 0, 0);
  if (packet.getUint8(3) !== 1) return undefined;
  return Uint8Array.from([0, NO_AUDIO_STATUS, 0, 12, 1, M.DATA_TRACK, 1, 1, ...u32(0), ...u32(0)]);
}
