/**
 * What a disk image, ISO or floppy image is, from its bytes: file systems and boot records of CD-ROMs, partition tables,
 * and the formats of other programs, which Vivarium cannot use yet. Reads a few sectors, whatever the size.
 *
 * [1] ECMA-119 (ISO 9660) 8.1-8.4: volume descriptors from sector 16. [2] El Torito 1.0, 2.0-2.4: boot record, boot
 * catalog. [3] UEFI 2.10, 5.2-5.3: MBR and GPT; 13.3.2.1: El Torito's platform id 0xef. [4] QEMU docs/interop/qcow2.txt.
 */
import type { FileCheck } from '../../core/contracts/calls.ts';

export interface ImageReader {
  readonly sizeBytes: number;
  /** What the file holds there: less than `length` at its end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}
type MediumRole = 'iso' | 'disk' | 'floppy';

const CD_SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MOST_DESCRIPTORS = 16;
const BOOT_RECORD = 0;
const PRIMARY = 1;
const TERMINATOR = 255;
const PLATFORM_UEFI = 0xef;
const MOST_CATALOG_ENTRIES = CD_SECTOR / 32;
const SECTOR = 512;
const GPT_PROTECTIVE = 0xee;
const MOST_GPT_BYTES = 128 * 128;
/** The largest diskette. A smaller image is taken for one that was cut short. */
const MOST_FLOPPY_KIB = 2880;

const ascii = (bytes: Uint8Array, start: number, length: number): string =>
  new TextDecoder('latin1').decode(bytes.subarray(start, start + length));
const hasText = (bytes: Uint8Array, offset: number, text: string): boolean =>
  ascii(bytes, offset, text.length) === text;
const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Formats that are not raw, by what they begin with. */
const OTHER_FORMATS: readonly (readonly [name: string, offset: number, magic: string])[] = [
  ['a qcow2 image', 0, 'QFI\xfb'],
  ['a VMDK image', 0, 'KDMV'],
  ['a VMDK description', 0, '# Disk DescriptorFile'],
  ['a VHDX image', 0, 'vhdxfile'],
  ['a VHD image', 0, 'conectix'],
  ['a VDI image', 0x40, '\x7f\x10\xda\xbe'],
];
const COMPRESSED: readonly (readonly [name: string, offset: number, magic: string])[] = [
  ['gzip', 0, '\x1f\x8b'],
  ['xz', 0, '\xfd7zXZ\0'],
  ['bzip2', 0, 'BZh'],
  ['Zstandard', 0, '\x28\xb5\x2f\xfd'],
  ['ZIP', 0, 'PK\x03\x04'],
  ['7-Zip', 0, '7z\xbc\xaf\x27\x1c'],
];

export async function describeMedium(image: ImageReader, role: MediumRole): Promise<FileCheck> {
  const head = await image.read(0, 2 * SECTOR);
  const match = (list: typeof OTHER_FORMATS): string | undefined =>
    list.find(([, offset, magic]) => hasText(head, offset, magic))?.[0];
  const other = match(OTHER_FORMATS);
  if (other)
    return refuse(other, 'Vivarium uses raw images so far: convert it, for example by "qemu-img convert -O raw".');
  const packed = match(COMPRESSED);
  if (packed) return refuse(`a file packed by ${packed}`, 'Unpack it first.');
  if (role === 'floppy') return describeFloppy(image, head);
  const cd = await describeCd(image);
  if (role === 'iso') {
    if (cd) return cd;
    return refuse(
      `a ${lowerFirst(await describePartitions(image, head))}`,
      'An install medium is an ISO image. Choose another file, or import it as a disk.',
    );
  }
  if (image.sizeBytes < SECTOR) return refuse('a file smaller than a sector', 'Choose another file.');
  const partitions = await describePartitions(image, head);
  return { ok: true, description: cd ? `${cd.description}; ${lowerFirst(partitions)}` : partitions };
}

const refuse = (description: string, message: string): FileCheck => ({ ok: false, description, message });

async function describeCd(image: ImageReader): Promise<FileCheck | undefined> {
  let label: string | undefined;
  let isUdf = false;
  let platforms: readonly string[] = [];
  for (let n = 0; n < MOST_DESCRIPTORS; n++) {
    const sector = await image.read((FIRST_DESCRIPTOR + n) * CD_SECTOR, CD_SECTOR);
    if (sector.length < CD_SECTOR) break;
    if (hasText(sector, 1, 'NSR0')) isUdf = true;
    if (hasText(sector, 1, 'BEA01') || hasText(sector, 1, 'NSR0')) continue;
    if (!hasText(sector, 1, 'CD001') || sector[0] === TERMINATOR) {
      if (isUdf || sector[0] !== TERMINATOR) break;
      continue; // UDF's descriptors come behind those of ISO 9660
    }
    if (sector[0] === PRIMARY) label ??= ascii(sector, 40, 32).trim();
    if (sector[0] === BOOT_RECORD && hasText(sector, 7, 'EL TORITO SPECIFICATION'))
      platforms = await bootPlatforms(image, view(sector).getUint32(0x47, true));
  }
  if (label === undefined && !isUdf) return undefined;
  const name = label ? ` “${label}”` : '';
  const description = `${label === undefined ? 'UDF' : 'ISO 9660'}${name}`;
  if (platforms.length > 0) return { ok: true, description: `${description}, bootable (${platforms.join(' and ')})` };
  return { ok: true, description, warning: 'It has no boot record: a virtual machine cannot start from it.' };
}

/** [2] 2.1-2.4. The validation entry names the platform of the first entry; section headers those of the others. */
async function bootPlatforms(image: ImageReader, catalogSector: number): Promise<readonly string[]> {
  const catalog = await image.read(catalogSector * CD_SECTOR, CD_SECTOR);
  if (catalog.length < 64 || catalog[0] !== 1 || catalog[0x1e] !== 0x55 || catalog[0x1f] !== 0xaa) return [];
  const found = new Set<string>();
  let platform = catalog[1] ?? 0;
  for (let n = 1; n < MOST_CATALOG_ENTRIES; n++) {
    const [kind = 0, second = 0] = catalog.subarray(n * 32);
    if (kind === 0x90 || kind === 0x91) platform = second;
    else if (kind === 0x88) found.add(platform === PLATFORM_UEFI ? 'UEFI' : 'BIOS');
    else if (n > 1 && kind === 0) break;
  }
  return [...found];
}

async function describePartitions(image: ImageReader, head: Uint8Array): Promise<string> {
  if (head[510] !== 0x55 || head[511] !== 0xaa) return 'Raw image without a partition table';
  if (hasText(head, 54, 'FAT') || hasText(head, 82, 'FAT')) return 'Raw image with a FAT file system';
  const types = [0, 1, 2, 3].map((n) => head[446 + n * 16 + 4] ?? 0).filter((type) => type !== 0);
  if (types.includes(GPT_PROTECTIVE) && hasText(head, SECTOR, 'EFI PART'))
    return `Raw image with GPT, ${count(await gptPartitions(image, head))}`;
  return `Raw image with MBR, ${count(types.length)}`;
}

async function gptPartitions(image: ImageReader, head: Uint8Array): Promise<number> {
  const header = view(head.subarray(SECTOR));
  if (header.byteLength < 92) return 0;
  const first = Number(header.getBigUint64(72, true));
  const entryBytes = Math.max(header.getUint32(84, true), 128);
  const entries = await image.read(Math.min(first, image.sizeBytes) * SECTOR, MOST_GPT_BYTES);
  const most = Math.min(header.getUint32(80, true), Math.floor(entries.length / entryBytes));
  let used = 0;
  for (let n = 0; n < most; n++) {
    if (entries.subarray(n * entryBytes, n * entryBytes + 16).some((byte) => byte !== 0)) used++;
  }
  return used;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
const count = (partitions: number): string => (partitions === 1 ? '1 partition' : `${partitions} partitions`);

function describeFloppy(image: ImageReader, head: Uint8Array): FileCheck {
  if (image.sizeBytes > MOST_FLOPPY_KIB * 1024)
    return refuse(
      'larger than a floppy disk',
      `A floppy image has ${MOST_FLOPPY_KIB} KiB at most. Import it as a disk.`,
    );
  const description = 'Floppy image';
  if (head[510] === 0x55 && head[511] === 0xaa) return { ok: true, description: `${description}, with a boot sector` };
  return { ok: true, description, warning: 'It has no boot sector: a virtual machine cannot start from it.' };
}
