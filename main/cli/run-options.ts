/** The command line of `viv run`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type CpuConfig, type CpuFeatureRequest, DEFAULT_CPU, isCpuModelName } from '../../core/contracts/cpu.ts';
import { MAX_MEMORY_MIB, MIN_MEMORY_MIB } from '../../core/contracts/machine.ts';

export interface RunOptions {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append: string;
  readonly memoryMiB: number;
  readonly cpu?: CpuConfig;
  readonly timeoutSeconds?: number;
  /** Where to put a picture of the last screen. */
  readonly screenshot?: string;
  readonly stats: boolean;
}

const DEFAULT_MEMORY_MIB = 512;

export const RUN_HELP = `Usage: viv run --kernel FILE [OPTION...]

Boots a 64-bit Linux kernel (bzImage) or a multiboot 1 kernel, without a window.
Its serial port is this terminal; in a terminal, Ctrl-A x quits and Ctrl-A Ctrl-A sends Ctrl-A.

  --kernel FILE       the kernel
  --initrd FILE       the initial RAM disk, or the multiboot module
  --append TEXT       the kernel command line, e.g. "console=ttyS0"
  --memory MIB        memory, ${MIN_MEMORY_MIB} to ${MAX_MEMORY_MIB} MiB (default ${DEFAULT_MEMORY_MIB})
  --cpu MODEL[,+FEATURE|-FEATURE]...
                      the processor: maximum (the default) or a model that 'viv cpu-models' lists,
                      with features more or less, e.g. Haswell,-avx2
  --timeout SECONDS   end the machine after this time
  --screenshot FILE   write what the screen shows at the end to a PNG file
  --stats             print exit counts, speed and memory use to standard error at the end

Exit status: 0 the guest powered off, value * 2 + 1 it wrote value to the debug-exit port 0xf4, 124 timeout,
130 ended from the keyboard, 70 the virtual CPU shut down (registers on standard error), 64 wrong usage,
66 a file cannot be read or is no kernel, 71 the host could not run the machine.
`;

/** What is wrong with a command line, for the person who wrote it. */
export class UsageError extends Error {}

/** Throws UsageError. 'help' when that was asked for. Paths come back absolute. */
export function parseRunOptions(args: readonly string[]): RunOptions | 'help' {
  const values = parseValues(args);
  if (values.help) return 'help';
  if (!values.kernel) throw new UsageError('--kernel FILE is missing');
  const memoryMiB = wholeNumber('--memory', values.memory, MIN_MEMORY_MIB, MAX_MEMORY_MIB, 'MiB') ?? DEFAULT_MEMORY_MIB;
  const cpu = values.cpu === undefined ? undefined : parseCpu(values.cpu);
  const timeoutSeconds = wholeNumber('--timeout', values.timeout, 1, 1_000_000, 'seconds');
  return {
    kernel: resolve(values.kernel),
    ...(values.initrd !== undefined && { initrd: resolve(values.initrd) }),
    append: values.append ?? '',
    memoryMiB,
    ...(cpu !== undefined && { cpu }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(values.screenshot !== undefined && { screenshot: resolve(values.screenshot) }),
    stats: values.stats ?? false,
  };
}

function parseValues(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kernel: { type: 'string' },
        initrd: { type: 'string' },
        append: { type: 'string' },
        memory: { type: 'string' },
        cpu: { type: 'string' },
        timeout: { type: 'string' },
        screenshot: { type: 'string' },
        stats: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** "Haswell,+rdpid,-avx2". What a model has beyond this hypervisor is left out; what `+` asks for must be there. */
function parseCpu(text: string): CpuConfig {
  const [model = '', ...edits] = text.split(',');
  const features = edits.map((edit): CpuFeatureRequest => {
    const [, sign, name = ''] = /^([+-])(.+)$/.exec(edit) ?? [];
    if (sign === undefined) throw new UsageError(`--cpu: '${edit}' is neither +FEATURE nor -FEATURE`);
    return { name, policy: sign === '+' ? 'require' : 'disable' };
  });
  const check = 'partial';
  if (model === 'maximum') return { ...DEFAULT_CPU, check, features };
  if (isCpuModelName(model)) return { mode: 'custom', model, fallback: 'allow', check, features };
  throw new UsageError(`--cpu: there is no CPU model '${model}'; viv cpu-models lists them`);
}

function wholeNumber(
  option: string,
  text: string | undefined,
  min: number,
  max: number,
  unit: string,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option} '${text}' is not a whole number of ${unit} from ${min} to ${max}`);
}
