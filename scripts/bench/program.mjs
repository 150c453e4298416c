// Builds the guest benchmark (program/) as a static program without a library, and the initramfs that has it as /init.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { newcArchive } from '../cpio.mjs';
import { root, say } from '../setup.mjs';

const SOURCES = join(import.meta.dirname, 'program');
export const OUT = join(root, 'out', 'bench');
// Loops stay what they are written as: no calls for them, no vectors but the written ones.
const FLAGS = [
  ...['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fno-strict-aliasing'],
  ...['-fno-tree-vectorize', '-fno-tree-loop-distribute-patterns'],
  ...['-ffreestanding', '-nostdlib', '-static', '-fno-pic', '-no-pie'],
  ...['-fno-stack-protector', '-fcf-protection=none', '-fno-asynchronous-unwind-tables'],
];
const TARGET = { 64: ['-m64', '-march=x86-64'], 32: ['-m32', '-march=i686', '-msse2', '-mfpmath=sse'] };

/** The program of a word size: { path } or { missing: why }. */
export function buildProgram(bits) {
  mkdirSync(OUT, { recursive: true });
  const path = join(OUT, `program-${bits}`);
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  const args = [...FLAGS, ...TARGET[bits], '-o', path, ...sources.map((name) => join(SOURCES, name))];
  const { status, error, stderr } = spawnSync('gcc', args, { encoding: 'utf8' });
  if (status === 0) {
    if (stderr) say(stderr);
    return { path };
  }
  const reason = error ? error.message : stderr.trim();
  return { missing: `gcc cannot build the ${bits}-bit guest (Debian: gcc, gcc-multilib): ${reason}` };
}

/** As program/disk.c looks for them: a, b, c and so on. */
const moduleName = (i) => `modules/${(10 + i).toString(36)}.ko`;

/** The path of an initramfs with nothing but the program and its devices, and the files of drivers that it loads in order. */
export function programInitramfs(program, bits, drivers = []) {
  const path = join(OUT, `initrd-${bits}${drivers.length > 0 ? '-io' : ''}.img`);
  const entries = [
    { path: 'dev' },
    { path: 'dev/console', device: [5, 1] },
    { path: 'dev/mem', device: [1, 1] },
    { path: 'modules' },
    ...drivers.map((file, i) => ({ path: moduleName(i), data: readFileSync(file) })),
    { path: 'init', data: readFileSync(program), mode: 0o755 },
  ];
  writeFileSync(path, gzipSync(newcArchive(entries)));
  return path;
}
