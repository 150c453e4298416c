/**
 * A small ISO 9660 image of our own making, as an install medium looks to who reads its first sectors. [1] ECMA-119 8.4,
 * [2] El Torito 1.0, 2.0-2.4.
 */
const SECTOR = 2048;
const CATALOG_SECTOR = 19;
const SECTORS = 24;
const PLATFORM_IDS = { BIOS: 0, UEFI: 0xef } as const;

export function isoImage(options: {
  readonly label: string;
  readonly platforms: readonly (keyof typeof PLATFORM_IDS)[];
}): Uint8Array {
  const bytes = new Uint8Array(SECTORS * SECTOR);
  const view = new DataView(bytes.buffer);
  const text = (at: number, content: string): void => bytes.set(new TextEncoder().encode(content), at);
  const descriptor = (sector: number, type: number): number => {
    bytes[sector * SECTOR] = type;
    text(sector * SECTOR + 1, 'CD001\x01');
    return sector * SECTOR;
  };
  text(descriptor(16, 1) + 40, options.label.padEnd(32));
  if (options.platforms.length > 0) {
    text(descriptor(17, 0) + 7, 'EL TORITO SPECIFICATION');
    view.setUint32(17 * SECTOR + 0x47, CATALOG_SECTOR, true);
  }
  descriptor(options.platforms.length > 0 ? 18 : 17, 255);
  options.platforms.forEach((platform, index) => {
    const catalog = CATALOG_SECTOR * SECTOR;
    // The validation entry, then an entry; for each more a section header and an entry.
    const header = catalog + index * 64;
    bytes.set(index === 0 ? [1, PLATFORM_IDS[platform]] : [0x91, PLATFORM_IDS[platform], 1], header);
    if (index === 0) bytes.set([0x55, 0xaa], header + 0x1e);
    bytes[header + 32] = 0x88;
  });
  return bytes;
}
