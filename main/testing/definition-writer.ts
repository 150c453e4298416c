/** A process that does nothing but write definitions, to be killed in the midst of it. Argument: the data folder. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VmId } from '../../core/contracts/calls.ts';
import { replaceFile } from '../services/atomic-file.ts';
import { openDataDir } from '../services/data-dir.ts';
import { DefinitionStore } from '../services/definitions.ts';
import { Domain } from '../services/domain-xml.ts';

const [root = '', edited = ''] = process.argv.slice(2);
const dir = await openDataDir(root);
const store = new DefinitionStore(dir);
await store.load();
/** Long enough for a write to take several system calls. */
const description = 'x'.repeat(300_000);

const make = (name: string, id: string, memoryMiB: number): Domain =>
  Domain.create({ name, memoryMiB, vcpus: 1, source: { kind: 'kernel', kernel: '/k', cmdline: '' } }, id as VmId, {
    description,
  });

writeFileSync(1, 'writing\n');
for (let round = 0; ; round += 1) {
  const number = String(round % 4);
  await replaceFile(
    join(dir.vms, edited),
    make('edited', '99999999-9999-4999-8999-999999999999', 1 + (round % 2)).toXml(),
  );
  const known = store.definitions.find(({ domain }) => domain.name === number);
  if (known === undefined) await store.add(make(number, `${number.repeat(8)}-0000-4000-8000-000000000000`, 1));
  else await store.remove(known);
}
