/**
 * The bytes at a guest virtual address, by a walk of the guest's page tables from outside: for a register dump, so a
 * failing walk is an answer and nothing is set in the tables.
 *
 * Reference: [SDM3] Intel SDM volume 3, chapter 4 (32-bit, PAE and 4-level paging).
 */
import type { GuestMemory } from '../devices/device.ts';
import type { KvmRegs, KvmSregs } from '../kvm/api.ts';

const PAGE_SIZE = 4096;
const PRESENT = 1n;
const LARGE = 1n << 7n;
const CR0_PG = 1n << 31n;
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const EFER_LMA = 1n << 10n;
const ADDRESS_BITS = (1n << 52n) - 1n;

/** Up to `length` bytes from CS:RIP; fewer where the next page is not mapped, none where the first is not. */
export function readCodeBytes(memory: GuestMemory, regs: KvmRegs, sregs: KvmSregs, length: number): Uint8Array {
  const start = sregs.cs.l ? regs.rip : BigInt.asUintN(32, sregs.cs.base + regs.rip);
  const code = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const address = BigInt.asUintN(64, start + BigInt(done));
    const gpa = translate(memory, sregs, address);
    if (gpa === undefined) break;
    const part = Math.min(length - done, PAGE_SIZE - (gpa % PAGE_SIZE));
    memory.read(gpa, code.subarray(done, done + part));
    done += part;
  }
  return code.subarray(0, done);
}

interface Paging {
  /** Address bits that each level translates, top level first, and below them the page offset. */
  readonly levels: readonly number[];
  readonly entryBytes: 4 | 8;
  readonly root: bigint;
}

function pagingOf(sregs: KvmSregs): Paging {
  if (sregs.efer & EFER_LMA) return { levels: [9, 9, 9, 9], entryBytes: 8, root: sregs.cr3 & ~0xfffn };
  if (sregs.cr4 & CR4_PAE) return { levels: [2, 9, 9], entryBytes: 8, root: sregs.cr3 & 0xffff_ffe0n };
  return { levels: [10, 10], entryBytes: 4, root: sregs.cr3 & 0xffff_f000n };
}

function translate(memory: GuestMemory, sregs: KvmSregs, address: bigint): number | undefined {
  if ((sregs.cr0 & CR0_PG) === 0n) return Number(address & ADDRESS_BITS);
  const { levels, entryBytes, root } = pagingOf(sregs);
  let shift = 12n + BigInt(levels.reduce((sum, bits) => sum + bits, 0));
  let table = root & ADDRESS_BITS;
  for (const bits of levels) {
    shift -= BigInt(bits);
    const index = (address >> shift) & ((1n << BigInt(bits)) - 1n);
    const entry = readEntry(memory, Number(table + index * BigInt(entryBytes)), entryBytes);
    if ((entry & PRESENT) === 0n) return undefined;
    const frame = entry & ADDRESS_BITS & ~0xfffn;
    const largeAllowed = entryBytes === 8 ? shift === 21n || shift === 30n : (sregs.cr4 & CR4_PSE) !== 0n;
    if (shift === 12n || (largeAllowed && entry & LARGE)) {
      const offsetMask = (1n << shift) - 1n;
      return Number((frame & ~offsetMask) | (address & offsetMask));
    }
    table = frame;
  }
  return undefined;
}

function readEntry(memory: GuestMemory, gpa: number, entryBytes: 4 | 8): bigint {
  const bytes = new Uint8Array(8);
  memory.read(gpa, bytes.subarray(0, entryBytes));
  return new DataView(bytes.buffer).getBigUint64(0, true);
}
