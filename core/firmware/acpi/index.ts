/**
 * The machine's ACPI tables as one block of guest memory: RSDP first, everything it leads to behind it.
 *
 * Reference: [ACPI] ACPI Specification 6.5, 5.2.
 */
import { dsdt } from './dsdt.ts';
import { facs, fadt } from './fadt.ts';
import { madt } from './madt.ts';
import { type Acpi, rsdp, table } from './table.ts';

export { pciInterrupt } from './dsdt.ts';

const ALIGNMENT = 64; // FACS asks for it
const RSDP_LENGTH = 36;

/** The bytes to put at guest physical address `base` (64-byte aligned, below 4 GiB); the RSDP is at their start. */
export function acpiTables(base: number, vcpus: number): Uint8Array {
  const placed: { address: number; bytes: Acpi }[] = [];
  let next = align(base + RSDP_LENGTH);
  const place = (bytes: Acpi): number => {
    const address = next;
    placed.push({ address, bytes });
    next = align(address + bytes.length);
    return address;
  };

  const fadtAddress = place(fadt(place(facs()), place(dsdt())));
  const pointers = [fadtAddress, place(madt(vcpus))];
  const rsdtAddress = place(table('RSDT', 1, pointerBytes(pointers, 4)));
  const xsdtAddress = place(table('XSDT', 1, pointerBytes(pointers, 8)));
  placed.push({ address: base, bytes: rsdp(rsdtAddress, xsdtAddress) });

  const block = new Uint8Array(next - base);
  for (const { address, bytes } of placed) block.set(bytes, address - base);
  return block;
}

function pointerBytes(addresses: readonly number[], width: 4 | 8): Uint8Array {
  const view = new DataView(new ArrayBuffer(addresses.length * width));
  addresses.forEach((address, i) => {
    view.setUint32(i * width, address, true);
  });
  return new Uint8Array(view.buffer);
}

function align(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
