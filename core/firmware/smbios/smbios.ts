/**
 * SMBIOS tables: what `dmidecode` and management software show of a machine. Firmware gets entry point and tables as two
 * files; a machine without firmware gets them in the BIOS area (core/firmware/bios-area.ts).
 *
 * Reference: [SMBIOS] System Management BIOS Reference Specification 2.8.0 (DSP0134), 5.2.1 (entry point), 7 (structures).
 * Not here: caches, slots, sensors, of which a virtual machine has none.
 */
import { concat } from '../acpi/aml.ts';
import { splitRam } from '../e820.ts';
import { HIGH_RAM_START } from '../platform.ts';
import { byte, dword, qword, structure, word } from './structure.ts';

/** The names by which firmware asks for them. */
export const SMBIOS_ANCHOR_FILE = 'etc/smbios/smbios-anchor';
export const SMBIOS_TABLES_FILE = 'etc/smbios/smbios-tables';

export interface SmbiosMachine {
  readonly name: string;
  /** As libvirt writes it: 32 hexadecimal digits, with dashes. */
  readonly uuid?: string;
  /** The machine type. */
  readonly boardName: string;
  readonly vcpus: number;
  readonly ramBytes: number;
  /** Where RAM ends below 4 GiB at most. */
  readonly ramHoleStart: number;
}

export interface Smbios {
  /** The entry point, for tables at address 0: whoever places them puts the address in and completes the checksums. */
  readonly anchor: Uint8Array;
  readonly tables: Uint8Array;
}

const MAJOR = 2;
const MINOR = 8;
const MANUFACTURER = 'Vivarium';
const KIB = 2 ** 10;
const MIB = 2 ** 20;

// Values of enumerations
const OTHER = 1;
const UNKNOWN = 2;
const SAFE = 3;
const CENTRAL_PROCESSOR = 3;
const SOCKET_POPULATED_ENABLED = 0x41;
const SYSTEM_MEMORY = 3;
const NO_ECC = 3;
const DIMM = 9;
const RAM = 7;
const WAKE_BY_POWER_SWITCH = 6;
const NO_HANDLE = 0xffff;
const NO_ERROR_INFORMATION = 0xfffe;
const NO_EMBEDDED_CONTROLLER = 0xff;
const BIOS_PCI = 1 << 7;
const BIOS_SELECTABLE_BOOT = 1 << 16;
const BIOS_BOOT_FROM_CD = 1 << 15;
const BIOS_EDD = 1 << 19;
const BIOS_EXT_ACPI = 1 << 0;
const BIOS_EXT_VIRTUAL_MACHINE = 1 << 4;
/** What 16 bits of KiB or MiB cannot say is in a wider field behind. */
const LARGEST_MIB = 0x7fff;
const LARGEST_KIB = 0x8000_0000;

const HANDLE_BIOS = 0x0000;
const HANDLE_SYSTEM = 0x0100;
const HANDLE_ENCLOSURE = 0x0300;
const HANDLE_PROCESSORS = 0x0400;
const HANDLE_ARRAY = 0x1000;
const HANDLE_DEVICE = 0x1100;
const HANDLE_MAPPED = 0x1300;
const HANDLE_BOOT = 0x2000;
const HANDLE_END = 0x7f00;

export function smbios(machine: SmbiosMachine): Smbios {
  const structures = allStructures(machine);
  const tables = concat(...structures);
  return { anchor: entryPoint(tables.length, structures), tables };
}

const ENTRY_POINT_LENGTH = 31;
const CHECKSUM_AT = 0x04;
const INTERMEDIATE_AT = 0x10;
const INTERMEDIATE_CHECKSUM_AT = 0x15;
const ADDRESS_AT = 0x18;

function entryPoint(tableLength: number, structures: readonly Uint8Array[]): Uint8Array {
  const largest = Math.max(...structures.map(({ length }) => length));
  const intermediate = [...ascii('_DMI_'), 0, ...word(tableLength), ...dword(0), ...word(structures.length)];
  const start = [...ascii('_SM_'), 0, ENTRY_POINT_LENGTH, MAJOR, MINOR, ...word(largest), 0, 0, 0, 0, 0, 0];
  return withAddress(Uint8Array.of(...start, ...intermediate, (MAJOR << 4) | MINOR), 0);
}

/** The entry point for tables at `address`. */
export function withAddress(anchor: Uint8Array, address: number): Uint8Array {
  const placed = anchor.slice();
  placed.set(dword(address), ADDRESS_AT);
  placed[CHECKSUM_AT] = 0;
  placed[INTERMEDIATE_CHECKSUM_AT] = 0;
  const complement = (bytes: Uint8Array): number => -bytes.reduce((sum, value) => sum + value, 0) & 0xff;
  placed[INTERMEDIATE_CHECKSUM_AT] = complement(placed.subarray(INTERMEDIATE_AT));
  placed[CHECKSUM_AT] = complement(placed);
  return placed;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

function allStructures(machine: SmbiosMachine): Uint8Array[] {
  const { lowBytes, highBytes } = splitRam(machine.ramBytes, machine.ramHoleStart);
  return [
    bios(),
    system(machine),
    enclosure(),
    ...Array.from({ length: machine.vcpus }, (_, i) => processor(i)),
    memoryArray(machine.ramBytes),
    memoryDevice(machine.ramBytes),
    mappedMemory(0, 0, lowBytes),
    ...(highBytes > 0 ? [mappedMemory(1, HIGH_RAM_START, highBytes)] : []),
    structure(32, HANDLE_BOOT, () => [dword(0), word(0), byte(0)]), // no errors
    structure(127, HANDLE_END, () => []),
  ];
}

function bios(): Uint8Array {
  const START_SEGMENT = 0xe800;
  const SIZE_64K = 0;
  const characteristics = BIOS_PCI | BIOS_BOOT_FROM_CD | BIOS_SELECTABLE_BOOT | BIOS_EDD;
  return structure(0, HANDLE_BIOS, (text) => [
    text(MANUFACTURER),
    text('1.0'),
    word(START_SEGMENT),
    text('01/01/2026'),
    byte(SIZE_64K),
    qword(characteristics),
    byte(BIOS_EXT_ACPI),
    byte(BIOS_EXT_VIRTUAL_MACHINE),
    byte(1),
    byte(0),
    byte(NO_EMBEDDED_CONTROLLER),
    byte(NO_EMBEDDED_CONTROLLER),
  ]);
}

function system({ name, uuid, boardName }: SmbiosMachine): Uint8Array {
  return structure(1, HANDLE_SYSTEM, (text) => [
    text(MANUFACTURER),
    text(`Virtual machine (${boardName})`),
    text(''),
    text(''),
    uuidBytes(uuid),
    byte(WAKE_BY_POWER_SWITCH),
    text(name),
    text('Virtual Machine'),
  ]);
}

/** [SMBIOS] 7.2.1: the first three fields are little-endian. All zero is no UUID. */
function uuidBytes(uuid = ''): number[] {
  const bytes = (
    uuid
      .replaceAll('-', '')
      .match(/^[0-9a-f]{32}$/i)?.[0]
      .match(/../g) ?? Array<string>(16).fill('0')
  ).map((digits) => Number.parseInt(digits, 16));
  const reversed = (start: number, end: number): number[] => bytes.slice(start, end).reverse();
  return [...reversed(0, 4), ...reversed(4, 6), ...reversed(6, 8), ...bytes.slice(8)];
}

function enclosure(): Uint8Array {
  return structure(3, HANDLE_ENCLOSURE, (text) => [
    text(MANUFACTURER),
    byte(OTHER),
    ...['', '', ''].map(text), // version, serial number, asset tag
    ...[SAFE, SAFE, SAFE, UNKNOWN].map(byte), // boot, power supply, thermal and security states
    dword(0),
    ...[0, 0, 0, 0].map(byte), // height, power cords, contained elements
    text(''),
  ]);
}

function processor(index: number): Uint8Array {
  return structure(4, HANDLE_PROCESSORS + index, (text) => [
    text(`CPU ${index}`),
    byte(CENTRAL_PROCESSOR),
    byte(OTHER),
    text(MANUFACTURER),
    qword(0), // what CPUID says; 0: ask it
    text('Virtual processor'),
    byte(0), // voltage
    ...[0, 0, 0].map(word), // clocks: unknown
    byte(SOCKET_POPULATED_ENABLED),
    byte(OTHER),
    ...[NO_HANDLE, NO_HANDLE, NO_HANDLE].map(word), // caches
    ...['', '', ''].map(text), // serial number, asset tag, part number
    ...[1, 1, 1].map(byte), // cores, enabled ones, threads
    word(0),
    word(OTHER),
  ]);
}

function memoryArray(ramBytes: number): Uint8Array {
  const kib = ramBytes / KIB;
  return structure(16, HANDLE_ARRAY, () => [
    byte(OTHER),
    byte(SYSTEM_MEMORY),
    byte(NO_ECC),
    dword(kib < LARGEST_KIB ? kib : LARGEST_KIB),
    word(NO_ERROR_INFORMATION),
    word(1),
    qword(kib < LARGEST_KIB ? 0 : ramBytes),
  ]);
}

function memoryDevice(ramBytes: number): Uint8Array {
  const TYPE_DETAIL_OTHER = 1 << 1;
  const mib = ramBytes / MIB;
  return structure(17, HANDLE_DEVICE, (text) => [
    ...[HANDLE_ARRAY, NO_ERROR_INFORMATION, 64, 64].map(word), // and total and data width in bits
    word(mib < LARGEST_MIB ? mib : LARGEST_MIB),
    byte(DIMM),
    byte(0),
    text('DIMM 0'),
    text(''),
    byte(RAM),
    word(TYPE_DETAIL_OTHER),
    word(0), // speed
    text(MANUFACTURER),
    ...['', '', ''].map(text), // serial number, asset tag, part number
    byte(0),
    dword(mib < LARGEST_MIB ? 0 : mib),
    ...[0, 0, 0, 0].map(word), // configured speed, voltages
  ]);
}

function mappedMemory(index: number, start: number, sizeBytes: number): Uint8Array {
  return structure(19, HANDLE_MAPPED + index, () => [
    dword(start / KIB),
    dword((start + sizeBytes) / KIB - 1),
    word(HANDLE_ARRAY),
    byte(1),
    qword(0), // where KiB do not suffice
    qword(0),
  ]);
}
