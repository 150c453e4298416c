/** `viv cpu-models`: the names that --cpu and a <cpu> take, as `virsh cpu-models` lists them. */
import { parseArgs } from 'node:util';
import type { CpuModelInfo } from '../../core/contracts/cpu.ts';
import { describeCpuModels } from '../../core/worker/client.ts';
import { EXIT_OK, EXIT_USAGE } from './exit-status.ts';

const HELP = `Usage: viv cpu-models [--missing]

Lists the CPU models by libvirt's names, one a line; 'maximum' is all that this hypervisor can do.

  --missing  say behind each model which of its features this hypervisor does not have
`;

export async function listCpuModels(args: readonly string[]): Promise<number> {
  try {
    const options = { missing: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
    const { values } = parseArgs({ args: [...args], options });
    process.stdout.write(values.help ? HELP : cpuModelLines(describeCpuModels(), values.missing ?? false));
    return EXIT_OK;
  } catch (error) {
    process.stderr.write(
      `viv: ${error instanceof Error ? error.message : String(error)}. See viv cpu-models --help.\n`,
    );
    return EXIT_USAGE;
  }
}

export function cpuModelLines(models: readonly CpuModelInfo[], withMissing: boolean): string {
  const line = ({ name, missingFeatures }: CpuModelInfo): string =>
    withMissing && missingFeatures.length > 0 ? `${name.padEnd(28)}without ${missingFeatures.join(' ')}` : name;
  return `${['maximum', ...models.map(line)].join('\n')}\n`;
}
