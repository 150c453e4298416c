/**
 * A Linux kernel for firmware to boot, as fw_cfg items: what OVMF looks for by itself, and QEMU's linuxboot option ROM for
 * SeaBIOS.
 *
 * [LINUX] the kernel's Documentation/arch/x86/boot.rst: offsets in the setup header, and who writes what.
 */
import * as R from '../devices/fw-cfg/fw-cfg.regs.ts';
import { type FirmwareItem, word } from '../devices/fw-cfg/fw-cfg.ts';
import { BootError, type BootFiles } from '../firmware/boot-image.ts';
import { hasLinuxHeader } from '../firmware/linux-boot.ts';

const SECTOR_BYTES = 512;
const SETUP_SECTS = 0x1f1;
const DEFAULT_SETUP_SECTS = 4;
const TYPE_OF_LOADER = 0x210;
const LOADER_UNDEFINED = 0xff;
const LOADFLAGS = 0x211;
const CAN_USE_HEAP = 1 << 7;
const RAMDISK_IMAGE = 0x218;
const RAMDISK_SIZE = 0x21c;
const HEAP_END_PTR = 0x224;
const CMD_LINE_PTR = 0x228;
const INITRD_ADDR_MAX = 0x22c;
const SETUP_HEADER_END = 0x230;

// Where linuxboot puts them; OVMF chooses for itself.
const SETUP_ADDRESS = 0x1_0000;
const CMDLINE_ADDRESS = 0x2_0000;
const KERNEL_ADDRESS = 0x10_0000;
/** At the end of RAM below 4 GiB firmware keeps its tables. */
const FIRMWARE_TABLES = 0x2_0000;
const PAGE_SIZE = 4096;

/** Throws BootError for what is no Linux kernel. */
export function kernelItems({ kernel, initrd, cmdline }: BootFiles, lowRamBytes: number): FirmwareItem[] {
  const setupBytes = ((kernel[SETUP_SECTS] || DEFAULT_SETUP_SECTS) + 1) * SECTOR_BYTES;
  if (!hasLinuxHeader(kernel) || kernel.length <= setupBytes || setupBytes < SETUP_HEADER_END) {
    throw new BootError('Firmware boots Linux kernels only.', 'Choose a bzImage, or boot this one without firmware.');
  }
  const setup = kernel.slice(0, setupBytes);
  const header = new DataView(setup.buffer);
  const text = new TextEncoder().encode(`${cmdline}\0`);
  header.setUint8(TYPE_OF_LOADER, LOADER_UNDEFINED);
  header.setUint8(LOADFLAGS, header.getUint8(LOADFLAGS) | CAN_USE_HEAP);
  header.setUint16(HEAP_END_PTR, CMDLINE_ADDRESS - SETUP_ADDRESS - SECTOR_BYTES, true);
  header.setUint32(CMD_LINE_PTR, CMDLINE_ADDRESS, true);
  const items = [
    ...three(R.KEY_SETUP_ADDRESS, SETUP_ADDRESS, R.KEY_SETUP_SIZE, R.KEY_SETUP_DATA, setup),
    ...three(R.KEY_KERNEL_ADDRESS, KERNEL_ADDRESS, R.KEY_KERNEL_SIZE, R.KEY_KERNEL_DATA, kernel.subarray(setupBytes)),
    ...three(R.KEY_CMDLINE_ADDRESS, CMDLINE_ADDRESS, R.KEY_CMDLINE_SIZE, R.KEY_CMDLINE_DATA, text),
  ];
  if (!initrd) return items;
  const end = Math.min(lowRamBytes - FIRMWARE_TABLES, header.getUint32(INITRD_ADDR_MAX, true) + 1);
  const address = Math.floor((end - initrd.length) / PAGE_SIZE) * PAGE_SIZE;
  if (address < KERNEL_ADDRESS + kernel.length) {
    throw new BootError('The initial RAM disk does not fit behind the kernel.', 'Give it more memory.', 'memory');
  }
  header.setUint32(RAMDISK_IMAGE, address, true);
  header.setUint32(RAMDISK_SIZE, initrd.length, true);
  return [...items, ...three(R.KEY_INITRD_ADDRESS, address, R.KEY_INITRD_SIZE, R.KEY_INITRD_DATA, initrd)];
}

function three(
  addressKey: number,
  address: number,
  sizeKey: number,
  dataKey: number,
  bytes: Uint8Array,
): FirmwareItem[] {
  return [
    { key: addressKey, bytes: word(address, 4) },
    { key: sizeKey, bytes: word(bytes.length, 4) },
    { key: dataKey, bytes },
  ];
}
