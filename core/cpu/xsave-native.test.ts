/** Areas that XSAVE, XSAVEOPT and XSAVEC write after an XRSTOR, against the CPU of this machine to the bit. */
import { describe, expect, it } from 'vitest';
import { CODE, DATA, hex, KvmRig } from '../testing/kvm-rig.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { runNativeXsave, XSAVE_AREA, type XsaveCase } from '../testing/xsave/native.ts';

const CASES = Number(process.env['VIVARIUM_CASES'] ?? 300);
const SEED = Number(process.env['VIVARIUM_SEED'] ?? 1);
const AFTER = DATA + 0x1000;
const HEADER = 512;
const MXCSR_MASK = 28;
const OSXSAVE = 0x4_0000n;

const CODES = ['48 0f ae 27', '48 0f ae 37', '48 0f c7 27'].map((save) =>
  hex('xrstor64 [rsi] ; mov eax, ebx ; xsave64 [rdi], xsaveopt64 or xsavec64 ; hlt', `48 0f ae 2e 89 d8 ${save} f4`),
);

/**
 * A state that XRSTOR takes. No x87 exception is pending, and no pointer set: AMD's processors save pointers only with one.
 */
function randomCase(random: SeededRandom): XsaveCase {
  const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => random.below(256));
  const before = bytes(XSAVE_AREA);
  const view = new DataView(before.buffer);
  view.setUint16(0, 0x37f ^ (random.below(4) << 10), true);
  view.setUint16(2, random.uint32() & 0x7f00, true);
  before.fill(0, 5, 24);
  view.setUint32(24, random.pick([0x1f80, 0x1fa0, 0x9fc0, 0xffff]), true);
  before.fill(0, HEADER, HEADER + 64);
  before[HEADER] = random.below(8);
  const after = bytes(XSAVE_AREA);
  after.fill(0, HEADER + 8, HEADER + 64);
  return { instruction: random.below(3), mask: random.pick([1, 2, 3, 4, 5, 6, 7]), before, after };
}

function rigWithXsave(): KvmRig {
  const rig = new KvmRig();
  const entries = rig.vcpu.getCpuid2(100).filter((e) => e.function !== 0xd);
  const leaf1 = entries.find((e) => e.function === 1);
  if (leaf1) leaf1.ecx = (leaf1.ecx | (1 << 26) | (1 << 28)) >>> 0;
  const leafD = { function: 0xd, flags: 1, ebx: 0, ecx: 0, edx: 0 };
  rig.vcpu.setCpuid2([...entries, { ...leafD, index: 0, eax: 7 }, { ...leafD, index: 1, eax: 3 }]);
  rig.start('long', []);
  rig.setControl({ cr4: rig.vcpu.getSregs().cr4 | OSXSAVE });
  rig.vcpu.setXcrs({ flags: 0, xcrs: [{ xcr: 0, value: 7n }] });
  CODES.forEach((code, i) => {
    rig.load(CODE + i * 16, code);
  });
  return rig;
}

function emulate(rig: KvmRig, c: XsaveCase): Uint8Array {
  rig.load(DATA, c.before).load(AFTER, c.after);
  const rip = BigInt(CODE + c.instruction * 16);
  rig.set({ rip, rsi: BigInt(DATA), rdi: BigInt(AFTER), rax: 7n, rdx: 0n, rbx: BigInt(c.mask) });
  expect(rig.run()).toEqual({ exit: 'HLT' });
  return rig.ram.slice(AFTER, AFTER + XSAVE_AREA);
}

const random = new SeededRandom(SEED);
const cases = Array.from({ length: CASES }, () => randomCase(random));
const native = runNativeXsave(cases);

if (typeof native === 'string') it.skip(`the CPU of this machine: skipped: ${native}`, () => {});
describe.skipIf(typeof native === 'string')('the CPU of this machine and ours', () => {
  it('save the same areas', { timeout: 600_000 }, () => {
    const rig = rigWithXsave();
    cases.forEach((c, i) => {
      const what = `case ${i}: instruction ${c.instruction}, mask ${c.mask}, XSTATE_BV ${c.before[HEADER]}`;
      const expected = native[i] as Uint8Array;
      const actual = emulate(rig, c);
      expected.set(actual.subarray(MXCSR_MASK, MXCSR_MASK + 4), MXCSR_MASK); // AMD's processors have one bit more
      const differing = [...actual.keys()].filter((at) => actual[at] !== expected[at]);
      expect({ what, differing, bytes: differing.map((at) => [expected[at], actual[at]]) }).toEqual({
        what,
        differing: [],
        bytes: [],
      });
    });
  });
});
