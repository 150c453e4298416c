/**
 * What holds for every device, whatever it is: the tests that device-suite.test.ts runs over all of them.
 *
 * A fixture says how to make the device, through which windows a guest reaches it and what the host may do to it; it
 * makes the same device every time. Random traffic is seeded, so that a failure comes back.
 */
import { describe, expect, it } from 'vitest';
import { type AccessSize, type Device, type DeviceState, type IoRegion, SnapshotError } from '../devices/device.ts';
import { FakeTimers } from './fake-clock.ts';
import { FakeLine } from './fake-line.ts';
import { SeededRandom } from './seeded-random.ts';

interface DeviceUnderTest {
  device: Device;
  /** Each with its length in bytes; accesses may begin at any offset in it. */
  windows: readonly { region: IoRegion; length: number }[];
  /** What the host side does now and then: keys, bytes from a line. */
  stimuli?: readonly ((random: SeededRandom) => void)[];
}

export interface DeviceFixture {
  name: string;
  /** Interrupt lines come from `line`, so that the suite can compare them. */
  create(timers: FakeTimers, line: () => FakeLine): DeviceUnderTest;
}

const SIZES: readonly AccessSize[] = [1, 2, 4];
const FUZZ_ACCESSES = 10_000;
/** Values of no kind that any field of a saved state may have. */
const GARBAGE: readonly unknown[] = [
  undefined,
  null,
  'garbage',
  {},
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1.5,
  2 ** 60,
  ['x'],
];

interface Bench extends DeviceUnderTest {
  timers: FakeTimers;
  lines: FakeLine[];
}

function setUp(fixture: DeviceFixture, startNs = 0): Bench {
  const timers = new FakeTimers(startNs);
  const lines: FakeLine[] = [];
  const line = (): FakeLine => {
    const made = new FakeLine();
    lines.push(made);
    return made;
  };
  return { ...fixture.create(timers, line), timers, lines };
}

const levels = (bench: Bench): boolean[] => bench.lines.map((line) => line.level);

/** One random thing: a guest's access mostly, else time or the host. Returns what a read gave. */
function step(bench: Bench, random: SeededRandom): { size: AccessSize; value: number } | undefined {
  const what = random.below(16);
  if (what === 0) {
    bench.timers.advance(random.below(random.pick([10, 1_000_000, 1_500_000_000])));
    return undefined;
  }
  if (what === 1 && bench.stimuli) {
    random.pick(bench.stimuli)(random);
    return undefined;
  }
  const { region, length } = random.pick(bench.windows);
  const offset = random.below(length);
  const size = random.pick(SIZES);
  if (random.below(2) === 0) return { size, value: region.read(offset, size) };
  // Small values and single bits are what registers react to.
  const value = random.pick([random.uint32(), random.below(256), 1 << random.below(32)]);
  region.write(offset, size, (value >>> 0) % 2 ** (8 * size));
  return undefined;
}

function run(bench: Bench, random: SeededRandom, steps: number): unknown[] {
  const reads: unknown[] = [];
  for (let i = 0; i < steps; i++) {
    const read = step(bench, random);
    if (read) reads.push(read.value);
  }
  return reads;
}

function isPlain(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (value instanceof Uint8Array || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'object' && value !== null && Object.values(value).every(isPlain);
}

export function describeDevice(fixture: DeviceFixture): void {
  describe(fixture.name, () => {
    it('is reset to the same state however often, from whatever state', () => {
      const bench = setUp(fixture);
      run(bench, new SeededRandom(1), 500);
      bench.device.reset();
      const once = bench.device.save();
      const onceLevels = levels(bench);
      bench.device.reset();
      expect(bench.device.save()).toEqual(once);
      expect(levels(bench)).toEqual(onceLevels);
    });

    it.each([0, 1, 50, 333, 1000])('goes on alike after save and restore into a fresh one, %i steps in', (steps) => {
      for (let seed = 1; seed <= 10; seed++) {
        const original = setUp(fixture);
        run(original, new SeededRandom(seed), steps);
        const saved = original.device.save();
        expect(isPlain(saved)).toBe(true);
        const copy = setUp(fixture, original.timers.nowNs());
        copy.device.restore(structuredClone(saved));
        expect(copy.device.save()).toEqual(saved);
        expect(levels(copy)).toEqual(levels(original));
        const next = (bench: Bench) => run(bench, new SeededRandom(seed + 1000), 200);
        expect(next(copy), `seed ${seed}`).toEqual(next(original));
        expect(levels(copy), `seed ${seed}`).toEqual(levels(original));
      }
    });

    it('gives out a copy of its state, which later accesses do not change', () => {
      const bench = setUp(fixture);
      run(bench, new SeededRandom(2), 300);
      const saved = bench.device.save();
      const asItWas = structuredClone(saved);
      run(bench, new SeededRandom(3), 300);
      bench.device.reset();
      expect(saved).toEqual(asItWas);
    });

    it('refuses a state that no save could have made, and stays as it was', () => {
      const bench = setUp(fixture);
      run(bench, new SeededRandom(4), 300);
      const before = bench.device.save();
      const lines = levels(bench);
      const refuse = (state: unknown, what: string): void => {
        expect(() => bench.device.restore(state as DeviceState), what).toThrow(SnapshotError);
        expect(bench.device.save(), what).toEqual(before);
        expect(levels(bench), what).toEqual(lines);
      };
      const noState: unknown[] = [null, undefined, 7, 'state', {}, [], { ...before, version: before.version + 1 }];
      for (const state of noState) refuse(state, JSON.stringify(state) ?? 'undefined');
      refuse({ ...before, surplus: 1 }, 'surplus field');
      for (const field of Object.keys(before)) {
        for (const value of GARBAGE) refuse({ ...before, [field]: value }, `${field}: ${String(value)}`);
        const { [field]: _, ...missing } = before;
        refuse(missing, `without ${field}`);
      }
    });

    it(`takes ${FUZZ_ACCESSES} random accesses: none throws, reads fit their size, timers stay few`, () => {
      const bench = setUp(fixture);
      const created = bench.timers.created;
      const random = new SeededRandom(5);
      for (let i = 0; i < FUZZ_ACCESSES; i++) {
        const read = step(bench, random);
        if (!read) continue;
        const fits = Number.isInteger(read.value) && read.value >= 0 && read.value < 2 ** (8 * read.size);
        if (!fits) expect.fail(`access ${i}: a read of ${read.size} bytes gave ${read.value}`);
      }
      expect(bench.timers.created).toBe(created);
      expect(bench.timers.fired).toBeLessThan(2 * FUZZ_ACCESSES);
    });
  });
}
