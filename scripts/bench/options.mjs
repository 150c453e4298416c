// The command line of npm run bench.
import { parseArgs } from 'node:util';

export const HELP = `Usage: npm run bench -- [OPTION...]

Runs one guest benchmark natively, in QEMU (TCG) and in Vivarium, in lockstep, and prints times and ratios.

  --guest 64|32    the guest: Debian's 64-bit kernel (the default) or its 32-bit one, which also runs in v86
  --only REGEX     the kernels whose name matches, and no boot to a prompt unless that matches "boot"
  --rounds N       fresh starts of every machine (default 3); each kernel runs once cold and then hot in each
  --hot N          hot rounds of a kernel in each start (default 3)
  --scale F        F times the work in each kernel (default 1)
  --io             instead: disks at IDE and AHCI controllers, and the display, in QEMU (TCG) and in Vivarium
  --quick          one start, two hot rounds, a quarter of the work
  --clock host|guest  how a virtual machine is timed: by the processor time of its CPU's thread on the host (the default),
                   or by the clock in the guest
  --viv FILE       the headless runner of another build, instead of building this clone
  --save FILE      keep the figures
  --against FILE   show what has changed since figures that were kept
`;

/** What is wrong with a command line, for the person who wrote it. */
export class UsageError extends Error {}

/** The options, or 'help'. @throws UsageError */
export function parseOptions(args) {
  const values = parse(args);
  if (values.help) return 'help';
  const quick = values.quick ?? false;
  const io = values.io ?? false;
  if (io && (values.guest === '32' || values.against))
    throw new UsageError('--io is for neither --guest 32 nor --against');
  return {
    io,
    guest: Number(choice('--guest', values.guest ?? '64', ['64', '32'])),
    only: values.only === undefined ? undefined : pattern(values.only),
    starts: positive('--rounds', values.rounds, quick ? 1 : 3, true),
    hotRounds: positive('--hot', values.hot, quick ? 2 : 3, true),
    scale: positive('--scale', values.scale, quick ? 0.25 : 1, false),
    clock: choice('--clock', values.clock ?? 'host', ['host', 'guest']),
    viv: values.viv,
    save: values.save,
    against: values.against,
  };
}

function parse(args) {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  const texts = ['guest', 'only', 'rounds', 'hot', 'scale', 'clock', 'viv', 'save', 'against'];
  const options = Object.fromEntries(texts.map((name) => [name, text]));
  try {
    return parseArgs({ args, options: { ...options, quick: flag, io: flag, help: { ...flag, short: 'h' } } }).values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function choice(option, value, choices) {
  if (choices.includes(value)) return value;
  throw new UsageError(`${option} '${value}' is none of ${choices.join(', ')}`);
}

function pattern(text) {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--only: ${error.message}`);
  }
}

function positive(option, text, standard, whole) {
  if (text === undefined) return standard;
  const value = Number(text);
  if (value > 0 && value <= 100 && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(`${option} '${text}' is not a ${whole ? 'whole ' : ''}number above 0, up to 100`);
}
