import { describe, expect, it } from 'vitest';
import type { ExitCount, MachineStats } from '../../core/contracts/machine.ts';
import { exitTable, StatsLines, statsReport } from './stats.ts';

const exit = (reason: string, count: number, place?: [number, boolean], times: readonly number[] = []): ExitCount => ({
  ...{ reason, count, timed: times.length },
  ...(place && { place: { address: place[0], write: place[1] } }),
  totalNs: times.reduce((sum, ns) => sum + ns, 0),
  minNs: times.length > 0 ? Math.min(...times) : 0,
  maxNs: Math.max(0, ...times),
});
const cells = (table: string) => table.split('\n').map((row) => row.trim().split(/\s{2,}/));

describe('exitTable', () => {
  it('sums by reason, and has the dearest first', () => {
    const table = exitTable([
      exit('INTR', 2, undefined, [1000, 3000]),
      exit('IO', 1, [0x3f8, true], [2000]),
      exit('IO', 3, [0x3fd, false], [4000, 6000, 8000]),
      exit('MMIO', 2, [0xfed0_0000, true], [500, 500]),
    ]);
    expect(cells(table)).toEqual([
      ['Exit', 'Count', 'Count%', 'Time%', 'Total ms', 'Min us', 'Max us', 'Avg us'],
      ['IO', '4', '50.00', '80.00', '0.02', '2.00', '8.00', '5.00'],
      ['in 0x3fd', '3', '37.50', '72.00', '0.02', '4.00', '8.00', '6.00'],
      ['out 0x3f8', '1', '12.50', '8.00', '0.00', '2.00', '2.00', '2.00'],
      ['INTR', '2', '25.00', '16.00', '0.00', '1.00', '3.00', '2.00'],
      ['MMIO', '2', '25.00', '4.00', '0.00', '0.50', '0.50', '0.50'],
      ['write 0xfed00000', '2', '25.00', '4.00', '0.00', '0.50', '0.50', '0.50'],
      ['all', '8', '100.00', '100.00', '0.03', '0.50', '8.00', '3.13'],
    ]);
  });

  it('has no times, and the most frequent first, where none was timed', () => {
    const rows = cells(exitTable([exit('INTR', 1), exit('IO', 9, [0x80, true])]));
    expect(rows[1]).toEqual(['IO', '9', '90.00', '-', '-', '-', '-', '-']);
    expect(rows.at(-1)).toEqual(['all', '10', '100.00', '-', '-', '-', '-', '-']);
  });

  it('says how many places it leaves out', () => {
    const ports = Array.from({ length: 30 }, (_, port) => exit('IO', 1, [port, true]));
    expect(exitTable(ports)).toMatch(/^ {2}and 10 more$/m);
  });
});

const sample = (uptimeSeconds: number, counters: Record<string, number>): MachineStats => ({
  ...{ cpuPercent: 50, uptimeSeconds, counters, exits: [exit('IO', 1, [0x80, true])] },
});

describe('StatsLines', () => {
  it('has a line every so often, of what happened since the one before', () => {
    const lines = new StatsLines(3);
    const host = { residentBytes: 300 * 2 ** 20 };
    const at = (seconds: number) =>
      lines.next(
        sample(seconds, { insns: seconds * 40e6, busy_ns: seconds * 0.5e9, exits: seconds * 100, regions: 7 }),
        host,
      );
    const printed = [1, 2, 3.01, 4.01, 5.02, 6.02, 7.03].map((seconds) => at(seconds));
    expect(printed.map((text) => text !== undefined)).toEqual([false, false, true, false, false, true, false]);
    expect(printed[5]).toMatch(/^t=6\.0 cpu=50\.0% mips=80\.0 exits\/s=100 io\/s=0 .* regions=7 modules=0 rss=300MiB$/);
  });
});

describe('statsReport', () => {
  const host = { elapsedMs: 5000, residentBytes: 2 ** 28, peakResidentBytes: 2 ** 29 };

  it('has speed, memory, the table of exits and every counter', () => {
    const report = statsReport(sample(4, { insns: 200e6, busy_ns: 2e9, tlb_fills: 123 }), host);
    expect(report).toMatch(/vCPU busy 2\.00 s, idle 50\.0 %\n200000000 instructions, 100\.0 MIPS.*\n.* 512 MiB\n/);
    expect(report).toMatch(/out 0x80 .*\n.*\n\n.*^ {2}tlb_fills {20}123$/ms);
  });

  it('says so when there is nothing', () => {
    expect(statsReport(undefined, host)).toContain('no statistics');
  });
});
