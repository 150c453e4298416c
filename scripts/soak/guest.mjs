// The guest of a soak: the Debian cloud guest with the benchmark program and two scripts more.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { buildProgram } from '../bench/program.mjs';
import { newcArchive } from '../cpio.mjs';
import { DEFAULT_GUEST } from '../guests/catalogue.mjs';
import { ensureGuest } from '../guests.mjs';
import { root } from '../setup.mjs';

const asCommands = (kernels) => kernels.map((kernel) => `prepare ${kernel}\\nrun\\ncheck\\n`).join('');

/** Kernels of the benchmark that generate code, fault pages in, fork, switch and use memory. */
const LOAD = ['self-modifying 6', 'page-faults 30', 'fork-exit-wait 20', 'context-switch 300', 'compress 128'];
/** The work unit: about a second of what is translated well. */
const UNIT = ['int64 32000', 'sieve 16', 'sha256 8192', 'quicksort 300', 'bytecode 32000'];

/** One round, as a build does it. It ends with a digest of all it computed, which is the same each time. */
const ROUND_SCRIPT = `#!/bin/sh
mountpoint -q /tmp || mount -t tmpfs -o size=128m tmpfs /tmp
rm -rf /tmp/soak
mkdir /tmp/soak
cd /tmp/soak
{
  i=0
  while [ $i -lt 30 ]; do
    seq $i $((i + 300)) | awk '{ printf "int f%d(int x) { return x * %d; }\\n", $1, $1 * 7 }' >unit$i.c
    sed -e 's/return/answer/' unit$i.c | tr a-z A-Z | grep -v 99 >unit$i.i
    md5sum <unit$i.i >unit$i.o
    i=$((i + 1))
  done
  cat unit*.c | sort -r | uniq | gzip -9 >all.gz
  gunzip -c all.gz | md5sum
  find . -type f | sort | xargs cat | sha256sum
  tar cf - unit* | gzip | gunzip | tar tf - | wc -l
  dd if=/dev/zero of=big bs=64k count=1024 2>/dev/null
  md5sum big
  printf '${asCommands(LOAD)}quit\\n' | vivarium-bench | grep checked
} >result
digest=$(md5sum <result)
cd /
rm -rf /tmp/soak
echo "soak-round \${digest%% *}"
`;
const UNIT_SCRIPT = `#!/bin/sh
printf '${asCommands(UNIT)}quit\\n' | vivarium-bench | awk '/^ran/ { sum += $2 } END { printf "soak-unit %.0f ns\\n", sum }'
`;

/** @returns {{ kernel: string, initrd: string }} @throws when a part cannot be had */
export function soakGuest() {
  const { kernel, initrd } = ensureGuest(DEFAULT_GUEST);
  const program = buildProgram(64);
  if (program.missing) throw new Error(program.missing);
  const script = (path, text) => ({ path, data: Buffer.from(text), mode: 0o755 });
  const more = newcArchive([
    { path: 'bin/vivarium-bench', data: readFileSync(program.path), mode: 0o755 },
    script('bin/soak-round', ROUND_SCRIPT),
    script('bin/soak-unit', UNIT_SCRIPT),
  ]);
  const folder = join(root, 'out', 'soak');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'initrd.img');
  // Linux unpacks archives that follow each other, one over the other
  writeFileSync(path, Buffer.concat([readFileSync(initrd), gzipSync(more)]));
  return { kernel, initrd: path };
}
