/**
 * The smallest media a PC boots: a boot sector that says a text by the BIOS and stops, on a floppy or as the boot image
 * of an ISO. [1] El Torito 1.0, 2.0-2.4. [2] ECMA-119 8.1-8.4.
 */
const SECTOR = 512;
const CD_SECTOR = 2048;
const FLOPPY_SECTORS = 2880;
const LOAD_ADDRESS = 0x7c00;

/** Of the ISO: descriptors from 16 on, then the catalog and the boot image. */
const CATALOG = 19;
const BOOT_IMAGE = 20;
const CD_SECTORS = 32;

/** `text` one character after the other through INT 10h, then HLT for ever. */
function bootSector(text: string): Uint8Array {
  // biome-ignore format: instructions
  const code = [
    0x31, 0xc0,             // xor ax, ax
    0x8e, 0xd8,             // mov ds, ax
    0xbb, 0x07, 0x00,       // mov bx, 7
    0xbe, 0x00, 0x00,       // mov si, message
    0xac,                   // lodsb
    0x84, 0xc0,             // test al, al
    0x74, 0x06,             // jz end
    0xb4, 0x0e,             // mov ah, 0eh
    0xcd, 0x10,             // int 10h
    0xeb, 0xf5,             // jmp to lodsb
    0xf4,                   // end: hlt
    0xeb, 0xfd,             // jmp end
  ];
  const sector = new Uint8Array(SECTOR);
  sector.set(code);
  new DataView(sector.buffer).setUint16(8, LOAD_ADDRESS + code.length, true);
  sector.set(new TextEncoder().encode(text), code.length);
  sector.set([0x55, 0xaa], SECTOR - 2);
  return sector;
}

/** A diskette of 1440 KiB. */
export function bootFloppy(text: string): Uint8Array {
  const image = new Uint8Array(FLOPPY_SECTORS * SECTOR);
  image.set(bootSector(text));
  return image;
}

/** An ISO that boots without emulation. */
export function bootIso(label: string, text: string): Uint8Array {
  const image = new Uint8Array(CD_SECTORS * CD_SECTOR);
  const view = new DataView(image.buffer);
  const write = (at: number, content: string): void => image.set(new TextEncoder().encode(content), at);
  [1, 0, 255].forEach((type, index) => {
    const at = (16 + index) * CD_SECTOR;
    image[at] = type;
    write(at + 1, 'CD001\x01');
  });
  write(16 * CD_SECTOR + 40, label.padEnd(32));
  view.setUint32(16 * CD_SECTOR + 80, CD_SECTORS, true);
  view.setUint16(16 * CD_SECTOR + 128, CD_SECTOR, true);
  write(17 * CD_SECTOR + 7, 'EL TORITO SPECIFICATION');
  view.setUint32(17 * CD_SECTOR + 0x47, CATALOG, true);
  // The validation entry: its words add up to 0.
  const catalog = CATALOG * CD_SECTOR;
  image[catalog] = 1;
  view.setUint16(catalog + 0x1e, 0xaa55, true);
  view.setUint16(catalog + 0x1c, 0x1_0000 - 0xaa55 - 1, true);
  // The initial entry: bootable, no emulation, one sector of 512 bytes to the usual place.
  image[catalog + 32] = 0x88;
  view.setUint16(catalog + 32 + 6, 1, true);
  view.setUint32(catalog + 32 + 8, BOOT_IMAGE, true);
  image.set(bootSector(text), BOOT_IMAGE * CD_SECTOR);
  return image;
}
