// npm run build: out/main, out/preload and out/renderer from the sources, where they are not up to date.
import { ensureBuilt, ensureInstalled, say } from './setup.mjs';

ensureInstalled();
ensureBuilt();
say('out/ is up to date.');
