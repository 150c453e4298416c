// The user's cache folder of Vivarium: what can be fetched or made again. VIVARIUM_CACHE overrides it.
import { homedir } from 'node:os';
import { join } from 'node:path';

export function cacheFolder() {
  const { VIVARIUM_CACHE, LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
  if (VIVARIUM_CACHE) return VIVARIUM_CACHE;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'Vivarium');
  if (process.platform === 'win32')
    return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'Vivarium', 'Cache');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'vivarium');
}
