/**
 * Vivarium's own BIOS as a ROM image of 128 KiB: 32-bit code of the power-on self test, a VGA BIOS for cards that bring
 * none, and the 16-bit segment of services. The same bytes every time.
 */
import { acpiLoader } from './acpi-loader.ts';
import { ahci } from './ahci.ts';
import { ata } from './ata.ts';
import { boot } from './boot.ts';
import { bootOrder } from './boot-order.ts';
import { clock } from './clock.ts';
import { disk } from './disk.ts';
import { drives } from './drives.ts';
import { eltorito } from './eltorito.ts';
import { floppy, floppyKinds } from './floppy.ts';
import { fwCfg } from './fw-cfg.ts';
import { disketteTable, int13 } from './int13.ts';
import { interrupts, vectorTable } from './interrupts.ts';
import { keyboard, keyTable } from './keyboard.ts';
import { IMAGE_BYTES, POST_BASE, RESET_OFFSET, RUNTIME_BASE, SYMBOLS, VGA_IMAGE_BASE } from './layout.ts';
import { Listing } from './listing.ts';
import { memoryMap } from './memory-map.ts';
import { menu } from './menu.ts';
import { mpTable } from './mp-table.ts';
import { pci } from './pci.ts';
import { pirTable } from './pir-table.ts';
import { post } from './post.ts';
import { print } from './print.ts';
import { resume, resume16 } from './resume.ts';
import { smbiosTables } from './smbios.ts';
import { smbiosLoader } from './smbios-loader.ts';
import { start } from './start.ts';
import { system } from './system.ts';
import { buildVgaBios } from './vga/vga-bios.ts';

/** Tables of the machine that must lie below 1 MiB: behind the code, before the date. */
const FSEG_POOL = 0xe000;
const FSEG_POOL_END = 0xf000;

/** The segment of services. */
function runtime(): Listing {
  const p = new Listing({ bits: 16, origin: 0, symbols: { ...SYMBOLS, gdt_linear: RUNTIME_BASE } });
  for (const part of [start, interrupts, keyboard, system, clock, int13, disk, ata, ahci, floppy]) p.asm(part);
  for (const part of [drives, eltorito, boot, menu, print, resume16]) p.asm(part);
  for (const table of [vectorTable, keyTable, disketteTable, floppyKinds, pirTable, smbiosTables]) table(p);
  return p;
}

/** 128 KiB that end with the reset vector; the machine maps them below 4 GiB and below 1 MiB. */
export function buildBios(): Uint8Array {
  const image = new Uint8Array(IMAGE_BYTES);
  const services = runtime();
  const vga = buildVgaBios();
  put(image, RUNTIME_BASE, services.finish(), RUNTIME_BASE + FSEG_POOL);
  put(image, VGA_IMAGE_BASE, vga.image, RUNTIME_BASE);
  const first = new Listing({
    bits: 32,
    origin: POST_BASE,
    symbols: {
      ...SYMBOLS,
      fseg_pool: RUNTIME_BASE + FSEG_POOL,
      fseg_pool_end: RUNTIME_BASE + FSEG_POOL_END,
      start16: services.address('start16'),
      resume16: services.address('resume16'),
      smbios_anchor: RUNTIME_BASE + services.address('smbios_anchor'),
      low_gdtr: RUNTIME_BASE + services.address('gdtr'),
      vga_image: VGA_IMAGE_BASE,
      vga_image_dwords: vga.image.length / 4,
      vga_edid: 0xc_0000 + vga.edid,
    },
  });
  for (const part of [post, pci, fwCfg, acpiLoader, smbiosLoader, mpTable, memoryMap, bootOrder]) first.asm(part);
  first.asm(resume);
  put(image, POST_BASE, first.finish(), VGA_IMAGE_BASE);
  // the reset vector, the date, the model
  const end = new Listing({ bits: 16, origin: RESET_OFFSET, symbols: { power_on: services.address('power_on') } });
  end.asm("jmp far 0xf000:power_on\n db '01/01/26', 0, 0xfc, 0");
  put(image, RUNTIME_BASE + RESET_OFFSET, end.finish(), POST_BASE + IMAGE_BYTES);
  return image;
}

/** Throws when the bytes would reach into what comes next: a slip in the source. */
function put(image: Uint8Array, address: number, bytes: Uint8Array, limit: number): void {
  if (address + bytes.length > limit) {
    throw new Error(`${bytes.length} bytes at ${address.toString(16)} reach over ${limit.toString(16)}`);
  }
  image.set(bytes, address - POST_BASE);
}
