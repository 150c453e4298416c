// Disks and the display (npm run bench -- --io): QEMU TCG and Vivarium with the same controller and the same viewer.
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { GUESTS } from '../guests/catalogue.mjs';
import { ensureGuest } from '../guests.mjs';
import { say } from '../setup.mjs';
import { ioKernels } from './kernels.mjs';
import { machinePair } from './machines.mjs';
import { OUT, programInitramfs } from './program.mjs';
import { RAW, typist, watcher, ZRLE } from './viewer.mjs';

const GUEST = 'amd64'; // the one with drivers for both controllers
const IMAGE_BYTES = 64 << 20; // SPAN in program/disk.c
const CONTROLLERS = { ide: 'pc', ahci: 'q35' };

/** The kernels with the machines they need: { machine, kernels }, by what the machine is for. */
function plan(options) {
  const kernels = ioKernels(options);
  const disks = Object.entries(CONTROLLERS).map(([controller, machine]) => ({
    machine,
    disk: true,
    kernels: kernels.filter(({ disk }) => disk).map((kernel) => ({ ...kernel, label: `${controller} ${kernel.name}` })),
  }));
  const screen = kernels.filter(({ disk }) => !disk).flatMap(withViewers);
  return [...disks, { machine: 'pc', disk: false, kernels: screen }].filter(({ kernels }) => kernels.length > 0);
}

function withViewers(kernel) {
  const { name, size } = kernel;
  if (name === 'key-echo') return [{ ...kernel, label: name, viewer: typist(size) }];
  const watched = { Raw: RAW, ZRLE };
  const seen = Object.entries(watched).map(([encoding, number]) => ({
    ...kernel,
    label: `${name}, viewer in ${encoding}`,
    viewer: watcher(number),
  }));
  return [{ ...kernel, label: `${name}, no viewer` }, ...seen];
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Every word differs from its neighbours, as what the program writes does. */
function diskContents() {
  const words = new Uint32Array(IMAGE_BYTES / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 0x9e3779b1);
  return Buffer.from(words.buffer);
}

const digestOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Runs one kind of machine once; its disks are made before and are gone after, and must have become the same. */
async function runOnce(session, { machine, disk, kernels }, boot, runner, { hotRounds, number }) {
  const images = disk ? ['tcg', 'vivarium'].map((name) => join(OUT, `disk-${process.pid}-${name}.img`)) : [];
  const removeImages = () => {
    for (const image of images) rmSync(image, { force: true });
  };
  process.once('exit', removeImages);
  try {
    for (const image of images) writeFileSync(image, diskContents());
    const ports = disk ? [] : [await freePort(), await freePort()];
    const launches = machinePair(boot, runner, machine, (i) => ({ image: images[i], vncPort: ports[i] }));
    await session.start(launches, kernels, hotRounds, number);
    const [theirs, ours] = launches.length > 1 ? images.map(digestOf) : [];
    if (theirs !== ours) session.problems.push(`${machine}: the two disks do not have the same contents`);
  } finally {
    removeImages();
    process.removeListener('exit', removeImages);
  }
}

/** Measures into the session; resolves to the kernels that were measured. */
export async function measureIo(options, session, program, runner) {
  const { kernel } = ensureGuest(GUEST);
  const drivers = GUESTS[GUEST].drivers.map((name) => join(dirname(kernel), name));
  const boot = {
    kernel,
    initrd: programInitramfs(program, 64, drivers),
    append: 'console=ttyS0 loglevel=0',
    memory: 512,
  };
  const plans = plan(options);
  for (let number = 0; number < options.starts; number++) {
    for (const part of plans) {
      say(`Start ${number + 1} of ${options.starts}: ${part.machine}`);
      await runOnce(session, part, boot, runner, { hotRounds: options.hotRounds, number });
    }
  }
  return plans.flatMap(({ kernels }) => kernels);
}
