// npm run -s viv -- ...: the headless runner. stdout carries the guest's serial port and nothing else.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, ensureInstalled, root } from './setup.mjs';

ensureInstalled();
ensureBuilt();
const runner = join(root, 'out', 'main', 'viv.js');
process.argv[1] = runner;
await import(pathToFileURL(runner).href);
