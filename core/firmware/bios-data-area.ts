/**
 * The few words of the BIOS data area and of the extended one that guests look at although they boot without a BIOS:
 * serial port, memory size, text mode.
 *
 * Reference: [PS2] IBM PS/2 and PC BIOS Interface Technical Reference, "BIOS data area". The rest is zero.
 */
import type { MemoryChunk } from './boot-image.ts';
import { EBDA_START, VGA_WINDOW_START } from './platform.ts';

const BIOS_DATA_AREA = 0x400;
const SIZE = 0x100;

export function biosDataArea(): MemoryChunk[] {
  const view = new DataView(new ArrayBuffer(SIZE));
  view.setUint16(0x00, 0x3f8, true); // COM1
  view.setUint16(0x0e, EBDA_START >> 4, true); // segment of the extended area
  view.setUint16(0x10, 1 << 9, true); // equipment: one serial port
  view.setUint16(0x13, EBDA_START / 1024, true); // KiB of base memory
  view.setUint8(0x49, 3); // video mode
  view.setUint16(0x4a, 80, true); // columns
  view.setUint16(0x4c, 0x1000, true); // bytes of a page
  view.setUint16(0x63, 0x3d4, true); // CRTC port
  view.setUint8(0x84, 24); // rows, less one
  view.setUint16(0x85, 16, true); // lines of a character
  const ebdaKib = (VGA_WINDOW_START - EBDA_START) / 1024;
  return [
    { gpa: BIOS_DATA_AREA, bytes: new Uint8Array(view.buffer) },
    { gpa: EBDA_START, bytes: Uint8Array.of(ebdaKib) },
  ];
}
