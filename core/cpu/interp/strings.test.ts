/** Repeated string instructions long enough to be done in bulk, against one element after another. */
import { expect, it, vi } from 'vitest';
import { SeededRandom } from '../../testing/seeded-random.ts';
import { TestCpu } from '../../testing/test-cpu.ts';
import * as S from '../state.ts';

const CODE = 0x40_0000;
const DATA = 0x1000_0000;
const DATA_BYTES = 0x4000;
const FLAG_ZF = 0x40;
/** JMP to itself */
const SPIN = [0xeb, 0xfe];

const cpu = TestCpu.create(new Set());
const code = cpu.map(CODE, 0x1000);
const data = cpu.map(DATA, DATA_BYTES);

interface Case {
  readonly operation: 'movs' | 'stos' | 'cmps' | 'scas';
  readonly size: 1 | 2 | 4 | 8;
  readonly repeat: 0xf2 | 0xf3;
  readonly backward: boolean;
  readonly address32: boolean;
  readonly count: number;
  /** Offsets in the data of the first elements. */
  readonly source: number;
  readonly destination: number;
  readonly value: bigint;
}

const OPCODES = { movs: 0xa4, stos: 0xaa, cmps: 0xa6, scas: 0xae } as const;

function encode(c: Case): number[] {
  const opcode = OPCODES[c.operation] + (c.size === 1 ? 0 : 1);
  const prefixes = [...(c.address32 ? [0x67] : []), ...(c.size === 2 ? [0x66] : []), c.repeat];
  return [...prefixes, ...(c.size === 8 ? [0x48] : []), opcode];
}

/** Elements done, and memory changed, by the book. */
function model(c: Case, memory: Uint8Array): { done: number; equal: boolean } {
  const value = new Uint8Array(new BigUint64Array([c.value]).buffer);
  const step = c.backward ? -c.size : c.size;
  const [source, compares] = [c.operation === 'movs' || c.operation === 'cmps', /cmps|scas/.test(c.operation)];
  let equal = false;
  let done = 0;
  while (done < c.count) {
    const to = c.destination + done * step;
    const from = c.source + done * step;
    const element = source ? memory.slice(from, from + c.size) : value.slice(0, c.size);
    done++;
    if (!compares) memory.set(element, to);
    else {
      equal = element.every((byte, n) => byte === memory[to + n]);
      if (equal !== (c.repeat === 0xf3)) break;
    }
  }
  return { done, equal };
}

function start(c: Case): void {
  const s = cpu.state;
  const bytes = encode(c);
  code.set([...bytes, ...SPIN]);
  cpu.blocks.flush();
  const noise = c.address32 ? 0xabcd_0000_0000n : 0n;
  s.set64(S.GPR + S.RCX * 8, BigInt(c.count) | noise);
  s.set64(S.GPR + S.RSI * 8, BigInt(DATA + c.source) | noise);
  s.set64(S.GPR + S.RDI * 8, BigInt(DATA + c.destination) | noise);
  s.set64(S.GPR + S.RAX * 8, c.value);
  s.eflags = 2 | (c.backward ? S.FLAG_DF : 0);
  s.rip = BigInt(CODE);
}

/** To the instruction behind. */
function finish(): void {
  while (cpu.state.rip === BigInt(CODE)) cpu.run(1000);
}

function randomCase(random: SeededRandom): Case {
  const size = random.pick([1, 2, 4, 8] as const);
  const backward = random.below(2) === 1;
  const count = random.pick([3, 4, 5, 16, 40, 700]);
  const span = count * size;
  const place = (): number => (backward ? span - size : 0) + random.below(DATA_BYTES - span);
  const source = place();
  // sometimes so close that an element is read after it was written
  const near = source + random.pick([-size, -3, -1, 0, 1, 3, size, 4 * size, 40]);
  const end = DATA_BYTES - (backward ? size : span);
  const fits = near >= (backward ? span - size : 0) && near <= end;
  return {
    operation: random.pick(['movs', 'stos', 'cmps', 'scas'] as const),
    size,
    repeat: random.pick([0xf2, 0xf3] as const),
    backward,
    address32: random.below(4) === 0,
    count,
    source,
    destination: fits && random.below(2) === 0 ? near : place(),
    value: random.below(2) === 0 ? 0n : (BigInt(random.uint32()) << 32n) | BigInt(random.uint32()),
  };
}

/** Long runs of the same byte, or noise. */
function fillData(random: SeededRandom): void {
  for (let at = 0; at < DATA_BYTES; at++) data[at] = random.uint32();
  if (random.below(4) > 0) data.fill(random.below(2), random.below(500), DATA_BYTES - random.below(500));
  for (let n = random.below(4); n > 0; n--) data[random.below(DATA_BYTES)] = 7;
}

const STOS: Case = {
  operation: 'stos',
  size: 1,
  repeat: 0xf3,
  backward: false,
  address32: false,
  count: 0,
  source: 0,
  destination: 0,
  value: 0n,
};

it('bulk strings do what single elements do', { timeout: 60_000 }, () => {
  const random = new SeededRandom(1);
  for (let n = 0; n < 1500; n++) {
    const c = randomCase(random);
    fillData(random);
    const memory = data.slice();
    const { done, equal } = model(c, memory);
    start(c);
    finish();
    const s = cpu.state;
    const mask = c.address32 ? 0xffff_ffffn : -1n;
    const moved = BigInt(done * (c.backward ? -c.size : c.size));
    const what = JSON.stringify(c, (_key, v: unknown) => (typeof v === 'bigint' ? `${v}` : v));
    const moves = { source: c.operation === 'movs' || c.operation === 'cmps', compares: /cmps|scas/.test(c.operation) };
    expect(s.get64(S.GPR + S.RCX * 8) & mask, what).toBe(BigInt(c.count - done));
    expect(s.get64(S.GPR + S.RDI * 8) & mask, what).toBe(BigInt(DATA + c.destination) + moved);
    expect(s.get64(S.GPR + S.RSI * 8) & mask, what).toBe(BigInt(DATA + c.source) + (moves.source ? moved : 0n));
    if (moves.compares) expect((s.eflags & FLAG_ZF) !== 0, what).toBe(equal);
    expect(Buffer.compare(data, memory), what).toBe(0);
  }
});

it.each([
  ['movs', 1],
  ['movs', 8],
  ['stos', 1],
  ['stos', 2],
  ['stos', 4],
  ['stos', 8],
  ['cmps', 1],
  ['cmps', 4],
] as const)('a forward %s of %d bytes an element needs no TypeScript', (operation, size) => {
  const bulk = vi.spyOn(cpu.memory, 'bulk');
  const c: Case = {
    ...STOS,
    operation,
    size,
    count: 500,
    source: 8,
    destination: 0x1fe0,
    value: 0x1122_3344_5566_7788n,
  };
  fillData(new SeededRandom(size));
  if (operation === 'cmps') data.copyWithin(c.destination, c.source, c.source + 499 * size);
  const memory = data.slice();
  const { done } = model(c, memory);
  start(c);
  finish();
  expect(Buffer.compare(data, memory)).toBe(0);
  expect(cpu.state.gpr(S.RCX)).toBe(BigInt(500 - done));
  expect(bulk).not.toHaveBeenCalled();
  bulk.mockRestore();
});

it('bulk writes drop the code that they hit, in one go', () => {
  const INT3 = 0xcc;
  const AT = 0x800;
  data.fill(0);
  data.set([0xff, 0xc0, 0xeb, 0xfe], AT); // INC EAX; JMP $
  code.set([...encode({ ...STOS, count: 0x400 }), ...SPIN]);
  cpu.blocks.flush();
  cpu.state.rip = BigInt(DATA + AT);
  cpu.run(10);
  const before = cpu.blocks.drops;
  const written = vi.spyOn(cpu.blocks, 'written');
  const s = cpu.state;
  s.eflags = 2;
  s.set64(S.GPR + S.RCX * 8, 0x400n);
  s.set64(S.GPR + S.RDI * 8, BigInt(DATA + AT - 0x100));
  s.set64(S.GPR + S.RAX * 8, BigInt(INT3));
  s.rip = BigInt(CODE);
  finish();
  expect(written.mock.calls.length).toBeLessThan(4);
  written.mockRestore();
  expect(cpu.blocks.drops).toBeGreaterThan(before);
  expect(data.subarray(AT - 0x101, AT - 0xff)).toEqual(Uint8Array.of(0, INT3));
  s.rip = BigInt(DATA + AT);
  cpu.exitOnInt3 = true;
  cpu.run(10);
  cpu.exitOnInt3 = false;
  expect(s.rip).toBe(BigInt(DATA + AT));
});

it('a single step does one element', () => {
  start({
    operation: 'movs',
    size: 1,
    repeat: 0xf3,
    backward: false,
    address32: false,
    count: 100,
    source: 0,
    destination: 0x1000,
    value: 0n,
  });
  for (const left of [99n, 98n]) {
    cpu.step(false);
    expect(cpu.state.get64(S.GPR + S.RCX * 8)).toBe(left);
    expect(cpu.state.rip).toBe(BigInt(CODE));
  }
});
