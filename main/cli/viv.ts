/** The command line: `viv VERB ...`. Entry of the program; each verb has a file of its own. */
import { listCpuModels } from './cpu-models.ts';
import { EXIT_OK, EXIT_USAGE } from './exit-status.ts';
import { run } from './run.ts';

interface Verb {
  readonly summary: string;
  /** Resolves to the exit status. */
  readonly main: (args: readonly string[]) => Promise<number>;
}

const VERBS: Readonly<Record<string, Verb>> = {
  run: { summary: 'run a kernel without a window, its serial port on this terminal', main: run },
  'cpu-models': { summary: 'list the CPU models that a machine can have', main: listCpuModels },
};

const HELP = [
  'Usage: viv VERB [OPTION...]',
  '',
  ...Object.entries(VERBS).map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`),
  '',
  "'viv VERB --help' says more.",
  '',
].join('\n');

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return EXIT_OK;
  }
  const verb = name === undefined ? undefined : Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (verb) return verb.main(rest);
  const problem = name === undefined ? 'say what to do' : `there is no verb '${name}'`;
  process.stderr.write(`viv: ${problem}; the verbs are: ${Object.keys(VERBS).join(', ')}. See viv --help.\n`);
  return EXIT_USAGE;
}

const status = await main(process.argv.slice(2));
// A write to a pipe may be under way: leave when it is done. Standard input would keep the process for ever.
process.stdout.write('', () => process.exit(status));
