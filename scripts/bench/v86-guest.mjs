// A process that boots a Linux kernel in v86 with its serial port on standard input and output; ends when the guest halts
// for good. Started by v86.mjs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const names = ['v86', 'bios', 'kernel', 'initrd', 'append', 'memory'];
const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });

const build = join(values.v86, 'build');
const { V86 } = await import(pathToFileURL(join(build, 'libv86.mjs')).href);
const image = (file) => ({ buffer: new Uint8Array(readFileSync(file)).buffer });

const emulator = new V86({
  wasm_path: join(build, 'v86.wasm'),
  memory_size: Number(values.memory) * 2 ** 20,
  bios: image(values.bios),
  bzimage: image(values.kernel),
  initrd: image(values.initrd),
  cmdline: values.append,
  disable_speaker: true,
  autostart: true,
});
emulator.add_listener('serial0-output-byte', (byte) => process.stdout.write(Buffer.of(byte)));
emulator.add_listener('cpu-event-halt', () => process.exit());
process.stdin.on('data', (bytes) => emulator.serial_send_bytes(0, bytes));
