/** A process that holds the lock of a data folder until it is killed. Argument: the folder. */
import { mkdir } from 'node:fs/promises';
import { lockInstance } from '../services/instance-lock.ts';

const [root = ''] = process.argv.slice(2);

await mkdir(root, { recursive: true });
const result = await lockInstance(root, 'electron', () => undefined);
process.stdout.write(result.held ? 'held\n' : 'taken\n');
setInterval(() => undefined, 1000);
