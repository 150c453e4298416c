/** The command line of `viv run`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type CpuConfig, type CpuFeatureRequest, DEFAULT_CPU, isCpuModelName } from '../../core/contracts/cpu.ts';
import { MAX_BOOT_MENU_MS } from '../../core/contracts/hardware.ts';
import {
  type DiskBus,
  type DiskConfig,
  type InputConfig,
  MAX_MEMORY_MIB,
  type MachineConfig,
  type MachineType,
  MIN_MEMORY_MIB,
  type UsbControllerModel,
} from '../../core/contracts/machine.ts';

export interface RunOptions {
  readonly machine: MachineType;
  /** A kernel to boot directly; else the machine starts with its firmware. */
  readonly boot?: MachineConfig['boot'];
  readonly firmware?: MachineConfig['firmware'];
  readonly bootMenuMs?: number;
  readonly disks: readonly DiskConfig[];
  readonly debugConsole?: string;
  readonly memoryMiB: number;
  readonly cpu?: CpuConfig;
  readonly timeoutSeconds?: number;
  readonly usb?: UsbControllerModel;
  readonly inputs: readonly InputConfig[];
  /** The port of this host's own address where VNC viewers may connect. */
  readonly vncPort?: number;
  /** Where to listen for commands. */
  readonly monitor?: string;
  /** Where to put a picture of the last screen. */
  readonly screenshot?: string;
  readonly stats: boolean;
  readonly statsEverySeconds?: number;
}

const DEFAULT_MEMORY_MIB = 512;

export const RUN_HELP = `Usage: viv run [OPTION...]

Boots a 64-bit Linux kernel (bzImage), a multiboot 1 kernel, or from disks by firmware, without a window.
Its serial port is this terminal; in a terminal, Ctrl-A x quits and Ctrl-A Ctrl-A sends Ctrl-A.

  --kernel FILE       the kernel
  --initrd FILE       the initial RAM disk, or the multiboot module
  --append TEXT       the kernel command line, e.g. "console=ttyS0"
  --machine TYPE      pc (the default) or q35
  --firmware FILE     a firmware image for the end of the first 4 GiB: SeaBIOS, or OVMF's code
  --nvram FILE        OVMF's variables, made from a template beforehand; the guest changes them
  --boot-menu MS      let firmware offer a choice of what to boot, for so many milliseconds
  --disk FILE, --cdrom FILE, --floppy FILE
                      raw images, each as often as there is room for
  --bus BUS           where disks and CD-ROMs are: ide (the default of pc) or sata (the default of q35)
  --usb MODEL         a USB controller: piix3-uhci, ich9-ehci1 or qemu-xhci
  --input TYPE        a USB keyboard, mouse or tablet; may be given several times
  --debugcon FILE     write what firmware prints for its developers to this file, - is standard error
  --memory MIB        memory, ${MIN_MEMORY_MIB} to ${MAX_MEMORY_MIB} MiB (default ${DEFAULT_MEMORY_MIB})
  --cpu MODEL[,+FEATURE|-FEATURE]...
                      the processor: maximum (the default) or a model that 'viv cpu-models' lists,
                      with features more or less, e.g. Haswell,-avx2
  --timeout SECONDS   end the machine after this time
  --vnc PORT          let VNC viewers of this host connect to a port of 127.0.0.1
  --monitor PATH      listen at this socket for commands; 'help' there lists them
  --screenshot FILE   write what the screen shows at the end to a PNG file
  --stats             time exits to the machine, and print a table of them, all counters, speed and
                      memory use to standard error at the end
  --stats-every SECONDS
                      print a line of rates to standard error every so often

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
  const options = readOptions(values);
  if (!options.boot && !options.firmware && options.disks.length === 0) {
    throw new UsageError('there is nothing to boot: give a --kernel, --disk, --cdrom, --floppy or --firmware');
  }
  return options;
}

function readOptions(values: ReturnType<typeof parseValues>): RunOptions {
  if (values.kernel === undefined && (values.initrd ?? values.append) !== undefined) {
    throw new UsageError('--initrd and --append are for a --kernel');
  }
  if (values.nvram !== undefined && values.firmware === undefined) throw new UsageError('--nvram is for a --firmware');
  const machine = machineType(values.machine);
  const memoryMiB = wholeNumber('--memory', values.memory, MIN_MEMORY_MIB, MAX_MEMORY_MIB, 'MiB') ?? DEFAULT_MEMORY_MIB;
  const cpu = values.cpu === undefined ? undefined : parseCpu(values.cpu);
  const timeoutSeconds = wholeNumber('--timeout', values.timeout, 1, 1_000_000, 'seconds');
  const statsEverySeconds = wholeNumber('--stats-every', values['stats-every'], 1, 86_400, 'seconds');
  const bootMenuMs = wholeNumber('--boot-menu', values['boot-menu'], 0, MAX_BOOT_MENU_MS, 'ms');
  const vncPort = wholeNumber('--vnc', values.vnc, 1, 65_535, 'a port');
  return {
    machine,
    ...(values.kernel !== undefined && {
      boot: {
        kernel: resolve(values.kernel),
        ...(values.initrd !== undefined && { initrd: resolve(values.initrd) }),
        cmdline: values.append ?? '',
      },
    }),
    ...(values.firmware !== undefined && {
      firmware: {
        kind: 'image' as const,
        path: resolve(values.firmware),
        ...(values.nvram !== undefined && { nvram: resolve(values.nvram) }),
      },
    }),
    ...(bootMenuMs !== undefined && { bootMenuMs }),
    disks: disksOf(busOf(values.bus, machine), values.disk ?? [], values.cdrom ?? [], values.floppy ?? []),
    ...(values.debugcon !== undefined && {
      debugConsole: values.debugcon === '-' ? '-' : resolve(values.debugcon),
    }),
    ...(values.usb !== undefined && { usb: oneOf('--usb', USB_MODELS, values.usb) }),
    inputs: (values.input ?? []).map((type) => ({ type: oneOf('--input', INPUT_TYPES, type), bus: 'usb' as const })),
    ...(vncPort !== undefined && { vncPort }),
    ...(values.monitor !== undefined && { monitor: values.monitor }),
    memoryMiB,
    ...(cpu !== undefined && { cpu }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(values.screenshot !== undefined && { screenshot: resolve(values.screenshot) }),
    stats: values.stats ?? false,
    ...(statsEverySeconds !== undefined && { statsEverySeconds }),
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
        machine: { type: 'string' },
        firmware: { type: 'string' },
        nvram: { type: 'string' },
        'boot-menu': { type: 'string' },
        disk: { type: 'string', multiple: true },
        cdrom: { type: 'string', multiple: true },
        floppy: { type: 'string', multiple: true },
        bus: { type: 'string' },
        usb: { type: 'string' },
        input: { type: 'string', multiple: true },
        monitor: { type: 'string' },
        vnc: { type: 'string' },
        debugcon: { type: 'string' },
        memory: { type: 'string' },
        cpu: { type: 'string' },
        timeout: { type: 'string' },
        screenshot: { type: 'string' },
        stats: { type: 'boolean' },
        'stats-every': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function machineType(text = 'pc'): MachineType {
  if (text === 'pc' || text === 'q35') return text;
  throw new UsageError(`--machine: there is no machine type '${text}'; there are pc and q35`);
}

const USB_MODELS = ['piix3-uhci', 'ich9-ehci1', 'qemu-xhci'] as const;
const INPUT_TYPES = ['keyboard', 'mouse', 'tablet'] as const;
const DRIVE_BUSES = { pc: ['ide', 'sata'], q35: ['sata'] } as const;
type DriveBus = Exclude<DiskBus, 'fdc' | 'usb'>;

function oneOf<T extends string>(option: string, names: readonly T[], text: string): T {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new UsageError(`${option} '${text}' is none of ${names.join(', ')}`);
  return found;
}

function busOf(text: string | undefined, machine: MachineType): DriveBus {
  const buses = DRIVE_BUSES[machine];
  return text === undefined ? buses[0] : oneOf<DriveBus>('--bus', buses, text);
}

const MOST_DRIVES = { ide: 4, sata: 6, fdc: 2 } as const;
const DRIVE_NAMES = { ide: 'hd', sata: 'sd', fdc: 'fd' } as const;

/** Disks first, as the firmware of a PC counts them; a CD-ROM is booted first when there is one, then a floppy. */
function disksOf(
  bus: DriveBus,
  disks: readonly string[],
  cdroms: readonly string[],
  floppies: readonly string[],
): DiskConfig[] {
  const drives = [
    ...disks.map((source) => ({ device: 'disk' as const, source })),
    ...cdroms.map((source) => ({ device: 'cdrom' as const, source })),
  ];
  if (drives.length > MOST_DRIVES[bus]) throw new UsageError(`${bus} has room for ${MOST_DRIVES[bus]} drives`);
  if (floppies.length > MOST_DRIVES.fdc) throw new UsageError(`there are ${MOST_DRIVES.fdc} floppy drives`);
  const letter = (i: number): string => String.fromCharCode('a'.charCodeAt(0) + i);
  const all = [
    ...drives.map((drive, i) => ({ ...drive, bus, target: DRIVE_NAMES[bus] + letter(i) })),
    ...floppies.map((source, i) => ({
      device: 'floppy' as const,
      source,
      bus: 'fdc' as const,
      target: `fd${letter(i)}`,
    })),
  ];
  const order = ['cdrom', 'floppy', 'disk'].flatMap((device) => all.filter((drive) => drive.device === device));
  return all.map((drive) => ({
    ...drive,
    source: resolve(drive.source),
    format: 'raw',
    readOnly: drive.device === 'cdrom',
    bootOrder: order.indexOf(drive) + 1,
  }));
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
