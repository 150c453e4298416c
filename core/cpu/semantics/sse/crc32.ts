/**
 * CRC32: the register advanced by the bits of an operand, with the polynomial of CRC-32C, reflected. It is linear: what
 * each bit contributes is known here, and the contributions of the bits that are set are added, four at a time.
 */
import { type I32, type I64, i32, i32x4, i64, type V128, v128 } from '../../../wasm/index.ts';
import type { Emit, Emitter } from '../emit.ts';

const POLYNOMIAL = 0x82f6_3b78;
const DWORD = 32;

/** The register after so many zero bits. */
function advance(register: number, bits: number): number {
  let r = register;
  for (let n = 0; n < bits; n++) r = (r >>> 1) ^ ((r & 1) === 0 ? 0 : POLYNOMIAL);
  return r;
}

/** Contributions of the low `bits` bits of `value`, `distance` bits before the end; as sums in four lanes. */
function contributions(e: Emit, value: I32, bits: number, distance: number): V128 {
  const splat = e.f.let(i32x4.splat(value));
  let sum = i32x4.const(0);
  for (let first = 0; first < bits; first += 4) {
    const numbers = [first, first + 1, first + 2, first + 3];
    const bit = i32x4.const(...numbers.map((n) => 2 ** n));
    const contribution = i32x4.const(...numbers.map((n) => advance(2 ** n, distance)));
    sum = v128.xor(sum, v128.and(i32x4.eq(v128.and(splat, bit), bit), contribution));
  }
  return sum;
}

function sumOfLanes(e: Emit, lanes: V128): I32 {
  const all = e.f.let(lanes);
  const halves = e.f.let(v128.xor(all, v128.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7], all, all)));
  return i32.xor(v128.extractI32(0, halves), v128.extractI32(1, halves));
}

export const emitCrc32: Emitter = (e) => {
  const data = e.read(1);
  const register = e.read(0) as I32;
  const bits = 8 * e.operandSize(1);
  const low = bits === 64 ? i32.wrap(data as I64) : (data as I32);
  const mixed = i32.xor(register, low);
  let sum = contributions(e, mixed, Math.min(bits, DWORD), bits);
  if (bits === 64) {
    const high = i32.wrap(i64.shrU(data as I64, i64.const(32n)));
    sum = v128.xor(sum, contributions(e, high, DWORD, DWORD));
  }
  const changed = sumOfLanes(e, sum);
  e.write(0, e.f.let(bits < DWORD ? i32.xor(changed, i32.shrU(register, i32.const(bits))) : changed));
};
